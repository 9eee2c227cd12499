"""Following a record with trained networks: free, led by measured outputs, or first so and then free.

All values are in the networks' own, standardised units. Networks with a member axis run side by side.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

from throughtime import blocks
from throughtime.engine import History, Weights, hand_over, run
from throughtime.engine.forward import kind
from throughtime.engine.programs import program
from throughtime.models.hearing import fed_row, named_inputs, one_step
from throughtime.models.members import begin, count, each_member
from throughtime.network import Network

STEPS = blocks.STEPS[1:]  # a step of one record costs little, a program much: no blocks of 64
Values = NDArray[Any]
Advance = Callable[[float], None]


class Followed(NamedTuple):
    """Outputs (K, T, O) of every member, or what was made of them, and the histories, as closed loops, after the last step."""

    outputs: Values
    history: History


def follow(
    network: Network,
    weights: Weights,
    u: Values,
    y: Values | None = None,
    history: History | None = None,
    advance: Advance | None = None,
    reduce: Callable[[Values], Values] = np.asarray,
) -> Followed:
    """Run networks over a record; where an output was measured, it takes the place of the network's own in what is fed back.

    y^(t) is computed before y(t) is looked at, so these are predictions: one step ahead where outputs are measured (y a
    number), free where they are not (y NaN, or None). With a lead the output of step t stands for step t + lead; y(t) is
    looked at before. An open loop hears what was measured in u; it is free whatever y says.

    weights  with a leading axis of members
    u, y     (T, I) and (T, O), y(t) what was measured at the time of u(t)
    history  from an earlier call; None: the start
    advance  is told how far the work has come, 0 to 1
    reduce   what to make of the outputs (K, t, O) of each piece, such as the members' mean (t, O)

    Time O(T weights), memory O(T) of what is kept and that of 4096 steps, however long the record; what is compiled for a
    few sizes of blocks serves records of every length.
    """
    xs, dtype = named_inputs(network, u), kind(weights)
    if network.backward:
        return Followed(reduce(_whole(network, weights, xs)), {})
    history, made = begin(network, weights) if history is None else history, []
    measured = np.full((len(u), network.size_of(network.output)), np.nan) if y is None else y
    for rows, size, form in _pieces(network, measured):
        steps = rows.stop - rows.start
        seen = _filled(xs, rows, size, dtype), blocks.fill(measured[rows], size, dtype)
        ys, history = form(network, weights, history, *seen, blocks.ended(steps, size))
        made.append(reduce(np.asarray(ys)[:, :steps]))
        if advance:
            advance(rows.stop / len(u))
    if not made:
        made.append(reduce(np.zeros((count(weights), 0, network.size_of(network.output)))))
    return Followed(np.concatenate(made, axis=-2), history)


def _filled(xs: dict[str, Values], rows: slice, size: int, dtype: Any) -> dict[str, Values]:
    """These rows of a record's inputs as a block: {input: (size, S)}."""
    return {name: blocks.fill(x[rows], size, dtype) for name, x in xs.items()}


def _pieces(network: Network, measured: Values) -> Iterator[tuple[slice, int, Any]]:
    """The record in blocks that are all free, all known, or mixed; their rows, the size to fill them up to, and who runs them."""
    known = ~np.isnan(measured)
    whole = np.where(known.all(axis=1), 1, np.where(known.any(axis=1), 2, 0))
    if fed_row(network) is None:
        whole[:] = 0
    elif network.lead:  # no open loop says what was measured of a step that is still to come
        whole[whole == 1] = 2
    borders = [0, *(np.flatnonzero(np.diff(whole)) + 1), len(measured)]
    if len(borders) > 18:  # many gaps: step by step rather than in many short runs
        whole[:], borders = 2, [0, len(measured)]
    forms = {0: _free, 1: _led, 2: _mixed}
    for first, last in pairwise(borders):
        for rows, size in blocks.cut(last - first, STEPS):
            yield slice(first + rows.start, first + rows.stop), size, forms[int(whole[first])]


def _whole(network: Network, weights: Weights, xs: dict[str, Values]) -> Values:
    """(K, T, O) of a network that hears the end first: in one block."""
    steps = len(next(iter(xs.values())))
    block = _filled(xs, slice(None), blocks.one_block(steps), kind(weights))
    ys, _ = _free(network, weights, begin(network, weights), block, None, np.full(1, steps, np.int32))
    return np.asarray(ys)[:, :steps]


@program("network")
def _free(
    network: Network,
    weights: Weights,
    history: History,
    xs: Any,
    measured: Any,  # noqa: ARG001
    steps: Any,
) -> tuple[Array, History]:
    """A free run: the closed loop as it is."""
    one = {name: x[:, None] for name, x in xs.items()}
    ys, history = each_member(lambda w, h: run(network, w, one, h, steps), weights)(weights, history)
    return ys[:, :, 0], history


@program("network")
def _led(
    network: Network, weights: Weights, history: History, xs: Any, measured: Any, steps: Any
) -> tuple[Array, History]:
    """All outputs are known: the open loop, whose history is handed over on both sides."""
    opened = network.open_loop() if network.by_name[network.output].start == "zero" else None
    if opened is None:
        return _mixed(network, weights, history, xs, measured, steps)
    one = {n: xs[n][:, None] for n, _ in opened.inputs if n in xs} | {opened.measured: measured[:, None]}

    def lead(w: Weights, h: History) -> tuple[Array, History]:
        ys, after = run(opened, w, one, hand_over(network, opened, w, h), steps)
        return ys[:, 0], hand_over(opened, network, w, after)

    ys, history = each_member(lead, weights)(weights, history)
    return ys, history


@program("network")
def _mixed(
    network: Network, weights: Weights, history: History, xs: Any, measured: Any, steps: Any
) -> tuple[Array, History]:
    """Some outputs are known at some steps: step by step."""

    def follow_one(w: Weights, h: History) -> tuple[Array, History]:
        def move(h: History, row: tuple[Any, ...]) -> tuple[History, Array]:
            place, *seen = row
            later, y = one_step(network, w, h, tuple(seen))
            if steps is not None:
                later = jax.tree.map(lambda new, old: jnp.where(place < steps[0], new, old), later, h)
            return later, y

        h, ys = lax.scan(move, h, (jnp.arange(len(measured)), xs, measured))
        return ys, h

    ys, history = each_member(follow_one, weights)(weights, history)
    return ys, history
