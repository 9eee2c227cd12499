"""Who steps a model: the library, without JAX; or XLA, which steps any network. Both go from bytes to bytes, as `states` says."""

from functools import partial
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from throughtime.engine import Weights, step
from throughtime.engine.choice import engine
from throughtime.engine.effective import effective
from throughtime.engine.forward import kind
from throughtime.engine.native.stream import LibrarySteps, Scaling, takes
from throughtime.models.columns import Column, limits
from throughtime.models.ensemble import Ensemble
from throughtime.models.hearing import fed_row, named_inputs
from throughtime.models.members import count, each_member
from throughtime.models.states import States, history_of, numbers_of
from throughtime.network import Network

Values = NDArray[np.float64]


class Steps(Protocol):
    """A network that is stepped. Rows are the bytes of doubles, in the units of the data."""

    size: int

    def step(self, state: bytes, u: bytes) -> tuple[Values, bytes] | None:
        """y (O,) and the state after it; None: state or u do not fit. The state is of `size` bytes."""

    def hear(self, state: bytes, measured: bytes) -> bytes | None:
        """The state with what was measured (NaN: not) in the place of the network's own output; None as above."""


def states_of(together: Ensemble) -> States:
    """What its states are like."""
    columns = (*together.inputs, *together.outputs)
    return States(together.network, count(together.weights), columns, kind(together.weights))


def steps_of(together: Ensemble, states: States) -> Steps:
    """The steps of an ensemble, by the engine that computes here and now."""
    if not (engine() == "native" and takes(together.network, states.dtype)):
        return XlaSteps(together, states)
    network, members = together.network, states.members
    acting = jax.tree.map(np.asarray, _acting(network, together.weights))
    fed = fed_row(network)
    return LibrarySteps(network, acting, states.dtype, members, _scaling(together), fed, states.mark)


@partial(jax.jit, static_argnames="network")
def _acting(network: Network, weights: Weights) -> Weights:
    made: Weights = each_member(partial(effective, network), weights)(weights)
    return made


def _scaling(together: Ensemble) -> Scaling:
    return Scaling(*_moments(together.inputs), *_moments(together.outputs), *limits(together.outputs))


def _moments(columns: tuple[Column, ...]) -> tuple[Values, Values]:
    return np.array([c.mean for c in columns], float), np.array([c.scale for c in columns], float)


class XlaSteps:
    """The readable one: every step is the engine's own, of all members side by side."""

    def __init__(self, together: Ensemble, states: States) -> None:
        self.size = states.size
        self._states, self._scaling = states, _scaling(together)
        self._network, self._weights = together.network, jax.device_put(together.weights)
        self._most = states.most

    def step(self, state: bytes, u: bytes) -> tuple[Values, bytes] | None:
        """One step."""
        own, s = self._states, self._scaling
        seen = self._seen(state, u, s.mean_u, s.scale_u)
        if seen is None or not np.isfinite(seen).all():
            return None
        made = np.asarray(_tick(self._network, self._weights, own.flat(state), seen.astype(own.dtype)))
        ys, flat = np.split(made, [len(s.mean_y)], axis=1)
        shown = np.clip(ys.astype(np.float64) * s.scale_y + s.mean_y, s.low_y, s.high_y)
        return shown.mean(axis=0), own.of(flat)

    def hear(self, state: bytes, measured: bytes) -> bytes | None:
        """A measured output put in."""
        own, s = self._states, self._scaling
        seen = self._seen(state, measured, s.mean_y, s.scale_y)
        if seen is None or own.fed is None:
            return None if seen is None else state
        flat = own.flat(state).copy()
        flat[:, own.fed] = np.where(np.isnan(seen), flat[:, own.fed], seen)
        return own.of(flat)

    def _seen(self, state: bytes, given: bytes, mean: Values, scale: Values) -> Values | None:
        """A row as the network sees it; NaN stays, None: it does not fit."""
        row = np.frombuffer(given)
        if not state.startswith(self._states.mark) or len(row) != len(mean):
            return None
        with np.errstate(over="ignore"):
            seen = np.asarray((row - mean) / scale)
        return None if (np.abs(seen) > self._most).any() else seen


@partial(jax.jit, static_argnames="network")
def _tick(network: Network, weights: Weights, flat: Array, seen: Array) -> Array:
    """(K, O + n) one step of all members on inputs (I,), from their numbers (K, n): outputs, and the numbers after it."""
    x = named_inputs(network, seen[None])

    def one(w: Weights, numbers: Array) -> Array:
        y, later = step(network, w, history_of(network, numbers), x)
        return jnp.concatenate([y[0], numbers_of(network, later).astype(flat.dtype)])

    made: Array = each_member(one, weights)(weights, flat)
    return made
