"""What a pass leaves behind, and rows of time: which belong to a sequence, which are its last, which way round they go."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from throughtime.engine import wires
from throughtime.engine.schedule import depths
from throughtime.network import Connection, Layer, Network

History = dict[str, dict[str, Any]]
Arrays = dict[str, Array]


class Tape(NamedTuple):
    """Everything one pass leaves behind; nets and memories in the layer's own time.

    full      {source: (D + T, B, S)} the history's D rows, then the T activities
    mirrored  the same as backward layers hear it: from each sequence's end
    nets      {layer: (T, B, nets, N)}
    gates     the same: what the units made of them, where the native engine ran them and its sweep needs it
    before    {layer: (T, B, M, N)} the memory before each step
    dropout   {layer: {connection: (B, S)}}
    """

    full: Arrays
    mirrored: Arrays
    nets: Arrays
    gates: Arrays
    before: Arrays
    dropout: dict[str, Arrays]

    def heard(self, backward: bool) -> Arrays:
        """The activities as layers of that direction hear them."""
        return self.mirrored if backward else self.full


def tapped(tape: Tape, network: Network, layer: Layer, connection: Connection) -> Array:
    """(T, B, D, S): what a connection hears at every step, dropout included."""
    full = tape.heard(layer.backward)[connection.source]
    taps = wires.taps(full, depths(network, layer.backward)[connection.source], connection.delays)
    return wires.dropped(taps, tape.dropout.get(layer.name, {}).get(connection.key))


def within(lengths: Array | None, steps: int) -> Array | None:
    """(T, B): which steps belong to their sequence; None if all do."""
    return None if lengths is None else jnp.arange(steps)[:, None] < lengths


def keep(valid: Array | None, values: Array) -> Array:
    """The values, 0 beyond the end; `valid` has the leading axes of `values`."""
    if valid is None:
        return values
    return jnp.where(valid.reshape(*valid.shape, *[1] * (values.ndim - valid.ndim)), values, 0)


def turn_round(values: Array, lengths: Array | None) -> Array:
    """Each sequence from its own end to its start; its own inverse (what lies beyond the end stays 0)."""
    if lengths is None:
        return values[::-1]
    rows = lengths - 1 - jnp.arange(values.shape[0])[:, None]
    back = jnp.take_along_axis(values, jnp.maximum(rows, 0).reshape(*rows.shape, *[1] * (values.ndim - 2)), axis=0)
    return keep(rows >= 0, back)


def last_rows(full: Array, depth: int, lengths: Array | None) -> Array:
    """The last `depth` rows of each sequence: its new history, right also where T < depth."""
    if lengths is None:
        return full[full.shape[0] - depth :]
    rows = lengths + jnp.arange(depth)[:, None]
    return jnp.take_along_axis(full, rows.reshape(*rows.shape, *[1] * (full.ndim - 2)), axis=0)
