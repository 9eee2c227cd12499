"""A unit of one's own is what it says, or it is refused in one line: its shapes, and whom it mixes."""

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

import throughtime as tt
import zoo
from throughtime import Connection, Layer, Unit, trial, units


def of(activate: Any, nets: Any = ("net",), memory: Any = 0, **rest: Any) -> Unit:
    return Unit("mine", nets, memory, activate, **rest)


def layer(unit: Any, size: int = 3) -> Layer:
    return Layer("h", size, unit, ("input",))


def sine(net: Array, memory: Array) -> tuple[Array, Array]:
    return jnp.sin(net[..., 0, :]), memory


def softmax(net: Array, memory: Array) -> tuple[Array, Array]:
    return jax.nn.softmax(net[..., 0, :], axis=-1), memory


@dataclass(frozen=True)
class Thread:
    """One weak thread leads from one unit to another."""

    begin: int
    end: int

    def __call__(self, net: Array, memory: Array) -> tuple[Array, Array]:
        own = net[..., 0, :]
        return own.at[..., self.end].add(1e-4 * jnp.tanh(own[..., self.begin])), memory


def kept_from_others(net: Array, memory: Array) -> tuple[Array, Array]:
    """The activity is its own; what is kept comes from a neighbour."""
    return net[..., 0, :], 0.5 * jnp.roll(memory, 1, axis=-1) + net


def of_seven(net: Array, memory: Array) -> tuple[Array, Array]:
    """Can be computed with seven units only."""
    return net[..., 0, :] * jnp.arange(1.0, 8.0), memory


def seven_mixed(net: Array, memory: Array) -> tuple[Array, Array]:
    return net[..., 0, :] @ jnp.ones((7, 7)), memory


def logarithm(net: Array, memory: Array) -> tuple[Array, Array]:
    return jnp.log(net[..., 0, :]), memory


def mixed_logarithm(net: Array, memory: Array) -> tuple[Array, Array]:
    return jnp.log(net[..., 0, :]) + jnp.log(net[..., 0, :]).sum(-1, keepdims=True), memory


def over_the_batch(net: Array, memory: Array) -> tuple[Array, Array]:
    return net[..., 0, :] - jnp.mean(net), memory


@jax.custom_vjp
def hard(x: Array) -> Array:
    return jnp.round(x)


hard.defvjp(lambda x: (hard(x), x), lambda x, error: (error / (1 + x * x),))


def backward_only(net: Array, memory: Array) -> tuple[Array, Array]:
    """An error comes back, but there is no forward mode."""
    return hard(net[..., 0, :]), memory


def without_gradient(net: Array, memory: Array) -> tuple[Array, Array]:
    like = jax.ShapeDtypeStruct(net[..., 0, :].shape, net.dtype)
    return jax.pure_callback(lambda x: np.tanh(x), like, net[..., 0, :]), memory


@dataclass
class Unhashable:
    gain: float = 1.0

    def __call__(self, net: Array, memory: Array) -> tuple[Array, Array]:
        return self.gain * net[..., 0, :], memory


