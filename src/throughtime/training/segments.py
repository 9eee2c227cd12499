"""Sequences side by side, and how their time is cut into chunks of some blocks."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from throughtime.engine.effective import Weights
from throughtime.engine.forward import start
from throughtime.engine.schedule import state
from throughtime.engine.tape import Arrays, History
from throughtime.network import Network


class Segment(NamedTuple):
    """Sequences side by side.

    xs       {input: (T, B, S)}
    targets  (T, B, O)
    lengths  (B,), or None where all are T steps long
    before   {source: (D, B, S)} the true history where it is given, in the place of the start
    """

    xs: Arrays
    targets: Array
    lengths: Array | None
    before: Arrays

    @property
    def steps(self) -> int:
        """T."""
        return self.targets.shape[0]

    @property
    def batch(self) -> int:
        """B."""
        return self.targets.shape[1]

    def begin(self, network: Network, weights: Weights) -> History:
        """The history before the first step."""
        history = start(network, weights, self.batch)
        return history | {"a": history["a"] | self.before}


class Chunks(NamedTuple):
    """How time is cut: chunks, so many steps long, of blocks."""

    chunks: int
    steps: int
    block: int

    def cut(self, given: Segment) -> Segment:
        """The chunks along a new first axis; what is added at the end lies beyond all lengths."""
        more = self.chunks * self.steps - given.steps
        lengths = given.lengths
        if more and lengths is None:
            lengths = jnp.full(given.batch, given.steps)

        def cut(values: Array, filling: float) -> Array:
            edge = [(0, more), *[(0, 0)] * (values.ndim - 1)]
            padded = jnp.pad(values, edge, constant_values=filling)
            return padded.reshape(self.chunks, self.steps, *values.shape[1:])

        first = self.steps * jnp.arange(self.chunks)[:, None]
        ends = None if lengths is None else jnp.clip(lengths - first, 0, self.steps)
        return Segment({name: cut(x, 0.0) for name, x in given.xs.items()}, cut(given.targets, jnp.nan), ends, {})


def chunks_of(network: Network, given: Segment, block: int | None, width: int, room: int) -> Chunks:
    """Blocks of about as many steps as the state has numbers, padding least; chunks whose rows have room."""
    if block is None:
        usual = min(max(sum(row.width for row in state(network)), 10), 32)
        sizes = range(usual * 3 // 4, usual * 3 // 2 + 1)
        block = min(sizes, key=lambda size: (-given.steps % size, abs(size - usual)))
    block = min(block, given.steps)
    blocks = -(-given.steps // block)
    together = max(1, room // (block * given.batch * network.size_of(network.output) * width))
    chunks = -(-blocks // together)
    return Chunks(chunks, -(-blocks // chunks) * block, block)
