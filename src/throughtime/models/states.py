"""What a stream remembers between two steps, as bytes: a mark that tells whose it is, then the numbers.

Member by member: the past of every source that is heard with a delay, inputs first, layers in the order in which they are
computed, the oldest row first; then the memories of the layers in that order.
"""

import hashlib
from functools import cached_property
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from throughtime.engine import History
from throughtime.engine.schedule import depths, present_order
from throughtime.models.columns import Column
from throughtime.models.hearing import driven, fed_row
from throughtime.network import Network

MARK = 8  # bytes


class Part(NamedTuple):
    """One of the history's arrays: {kind: {name: ...}}, (rows, size) numbers from `first` on."""

    kind: str
    name: str
    rows: int
    size: int
    first: int

    @property
    def last(self) -> int:
        """Where the next one begins."""
        return self.first + self.rows * self.size


def parts(network: Network) -> tuple[Part, ...]:
    """The parts of the history of one member, in their order."""
    layers, heard, made = present_order(network), depths(network), list[Part]()
    wanted = [("a", name, heard[name], size) for name, size in driven(network)]
    wanted += [("a", m.name, heard[m.name], m.size) for m in layers]
    wanted += [("memory", m.name, m.memory, m.size) for m in layers]
    for one in wanted:
        if one[2]:
            made.append(Part(*one, made[-1].last if made else 0))
    return tuple(made)


class States:
    """The states of a network's members (K), standardised by the columns, in that type."""

    def __init__(self, network: Network, members: int, columns: tuple[Column, ...], dtype: Any) -> None:
        self.members, self.dtype, self.parts = members, np.dtype(dtype), parts(network)
        self._network, self._columns = network, columns
        self.numbers = self.parts[-1].last if self.parts else 0
        self.size = MARK + members * self.numbers * self.dtype.itemsize

    @cached_property
    def mark(self) -> bytes:
        """The same for the same wiring, scaling, number of members and type, and hardly ever for others."""
        scaled = [(c.mean, c.scale) for c in self._columns]
        about = self._network.to_json(), self.members, self.dtype.str, scaled
        return hashlib.blake2b(repr(about).encode(), digest_size=MARK).digest()

    @property
    def most(self) -> float:
        """The largest number in it."""
        return float(jnp.finfo(self.dtype).max)  # type: ignore[no-untyped-call]

    def check(self, state: Any) -> None:
        """Refuse, in one line, what is no state of such members."""
        if state is None:
            raise ValueError("the state is None; begin with state = stream.start(), also after a record")
        if type(state) is not bytes:
            raise ValueError(f"a state is the bytes that start, step and feed return, not {type(state).__name__}")
        if len(state) != self.size or not state.startswith(self.mark):
            raise ValueError(
                "the state is one of another model: of another wiring, scaling, number of members or type of weights; begin "
                "with state = stream.start()"
            )

    def flat(self, state: bytes) -> NDArray[Any]:
        """(K, n) its numbers."""
        return np.frombuffer(state, self.dtype, offset=MARK).reshape(self.members, self.numbers)

    def of(self, flat: Any) -> bytes:
        """The state of such numbers."""
        return self.mark + np.asarray(flat, self.dtype).tobytes()

    def after(self, history: History) -> bytes:
        """The state that is the members' histories, {"a": {source: (K, D, 1, S)}, "memory": {layer: (K, 1, M, N)}}."""
        found = [np.asarray(history[p.kind][p.name]).reshape(self.members, -1) for p in self.parts]
        return self.of(np.concatenate([np.zeros((self.members, 0)), *found], axis=1))

    @cached_property
    def fed(self) -> slice | None:
        """The numbers of a member in whose place a measured output is heard."""
        row, output = fed_row(self._network), self._network.output
        if row is None:
            return None
        past = next(p for p in self.parts if (p.kind, p.name) == ("a", output))
        return slice(past.last - (row + 1) * past.size, past.last - row * past.size)


def numbers_of(network: Network, history: History) -> Array:
    """(n,) the numbers of one member's history; `history_of` is its inverse."""
    found = [jnp.ravel(history[p.kind][p.name]) for p in parts(network)]
    return jnp.concatenate(found) if found else jnp.zeros(0)


def history_of(network: Network, flat: Array) -> History:
    """One member's history, of one sequence, from its numbers (n,)."""
    made: History = {"a": {}, "memory": {}, "dropout": {}}
    for p in parts(network):
        shape = (p.rows, 1, p.size) if p.kind == "a" else (1, p.rows, p.size)
        made[p.kind][p.name] = flat[p.first : p.last].reshape(shape)
    return made
