"""Forecasts from many places of one record: what was measured leads up to each, and free runs go on from there, side by side."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax import lax
from numpy.typing import NDArray

from throughtime import blocks
from throughtime.engine import History, Weights
from throughtime.engine.forward import kind
from throughtime.engine.programs import program
from throughtime.models.hearing import named_inputs, one_step
from throughtime.models.members import begin, each_member, run_beside
from throughtime.network import Network

Values = NDArray[Any]
PLACES = (16, 128)  # forecasts that run side by side
AHEAD = (4, 16, 64)  # and the blocks of their steps


def forecasts(network: Network, weights: Weights, u: Values, y: Values, places: Any, horizon: int) -> Iterator[Values]:
    """Forecasts from places of a record, (K, n, horizon, O), for some places at a time, in their order.

    A forecast from place p hears the outputs measured in the first p steps (y NaN: its own), and the true inputs throughout.

    places  rising, from 1 to T - horizon

    Time O(T + n horizon), in units of a step; memory that of 128 forecasts.
    """
    xs, dtype = named_inputs(network, u), kind(weights)
    history, done = begin(network, weights), 0
    for first in range(0, len(places), PLACES[-1]):
        group, seen = np.asarray(places[first : first + PLACES[-1]]), []
        for rows, size in blocks.cut(int(group[-1]) - done, blocks.STEPS[:2]):
            here = slice(done + rows.start, done + rows.stop)
            block = (
                {name: blocks.fill(x[here], size, dtype) for name, x in xs.items()},
                blocks.fill(y[here], size, dtype),
            )
            every = jax.tree.map(np.asarray, _moments(network, weights, history, *block))
            history = jax.tree.map(lambda leaf, last=here.stop - here.start - 1: leaf[last], every)
            chosen = group[(group > here.start) & (group <= here.stop)] - here.start - 1
            seen.append(jax.tree.map(lambda leaf, chosen=chosen: leaf[chosen], every))
        done = int(group[-1])
        begun = jax.tree.map(lambda *leaves: np.concatenate(leaves), *seen)
        later = group[:, None] + np.arange(horizon)
        yield _onward(network, weights, begun, {name: x[later].astype(dtype) for name, x in xs.items()})


def _onward(network: Network, weights: Weights, begun: History, xs: dict[str, Values]) -> Values:
    """Free runs side by side (K, n, horizon, O), from histories (n, K, ...); xs {input: (n, horizon, S)}."""
    count, horizon, _ = next(iter(xs.values())).shape
    columns = next(size for size in PLACES if size >= count)
    begun = jax.tree.map(lambda leaf: blocks.fill(leaf, columns, leaf.dtype), begun)
    past = {source: rows[:, :, :, 0].transpose(1, 2, 0, 3) for source, rows in begun["a"].items()}
    kept = {name: np.moveaxis(memory[:, :, 0], 0, 1) for name, memory in begun["memory"].items()}
    history, made = begun | {"a": past, "memory": kept}, []
    for rows, size in blocks.cut(horizon, AHEAD):
        steps = rows.stop - rows.start
        beside = {name: np.zeros((size, columns, x.shape[2]), x.dtype) for name, x in xs.items()}
        for name, x in xs.items():
            beside[name][:steps, :count] = x[:, rows].swapaxes(0, 1)
        lengths = np.where(np.arange(columns) < count, steps, 0).astype(np.int32)
        ys, history = run_beside(network, weights, history, beside, lengths)
        made.append(np.asarray(ys)[:, :steps, :count])
    return np.concatenate(made, axis=1).swapaxes(1, 2)


@program("network")
def _moments(network: Network, weights: Weights, history: History, xs: Any, measured: Any) -> History:
    """The histories after every step (T, K, ...)."""

    def follow_one(w: Weights, h: History) -> History:
        def move(h: History, row: Any) -> tuple[History, History]:
            later, _ = one_step(network, w, h, row)
            return later, later

        every: History = lax.scan(move, h, (xs, measured))[1]
        return every

    made: History = each_member(follow_one, weights, 1)(weights, history)
    return made
