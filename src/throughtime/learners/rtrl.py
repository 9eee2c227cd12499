"""Real-time recurrent learning: the exact gradient, carried forward in time (Williams & Zipser 1989; Schmidhuber 1992).

Let h(t) be the state of one sequence (all it remembers of itself: delayed activities and memories, S numbers) and w the W
weights that act on it. The influence matrix P(t) = dh(t)/dw is carried from step to step, or from block to block:

    P(t+h) = A P(t) + E z              A = dh(t+h)/dh(t),  E = dh(t+h)/dnet,  z = what the net inputs heard        (1)
    dL/dw  = dL/dh(t) P(t) + direct    L the losses of the block, direct = their gradient within the block         (2)

A, E and dL/dh(t) are the rows of one backward `sweep` over the block: one row for each number of the state, and one for
the loss. A row that only moves along a delay line is moved, not multiplied. For Jordan and NARX networks the state is the
outputs, so P is small.

`RTRL(1)` is the algorithm of Williams & Zipser: O(S^2 W) time per step, n^4 for n fully recurrent units. `RTRL(block=h)`
gives the same numbers with one product per h steps: O(S W (1 + S/h)), n^3 for h of the order of n. Memory B S W numbers,
however long the stream. Do not use it where the whole sequence is at hand: BPTT gives the same gradient for O(W).
"""

import os
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from throughtime.engine.effective import Weights, effective
from throughtime.engine.forward import Arrays, History, Tape, kind, start, tapped
from throughtime.engine.schedule import depths, influential, state
from throughtime.engine.sweep import gradients, identity_rows, sweep
from throughtime.engine.wires import pick
from throughtime.graph import reachable
from throughtime.learners.lesson import Exact, Lesson, Loss, Study, refuse_backward, study
from throughtime.network import Connection, Network, sources_of

Key = tuple[str, ...]
Influence = dict[Key, Array]


class Carried(NamedTuple):
    """The history, and P: {(layer, weight): (B, S, numbers of that weight)}."""

    history: History
    influence: Influence


@dataclass(frozen=True)
class RTRL:
    """Real-time recurrent learning.

    block  steps between updates of the influence matrix: 1 is Williams & Zipser's algorithm; about twice the number of
           units is fastest; the gradient is the same

    Cost: time O(S^2 W / block + S W) per step and sequence, memory B S W numbers, S the numbers remembered, W the weights
    that act on them; `influence_bytes` tells before anything starts. Source: Williams & Zipser 1989; blocks: Schmidhuber 1992.

    >>> import jax.numpy as jnp, throughtime as tt
    >>> network = tt.fully_recurrent(1, 3, 1)
    >>> weights, learner = tt.init(network, 0), tt.RTRL(block=6)
    >>> carry = learner.init(network, weights, batch=1)
    >>> for _ in range(3):  # a stream, stretch by stretch
    ...     carry, lesson = learner.learn(network, weights, carry, jnp.ones((2, 1, 1)), jnp.ones((2, 1, 1)), tt.SquaredError())
    >>> lesson.asked.item()
    2
    """

    block: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.block, bool) or self.block < 1:
            raise ValueError(f"RTRL: block must be at least 1, not {self.block}")

    def init(self, network: Network, weights: Weights, batch: int, key: Array | None = None) -> Carried:
        """The history before the first step, and the influence of the weights on it: 0 but for a learned a(0)."""
        refuse_backward(network, "RTRL")
        _refuse_size(influence_bytes(network, weights, batch))
        return Carried(start(network, weights, batch, key), _first_influence(network, weights, batch))

    @partial(jax.jit, static_argnames=("self", "network", "loss"))
    def learn(
        self, network: Network, weights: Weights, carry: Any, xs: Any, targets: Any, loss: Loss, lengths: Any = None
    ) -> tuple[Any, Lesson]:
        """One stretch, cut into blocks and a remainder: what is carried on, and its loss and gradients (sums)."""
        seen = study(network, weights, carry.history, xs, targets, loss, lengths)
        steps = seen.outputs.shape[0]
        whole, rest = divmod(steps, self.block)
        influence, found = carry.influence, jax.tree.map(jnp.zeros_like, _flat(seen.acting))

        def one(carried: tuple[Influence, dict[Key, Array]], first: Array) -> tuple[Any, None]:
            return _block(network, seen, *carried, first, self.block), None

        if whole:
            (influence, found), _ = lax.scan(one, (influence, found), self.block * jnp.arange(whole))
        if rest:
            influence, found = _block(network, seen, influence, found, jnp.asarray(whole * self.block), rest)
        return Carried(seen.history, influence), seen.lesson(_nested(found))

    def exact_on(self, network: Network) -> Exact:
        """ "always"; "never" where it refuses: a network with backward layers."""
        return "never" if any(layer.backward for layer in network.layers) else "always"


