"""Units: what a layer does with its net inputs.

A unit turns the net inputs of a layer, and the memory it may have, into an activity and the next memory:

    a(t), m(t) = activate(net(t), m(t-1))      net (..., nets, N), m (..., M, N), a (..., N)

The activation functions are frozen dataclasses or functions of a module, never closures: equal units then share
compiled code. A unit of one's own is one more `Unit` value; `throughtime.from_json(text, units=[mine])` finds it again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from throughtime.checks import is_number, is_text, is_whole

Elementwise = Callable[[Array], Array]
Activate = Callable[[Array, Array], tuple[Array, Array]]


@dataclass(frozen=True)
class Unit:
    """What one layer computes from its net inputs.

    name      its word in drawings, model files and on the command line
    nets      names of the net inputs, or a function of the layer's size N that gives them
    memory    values per unit that are kept from step to step (M), or a function of N
    activate  (net (..., nets, N), memory (..., M, N)) -> (activity (..., N), memory), any leading axes
    coupled   True if an activity or memory depends on the net inputs or memories of other units of the layer (softmax)
    start     value of every memory before the first step
    bias      first values of the biases, as (net, value) pairs; 0 where not named

    raises    ValueError for what cannot be a unit; `Layer` tries a unit of one's own (`throughtime.trial`), and raises one if its
              `activate` gives other shapes than these, or mixes units without `coupled=True`
    """

    name: str
    nets: tuple[str, ...] | Callable[[int], tuple[str, ...]]
    memory: int | Callable[[int], int]
    activate: Activate
    coupled: bool = False
    start: float = 0.0
    bias: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        what = f"unit {self.name!r}"
        if not is_text(self.name) or not self.name:
            raise ValueError(f"{what}: its name must be text")
        if not callable(self.nets):
            object.__setattr__(self, "nets", _net_names(what, self.nets))
        if not callable(self.memory) and not is_whole(self.memory, 0):
            raise ValueError(
                f"{what}: memory must be how many values each unit keeps, 0 for none, or a function of the layer's size, "
                f"not {self.memory!r}"
            )
        if (trouble := _wrong_bias(self.bias, self.nets)) is not None:
            raise ValueError(f"{what}: bias must be pairs such as (('forget', 1.0),), {trouble}")
        if not callable(self.activate):
            raise ValueError(f"{what}: activate must be a function (net, memory) -> (activity, memory)")
        try:
            hash(self.activate)
        except TypeError:
            raise ValueError(
                f"{what}: activate cannot be told from others (it has no hash); make it a frozen dataclass or a function"
            ) from None

    def nets_of(self, size: int) -> tuple[str, ...]:
        """The names of the net inputs in a layer of that size."""
        return self.nets(size) if callable(self.nets) else self.nets

    def memory_of(self, size: int) -> int:
        """The number of memory values per unit (M) in a layer of that size."""
        return self.memory(size) if callable(self.memory) else self.memory


def _net_names(what: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        raise ValueError(f"{what}: nets must be a tuple of names, not the text {given!r}: write ({given!r},)")
    names = tuple(given) if isinstance(given, Iterable) else ()
    if not names or not all(map(is_text, names)) or len(set(names)) < len(names):
        raise ValueError(
            f"{what}: nets must be a tuple of one or more different names, such as ('net',), not {given!r}"
        )
    return names


def _wrong_bias(given: Any, nets: Any) -> str | None:
    """Why these are no first values of biases, or None."""
    pairs = given if isinstance(given, tuple) else (given,)
    if not all(isinstance(pair, tuple) and len(pair) == 2 and is_number(pair[1]) for pair in pairs):
        return f"a net input and a number each, not {given!r}"
    unknown = [net for net, _ in pairs if not callable(nets) and net not in nets]
    return f"and there is no net input {unknown[0]!r}; there are {', '.join(nets)}" if unknown else None


def _identity(x: Array) -> Array:
    return x


def _tanh(x: Array) -> Array:  # functions of this module can be pickled; JAX's own cannot
    return jnp.tanh(x)


def _relu(x: Array) -> Array:
    return jax.nn.relu(x)


def _logistic(x: Array) -> Array:
    return jax.nn.sigmoid(x)  # by way of tanh, small numbers would have no figures left


def _saturate(x: Array) -> Array:
    return jnp.where(
        x <= 0, 0.0, jnp.where(x >= 1, 1.0, x)
    )  # at the corners the slope is 0, as `_saturated_slope` has it


@dataclass(frozen=True)
class Activation:
    """a = f(net) for an elementwise f whose slope f'(net) can be told from the activity: tanh' = 1 - a^2.

    An activation function of one's own is `Unit("mine", ("net",), 0, Activation(f, slope))`; where the slope cannot be
    told from a, any function of (net, memory) serves as `activate`.
    """

    f: Elementwise
    slope: Elementwise

    def __call__(self, net: Array, memory: Array) -> tuple[Array, Array]:
        return self.f(net[..., 0, :]), memory


@dataclass(frozen=True)
class _Context:
    """a = f(input) + carry (Mozer's context unit; the net "carry" hears the unit itself, through its decay)."""

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


def _tanh_slope(a: Array) -> Array:
    return 1.0 - a * a


def _logistic_slope(a: Array) -> Array:
    return a * (1.0 - a)


def _relu_slope(a: Array) -> Array:
    return (a > 0).astype(a.dtype)


def _saturated_slope(a: Array) -> Array:
    return ((a > 0) & (a < 1)).astype(a.dtype)


def _elementwise(name: str, f: Elementwise, slope: Elementwise) -> Unit:
    return Unit(name, ("net",), 0, Activation(f, slope))


linear = _elementwise("linear", _identity, jnp.ones_like)
tanh = _elementwise("tanh", _tanh, _tanh_slope)
logistic = _elementwise("logistic", _logistic, _logistic_slope)
relu = _elementwise("relu", _relu, _relu_slope)
saturated_linear = _elementwise("saturated_linear", _saturate, _saturated_slope)
softmax = Unit("softmax", ("net",), 0, _softmax, coupled=True)
lstm = Unit("lstm", ("input", "forget", "output", "cell"), 1, _lstm, bias=(("forget", 1.0),))
gru = Unit("gru", ("candidate", "reset", "update", "recurrent", "previous"), 0, _gru)


def context(f: Unit) -> Unit:
    """Mozer's context unit a(t) = f(input(t)) + carry(t) over an elementwise unit f.

    >>> context(tanh).name
    'context-tanh'
    """
    if not isinstance(f.activate, Activation):
        raise ValueError(f"context units need an elementwise unit for f, such as tanh; {f.name!r} is not one")
    return Unit(f"context-{f.name}", ("input", "carry"), 0, _Context(f.activate.f))


_elementwise_units = (linear, tanh, logistic, relu, saturated_linear)
UNITS: dict[str, Unit] = {
    unit.name: unit for unit in (*_elementwise_units, softmax, lstm, gru, *(context(f) for f in _elementwise_units))
}

FAMILIES: dict[str, Callable[[int], Unit]] = {}  # units made to measure, by the word before their number: "ntm-128"


def built_in(unit: Unit) -> bool:
    """True for a unit that is known by its name, with nothing of one's own in it."""
    try:
        return named(unit.name) == unit
    except ValueError:
        return False


def named(name: str, units: tuple[Unit, ...] = ()) -> Unit:
    """The unit of that name among `units`, the built-in ones and the families."""
    known = UNITS | {unit.name: unit for unit in units}
    word, _, number = name.rpartition("-")
    if name not in known and word in FAMILIES and number.isdecimal():
        return FAMILIES[word](int(number))
    if name not in known:
        raise ValueError(f"unknown unit {name!r}; known: {', '.join(known)} (pass your own with units=)")
    return known[name]
