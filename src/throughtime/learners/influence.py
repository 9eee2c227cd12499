"""The influence matrix of real-time recurrent learning: P = d state/d weights, one array per layer.

P of a layer is (B, S, N, w): for each of the S numbers remembered and each of the layer's N units, the w effective weights
of that unit, in this order: for each net input all that feeds it through dense connections, then its bias; then the
diagonal connections; then a learned start. So everything one unit hears lies in one row, and one product moves all of P.
"""

import math
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from throughtime.engine.effective import Weights
from throughtime.engine.schedule import Row, influential, start_rows, state
from throughtime.engine.tape import Tape, tapped
from throughtime.graph import reachable
from throughtime.network import Connection, Layer, Network, sources_of

Influence = dict[str, Array]


class WeightPart(NamedTuple):
    """Which numbers of a weight lie side by side in a unit's row: of net input `net` (of all, if None)."""

    key: tuple[str, ...]
    net: int | None
    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        """How many numbers that are."""
        return math.prod(self.shape)


def dense(layer: Layer) -> list[Connection]:
    """The connections in which every unit hears every unit."""
    return [c for c in layer.connections if not c.one_to_one]


def parts(layer: Layer, acting: dict[str, Any]) -> list[WeightPart]:
    """What a unit's row holds, in order."""
    made = []
    for net in range(len(layer.nets)):
        feeding = [c for c in dense(layer) if net in layer.fed(c.nets)]
        made += [WeightPart((c.key,), net, acting[c.key].shape[:2]) for c in feeding]
        made += [WeightPart(("bias",), net, ())] if layer.biased else []
    diagonal = [c for c in layer.connections if c.weight == "diagonal"]
    made += [WeightPart((c.key,), None, acting[c.key].shape[:2]) for c in diagonal]
    return made + [
        WeightPart(("start", name), None, first.shape[:1]) for name, first in acting.get("start", {}).items()
    ]


def first(network: Network, acting: Weights, batch: int, dtype: Any) -> Influence:
    """P(0) = d start/d weights: zero but for learned starts, whose own numbers they are."""
    return {name: _first(network, network.by_name[name], acting[name], batch, dtype) for name in influential(network)}


def _first(network: Network, layer: Layer, acting: dict[str, Any], batch: int, dtype: Any) -> Array:
    held = parts(layer, acting)
    total = sum(part.width for part in held)
    unit = jnp.arange(layer.size)
    rows = jnp.zeros((sum(row.width for row in state(network)), layer.size, total), dtype)
    column = 0
    for part in held:
        above = 0
        for row in state(network):
            if part.key == ("start", "activity" if row.kind == "a" else "memory") and row.layer == layer.name:
                for line in range(row.count):
                    rows = rows.at[above + line * row.size + unit, unit, column + line].set(1)
            above += row.width
        column += part.width
    return jnp.broadcast_to(rows, (batch, *rows.shape))


def as_weights(network: Network, acting: Weights, rows: Influence) -> Weights:
    """From rows (N, w) of each layer to gradients shaped like the effective weights."""
    made: Weights = {}
    for name, values in rows.items():
        layer, column = network.by_name[name], 0
        own: dict[tuple[str, ...], dict[int | None, Array]] = {}
        for part in parts(layer, acting[name]):
            piece = values[:, column : column + part.width].reshape(-1, *part.shape)
            own.setdefault(part.key, {})[part.net] = jnp.moveaxis(piece, 0, -1)
            column += part.width
        made[name] = _nested(layer, own)
    return made


def _nested(layer: Layer, own: dict[tuple[str, ...], dict[int | None, Array]]) -> dict[str, Any]:
    """The pieces of each weight put together along its nets, in the order in which the connection names them."""
    made: dict[str, Any] = {}
    named = {c.key: c.nets for c in layer.connections}
    for key, pieces in own.items():
        nets = layer.fed(named.get(key[0]))
        value = pieces[None] if None in pieces else jnp.stack([pieces[net] for net in nets], axis=-2)
        if key[0] == "start":
            made.setdefault("start", {})[key[1]] = value
        else:
            made[key[0]] = value
    return made


def immediate(network: Network, tape: Tape, layer: Layer, deltas: Array) -> Array:
    """E z over a block: what each net input heard, times d row/d net; (T, K, B, nets, N) -> (B, K, N, w)."""
    return _times_heard(network, tape, layer, deltas.transpose(2, 1, 4, 3, 0))


def own_units_only(network: Network, layer: Layer, size: int) -> bool:
    """True if within a block the weights of a layer move nothing remembered but their own units."""
    present = sources_of(network, lambda _, c: 0 in c.delays)
    elsewhere = {row.layer for row in state(network) if row.layer != layer.name}
    return size == 1 and not layer.unit.coupled and not any(layer.name in reachable(present, o) for o in elsewhere)


