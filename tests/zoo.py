"""The lists every law runs over: networks, learners, losses, lengths. One more row tests a newcomer everywhere."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import reference
import throughtime as tt
from throughtime import Connection, Layer, LearnedDelays, Network, Unit, units
from throughtime.external_memory import heads
from throughtime.losses import traits_of

STEPS, BATCH = 6, 2


@dataclass(frozen=True)
class Competition:
    """a = net / (1 + |net|^2): every unit feels the others."""

    def __call__(self, net: Array, memory: Array) -> tuple[Array, Array]:
        row = net[..., 0, :]
        return row / (1 + jnp.sum(row * row, axis=-1, keepdims=True)), memory


@dataclass(frozen=True)
class Register:
    """A shared memory of N + 1 values per unit: one net writes, one reads, and the units mix what they keep."""

    def __call__(self, net: Array, memory: Array) -> tuple[Array, Array]:
        write, read = jnp.tanh(net[..., 0, :]), net[..., 1, :]
        mixed = 0.5 * memory + 0.3 * jnp.roll(memory, 1, axis=-1)
        kept = mixed + write[..., None, :] * jnp.arange(1.0, memory.shape[-2] + 1)[:, None]
        return jnp.tanh(read) * jnp.mean(kept, axis=-2), kept


def _one_more(size: int) -> int:
    return size + 1


competition = Unit("competition", ("net",), 0, Competition(), coupled=True)
register = Unit("register", ("write", "read"), _one_more, Register(), coupled=True, start=0.25)
OWN_UNITS = (competition, register, heads(3))

BACK = Connection("h", 1, name="recurrent")


def _out(*heard: str | Connection, size: int = 2, unit: Unit = units.linear) -> Layer:
    return Layer("y", size, unit, heard)


def _net(*layers: Layer, inputs: dict[str, int] | None = None) -> Network:
    return Network(inputs or {"x": 2}, layers, "y")


def _twice(unit: Unit, **rest: Any) -> tuple[Layer, ...]:
    """Two layers that hear each other: one loop."""
    return (
        Layer("a", 2, unit, ("x", Connection("b", 1)), **rest),
        Layer("b", 3, units.tanh, (Connection("a", (0, 2)), Connection("b", (1, 3), name="own")), **rest),
    )


FORWARD: dict[str, Network] = {
    # no loops
    "feedforward": tt.feedforward(2, [3, 2], 2),
    "feedforward softmax": tt.feedforward(2, 3, 3, f=units.logistic, g=units.softmax),
    "perceptron": _net(_out("x")),
    "window": tt.window(2, 3, 2, 3),
    "tdnn": tt.tdnn(1, 3, 2, [range(3), (0, 2)]),
    "tdnn gaps": tt.tdnn(2, [2, 3], 1, [(0, 4), (1,), (0, 2)], f=units.relu),
    "tdnn learned delays": _net(
        Layer("h", 2, units.tanh, [Connection("x", weight=LearnedDelays(3, temperature=0.7))]),
        _out(Connection("h", weight=LearnedDelays(2, minimum=0))),
    ),
    "tdnn, learned delays, two per pair": tt.anneal(
        tt.tdnn(1, 2, 1, [[LearnedDelays(3), LearnedDelays(2, 0)], 0]), 0.4
    ),
    "tdnn, delays per source": tt.tdnn({"u": 1, "v": 2}, 2, 1, [{"u": range(3), "v": LearnedDelays(2)}, (0, 3)]),
    "waibel": tt.waibel(2, 3, 2),
    "tdnn start": _net(
        Layer("h", 2, units.tanh, [Connection("x", (0, 1))], start="learned"), _out(Connection("h", (0, 3)))
    ),
    "narx open": tt.narx({"x": 2}, 3, 2, (0, 2), (1, 3)).open_loop(),
    # loops
    "jordan": tt.jordan(2, 3, 2),
    "jordan start": tt.jordan(2, 3, 2, g=units.tanh, start="learned"),
    "elman": tt.elman(2, 3, 2),
    "elman stack": tt.elman(1, [2, 3], 1, f=units.logistic),
    "recurrent": tt.fully_recurrent(2, 3, 2),
    "recurrent start": tt.fully_recurrent(2, 3, 2, start="learned"),
    "recurrent stack": tt.fully_recurrent(2, [2, 3], 2),
    "recurrent softmax": tt.fully_recurrent(2, 3, 3, g=units.softmax),
    "narx": tt.narx(1, 3, 2, range(3), (1, 2)),
    "narx gaps": tt.narx(1, [2, 2], 1, (0, 3), (2, 5)),
    "narx of changes": tt.narx(1, 2, 2, (0, 1), (1, 2), increments=True, skip=True),
    "narx of changes, open": tt.narx(1, [2, 2], 1, (0, 1), (2,), increments=True, skip=True).open_loop(),
    "narx, sooner": tt.narx(2, 3, 1, (1, 2), (1, 2)).remove_delay(),
    "narx, learned delays": tt.anneal(tt.narx(1, 2, 1, LearnedDelays(2, 0), LearnedDelays(3)), 0.5),
    "narx, learned delays, open": tt.narx(1, 2, 1, (0, 1), LearnedDelays(2)).open_loop(),
    "narx, learned delays, start": tt.narx(1, 2, 1, 0, [LearnedDelays(3), LearnedDelays(2)], start="learned"),
    "series": tt.narx(0, 3, 1, output_delays=(1, 3)),
    "narx start": tt.narx({"u": 1, "v": 2}, 2, 1, (0, 1), (1, 4), start="learned"),
    "focused": tt.focused(2, 3, 2),
    "focused start": tt.focused(2, 3, 2, start="learned"),
    "focused stack": tt.focused(2, [2, 3], 2),
    "focused, heard late": _net(
        Layer(
            "h", 2, units.context(units.tanh), (Connection("x", nets="input"), Connection("h", 1, "diagonal", "carry"))
        ),
        _out(Connection("h", (0, 1))),
    ),
    "diagonal": _net(
        Layer("h", 3, units.tanh, (Connection("x", (0, 1)), Connection("h", (1, 2), "diagonal"))), _out("h")
    ),
    "lstm": tt.lstm(2, 3, 2),
    "lstm start": tt.lstm(2, 2, 1, start="learned"),
    "lstm stack": tt.lstm(1, [2, 2], 1),
    "lstm, learned delays": _net(
        Layer("h", 2, units.lstm, ("x", Connection("h", weight=LearnedDelays(3, temperature=0.6), name="own"))),
        _out("h"),
    ),
    "lstm without recurrence": _net(Layer("h", 3, units.lstm, ["x"]), _out("h")),
    "lstm, one unit's own gates": _net(
        Layer("h", 2, units.lstm, ("x", Connection("h", 1, "diagonal", ("output", "input")))), _out("h", "x")
    ),
    "gru": tt.gru(2, 3, 2),
    "gru start": tt.gru(1, 2, 1, start="learned"),
    "two inputs": tt.fully_recurrent({"u": 1, "v": 3}, 2, 2),
    "two layers in a loop": _net(*_twice(units.tanh), _out("b")),
    "two layers in a loop, start": _net(*_twice(units.logistic, start="learned"), _out("b", "a")),
    "loop in a loop": _net(
        Layer("a", 2, units.tanh, ("x", Connection("a", 1, name="own"), Connection("y", 2))),
        Layer("b", 2, units.lstm, ("a", Connection("b", 1, name="own"))),
        Layer("y", 1, units.linear, ("b", "x")),
    ),
    "skip": _net(
        Layer("a", 3, units.tanh, ("x", Connection("a", 1, name="own"))),
        Layer("b", 2, units.relu, ("a", Connection("x", 2))),
        _out("a", "b", "x"),
    ),
    "delays across layers": _net(
        Layer("a", 2, units.tanh, ("x", Connection("a", 2, name="own"))),
        Layer("b", 3, units.logistic, (Connection("a", (1, 3)), Connection("b", 1, name="own"))),
        _out(Connection("b", (0, 2)), Connection("a", 4)),
    ),
    "learned delays in a loop": _net(
        Layer("h", 3, units.tanh, ("x", Connection("h", weight=LearnedDelays(3), name="own"))), _out("h")
    ),
    "softmax in a loop": _net(Layer("h", 3, units.softmax, ("x", BACK)), _out("h")),
    "no bias, listed backwards": _net(
        _out("h"), Layer("h", 3, units.tanh, ("x", Connection("h", 1, "identity", name="context")), bias=False)
    ),
    "some nets, in any order": _net(
        Layer("h", 2, units.gru, (Connection("x", nets=("update", "candidate")), BACK), bias="reset"), _out("h")
    ),
    "own coupled unit": _net(Layer("h", 3, competition, ("x", BACK)), _out("h")),
    "dropout": _net(
        Layer("h", 3, units.tanh, ("x", Connection("h", 1, name="recurrent", dropout=0.4))),
        Layer("one to one", 3, units.tanh, (Connection("h", (0, 2), "diagonal", dropout=0.5),)),
        _out(Connection("h", dropout=0.3), "one to one"),
    ),
    "own memory": _net(Layer("h", 2, register, ("x",), start="learned"), _out("h")),
    "ntm": tt.ntm(2, 2, 1, slots=3, width=4),
    "ntm, feedforward": tt.ntm(2, 3, 2, slots=3, width=3, controller=units.tanh),
}

BACKWARD: dict[str, Network] = {
    "bidirectional": tt.fully_recurrent(2, 2, 2, bidirectional=True),
    "bidirectional lstm": tt.lstm(1, 2, 2, start="learned", bidirectional=True),
    "bidirectional gru stack": tt.gru(1, [2, 2], 1, bidirectional=True),
    "backward tdnn": _net(
        Layer("h", 3, units.tanh, [Connection("x", (0, 2))], backward=True), _out(Connection("h", (0, 1)))
    ),
    "backward lstm without recurrence": _net(
        Layer("h", 2, units.lstm, ["x"], backward=True, start="learned"), _out("h")
    ),
    "two backward layers in a loop": _net(*_twice(units.tanh, backward=True, start="learned"), _out("a", "b")),
    "to and fro": _net(
        Layer("a", 2, units.tanh, ("x", Connection("a", 1, name="own")), start="learned"),
        Layer(
            "b",
            2,
            units.tanh,
            (Connection("a", (0, 2)), Connection("b", 2, name="own")),
            backward=True,
            start="learned",
        ),
        Layer("c", 3, units.lstm, (Connection("b", (1, 3)), Connection("a", 2))),
        Layer("y", 2, units.linear, (Connection("c", 1), "b"), backward=True),
    ),
}

NETWORKS = FORWARD | BACKWARD

LEARNERS: dict[str, Any] = {
    "Backprop": tt.Backprop(),
    "BPTT": tt.BPTT(),
    "BPTT(3)": tt.BPTT(3),
    "RTRL": tt.RTRL(),
    "RTRL(4)": tt.RTRL(4),
    "Focused": tt.Focused(),
    "BPTT(segment=4)": tt.WeightNoise(
        tt.BPTT(segment=4), 0.3
    ),  # no noise without a key: who is within, by its contract
}
FORWARD_ONLY = (
    "BPTT(3)",
    "RTRL",
    "RTRL(4)",
    "Focused",
    "BPTT(segment=4)",
)  # what asks for a network without backward layers

LENGTHS = ((4, 6), (1, 0))  # of the sequences of a batch of STEPS steps


def cubic(ys: Array, targets: Array) -> Array:
    """A loss of one's own: a function of a module, per step."""
    return jnp.sum(jnp.where(jnp.isnan(targets), 0.0, (ys - jnp.nan_to_num(targets)) ** 3), axis=-1)


