"""The neural Turing machine: a controller, and a memory it reads and writes through addresses (Graves, Wayne & Danihelka 2014).

It is an ordinary wiring. The memory is a layer of `width` units; what they share is kept from step to step: the matrix
M of slots x width numbers, and where each head looked last, a weighting w over the slots. Every head, the one that reads
and the one that writes, finds its place by content and by location:

    c_i = softmax_i(beta K(key, M_i))              by content; K the cosine of the angle between key and row i
    g_i = gate c_i + (1 - gate) w_i(t-1)           or where it looked before
    s_i = sum over j = -1, 0, 1 of  shift_j g_(i-j)         moved around the ring of slots
    w_i = s_i^gamma / sum_j s_j^gamma              sharpened

    a(t)   = sum_i w_i(t) M_i(t-1)                 the reading: the activities of the layer
    M_i(t) = M_i(t-1) (1 - w_i(t) erase) + w_i(t) add       by the head that writes; products unit by unit

with key, add = tanh, erase, gate = logistic, beta = softplus, gamma = 1 + softplus, shift = softmax of what the controller
says, which is clipped to -20..20. At the start all of M is 1e-6 and both heads look at the first slot.

Source: A. Graves, G. Wayne, I. Danihelka, Neural Turing Machines, arXiv:1410.5401. That the reading comes before the
writing of the same step, the clipping, and the start, as in M. Collier, J. Beel, ICANN 2018.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from throughtime import units
from throughtime.network import Connection, Layer, Network, whole_number
from throughtime.units import Unit

HEADS = 2  # one reads, one writes
NUMBERS = 6  # that steer the place of a head: beta, gate, three of shift, gamma
FIRST = 1e-6  # every number of the matrix at the start
LIMIT = 20.0  # of the net inputs
SMALL = 1e-8  # keeps the angle to an empty row finite, and its slope


class MemoryContents(NamedTuple):
    """What a memory holds: matrix (..., slots, N), weightings (..., heads, slots), the reading head's first."""

    matrix: Array
    weightings: Array


def _rows(count: int, size: int) -> int:
    """How many rows of `size` units hold so many numbers."""
    return -(-count // size)


def _nets(size: int) -> tuple[str, ...]:
    steering = tuple(f"addressing {row + 1}" for row in range(_rows(HEADS * NUMBERS, size)))
    return ("read key", "write key", "erase", "add", *steering)


def _in_rows(values: Array, size: int) -> Array:
    """(..., count) numbers as (..., rows, N), filled up with zeros."""
    rows = _rows(values.shape[-1], size)
    filled = jnp.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, rows * size - values.shape[-1])])
    return filled.reshape(*values.shape[:-1], rows, size)


def _out_of_rows(rows: Array, shape: tuple[int, ...]) -> Array:
    """The numbers that `_in_rows` laid out, as (..., *shape)."""
    lead, count = rows.shape[:-2], shape[0] * shape[1]
    return rows.reshape(*lead, rows.shape[-2] * rows.shape[-1])[..., :count].reshape(*lead, *shape)


@dataclass(frozen=True)
class _Size:
    """Memory values per unit: the matrix, then both weightings in rows of N."""

    slots: int

    def __call__(self, size: int) -> int:
        return self.slots + _rows(HEADS * self.slots, size)


@dataclass(frozen=True)
class Heads:
    """The equations above, for a memory of so many slots.

    MemoryContents is the change since the start, so that zeros are the start, whatever it is.
    """

    slots: int

    def kept(self, memory: Array) -> MemoryContents:
        """The matrix and the weightings in a layer's memory (..., M, N)."""
        first = jnp.zeros(self.slots, memory.dtype).at[0].set(1)
        looked = _out_of_rows(memory[..., self.slots :, :], (HEADS, self.slots))
        return MemoryContents(memory[..., : self.slots, :] + FIRST, looked + first)

    def _memory(self, kept: MemoryContents) -> Array:
        """The inverse of `kept`."""
        looked = kept.weightings - jnp.zeros(self.slots, kept.matrix.dtype).at[0].set(1)
        flat = looked.reshape(*looked.shape[:-2], HEADS * self.slots)
        return jnp.concatenate([kept.matrix - FIRST, _in_rows(flat, kept.matrix.shape[-1])], axis=-2)

    def __call__(self, net: Array, memory: Array) -> tuple[Array, Array]:
        """The reading (..., N) and the next memory."""
        net = jnp.clip(net, -LIMIT, LIMIT)
        kept = self.kept(memory)
        steering = _out_of_rows(net[..., 4:, :], (HEADS, NUMBERS))
        place = _place(jnp.tanh(net[..., :2, :]), steering, kept)
        reading = jnp.einsum("...s,...sn->...n", place[..., 0, :], kept.matrix)
        erase, add = jax.nn.sigmoid(net[..., 2, :]), jnp.tanh(net[..., 3, :])
        matrix = kept.matrix * (1 - _outer(place[..., 1, :], erase)) + _outer(place[..., 1, :], add)
        return reading, self._memory(MemoryContents(matrix, place))


