"""Settling: the state before the first step that fits the beginning of a record, found by learning it alone.

What a recurrent layer remembers is not measured. On a new record it is learned from the first measured outputs: the loss is
sent back to a(0) by BPTT, and only a(0), and the memories' start, move.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from throughtime import blocks
from throughtime.engine import Weights
from throughtime.learners import BPTT
from throughtime.models.columns import squared_error
from throughtime.models.ensemble import Ensemble
from throughtime.models.hearing import named_inputs
from throughtime.models.members import count
from throughtime.network import Network
from throughtime.training import train

Values = NDArray[np.float64]
BOUNDED = ("tanh", "gru", "lstm")  # units whose activities lie between -1 and 1


@dataclass(frozen=True)
class _Kinds:
    """For every weight of a network: "bounded" and "free" starts, and "fixed"."""

    network: Network

    def __call__(self, weights: Any) -> Any:
        return jax.tree_util.tree_map_with_path(self._kind, weights)

    def _kind(self, path: Any, _: Any) -> str:
        layer, *parts = (step.key for step in path)
        if parts[0] != "start":
            return "fixed"
        bounded = parts[1] == "activity" and self.network.by_name[layer].unit.name in BOUNDED
        return "bounded" if bounded else "free"


def _between() -> optax.GradientTransformation:
    """Ends every step within -1 and 1."""

    def update(steps: Any, state: Any, weights: Any) -> Any:
        return jax.tree.map(lambda s, w: jnp.clip(w + s, -1, 1) - w, steps, weights), state

    return optax.GradientTransformation(lambda _: optax.EmptyState(), update)


@lru_cache(maxsize=32)
def _optimizer(network: Network, steps: int, rate: float) -> optax.GradientTransformation:
    falling = optax.adam(optax.cosine_decay_schedule(rate, steps))
    kinds = {"bounded": optax.chain(falling, _between()), "free": falling, "fixed": optax.set_to_zero()}
    return optax.multi_transform(kinds, _Kinds(network))


def settle(together: Ensemble, u: Values, y: Values, steps: int, rate: float) -> Weights:
    """The members' weights, with starts that fit u (T, I) and y (T, O), in the units of the data; all else stays.

    Adam, `steps` steps, its rate falling to zero as a half cosine; activities of bounded units stay within their bounds.
    """
    network, seen = together.network, together.seen(u, y)
    *_, last = train(
        network,
        together.weights,
        BPTT(),
        squared_error(together.outputs),
        _optimizer(network, steps, rate),
        [(named_inputs(network, seen.u), seen.y)],
        epochs=steps,
        look=steps,
        members=count(together.weights),
        padding=[blocks.one_block(len(y))],  # so that a record of another length finds its training compiled
    )
    made: Weights = last.weights
    return made