WITHOUT_PAIR = r"layer 'h': unit 'mine' .*gives an array \(2, 3\), no pair: return \(activity, memory\)$"
REFUSED: dict[str, tuple[Any, str]] = {
    "text for a tuple of nets": (
        lambda: of(sine, nets=("net")),  # the parentheses make no tuple
        r"unit 'mine': nets must be a tuple of names, not the text 'net': write \('net',\)$",
    ),
    "text for a tuple of nets, of a size": (lambda: layer(of(sine, nets=lambda size: "net")), r"'net',\), not 'net'$"),
    "no nets": (lambda: of(sine, nets=()), r"unit 'mine': nets must be .*not \(\)$"),
    "nets twice": (lambda: of(sine, nets=("a", "a")), r"unit 'mine': nets must be .*different"),
    "a number for nets": (lambda: of(sine, nets=1), r"unit 'mine': nets must be .*not 1$"),
    "half a memory": (lambda: of(sine, memory=0.5), r"unit 'mine': memory must be how many .*not 0.5$"),
    "memory below 0": (lambda: of(sine, memory=-1), r"unit 'mine': memory .*not -1$"),
    "memory of a size, below 0": (lambda: layer(of(sine, memory=lambda n: -n)), r"memory for 3 units .*not -3$"),
    "name that is none": (lambda: Unit("", ("net",), 0, sine), r"unit '': its name must be text$"),
    "activate that is none": (lambda: of("tanh"), r"unit 'mine': activate must be a function"),
    "activate without a hash": (lambda: of(Unhashable()), r"unit 'mine': activate .*no hash.*frozen dataclass"),
    "bias without pairs": (lambda: of(sine, bias=("net", 1.0)), r"unit 'mine': bias must be pairs such as"),
    "bias of no net": (lambda: of(sine, bias=(("nut", 1.0),)), r"there is no net input 'nut'; there are net$"),
    "no pair": (lambda: layer(of(lambda net, memory: net[..., 0, :])), WITHOUT_PAIR),
    "none": (lambda: layer(of(lambda net, memory: None)), r"gives a NoneType, no pair"),
    "three": (lambda: layer(of(lambda net, memory: (net, net, memory))), r"gives a tuple, no pair"),
    "net axis kept": (
        lambda: layer(of(lambda net, memory: (jnp.tanh(net), memory))),
        r"gives an activity \(2, 1, 3\), wanted \(2, 3\); take the net input out, as in net\[\.\.\., 0, :\]$",
    ),
    "first axes lost": (
        lambda: layer(of(lambda net, memory: (net[0, 0], memory))),
        r"activity \(3,\), wanted \(2, 3\)",
    ),
    "memory lost": (
        lambda: layer(of(lambda net, memory: (net[..., 0, :], memory[..., 0, :]), memory=2)),
        r"gives a memory \(2, 3\), wanted \(2, 2, 3\)$",
    ),
    "memory out of nothing": (
        lambda: layer(of(lambda net, memory: (net[..., 0, :], net))),
        r"gives a memory \(2, 1, 3\), wanted \(2, 0, 3\)$",
    ),
    "no memory": (lambda: layer(of(lambda net, memory: (net[..., 0, :], None))), r"gives a memory NoneType, wanted"),
    "whole numbers": (
        lambda: layer(of(lambda net, memory: ((net[..., 0, :] > 0).astype(int), memory))),
        r"an activity of int64: it must be floating-point",
    ),
    "numpy instead of JAX": (
        lambda: layer(of(lambda net, memory: (np.tanh(np.asarray(net))[..., 0, :], memory))),
        r"unit 'mine' .*fails: .*in jax\.numpy$",
    ),
    "one argument": (lambda: layer(of(lambda net: net)), r"unit 'mine' .*fails: .*activate takes \(net"),
    "no gradient": (lambda: layer(of(without_gradient)), r"unit 'mine' .*activate has no gradient: .*in jax.numpy$"),
    "softmax": (lambda: layer(of(softmax)), r"layer 'h': unit 'mine' .*say so, coupled=True$"),
    "softmax of many": (lambda: layer(of(softmax), 300), r"say so, coupled=True$"),
    "memories mixed": (lambda: layer(of(kept_from_others, memory=1)), r"say so, coupled=True$"),
    "mixed, of one size": (lambda: layer(of(seven_mixed), 7), r"say so, coupled=True$"),
    "mixed where it is a number": (lambda: layer(of(mixed_logarithm)), r"say so, coupled=True$"),
    "rows mixed": (lambda: layer(of(over_the_batch)), r"it mixes the rows of a batch: .*axis=-1"),
    "rows mixed, coupled": (lambda: layer(of(over_the_batch, coupled=True)), r"it mixes the rows of a batch"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_unit_is_refused_in_one_line(name: str) -> None:
    make, words = REFUSED[name]
    with pytest.raises(ValueError, match=words) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("begin", "end"), list(permutations(range(4), 2)))
def test_one_weak_thread_between_two_units_is_enough(begin: int, end: int) -> None:
    with pytest.raises(ValueError, match=r"say so, coupled=True$"):
        layer(of(Thread(begin, end)), 4)


TAKEN: dict[str, Any] = {
    "sine": lambda: layer(of(sine)),
    "one unit alone": lambda: layer(of(softmax), 1),  # there is nobody to be coupled with
    "coupled softmax": lambda: layer(of(softmax, coupled=True)),
    "memories mixed": lambda: layer(of(kept_from_others, memory=1, coupled=True)),
    "of one size": lambda: layer(of(of_seven), 7),
    "not a number everywhere": lambda: layer(of(logarithm)),
    "its own way back": lambda: layer(of(backward_only)),
    "a list of nets": lambda: layer(of(sine, nets=["net"])),
    "an elementwise one": lambda: layer(Unit("cube", ("net",), 0, units.Activation(jnp.cbrt, jnp.ones_like))),
    "a context unit of one": lambda: layer(
        units.context(Unit("cube", ("net",), 0, units.Activation(jnp.cbrt, jnp.ones_like)))
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_right_unit_is_taken(name: str) -> None:
    assert TAKEN[name]().size >= 1


def wired() -> dict[str, Layer]:
    """A layer of every unit and size in the zoo, and one of every built-in unit."""
    made = {f"{each.unit.name}, {each.size}": each for n in zoo.NETWORKS.values() for each in n.layers}
    return made | {name: Layer("h", 4, unit, ("x",)) for name, unit in units.UNITS.items()}


@pytest.mark.parametrize("name", wired())
def test_every_unit_of_the_zoo_is_what_it_says(name: str) -> None:
    unit, size = wired()[name].unit, wired()[name].size
    assert trial.wrong_sizes(unit, size) is None
    assert trial.wrong_shapes(unit, size) is None
    assert trial.wrong_mixing(unit, size) is None
    if unit.coupled and size > 1:
        words = "say so, coupled=True"
        assert words in str(trial.wrong_mixing(replace(unit, coupled=False), size)), "coupled, and it does not show"


def test_a_wiring_read_from_text_is_refused_too() -> None:
    text = zoo.NETWORKS["own coupled unit"].to_json()
    with pytest.raises(ValueError, match=r"layer 'h': unit 'competition' .*coupled=True"):
        tt.from_json(text, [replace(zoo.competition, coupled=False)])


def test_what_is_not_said_to_be_coupled_would_be_learned_wrongly() -> None:
    """Why it is refused: RTRL believes it. The trial is left out here, and the gradients are wrong."""
    xs, ys = zoo.inputs_for(tt.elman(2, 3, 3)), None
    found = []
    for unit in (of(softmax, coupled=True), of(softmax)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("throughtime.layers.refusal", lambda unit, size: None)
            hidden = Layer("h", 3, unit, ("x", Connection("h", 1, name="back")))
            network = tt.Network({"x": 2}, (hidden, Layer("y", 2, units.linear, ("h",))), "y")
        ys = zoo.targets_for(network)
        weights = zoo.weights_of(network)
        found.append(zoo.lessons(network, tt.RTRL(), weights, xs, ys, tt.SquaredError()).gradients)
    assert zoo.distance(*found) > 1e-3


def test_a_unit_is_tried_once_for_each_size_and_also_while_JAX_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(net: Array, memory: Array) -> tuple[Array, Array]:
        calls.append(net.shape)
        return sine(net, memory)

    mine = of(counted)

    @jax.jit
    def traced(x: Array) -> Array:
        layer(mine)
        return x

    traced(jnp.ones(3))
    tried = len(calls)
    assert tried
    for _ in range(3):
        layer(mine)
    assert len(calls) == tried
    layer(mine, 4)
    assert len(calls) > tried
    monkeypatch.setattr("throughtime.trial.wrong_shapes", lambda *given: pytest.fail("a built-in unit is not tried"))
    tt.lstm(2, 29, 1)
    tt.ntm(2, 3, 1, slots=29)
