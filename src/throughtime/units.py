"""Units: what a layer does with its net inputs.

A unit turns the net inputs of a layer, and the memory it may have, into an activity and the next memory:

    a(t), m(t) = activate(net(t), m(t-1))      net (..., nets, N), m (..., M, N), a (..., N)

The activation functions are frozen dataclasses or functions of a module, never closures: equal units then share
compiled code. A unit of one's own is one more `Unit` value; `throughtime.from_json(text, units=[mine])` finds it again.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

Elementwise = Callable[[Array], Array]
Activate = Callable[[Array, Array], tuple[Array, Array]]


@dataclass(frozen=True)
class Unit:
    """What one layer computes from its net inputs.

    name      its word in drawings, model files and on the command line
    nets      names of the net inputs, or a function of the layer's size N that gives them
    memory    values per unit that are kept from step to step (M), or a function of N
    activate  (net (..., nets, N), memory (..., M, N)) -> (activity (..., N), memory), any leading axes
    coupled   True if an activity depends on the net inputs of other units of the layer (softmax)
    start     value of every memory before the first step
    bias      first values of the biases, as (net, value) pairs; 0 where not named
    """

    name: str
    nets: tuple[str, ...] | Callable[[int], tuple[str, ...]]
    memory: int | Callable[[int], int]
    activate: Activate
    coupled: bool = False
    start: float = 0.0
    bias: tuple[tuple[str, float], ...] = ()

    def nets_of(self, size: int) -> tuple[str, ...]:
        """The names of the net inputs in a layer of that size."""
        return self.nets(size) if callable(self.nets) else self.nets

    def memory_of(self, size: int) -> int:
        """The number of memory values per unit (M) in a layer of that size."""
        return self.memory(size) if callable(self.memory) else self.memory


def _identity(x: Array) -> Array:
    return x


def _logistic(x: Array) -> Array:
    return 0.5 * jnp.tanh(0.5 * x) + 0.5  # the same function as 1/(1+exp(-x)), and faster on a CPU


def _saturate(x: Array) -> Array:
    return jnp.clip(x, 0.0, 1.0)


@dataclass(frozen=True)
class _Of:
    """a = f(net) for an elementwise f."""

    f: Elementwise

    def __call__(self, net: Array, memory: Array) -> tuple[Array, Array]:
        return self.f(net[..., 0, :]), memory


@dataclass(frozen=True)
class _Context:
    """a = f(input) + carry (Mozer's context unit: the carry net hears the unit itself, through its decay)."""

    f: Elementwise

    def __call__(self, net: Array, memory: Array) -> tuple[Array, Array]:
        return self.f(net[..., 0, :]) + net[..., 1, :], memory


def _softmax(net: Array, memory: Array) -> tuple[Array, Array]:
    return jax.nn.softmax(net[..., 0, :], axis=-1), memory


def _lstm(net: Array, memory: Array) -> tuple[Array, Array]:
    gates = _logistic(net[..., :3, :])
    cell = gates[..., 1, :] * memory[..., 0, :] + gates[..., 0, :] * jnp.tanh(net[..., 3, :])
    return gates[..., 2, :] * jnp.tanh(cell), cell[..., None, :]


def _gru(net: Array, memory: Array) -> tuple[Array, Array]:
    gates = _logistic(net[..., 1:3, :])
    reset, update = gates[..., 0, :], gates[..., 1, :]
    candidate = jnp.tanh(net[..., 0, :] + reset * net[..., 3, :])
    return (1.0 - update) * candidate + update * net[..., 4, :], memory


def _elementwise(name: str, f: Elementwise) -> Unit:
    return Unit(name, ("net",), 0, _Of(f))


linear = _elementwise("linear", _identity)
tanh = _elementwise("tanh", jnp.tanh)
logistic = _elementwise("logistic", _logistic)
relu = _elementwise("relu", jax.nn.relu)
saturated_linear = _elementwise("saturated_linear", _saturate)
softmax = Unit("softmax", ("net",), 0, _softmax, coupled=True)
lstm = Unit("lstm", ("input", "forget", "output", "cell"), 1, _lstm, bias=(("forget", 1.0),))
gru = Unit("gru", ("candidate", "reset", "update", "recurrent", "previous"), 0, _gru)


def context(f: Unit) -> Unit:
    """Mozer's context unit a(t) = f(input(t)) + carry(t) over an elementwise unit f.

    >>> context(tanh).name
    'context-tanh'
    """
    if not isinstance(f.activate, _Of):
        raise ValueError(f"context units need an elementwise unit for f, such as tanh; {f.name!r} is not one")
    return Unit(f"context-{f.name}", ("input", "carry"), 0, _Context(f.activate.f))


_elementwise_units = (linear, tanh, logistic, relu, saturated_linear)
BUILT_IN: dict[str, Unit] = {
    unit.name: unit
    for unit in (*_elementwise_units, softmax, lstm, gru, *(context(f) for f in _elementwise_units))
}


def named(name: str, units: tuple[Unit, ...] = ()) -> Unit:
    """The unit of that name among `units` and the built-in ones."""
    known = BUILT_IN | {unit.name: unit for unit in units}
    if name not in known:
        raise ValueError(f"unknown unit {name!r}; known: {', '.join(known)} (pass your own with units=)")
    return known[name]