def last(ys: Array, targets: Array) -> Array:
    """A loss per sequence (B,): only the last step is asked."""
    return jnp.sum((ys[-1] - targets[-1]) ** 2, axis=-1)


last.per = "sequence"

LOSSES: dict[str, Any] = {
    "squared error": tt.SquaredError(),
    "cross-entropy": tt.CrossEntropy(),
    "binary cross-entropy": tt.BinaryCrossEntropy(),
    "CTC": tt.CTC(),
    "integrated": tt.Integrated(tt.CrossEntropy(), "sum"),
    "own": cubic,
    "own, per sequence": last,
}


def weights_of(network: Network, seed: int = 0) -> Any:
    """Random weights of order 0.5: none is zero, biases and a(0) included."""
    leaves, tree = jax.tree.flatten(reference.shapes(network), is_leaf=lambda s: isinstance(s, tuple))
    draw = np.random.default_rng(seed)
    return jax.tree.unflatten(tree, [jnp.asarray(draw.normal(0, 0.5, shape)) for shape in leaves])


def inputs_for(network: Network, steps: int = STEPS, batch: int = BATCH, seed: int = 1) -> Any:
    """Random inputs: an array if there is one input, else {input: array}."""
    draw = np.random.default_rng(seed)
    xs = {name: jnp.asarray(draw.normal(size=(steps, batch, size))) for name, size in network.inputs}
    return xs if len(xs) > 1 else next(iter(xs.values()))


