"""Following a record with trained networks: free, led by measured outputs, or first so and then free.

All values are in the networks' own, standardised units. Networks with a member axis run side by side. A measured output takes
the place of the network's own in what is fed back; with a lead that was said `lead` steps before.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

from throughtime import blocks
from throughtime.engine import History, Weights, hand_over, run, start, step
from throughtime.engine.forward import kind
from throughtime.engine.schedule import depths
from throughtime.network import Network

Values = NDArray[Any]
Advance = Callable[[float], None]
PLACES = (16, 128)  # forecasts that run side by side
AHEAD = (4, 16, 64)  # and the blocks of their steps


class Followed(NamedTuple):
    """Outputs (K, T, O) of every member, or what was made of them, and the histories, as closed loops, after the last step."""

    outputs: Values
    history: History


@cache
def driven(network: Network) -> tuple[tuple[str, int], ...]:
    """(name, size) of the inputs that some layer hears: all but the clock."""
    heard = {c.source for layer in network.layers for c in layer.connections}
    return tuple((name, size) for name, size in network.inputs if name in heard)


def named_inputs(network: Network, u: Any, measured: Values | None = None) -> dict[str, Any]:
    """{input: (T, size)}: the columns of u (T, I) in their order among the inputs, and zeros for the clock.

    measured  (T, O) of an open loop whose measured outputs are no columns of u
    """
    made, first = {}, 0
    for name, size in network.inputs:
        if name == network.measured and measured is not None:
            made[name] = measured
        elif (name, size) in driven(network):
            made[name], first = u[:, first : first + size], first + size
        else:
            made[name] = np.zeros((len(u), size))
    return made


def fed_row(network: Network) -> int | None:
    """The row of the output's past, counted back from the newest, that a measured output takes the place of; None: none.

    Without a lead it is the output just computed. With a lead that was computed `lead` steps before, and is put right before
    the step that first hears it.
    """
    row = max(network.lead - 1, 0)
    return row if network.feedback == network.output and row < depths(network)[network.output] else None


@partial(jax.jit, static_argnames=("network", "batch"))
def begin(network: Network, weights: Weights, batch: int = 1) -> History:
    """The members' histories before the first step of so many sequences."""
    made: History = _each(lambda w: start(network, w, batch), weights)(weights)
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
    if _backward(network):
        return Followed(reduce(_whole(network, weights, xs)), {})
    history, made = begin(network, weights) if history is None else history, []
    measured = np.full((len(u), network.size_of(network.output)), np.nan) if y is None else y
    for rows, size, form in _pieces(network, measured):
        steps = rows.stop - rows.start
        seen = _filled(xs, rows, size, dtype), blocks.fill(measured[rows], size, dtype)
        ys, history = form(network, weights, history, *seen, blocks.ended(steps))
        made.append(reduce(np.asarray(ys)[:, :steps]))
        if advance:
            advance(rows.stop / len(u))
    if not made:
        made.append(reduce(np.zeros((_members(weights), 0, network.size_of(network.output)))))
    return Followed(np.concatenate(made, axis=-2), history)


def _backward(network: Network) -> bool:
    return any(layer.backward for layer in network.layers)


def _members(weights: Weights) -> int:
    """K; those of a network without weights do not differ: one."""
    return next((len(leaf) for leaf in jax.tree.leaves(weights)), 1)


def _each(function: Callable[..., Any], weights: Weights, out: int = 0) -> Callable[..., Any]:
    """The function of one network, for all members at once; what it makes has their axis at `out`."""
    return jax.vmap(function, out_axes=out, axis_size=_members(weights))


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
        for rows, size in blocks.cut(last - first):
            yield slice(first + rows.start, first + rows.stop), size, forms[int(whole[first])]


def _whole(network: Network, weights: Weights, xs: dict[str, Values]) -> Values:
    """(K, T, O) of a network that hears the end first: in one block."""
    steps = len(next(iter(xs.values())))
    block = _filled(xs, slice(None), blocks.whole(steps), kind(weights))
    ys, _ = _free(network, weights, begin(network, weights), block, None, np.full(1, steps, np.int32))
    return np.asarray(ys)[:, :steps]


