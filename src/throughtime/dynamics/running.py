"""Running a trained network over a record: free, with measured outputs one step behind it, or first so and then free.

All values are in the network's own, standardised units. Networks with a member axis run side by side.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

from throughtime.dynamics.preparing import streams
from throughtime.engine import History, Weights, hand_over, run, start, step
from throughtime.network import Network
from throughtime.sequences import dtype_of

Values = NDArray[Any]
Advance = Callable[[float], None]
CHUNK = 4096


class Followed(NamedTuple):
    """Outputs (K, T, O) of every member, or what was made of them, and the histories, as closed loops, after the last step."""

    outputs: Values
    history: History


def stack(trees: list[Any]) -> Any:
    """Equal trees along a new first axis: the members' weights as one."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


@partial(jax.jit, static_argnames="network")
def begin(network: Network, weights: Weights) -> History:
    """The histories before the first step of one sequence, a member each."""
    made: History = jax.vmap(lambda w: start(network, w, 1))(weights)
    return made


def follow(
    network: Network,
    weights: Weights,
    u: Values,
    y: Values | None = None,
    history: History | None = None,
    advance: Advance | None = None,
    reduce: Callable[[Values], Values] = np.asarray,
) -> Followed:
    """Run the closed loop over a record; where an output was measured, it takes the place of the network's own.

    y^(t) is computed before y(t) is looked at, so these are predictions: one step ahead where outputs are measured (y a
    number), free where they are not (y NaN, or None).

    weights  with a leading axis of members
    u, y     (T, I) and (T, O)
    history  from an earlier call; None: the start
    advance  is told how far the work has come, 0 to 1
    reduce   what to make of the outputs (K, t, O) of each piece, such as the members' mean (t, O)

    Time O(T weights), memory O(T) of what is kept and that of 4096 steps, however long the record.
    """
    if any(layer.backward for layer in network.layers):
        return Followed(reduce(np.asarray(_whole(network, weights, _inputs(network, u, dtype_of(weights))))), {})
    history, made = begin(network, weights) if history is None else history, []
    told = np.full((len(u), network.size_of(network.output)), np.nan) if y is None else y
    for rows, form in _pieces(network, told):
        seen = _inputs(network, u[rows], dtype_of(weights)), jnp.asarray(told[rows], dtype_of(weights))
        ys, history = form(network, weights, history, *seen)
        made.append(reduce(np.asarray(ys)))
        if advance:
            advance(rows.stop / len(u))
    if not made:
        made.append(reduce(np.zeros((len(jax.tree.leaves(weights)[0]), 0, network.size_of(network.output)))))
    return Followed(np.concatenate(made, axis=-2), history)


def _inputs(network: Network, u: Values, dtype: Any) -> dict[str, Array]:
    return {name: jnp.asarray(values, dtype) for name, values in streams(network, u, None).items()}


def _pieces(network: Network, told: Values) -> Iterator[tuple[slice, Any]]:
    """The record in runs that are all free, all known, or mixed, none longer than CHUNK."""
    known = ~np.isnan(told)
    whole = np.where(known.all(axis=1), 1, np.where(known.any(axis=1), 2, 0))
    if network.feedback is None:
        whole[:] = 0
    borders = [0, *(np.flatnonzero(np.diff(whole)) + 1), len(told)]
    if len(borders) > 18:  # many gaps: step by step rather than in many short runs, each compiled
        whole[:], borders = 2, [0, len(told)]
    forms = {0: _free, 1: _led, 2: _mixed}
    for first, last in pairwise(borders):
        for here in range(first, last, CHUNK):
            yield slice(here, min(here + CHUNK, last)), forms[int(whole[first])]


@partial(jax.jit, static_argnames="network")
def _whole(network: Network, weights: Weights, xs: Any) -> Array:
    one = {name: x[:, None] for name, x in xs.items()}
    ys: Array = jax.vmap(lambda w: run(network, w, one)[0][:, 0])(weights)
    return ys