def targets_for(network: Network, loss: Any = None, steps: int = STEPS, batch: int = BATCH, seed: int = 2) -> Any:
    """Random targets that the loss understands; not everything is asked."""
    draw = np.random.default_rng(seed)
    size = network.size_of(network.output)
    kind = traits_of(loss).targets
    if kind == "strings":
        return jnp.asarray(draw.integers(1, size, (batch, 2))), jnp.full(batch, steps)
    if kind == "labels":
        labels = draw.integers(0, size, (steps, batch))
        return jnp.asarray(labels).at[1 % max(steps, 1) :: 4, :1].set(-1)
    values = draw.uniform(0.1, 0.9, (steps, batch, size))
    return jnp.asarray(values).at[1 % max(steps, 1) :: 4, :1].set(jnp.nan)


def cut(xs: Any, stretches: tuple[int, ...]) -> list[Any]:
    """A tree of (T, ...) arrays cut into stretches along time."""
    borders = np.cumsum((0, *stretches))
    return [jax.tree.map(lambda x, a=a, b=b: x[a:b], xs) for a, b in pairwise(borders)]


def add(trees: list[Any]) -> Any:
    """The sum of several trees of arrays."""
    return jax.tree.map(lambda *arrays: sum(arrays), *trees)


def lessons(
    network: Network,
    learner: Any,
    weights: Any,
    xs: Any,
    targets: Any,
    loss: Any,
    stretches: Any = None,
    lengths: Any = None,
) -> tt.Lesson:
    """The sum of a learner's lessons over the stretches of one batch of sequences."""
    steps, batch = jax.tree.leaves(xs)[0].shape[:2]
    stretches = stretches or (steps,)
    left = np.full(batch, steps) if lengths is None else np.array(lengths)
    carry, given = learner.init(network, weights, batch), []
    for x, wanted, size in zip(cut(xs, stretches), _targets(targets, stretches), stretches, strict=True):
        here = None if lengths is None else jnp.asarray(np.clip(left, 0, size))
        carry, lesson = learner.learn(network, weights, carry, x, wanted, loss, lengths=here)
        given.append(lesson)
        left = left - size
    outputs = jnp.concatenate([lesson.outputs for lesson in given])
    loss_sum, asked = sum(float(lesson.loss) for lesson in given), sum(int(lesson.asked) for lesson in given)
    return tt.Lesson(loss_sum, asked, outputs, add([lesson.gradients for lesson in given]))  # type: ignore[arg-type]


def _targets(targets: Any, stretches: tuple[int, ...]) -> list[Any]:
    return [targets] if isinstance(targets, tuple) else cut(targets, stretches)


def distance(got: Any, wanted: Any) -> float:
    """The largest difference between two trees of arrays, relative to the larger of 1 and what is wanted."""
    assert jax.tree.structure(got) == jax.tree.structure(wanted), "the trees differ"
    worst = [0.0]
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape, f"shapes {a.shape} and {b.shape} differ"
        if a.size:
            gap = np.abs(a - b).max()
            worst.append(float(gap) / max(1.0, float(np.abs(b).max())) if np.isfinite(gap) else np.inf)
    return max(worst)


def alive(tree: Any) -> bool:
    """True if every array has an entry that is not zero: a law about zeros would say nothing."""
    return all(bool(jnp.any(jnp.abs(leaf) > 1e-9)) for leaf in jax.tree.leaves(tree))


def open_then_closed(**settings: Any) -> tuple[tt.Teaching, tt.Teaching]:
    """Teacher forcing first, then the closed loop, with the same settings otherwise."""
    return tt.Teaching(loop="open", **settings | {"horizon": None}), tt.Teaching(loop="closed", **settings)
