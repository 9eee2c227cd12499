"""The Jacobian of all residuals by all weights, and the normal equations made of it, for any wiring.

    r(t) = residual(y(t), target(t)),  J = dr/dw,  H = J^T J,  g = J^T r

The rows of J are found as RTRL finds its gradient, with a row for every output of a block of h steps in the place of one for
its loss. Let P(t) be the influence matrix dh(t)/dw of the state (see `learners.rtrl`). One sweep sends back the h O
identity errors of a block and the rows of the state at its end:

    J(t+1..t+h) = A_y P(t) + E_y z        A = d row/d state before the block, E = d row/dnet                       (1)
    P(t+h)      = A_h P(t) + E_h z        z = what the net inputs heard                                            (2)

Time goes on in chunks of some blocks; H, g and the sum of squares are added up, so memory does not grow with time. Where
nothing is remembered but inputs (open loops, windows), every step is a sequence of its own, and a chunk is one sweep. A
network with backward layers needs the whole sequence, and is differentiated forward, weight by weight.

Cost: O(T W^2), the product J^T J; finding J is O(T W (h O + S)), S the numbers remembered, W the weights. Memory W^2, and
`ROOM` numbers for the chunk; with backward layers O(T W N).
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.flatten_util import ravel_pytree

from throughtime.engine.choice import using_engine
from throughtime.engine.effective import Weights, effective
from throughtime.engine.forward import forward, kind
from throughtime.engine.running import outputs
from throughtime.engine.schedule import depths, state
from throughtime.engine.sweep import identity_rows, sweep
from throughtime.engine.tape import Arrays, History, Tape, keep, last_rows, within
from throughtime.learners import influence, rtrl
from throughtime.learners.influence import Influence
from throughtime.network import Network
from throughtime.training.segments import Segment, chunks_of

Residual = Callable[[Array, Array], Array]  # outputs, targets (T, B, O) -> (T, B, O), each from its own output alone
ROOM = 4_000_000  # numbers of J held at a time


class Normal(NamedTuple):
    """The normal equations of a set of sequences; sums, so those of two sets may be added.

    hessian   J^T J (W, W), the weights in the order of `ravel_pytree`
    gradient  J^T r (W,)
    squares   r^T r
    """

    hessian: Array
    gradient: Array
    squares: Array


def normal_equations(
    network: Network,
    weights: Weights,
    residual: Residual,
    given: Segment,
    block: int | None = None,
    room: int = ROOM,
) -> Normal:
    """J^T J, J^T r and r^T r of some sequences, from their first step on.

    residual  (ys, targets) -> (T, B, O), 0 where nothing is asked, such as `SquaredError().residual`
    block     steps swept together; None: about as many as the state has numbers, 7 to 48
    room      numbers of J held at a time
    """
    if network.backward:
        return _whole(network, weights, residual, given)
    acting, pull = jax.vjp(lambda w: effective(network, w), weights)
    total = sum(_width(network, acting, layer.name) for layer in network.layers)
    plan = chunks_of(network, given, block, total, room)

    def chunk(going: tuple[Normal, History, Influence], part: Segment) -> tuple[Any, None]:
        sums, history, moved = going
        rows, r, history, moved = _rows(network, acting, residual, part, plan.block, history, moved)
        found = Normal(rows.T @ rows, rows.T @ r, r @ r)
        return (jax.tree.map(jnp.add, sums, found), history, moved), None

    nothing = Normal(*(jnp.zeros(shape, kind(weights)) for shape in ((total, total), (total,), ())))
    moved = influence.first(network, acting, given.batch, kind(weights))
    (sums, _, _), _ = lax.scan(chunk, (nothing, given.begin(network, weights), moved), plan.cut(given))
    chain = partial(_chain, network, acting, pull)
    half = jax.vmap(chain)(sums.hessian)  # (effective, W): rows of a symmetric matrix are its columns
    return Normal(jax.vmap(chain)(half.T), chain(sums.gradient), sums.squares)


def squares(network: Network, weights: Weights, residual: Residual, given: Segment, room: int = ROOM) -> Array:
    """r^T r alone."""
    acting, history = effective(network, weights), given.begin(network, weights)
    if network.backward:
        r = residual(_run(network, acting, given, history)[0], given.targets)
        return jnp.sum(r * r)

    def chunk(history: History, part: Segment) -> tuple[History, Array]:
        ys, history = _run(network, acting, part, history)
        r = residual(ys, part.targets)
        return history, jnp.sum(r * r)

    _, sums = lax.scan(chunk, history, chunks_of(network, given, None, sum(network.sizes.values()), room).cut(given))
    return sums.sum()


class Rows(NamedTuple):
    """J and r of one stretch, and what goes on to the next.

    jacobian   dr/dw (m, W), the weights in the order of `ravel_pytree`
    residuals  r (m,), in the same order as the rows; 0, with rows of 0, beyond the end of a sequence
    history    after the last step
    influence  P after the last step
    """

    jacobian: Array
    residuals: Array
    history: History
    influence: Influence


def residual_rows(
    network: Network, weights: Weights, residual: Residual, part: Segment, history: History, moved: Influence
) -> Rows:
    """J and r of one stretch of sequences that go on from `history`, whose influence matrix is `moved`."""
    acting, pull = jax.vjp(lambda w: effective(network, w), weights)
    plan = chunks_of(network, part, None, 1, sys.maxsize)  # one chunk
    whole = jax.tree.map(lambda values: values[0], plan.cut(part))
    rows, r, history, moved = _rows(network, acting, residual, whole, plan.block, history, moved)
    return Rows(jax.vmap(partial(_chain, network, acting, pull))(rows), r, history, moved)


def _run(network: Network, acting: Weights, part: Segment, history: History) -> tuple[Array, History]:
    tape, after = forward(network, acting, part.xs, history, part.lengths)
    return outputs(network, tape, part.lengths), after


def _whole(network: Network, weights: Weights, residual: Residual, given: Segment) -> Normal:
    """Differentiated forward, for every weight the whole of time."""
    flat, tree = ravel_pytree(weights)

    def all_of(flat: Array) -> Array:
        weights = tree(flat)
        ys, _ = _run(network, effective(network, weights), given, given.begin(network, weights))
        return residual(ys, given.targets).ravel()

    with using_engine("xla"):  # the native one has no forward-mode derivative
        r, push = jax.linearize(all_of, flat)
    columns = jax.vmap(push)(jnp.eye(flat.size, dtype=flat.dtype))  # (W, T B O)
    return Normal(columns @ columns.T, columns @ r, r @ r)


def _rows(
    network: Network,
    acting: Weights,
    residual: Residual,
    part: Segment,
    block: int,
    history: History,
    moved: Influence,
) -> tuple[Array, Array, History, Influence]:
    """J and r of a chunk, (rows, W) and (rows,), by effective weights; and what goes on to the next."""
    if not state(network) and part.steps > 1:
        alone, before, after = _apart(network, part, history)
        rows, r, _, moved = _rows(network, acting, residual, alone, 1, before, moved)
        return rows, r, after, moved
    tape, after = forward(network, acting, part.xs, history, part.lengths)
    ys = outputs(network, tape, part.lengths)
    r, slope = jax.jvp(lambda y: residual(y, part.targets), (ys,), (jnp.ones_like(ys),))
    blocks = part.steps // block

    def one(moved: Influence, first: Array) -> tuple[Influence, Array]:
        here = rtrl.cut(network, tape, first, block)
        lengths = None if part.lengths is None else jnp.clip(part.lengths - first, 0, block)
        return _block(network, acting, here, lax.dynamic_slice_in_dim(slope, first, block), lengths, moved)

    moved, rows = lax.scan(one, moved, block * jnp.arange(blocks))
    r = r.reshape(blocks, block, part.batch, r.shape[-1]).transpose(0, 2, 1, 3)
    return lax.collapse(rows, 0, 3), r.ravel(), after, moved


def _apart(network: Network, part: Segment, history: History) -> tuple[Segment, History, History]:
    """Every step as a sequence of its own, with its history of inputs; and the history after the last."""
    valid = within(part.lengths, part.steps)
    before, after = {}, {}
    for source, x in part.xs.items():
        depth = depths(network)[source]
        if depth:
            full = jnp.concatenate([history["a"][source].astype(x.dtype), keep(valid, x)])
            lines = jnp.arange(depth)[:, None] + jnp.arange(part.steps)
            before[source] = lax.collapse(full[lines], 1, 3)
            after[source] = last_rows(full, depth, part.lengths)
    xs = {source: lax.collapse(x, 0, 2)[None] for source, x in part.xs.items()}
    lengths = None if valid is None else valid.astype(jnp.int32).ravel()
    alone = Segment(xs, lax.collapse(part.targets, 0, 2)[None], lengths, {})
    return alone, history | {"a": before}, history | {"a": after}


def _block(
    network: Network, acting: Weights, tape: Tape, slope: Array, lengths: Array | None, old: Influence
) -> tuple[Influence, Array]:
    """Equations (1) and (2): P after the block, and J (B, h O, W); slope dr/dy (h, B, O)."""
    size, batch, count = slope.shape
    later, kept = identity_rows(network, batch, slope.dtype, size)
    asked = size * count
    seeds = jnp.eye(asked, dtype=slope.dtype).reshape(asked, size, count).swapaxes(0, 1)[:, :, None] * slope[:, None]
    seeds = jnp.pad(seeds, ((0, 0), (kept, 0), (0, 0), (0, 0)))
    back = sweep(network, acting, tape, {network.output: seeds}, _with_silent(later, asked - 1), lengths)
    past = rtrl.transport(network, back.history, kept + asked, batch)
    moved, made = {}, []
    for layer in network.layers:
        deltas = back.deltas[layer.name]
        if layer.name in old:
            p = old[layer.name]
            rows = influence.transported(past, p) + influence.immediate(network, tape, layer, deltas)
            moved[layer.name] = influence.shifted(network, p, rows[:, :kept], lengths, size)
            rows = rows[:, kept:]
        else:
            rows = influence.immediate(network, tape, layer, deltas[:, kept:])
        made.append(lax.collapse(rows, 2))
    return moved, jnp.concatenate(made, axis=-1)


def _with_silent(later: dict[str, Arrays], more: int) -> dict[str, Arrays]:
    """Errors at the new history, with so many rows of zeros behind."""
    axes = {"a": 1, "memory": 0}
    return {
        what: {
            name: jnp.pad(e, [(0, more if i == axes[what] else 0) for i in range(e.ndim)]) for name, e in own.items()
        }
        for what, own in later.items()
    }


def _width(network: Network, acting: Weights, name: str) -> int:
    layer = network.by_name[name]
    return layer.size * sum(part.width for part in influence.parts(layer, acting[name]))


def _chain(network: Network, acting: Weights, pull: Callable[[Weights], tuple[Weights]], row: Array) -> Array:
    """From a gradient by effective weights, as the influence matrix has them side by side, to one by weights."""
    found, column = {}, 0
    for layer in network.layers:
        width = _width(network, acting, layer.name)
        found[layer.name] = row[column : column + width].reshape(layer.size, -1)
        column += width
    return ravel_pytree(pull(influence.as_weights(network, acting, found))[0])[0]
