"""What who uses the library may write: every public name, with numpy's arrays, under `mypy --strict` (pyproject.toml lists it).

`python tests/typed_user.py` runs it, too.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import throughtime as tt
from throughtime.dynamics.measured import Measured
from throughtime.dynamics.table import Columns
from throughtime.dynamics.wirings import Wiring
from throughtime.features.pen import PenFeatures
from throughtime.reports.judging import judge

RANDOM = np.random.default_rng(0)
XS, TARGETS = RANDOM.normal(size=(9, 2, 1)), RANDOM.normal(size=(9, 2, 1))  # (T, B, I), (T, B, O)
SEQUENCES = [(XS[:, 0], TARGETS[:, 0]), (XS[:5, 1], TARGETS[:5, 1])]


@dataclass(frozen=True)
class Competition:
    """An activation function of one's own, in which units hear each other."""

    gain: float

    def __call__(self, net: jax.Array, memory: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.nn.softmax(self.gain * net[..., 0, :], axis=-1), memory


@dataclass(frozen=True)
class Halved:
    """A learner of one's own, around another."""

    learner: tt.Learner

    def init(self, network: tt.Network, weights: Any, batch: int, key: jax.Array | None = None) -> Any:
        return self.learner.init(network, weights, batch, key)

    def learn(
        self,
        network: tt.Network,
        weights: Any,
        carry: Any,
        xs: Any,
        targets: Any,
        loss: Any,
        lengths: jax.Array | None = None,
    ) -> tuple[Any, tt.Lesson]:
        carry, lesson = self.learner.learn(network, weights, carry, xs, targets, loss, lengths)
        return carry, lesson._replace(gradients=jax.tree.map(lambda g: g / 2, lesson.gradients))

    def exact_on(self, network: tt.Network) -> Any:
        return self.learner.exact_on(network)


def absolute(ys: jax.Array, targets: Any) -> jax.Array:
    """A loss of one's own, per step."""
    return jnp.abs(ys - targets).sum(-1)


def wiring() -> tt.Network:
    """A network of one's own, and what it is in text."""
    mine = tt.Unit("competition", ("net",), 0, Competition(2.0), coupled=True)
    hidden = tt.Layer("hidden", 3, tt.units.tanh, ["x", tt.Connection("hidden", delays=1)])
    shared = tt.Layer("shared", 2, mine, [tt.Connection("hidden", range(3), nets="net"), "x"], bias=False)
    network = tt.Network({"x": 1}, [hidden, shared, tt.Layer("y", 1, "linear", "shared")], "y")
    assert tt.from_json(network.to_json(), units=[mine]) == network
    print(tt.show(network))
    return network


def example() -> int:
    """That of the docstring of `Network`, to the letter."""
    from throughtime import Connection, Layer, Network, units

    hidden = Layer("hidden", 3, units.tanh, ["x", Connection("hidden", delays=1)])
    return Network({"x": 2}, [hidden, Layer("y", 1, units.linear, ["hidden"])], "y").size_of("hidden")


def wrong() -> None:
    """Never called: mypy tells of an ignore that silences nothing, so each of these is an error to it."""
    tt.fully_recurent(1, 2, 1)  # type: ignore[attr-defined]
    tt.elman("1", 2, 1)  # type: ignore[arg-type]
    tt.Connection("x", "1")  # type: ignore[arg-type]
    tt.Layer("y", 1, "tanh", [1])  # type: ignore[list-item]
    tt.run(tt.elman(1, 2, 1), {}, "xs")  # type: ignore[arg-type]


def zoo() -> list[tt.Network]:
    """Each known architecture."""
    return [
        tt.feedforward(1, 2, 1),
        tt.window(1, 2, 1, width=3),
        tt.tdnn({"u": 1, "v": 2}, [3, 2], 1, [{"u": range(2), "v": (0, 3)}, (0, 2), 0]),
        tt.waibel(2, 3, 2),
        tt.jordan(1, 2, 1, f=tt.units.relu),
        tt.elman(1, 2, 1, start="learned"),
        tt.fully_recurrent(1, 2, 1),
        tt.narx(0, 2, 1, output_delays=[1, 2]),
        tt.focused(1, 2, 1),
        tt.lstm(1, 2, 1, bidirectional=True),
        tt.gru(1, 2, 1),
        tt.ntm(1, 2, 1, slots=3, width=2),
    ]


def look(network: tt.Network) -> float:
    """Running, one step, and what is inside."""
    weights, lengths = tt.init(network, seed=0), np.array([9, 5])
    with tt.using_engine("xla"):
        ys, history = tt.run(network, weights, XS, lengths=lengths)
    y, history = tt.step(network, weights, tt.start(network, weights, batch=2), {"x": XS[0]})
    print(tt.engine_info().engine, ys.shape, y.shape, sorted(history))
    inside = tt.trace(network, weights, {"x": XS}, lengths=lengths)["activities"]["hidden"]
    errors = tt.deltas(network, weights, XS, TARGETS, absolute)
    through = tt.jacobians(network, weights, XS)["hidden", "hidden"]
    tt.plot_deltas(errors)
    return float(inside.sum() + errors["y"].sum() + through.sum())


def learn(network: tt.Network) -> float:
    """Every learner, loss and method."""
    weights = tt.init(network, 0)
    learners: list[tt.Learner] = [
        tt.Backprop(),
        tt.BPTT(horizon=2),
        tt.BPTT(segment="auto"),
        tt.RTRL(),
        tt.WeightNoise(tt.BPTT(), 0.1),
        Halved(tt.BPTT()),
    ]
    losses: list[float] = []
    for learner in learners:
        for report in tt.train(network, weights, learner, tt.SquaredError(), optax.sgd(0.01), SEQUENCES, epochs=1):
            losses.append(float(report.loss))
    reports: list[tt.Report] = []
    for method in (tt.LevenbergMarquardt(), tt.KalmanFilter((1.0, 0.1))):
        every = 1 if isinstance(method, tt.KalmanFilter) else None
        try:
            reports += tt.train(
                network, weights, tt.RTRL(), tt.SquaredError(), method, SEQUENCES, every=every, epochs=2
            )
        except tt.Diverged as trouble:
            print(trouble)
    tt.plot_training(losses)
    own = tt.focused(1, 3, 1)
    carry = tt.Focused().init(own, tt.init(own, 0), batch=2)
    _, lesson = tt.Focused().learn(own, tt.init(own, 0), carry, XS, TARGETS, tt.SquaredError())
    return float(tt.evaluate(network, reports[-1].weights, tt.BinaryCrossEntropy(), SEQUENCES)) + float(lesson.loss)


def losses() -> float:
    """Labels, one label for a sequence, and strings of labels."""
    ys, labels = jnp.ones((4, 2, 3)), jnp.zeros((4, 2), int)
    each = tt.CrossEntropy()(ys, labels).sum() + tt.Integrated(tt.CrossEntropy(), how="sum")(ys, labels).sum()
    return float(each + tt.CTC(blank=0)(ys, (jnp.array([[1], [2]]), jnp.array([4, 4]))).sum())


def delays() -> int:
    """Delays that are learned, and then selected."""
    network = tt.tdnn(1, 2, 1, [tt.LearnedDelays(4), 0])
    cooled, optimizer = tt.anneal(network, 0.1), optax.chain(tt.sharpen(network, 0.01), optax.adam(0.03))
    *_, last = tt.train(cooled, tt.init(network, 0), tt.BPTT(), tt.SquaredError(), optimizer, SEQUENCES, epochs=1)
    found = tt.selected_delays(cooled, last.weights)["hidden"]["input"]
    plain, _ = tt.harden(cooled, last.weights)
    return int(found.delay.max()) + len(plain.layers)


def system(folder: Path) -> float:
    """From a record to a model of a system, its file and its C."""
    u = RANDOM.normal(size=(60, 1))
    y = np.roll(u, 1, axis=0)
    closed = tt.narx(1, 2, 1)
    prepared = tt.prepare(closed.open_loop(), u, y)
    model = tt.DynamicModel(closed, teaching=[tt.Teaching(loop="open", epochs=2)], restarts=2).fit(u, y)
    tt.plot_prediction(y, model.simulate(u), ["y"])
    written = model.to_model()
    tt.save(folder / "model.safetensors", written)
    again = tt.load(folder / "model.safetensors")
    tt.export_c(again, folder / "model.c")
    tt.export_onnx(again, folder / "model.onnx")
    tt.draw(closed, folder / "wiring.png")
    weights = tt.init(closed, 0)
    history = tt.start(closed.open_loop(), weights, batch=1)
    closed_history = tt.hand_over(closed.open_loop(), closed, weights, history)
    return float(y.sum()) + len(closed_history) + len(prepared.sequences)


def study(folder: Path) -> float:
    """What a fit is asked to do, as a value, done in a folder; what came of it, and the model step by step."""
    u = np.sin(np.arange(60.0))
    asked = tt.Study(Wiring("narx", (2,)), Columns(("u",), ("y",)), (tt.Teaching(epochs=2, look=1),), restarts=1)
    *_, last = tt.RunFolder(folder / "run").run(asked, (u, np.append(0, u[:-1])))
    assert last.outcome is not None
    assert last.model is not None
    judgement: tt.Judgement = judge(last.model, Measured.of(u, np.append(0, u[:-1])))
    assert judgement.network.keys() == last.outcome.judgement.network.keys()
    stream = tt.Stream(last.model)
    y, state = stream.feed(stream.start(), np.array([0.1]), np.array([0.2]))
    y, _ = stream.step(state, np.array([0.1]))
    return (
        float(y[0])
        + len(tt.Judgement.from_dict(judgement.to_dict()).network)
        + len(tt.Study.from_json(asked.to_json()).stages)
    )


def go_on(folder: Path) -> int:
    """Training that goes on from a file."""
    network = tt.elman(1, 2, 1)
    weights, loss, method = tt.init(network, 0), tt.SquaredError(), optax.adam(0.1)
    *_, report = tt.train(network, weights, tt.BPTT(), loss, method, SEQUENCES, epochs=1)
    tt.save_progress(folder / "progress.safetensors", report)
    before = tt.load_progress(folder / "progress.safetensors")
    *_, last = tt.train(network, weights, tt.BPTT(), loss, method, SEQUENCES, epochs=2, after=before)
    return last.epoch


def estimators() -> float:
    """scikit-learn's contract."""
    regressor = tt.SequenceRegressor(tt.lstm, hidden=2, epochs=1).fit(
        [x for x, _ in SEQUENCES], [y for _, y in SEQUENCES]
    )
    classifier = tt.SequenceClassifier("gru", hidden=2, epochs=1).fit([x for x, _ in SEQUENCES], ["a", "b"])
    return float(np.concatenate(regressor.predict([XS[:, 0]])).sum()) + len(classifier.predict([XS[:, 0]]))


def strings() -> float:
    """From outputs to strings of labels, with and without what is known of them."""
    ys = np.log([[0.6, 0.3, 0.1], [0.5, 0.3, 0.2]])
    known = tt.NGram([("a", "b"), ("b",)], order=2)
    words = tt.WordLanguage({"a": (1,), "b": (0, 1)}, separator=2, outputs=3, model=known)
    labels = tt.LabelLanguage(tt.NGram([(1, 2)]), 3)
    found = tt.ctc_beam(ys, width=5, language=labels) + tt.ctc_beam(ys, language=words)
    best = tt.Lexicon([(1,), (2, 1)]).best(ys)[0]
    wrong = tt.label_error_rate([best.labels], [tt.ctc_greedy(ys)])
    return found[0].score + wrong + tt.word_error_rate(["a b"], ["a"])


def recordings(path: Path | None) -> str:
    """Sound, pen points, and what a model makes of them."""
    table = tt.read(path) if path else None
    print(table, (tt.read_strokes(path).labels, tt.read_transcripts(path).tiers) if path else None)
    samples, rate = tt.read_audio(path) if path else (RANDOM.normal(size=4000), 8000)
    cepstrum = tt.mfcc(samples, rate)
    assert tt.features.SpeechFeatures().settings()
    network = tt.lstm(9, 3, 2)
    settings = {"features": PenFeatures(points=5).settings, "answer": "mean over time"}
    columns = tuple(tt.Column(f"feature {n}") for n in range(9))
    model = tt.Model(network, tt.init(network, 0), inputs=columns, classes=("one", "two"), settings=settings)
    return tt.recognise(model, [[0, 0, 0], [0, 9, 1]])[0].text + str(cepstrum.shape)


def networks_that_run_programs() -> int:
    """A learning rule, a network within a network, and a Turing machine as networks."""
    rule, fast = tt.gradient_descent(inputs=2, rate=0.5)
    inner = tt.feedforward(1, 2, 1)
    outer, _ = tt.represent(inner, tt.init(inner, 0))
    program = tt.turing.compile(tt.turing.example("increment"))
    return len(rule.layers) + len(fast) + len(outer.layers) + len(program.network.layers)


if __name__ == "__main__":
    mine = wiring()
    print(len(zoo()), look(mine), learn(tt.elman(1, 2, 1)), losses(), delays(), estimators(), strings())
    print(networks_that_run_programs(), recordings(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
    with tempfile.TemporaryDirectory() as kept:
        print(system(Path(kept)), go_on(Path(kept)), study(Path(kept)))