def onto_diagonal(network: Network, tape: Tape, layer: Layer, deltas: Array, moved: Array) -> Array:
    """Add `immediate` of a block of one step where row n has a delta for unit n alone; nothing else is touched."""
    unit, above = jnp.arange(layer.size), 0
    for row in state(network):
        lines = row.swept(1)
        for line in range(lines if row.layer == layer.name else 0):
            at = above + line * row.size + unit
            own = deltas[0, at, :, :, unit]  # (N, B, nets)
            added = _times_heard(network, tape, layer, jnp.moveaxis(own, 0, 1)[:, None, :, :, None])
            moved = moved.at[:, at, unit].add(added[:, 0])
        above += lines * row.size
    return moved


def _times_heard(network: Network, tape: Tape, layer: Layer, deltas: Array) -> Array:
    """deltas (B, K, N, nets, T) times what was heard (T), in the order of `parts`: (B, K, N, w)."""
    batch, rows, units, nets, _ = deltas.shape
    feeding = [tuple(c for c in dense(layer) if net in layer.fed(c.nets)) for net in range(nets)]
    if len(set(feeding)) == 1:  # every net input hears the same: one product for all
        pieces = [_times(lax.collapse(deltas, 1, 4), _side_by_side(network, tape, layer, feeding[0], deltas))]
    else:
        pieces = [
            _times(lax.collapse(deltas[..., net, :], 1, 3), _side_by_side(network, tape, layer, heard, deltas))
            for net, heard in enumerate(feeding)
        ]
    made = [p.reshape(batch, rows, units, math.prod(p.shape[1:]) // (rows * units)) for p in pieces]
    for c in layer.connections:
        if c.weight == "diagonal":
            heard = tapped(tape, network, layer, c)
            piece = jnp.einsum("bknxt,tbdn->bkndx", deltas[..., jnp.asarray(layer.fed(c.nets)), :], heard)
            made.append(lax.collapse(piece, 3))
    if layer.start == "learned":
        made.append(jnp.zeros((batch, rows, units, start_rows(network, layer) + layer.memory), deltas.dtype))
    return jnp.concatenate(made, axis=-1)


def _side_by_side(network: Network, tape: Tape, layer: Layer, feeding: tuple[Connection, ...], like: Array) -> Array:
    """(B, T, w): the activities that connections carry, and a one for the bias."""
    batch, steps = like.shape[0], like.shape[-1]
    heard = [lax.collapse(jnp.moveaxis(tapped(tape, network, layer, c), 1, 0), 2) for c in feeding]
    ones = [jnp.ones((batch, steps, 1), like.dtype)] if layer.biased else []
    return jnp.concatenate([jnp.zeros((batch, steps, 0), like.dtype), *heard, *ones], axis=-1)


def _times(left: Array, right: Array) -> Array:
    """(B, K, T) times (B, T, w); a single step is no matrix product, and one sequence is a plain one."""
    if left.shape[-1] == 1:
        return left * right
    return (left[0] @ right[0])[None] if left.shape[0] == 1 else left @ right


def transported(rows: Array, influence: Array) -> Array:
    """A P: (B, K, S) times (B, S, N, w)."""
    batch, count, _ = rows.shape
    flat = lax.collapse(influence, 2)
    product = (rows[0] @ flat[0])[None] if batch == 1 else rows @ flat
    return product.reshape(batch, count, *influence.shape[2:])


def shifted(network: Network, old: Array, fresh: Array, lengths: Array | None, size: int) -> Array:
    """P after a block of `size` steps: rows that moved along a delay line, and those that the sweep found."""
    made, here, there = [], 0, 0
    for row in state(network):
        lines = row.swept(size)
        if row.count > lines:
            made.append(_later_rows(old[:, here : here + row.width], row, lengths, size))
        made.append(fresh[:, there : there + lines * row.size])
        here, there = here + row.width, there + lines * row.size
    return jnp.concatenate(made, axis=1) if len(made) > 1 else fresh


def _later_rows(line: Array, row: Row, lengths: Array | None, steps: int) -> Array:
    """The first rows of a delay line after it moved on by `steps`, or by each sequence's length."""
    count = row.count - steps
    if lengths is None:
        return line[:, steps * row.size :]
    by_row = line.reshape(line.shape[0], row.count, row.size, *line.shape[2:])
    places = (lengths[:, None] + jnp.arange(count))[:, :, None, None, None]
    return jnp.take_along_axis(by_row, places, axis=1).reshape(line.shape[0], count * row.size, *line.shape[2:])