def _outer(place: Array, row: Array) -> Array:
    """(..., slots, N): the row at every slot, as far as the head looks there (as a product its adjoint is one too)."""
    return jnp.einsum("...s,...n->...sn", place, row)


def _place(key: Array, steering: Array, kept: MemoryContents) -> Array:
    """Where the heads look now (..., heads, slots): by content, gated, shifted, sharpened."""
    beta, gamma = jax.nn.softplus(steering[..., :1]), 1 + jax.nn.softplus(steering[..., 5:])
    gate, shift = jax.nn.sigmoid(steering[..., 1:2]), jax.nn.softmax(steering[..., 2:5], axis=-1)
    content = jax.nn.softmax(beta * _cosine(key, kept.matrix), axis=-1)
    mixed = gate * content + (1 - gate) * kept.weightings
    moved = (
        shift[..., :1] * jnp.roll(mixed, -1, axis=-1)
        + shift[..., 1:2] * mixed
        + shift[..., 2:] * jnp.roll(mixed, 1, axis=-1)
    )
    return jax.nn.softmax(gamma * jnp.log(moved), axis=-1)  # never 0: a clipped gate is never quite shut


def _cosine(key: Array, matrix: Array) -> Array:
    """(..., heads, slots): the cosine of the angle between each key and each row."""
    product = jnp.einsum("...hn,...sn->...hs", key, matrix)
    rows = jax.lax.rsqrt(jnp.sum(matrix * matrix, axis=-1) + SMALL)
    keys = jax.lax.rsqrt(jnp.sum(key * key, axis=-1) + SMALL)
    return product * keys[..., None] * rows[..., None, :]


def heads(slots: int) -> Unit:
    """The unit of a memory of so many slots: a reading and a writing head over a matrix that all units of the layer share.

    slots  at least 3

    >>> unit = heads(128)
    >>> unit.name, unit.nets_of(20), unit.memory_of(20)
    ('ntm-128', ('read key', 'write key', 'erase', 'add', 'addressing 1'), 141)
    """
    count = whole_number(slots, "slots", 3)
    return Unit(f"ntm-{count}", _nets, _Size(count), Heads(count), coupled=True)


units.FAMILIES["ntm"] = heads


def ntm(
    inputs: int | Mapping[str, int],
    hidden: int,
    outputs: int,
    slots: int = 128,
    width: int = 20,
    controller: Unit = units.lstm,
    g: Unit = units.linear,
) -> Network:
    """Neural Turing machine: a controller hears the input and the last reading; the output hears it and the new reading.

        controller(t) = f(input(t), memory(t-1), and itself at t-1 if it is an LSTM)
        memory(t)     = the reading, by heads that the controller steers;  output(t) = g(controller(t), memory(t))

    inputs, outputs  numbers of units; inputs may be {name: size}
    hidden           units of the controller
    slots, width     rows and columns of the matrix. No weight depends on `slots`: the weights of a trained network fit
                     one with more of them
    controller       `units.lstm`, or an elementwise unit, such as `units.tanh`, for a feedforward controller

    returns  a `Network`; `looked` shows from a trace where its heads look
    raises   ValueError for another controller, or fewer than 3 slots
    cost     per step and sequence O(weights + slots * width). The 12 numbers that steer the places of the heads come in
             whole rows of `width` units; what is left of the last row (8 of 20) has weights that nothing reads, and
             whose gradient is 0

    >>> network = ntm(8, 100, 8)
    >>> [(layer.name, layer.size, layer.memory) for layer in network.layers]
    [('controller', 100, 1), ('memory', 20, 141), ('output', 8, 0)]
    """
    elementwise = isinstance(controller.activate, units.Activation)
    if controller != units.lstm and not elementwise:
        raise ValueError(
            f"a controller is units.lstm, or an elementwise unit such as units.tanh, not {controller.name!r}"
        )
    sources = list(inputs) if isinstance(inputs, Mapping) else ["input"]
    back = () if elementwise else (Connection("controller", (1,), name="recurrent"),)
    heard = (*(Connection(source) for source in sources), *back, Connection("memory", (1,), name="reading"))
    layers = (
        Layer("controller", hidden, controller, heard),
        Layer("memory", width, heads(slots), (Connection("controller"),)),
        Layer("output", outputs, g, (Connection("controller"), Connection("memory"))),
    )
    return Network(inputs, layers, "output")


def looked(network: Network, memories: Mapping[str, Any], layer: str = "memory") -> Array:
    """Where the heads looked, (..., 2, slots), reading first: from the memories in a trace, or in a history.

    >>> import jax.numpy as jnp, throughtime as tt
    >>> network = tt.ntm(1, 4, 1, slots=5, width=3)
    >>> found = tt.trace(network, tt.init(network, 0), jnp.ones((7, 1, 1)))
    >>> looked(network, found["memories"]).shape
    (7, 1, 2, 5)
    """
    unit = network.by_name[layer].unit.activate
    if not isinstance(unit, Heads):
        raise ValueError(f"layer {layer!r} is not the memory of a neural Turing machine")
    return unit.kept(jnp.asarray(memories[layer])).weightings