def influence_bytes(network: Network, weights: Weights, batch: int) -> int:
    """The memory of the influence matrix: B S W numbers."""
    shapes = jax.eval_shape(lambda: _first_influence(network, weights, batch))
    return sum(p.size * p.dtype.itemsize for p in jax.tree.leaves(shapes))


def _refuse_size(needed: int) -> None:
    here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else needed
    if needed > here:
        raise ValueError(
            f"RTRL needs {needed / 1e9:.1f} GB for the influence matrix and this machine has {here / 1e9:.1f} GB: "
            "use fewer units or sequences, or BPTT(horizon=...)"
        )


def _flat(weights: Weights) -> dict[Key, Array]:
    """{(layer, connection | "bias"): array, (layer, "start", part): array}."""
    return {tuple(k.key for k in path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(weights)}


def _nested(flat: dict[Key, Array]) -> Weights:
    made: Weights = {}
    for (layer, *path), leaf in flat.items():
        own = made.setdefault(layer, {})
        if len(path) == 1:
            own[path[0]] = leaf
        else:
            own.setdefault(path[0], {})[path[1]] = leaf
    return made


def _first_influence(network: Network, weights: Weights, batch: int) -> Influence:
    """P(0) = d start/d weights: zero but for learned starts, whose own numbers they are."""
    dtype, width = kind(weights), sum(row.width for row in state(network))
    return {
        key: jnp.broadcast_to(_start_rows(network, key, leaf.size, width, dtype), (batch, width, leaf.size))
        for key, leaf in _flat(effective(network, weights)).items()
        if key[0] in influential(network)
    }


def _start_rows(network: Network, key: Key, size: int, width: int, dtype: Any) -> Array:
    first, rows = 0, jnp.zeros((width, size), dtype)
    for row in state(network):
        if key == (row.layer, "start", "activity" if row.kind == "a" else "memory"):
            rows = rows.at[first : first + row.width].set(jnp.eye(row.width, dtype=dtype))
        first += row.width
    return rows


def _block(
    network: Network, seen: Study, influence: Influence, found: dict[Key, Array], first: Array, size: int
) -> tuple[Influence, dict[Key, Array]]:
    """Equations (1) and (2) over `size` steps from `first`."""
    tape, seed = _cut(network, seen.tape, first, size), lax.dynamic_slice_in_dim(seen.seed, first, size)
    lengths = None if seen.lengths is None else jnp.clip(seen.lengths - first, 0, size)
    _, batch, outputs = seed.shape
    later, rows = identity_rows(network, batch, seed.dtype, size)
    seeds = jnp.zeros((size, rows + 1, batch, outputs), seed.dtype).at[:, rows].set(seed)
    back = sweep(network, seen.acting, tape, {network.output: seeds}, later, lengths)
    transport = _transport(network, back.history, rows + 1, batch)
    direct = _flat(gradients(network, tape, {name: delta[:, rows] for name, delta in back.deltas.items()}))
    new: Influence = {}
    total = {key: found[key] + direct[key] if key in direct else found[key] for key in found}
    for key, old in influence.items():
        product = _times(transport, old)  # one product: P is the largest thing here, so it is read once
        fresh = product[:, :rows]
        if "start" not in key and _own_units_only(network, key[0], size):
            fresh = _onto_diagonal(network, tape, key, back.deltas[key[0]][0, :rows], fresh)
        elif "start" not in key:
            fresh = fresh + _immediate(network, tape, key, back.deltas[key[0]][:, :rows])
        new[key] = _shifted(network, old, fresh, lengths, size)
        total[key] = total[key] + _as_weight(network, key, product[:, rows].sum(0), found[key])
    return new, total


def _cut(network: Network, tape: Tape, first: Array, size: int) -> Tape:
    """The tape of one block: its steps, and the rows of past before them."""

    def part(values: Array, rows: int) -> Array:
        return lax.dynamic_slice_in_dim(values, first, rows)

    full = {source: part(values, depths(network)[source] + size) for source, values in tape.full.items()}
    nets = {name: part(values, size) for name, values in tape.nets.items()}
    before = {name: part(values, size) for name, values in tape.before.items()}
    return Tape(full, {}, nets, before, tape.dropout)


def _transport(network: Network, history: dict[str, Arrays], rows: int, batch: int) -> Array:
    """(B, K, S): d row/d state before the block."""
    parts = []
    for row in state(network):
        found = history[row.kind][row.layer]  # a: (D, K, B, N), memory: (K, B, M, N)
        ordered = found.transpose(2, 1, 0, 3) if row.kind == "a" else found.transpose(1, 0, 2, 3)
        parts.append(ordered.reshape(batch, rows, row.width))
    return jnp.concatenate(parts, axis=-1) if parts else jnp.zeros((batch, rows, 0))


def _times(rows: Array, influence: Array) -> Array:
    """(B, K, S) times (B, S, W); one sequence is a plain product."""
    if rows.shape[0] == 1:
        return (rows[0] @ influence[0])[None]
    return rows @ influence


def _connection(network: Network, key: Key) -> Connection | None:
    return next((c for c in network.by_name[key[0]].connections if c.key == key[1]), None)


def _immediate(network: Network, tape: Tape, key: Key, deltas: Array) -> Array:
    """E z: what each net input heard, times d row/d net; deltas (T, K, B, nets, N) -> (B, K, numbers of the weight)."""
    connection, layer = _connection(network, key), network.by_name[key[0]]
    steps, rows, batch = deltas.shape[:3]
    if connection is None:  # the bias
        return jnp.moveaxis(deltas.sum(0), 1, 0).reshape(batch, rows, -1)
    heard, picked = tapped(tape, network, layer, connection), pick(layer, connection, deltas)
    if connection.weight == "diagonal":
        return jnp.einsum("tkbxn,tbdn->bkdxn", picked, heard).reshape(batch, rows, -1)
    left = picked.transpose(2, 1, 3, 4, 0).reshape(batch, -1, steps)
    right = jnp.moveaxis(heard, 1, 0).reshape(batch, steps, -1)
    outer = left * right if steps == 1 else _times(left, right)  # a single step is no matrix product
    return outer.reshape(batch, rows, -1)


def _own_units_only(network: Network, name: str, size: int) -> bool:
    """True if within one step the weights of a layer move nothing remembered but their own units."""
    present = sources_of(network, lambda layer, c: 0 in c.delays)
    elsewhere = {row.layer for row in state(network) if row.layer != name}
    coupled = network.by_name[name].unit.coupled
    return size == 1 and not coupled and not any(name in reachable(present, other) for other in elsewhere)


def _onto_diagonal(network: Network, tape: Tape, key: Key, deltas: Array, fresh: Array) -> Array:
    """`_immediate` of one step where row n has a delta for unit n alone: added in place, nothing else is touched."""
    layer, batch = network.by_name[key[0]], fresh.shape[0]
    connection, unit, first = _connection(network, key), jnp.arange(layer.size), 0
    for row in state(network):
        count = 1 if row.kind == "a" else row.count
        for line in range(count if row.layer == layer.name else 0):
            own = deltas[first + line * row.size + unit, :, :, unit]  # (N, B, nets)
            own = jnp.moveaxis(own, 0, 2)[..., None]  # (B, nets, N, 1)
            if connection is not None:
                heard = tapped(tape, network, layer, connection)[0]  # (B, D, S)
                own = own[:, jnp.asarray(layer.fed(connection.nets))]
                if connection.weight == "diagonal":
                    own = heard[:, :, None, :, None] * own[:, None]
                else:
                    own = own * heard.reshape(batch, 1, 1, -1)
            view = fresh.reshape(batch, fresh.shape[1], -1, layer.size, own.shape[-1])
            added = jnp.moveaxis(own.reshape(batch, -1, layer.size, own.shape[-1]), 2, 0)
            view = view.at[:, first + line * row.size + unit, :, unit].add(added)
            fresh = view.reshape(fresh.shape)
        first += count * row.size
    return fresh


def _as_weight(network: Network, key: Key, flat: Array, like: Array) -> Array:
    """From the order of the influence matrix to that of the weight: dense ones lie there as (nets, N, D, S)."""
    connection = _connection(network, key)
    if connection is None or connection.one_to_one:
        return flat.reshape(like.shape)
    d, s, k, n = like.shape
    return flat.reshape(k, n, d, s).transpose(2, 3, 0, 1)


def _shifted(network: Network, old: Array, fresh: Array, lengths: Array | None, size: int) -> Array:
    """P after the block: rows that moved along a delay line, and those that the sweep found."""
    if all(row.kind == "memory" or row.count <= size for row in state(network)):
        return fresh
    parts, here, there = [], 0, 0
    for row in state(network):
        swept = row.count if row.kind == "memory" else min(row.count, size)
        moved = row.count - swept
        if moved:
            parts.append(_later_rows(old[:, here : here + row.width], moved, row.size, lengths, size))
        parts.append(fresh[:, there : there + swept * row.size])
        here, there = here + row.width, there + swept * row.size
    return jnp.concatenate(parts, axis=1)


def _later_rows(line: Array, count: int, size: int, lengths: Array | None, steps: int) -> Array:
    """The first `count` rows of a delay line after it moved on by `steps`, or by each sequence's length."""
    batch, _, width = line.shape
    if lengths is None:
        return line[:, steps * size : (steps + count) * size]
    rows = lengths[:, None] + jnp.arange(count)
    moved = jnp.take_along_axis(line.reshape(batch, -1, size * width), rows[:, :, None], axis=1)
    return moved.reshape(batch, count * size, width)