@partial(jax.jit, static_argnames="network")
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
    ys, history = _each(lambda w, h: run(network, w, one, h, steps), weights)(weights, history)
    return ys[:, :, 0], history


@partial(jax.jit, static_argnames="network")
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

    ys, history = _each(lead, weights)(weights, history)
    return ys, history


@partial(jax.jit, static_argnames="network")
def _mixed(
    network: Network, weights: Weights, history: History, xs: Any, measured: Any, steps: Any
) -> tuple[Array, History]:
    """Some outputs are known at some steps: step by step."""

    def follow_one(w: Weights, h: History) -> tuple[Array, History]:
        def move(h: History, row: tuple[Any, ...]) -> tuple[History, Array]:
            place, *seen = row
            later, y = _one(network, w, h, tuple(seen))
            if steps is not None:
                later = jax.tree.map(lambda new, old: jnp.where(place < steps[0], new, old), later, h)
            return later, y

        h, ys = lax.scan(move, h, (jnp.arange(len(measured)), xs, measured))
        return ys, h

    ys, history = _each(follow_one, weights)(weights, history)
    return ys, history


@partial(jax.jit, static_argnames="network")
def _moments(network: Network, weights: Weights, history: History, xs: Any, measured: Any) -> History:
    """The histories after every step (T, K, ...)."""

    def follow_one(w: Weights, h: History) -> History:
        def move(h: History, row: Any) -> tuple[History, History]:
            later, _ = _one(network, w, h, row)
            return later, later

        every: History = lax.scan(move, h, (xs, measured))[1]
        return every

    made: History = _each(follow_one, weights, 1)(weights, history)
    return made


def _one(network: Network, weights: Weights, history: History, row: tuple[Any, Any]) -> tuple[History, Array]:
    """One step of one network, and what was measured at its time: with a lead before it, else after it."""
    x, measured = row
    before = _hear(network, history, measured) if network.lead else history
    y, after = step(network, weights, before, {name: value[None] for name, value in x.items()})
    return after if network.lead else _hear(network, after, measured), y[0]


def _hear(network: Network, history: History, measured: Array | None) -> History:
    """The history, with what was measured in the place of the network's own output; measured (O,), NaN: not measured."""
    row = fed_row(network)
    if row is None or measured is None:
        return history
    past = history["a"][network.output]
    heard = past.at[-1 - row].set(jnp.where(jnp.isnan(measured), past[-1 - row], measured))
    return history | {"a": history["a"] | {network.output: heard}}


@partial(jax.jit, static_argnames="network")
def with_measured(network: Network, history: History, y: Array) -> History:
    """The members' histories with measured outputs y (O,), NaN where not: after the step of their time, with a lead before it."""
    if fed_row(network) is None:
        return history
    made: History = jax.vmap(lambda h: _hear(network, h, y))(history)
    return made


@partial(jax.jit, static_argnames="network")
def tick(
    network: Network, weights: Weights, history: History, seen: Array, measured: Array | None = None
) -> tuple[Array, History]:
    """One step of all members on inputs (I,): outputs (K, O); measured (O,) at its time, NaN or None where not."""
    x = {name: value[0] for name, value in named_inputs(network, seen[None]).items()}
    history, ys = _each(lambda w, h: _one(network, w, h, (x, measured)), weights)(weights, history)
    return ys, history


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
            block = _filled(xs, here, size, dtype), blocks.fill(y[here], size, dtype)
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


@partial(jax.jit, static_argnames="network")
def run_beside(
    network: Network, weights: Weights, history: History, xs: Any, lengths: Array | None
) -> tuple[Array, History]:
    """Free runs of a batch: outputs (K, T, B, O)."""
    made: tuple[Array, History] = _each(lambda w, h: run(network, w, xs, h, lengths), weights)(weights, history)
    return made