@partial(jax.jit, static_argnames="network")
def _free(network: Network, weights: Weights, history: History, xs: Any, told: Array) -> tuple[Array, History]:  # noqa: ARG001
    """A free run: the closed loop as it is."""
    one = {name: x[:, None] for name, x in xs.items()}
    ys, history = jax.vmap(lambda w, h: run(network, w, one, h))(weights, history)
    return ys[:, :, 0], history


@partial(jax.jit, static_argnames="network")
def _led(network: Network, weights: Weights, history: History, xs: Any, told: Array) -> tuple[Array, History]:
    """All outputs are known: the open loop, whose history is handed over on both sides."""
    opened = network.open_loop() if network.by_name[network.output].start == "zero" else None
    if opened is None:
        return _mixed(network, weights, history, xs, told)
    one = {n: xs[n][:, None] for n, _ in opened.inputs if n in xs} | {opened.measured: told[:, None]}

    def lead(w: Weights, h: History) -> tuple[Array, History]:
        ys, after = run(opened, w, one, hand_over(network, opened, w, h))
        return ys[:, 0], hand_over(opened, network, w, after)

    ys, history = jax.vmap(lead)(weights, history)
    return ys, history


@partial(jax.jit, static_argnames="network")
def _mixed(network: Network, weights: Weights, history: History, xs: Any, told: Array) -> tuple[Array, History]:
    """Some outputs are known at some steps: step by step."""

    def follow_one(w: Weights, h: History) -> tuple[Array, History]:
        h, ys = lax.scan(partial(_one, network, w), h, (xs, told))
        return ys, h

    ys, history = jax.vmap(follow_one)(weights, history)
    return ys, history


def _one(network: Network, weights: Weights, history: History, row: tuple[Any, Array]) -> tuple[History, Array]:
    x, told = row
    y, history = step(network, weights, history, {name: value[None] for name, value in x.items()})
    return _tell(network, history, told[None]), y[0]


def _tell(network: Network, history: History, told: Array) -> History:
    """The history, with what was measured in the place of the network's own last output; told (B, O), NaN: not measured."""
    if network.feedback is None:
        return history
    past = history["a"][network.output]
    newest = past.at[-1].set(jnp.where(jnp.isnan(told), past[-1], told))
    return history | {"a": history["a"] | {network.output: newest}}


@partial(jax.jit, static_argnames="network")
def told(network: Network, history: History, y: Array) -> History:
    """The members' histories, after the last outputs were measured: y (O,), NaN where not."""
    made: History = jax.vmap(lambda h: _tell(network, h, y[None]))(history)
    return made


@partial(jax.jit, static_argnames="network")
def tick(network: Network, weights: Weights, history: History, x: Any) -> tuple[Array, History]:
    """One step of all members: outputs (K, O)."""
    one = {name: value[None] for name, value in x.items()}
    ys, history = jax.vmap(lambda w, h: step(network, w, h, one))(weights, history)
    return ys[:, 0], history


@partial(jax.jit, static_argnames=("network", "stride", "horizon"))
def origins(network: Network, weights: Weights, xs: Any, told: Array, stride: int, horizon: int) -> Array:
    """Forecasts from every `stride`-th step of a record: outputs (K, n, horizon, O), n = (T - horizon) // stride.

    Forecast i starts after step (i + 1) stride, from measured outputs up to there, and is given the true inputs from there
    on: xs {input: (T, size)}, told (T, O).
    """
    count = (told.shape[0] - horizon) // stride
    cut = {name: x[: count * stride].reshape(count, stride, -1) for name, x in xs.items()}
    later = stride * (1 + jnp.arange(count))[:, None] + jnp.arange(horizon)
    ahead = {name: x[later] for name, x in xs.items()}

    def from_one(w: Weights) -> Array:
        def block(h: History, now: Any) -> tuple[History, Array]:
            given, known, future = now
            h, _ = lax.scan(partial(_one, network, w), h, (given, known))
            ys, _ = run(network, w, {name: x[:, None] for name, x in future.items()}, h)
            return h, ys[:, 0]

        _, ys = lax.scan(block, start(network, w, 1), (cut, told[: count * stride].reshape(count, stride, -1), ahead))
        return ys

    made: Array = jax.vmap(from_one)(weights)
    return made
