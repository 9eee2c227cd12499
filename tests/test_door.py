"""Natural mistakes at the door of training: one line that names the remedy, before any work; what is right passes."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import throughtime as tt
from throughtime.training.method import first_state

NETWORK = tt.fully_recurrent(2, 3, 2)
WEIGHTS = tt.init(NETWORK, 0)
X = np.random.default_rng(0).normal(size=(3, 5, 2))
NUMBERS, LABELS = list(zip(X, X, strict=True)), [(x, (x[:, 0] > 0).astype(int)) for x in X]
GIVEN: dict[str, Any] = {
    "network": NETWORK,
    "weights": WEIGHTS,
    "learner": tt.BPTT(),
    "loss": tt.SquaredError(),
    "optimizer": optax.adam(0.01),
    "sequences": NUMBERS,
    "epochs": 1,
}
PLAIN = functools.partial(tt.fully_recurrent, 2, 3, 2)


@dataclass(frozen=True)
class Weighted:
    """A loss that holds an array, which has no hash."""

    shares: Any

    def __call__(self, ys: Any, targets: Any) -> Any:
        return jnp.sum(self.shares * (ys - targets) ** 2, axis=-1)


def trained(**changes: Any) -> list[Any]:
    return list(tt.train(**GIVEN | changes))


def refused(call: Callable[[], Any], *words: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011  # all the words below
        call()
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learner": tt.BPTT}, "the learner is the class BPTT itself; give one of it, BPTT()"),
        ({"learner": None}, "the learner must be one such as BPTT() or RTRL(), not None"),
        ({"loss": tt.SquaredError}, "the loss is the class SquaredError itself; give one of it, SquaredError()"),
        ({"loss": "mse"}, "the loss must be one such as SquaredError(), or a function (ys, targets), not 'mse'"),
        ({"loss": Weighted(X[0])}, "has no hash, so compiled code cannot be kept for it: make it a @dataclass(frozen=True)"),
        ({"optimizer": optax.adam}, "not the function adam: call it with a step size, as in adam(0.01)"),
        ({"optimizer": "adam"}, "must be one such as optax.adam(0.01) or LevenbergMarquardt(), not 'adam'"),
        ({"optimizer": tt.LevenbergMarquardt}, "is the class LevenbergMarquardt itself; give one of it"),
        ({"optimizer": tt.KalmanFilter}, "is the class KalmanFilter itself; give one of it, KalmanFilter()"),
        ({"network": tt.lstm}, "the network must be a Network, not lstm itself: call it with its sizes, as in lstm("),
        ({"weights": 0}, "weights must be as init(network, seed) gives them, not 0"),
        ({"network": WEIGHTS, "weights": NETWORK}, "the network must be a Network, not {"),
        ({"weights": tt.init(tt.feedforward(2, 3, 2), 0)}, "weights of layer 'hidden' have no"),
        ({"weights": tt.init(tt.fully_recurrent(2, 4, 2), 0)}, "the wiring needs"),
        ({"sequences": None}, "sequences must be a list of pairs [(x, target), ...], not None"),
        ({"sequences": (X[0], X[1])}, "sequence 0 must be a pair (x, target) or a triple (x, target, before), not ndarray"),
        ({"sequences": X}, "give a list of them, [(x, target), ...]"),
    ],
)  # fmt: skip
def test_what_is_no_value_of_its_kind_is_told(changes: dict[str, Any], words: str) -> None:
    refused(lambda: trained(**changes), words)
    if changes.keys() <= {"network", "weights", "loss", "sequences"}:
        given = {name: (GIVEN | changes)[name] for name in ("network", "weights", "loss", "sequences")}
        refused(lambda: tt.evaluate(**given), words)


def test_a_class_is_told_where_a_value_is_part_of_another() -> None:
    xs, ys = jnp.ones((4, 2, 2)), jnp.zeros((4, 2, 2))
    carry, wrong = tt.BPTT().init(NETWORK, WEIGHTS, 2), tt.SquaredError
    refused(lambda: tt.Integrated(tt.CrossEntropy), "Integrated: loss is the class CrossEntropy itself")  # type: ignore[arg-type]
    refused(lambda: tt.WeightNoise(tt.BPTT, 0.1), "WeightNoise: learner is the class BPTT itself")  # type: ignore[arg-type]
    refused(lambda: tt.Teaching(learner=tt.RTRL), "the learner is the class RTRL itself; give one of it, RTRL()")
    refused(lambda: tt.Teaching(optimizer=tt.LevenbergMarquardt), "the optimizer is the class LevenbergMarquardt")
    refused(lambda: tt.Teaching(optimizer="adam"), "the optimizer must be one such as optax.adam(0.01)")
    assert tt.Teaching(optimizer=optax.adam(0.01)).optimizer != tt.Teaching(optimizer=optax.sgd).optimizer
    refused(lambda: tt.BPTT().learn(NETWORK, WEIGHTS, carry, xs, ys, wrong), "the loss is the class SquaredError")
    refused(lambda: tt.deltas(NETWORK, WEIGHTS, xs, ys, wrong), "the loss is the class SquaredError itself")
    refused(lambda: tt.init(tt.lstm, 0), "the network must be a Network, not lstm itself")  # type: ignore[arg-type]
    u = np.arange(30.0)
    refused(lambda: tt.DynamicModel(tt.narx).fit(u, u), "give functools.partial(tt.narx, hidden=16)")
    one = functools.partial(tt.narx, hidden=1)
    refused(lambda: tt.DynamicModel(one, teaching=tt.Teaching).fit(u, u), "teaching is the class Teaching itself")


@pytest.mark.parametrize(
    ("g", "loss", "sequences"),
    [
        (tt.units.softmax, tt.CrossEntropy(), LABELS),
        (tt.units.softmax, tt.Integrated(tt.CrossEntropy()), LABELS),
        (tt.units.softmax, tt.CTC(), [(x, [1]) for x in X]),
        (tt.units.logistic, tt.BinaryCrossEntropy(), [(x, 1.0 * (x > 0)) for x in X]),
    ],
    ids=["cross-entropy", "integrated", "CTC", "binary"],
)
def test_a_function_that_would_act_twice_is_refused(g: Any, loss: Any, sequences: Any) -> None:
    words = f"puts the {g.name} function on them, which the output layer 'output' has too", "make that layer linear"
    refused(lambda: trained(network=PLAIN(g=g), loss=loss, sequences=sequences), *words)
    assert np.isfinite(tt.evaluate(NETWORK, WEIGHTS, loss, sequences))
    assert np.isfinite(tt.evaluate(PLAIN(g=g), WEIGHTS, tt.SquaredError(), NUMBERS))


LEARNERS = [tt.BPTT(), tt.BPTT(2), tt.BPTT(3), tt.RTRL(), tt.Focused(), tt.WeightNoise(tt.BPTT(), 0.1)]


@pytest.mark.parametrize("learner", LEARNERS, ids=repr)
def test_a_carry_of_another_learner_is_told(learner: Any) -> None:
    xs, ys = jnp.ones((4, 2, 2)), jnp.zeros((4, 2, 2))

    def learn(carry: Any) -> Any:
        return learner.learn(NETWORK, WEIGHTS, carry, xs, ys, tt.SquaredError())

    learn(learn(learner.init(NETWORK, WEIGHTS, 2))[0])
    for other in LEARNERS:
        if other != learner:
            refused(
                lambda other=other: learn(other.init(NETWORK, WEIGHTS, 2)), repr(learner), "begin with the carry of"
            )
    for wrong in (None, tt.start(NETWORK, WEIGHTS, 2), learner.init(NETWORK, WEIGHTS, 5)):
        refused(lambda wrong=wrong: learn(wrong), "begin with the carry of learner.init(network, weights, batch")
    wider = tt.fully_recurrent(2, 4, 2)
    refused(lambda: learn(learner.init(wider, tt.init(wider, 0), 2)))


@pytest.mark.parametrize(
    "optimizer", [optax.adam(0.01), tt.LevenbergMarquardt(), tt.KalmanFilter()], ids=["adam", "LM", "KF"]
)
def test_a_state_of_another_optimizer_is_told(optimizer: Any) -> None:
    (report,) = trained(optimizer=optimizer)
    (again,) = trained(optimizer=optimizer, weights=report.weights, optimizer_state=report.optimizer_state)
    assert np.isfinite(again.loss)
    words = "optimizer_state is of another optimizer or another network; give that of a report of the same, or None"
    for wrong in (optax.sgd(0.1, momentum=0.9).init(WEIGHTS), (), report.weights):
        refused(lambda wrong=wrong: trained(optimizer=optimizer, optimizer_state=wrong), words)
    wider = tt.fully_recurrent(2, 4, 2)
    given = {"network": wider, "weights": tt.init(wider, 0)}
    refused(lambda: trained(optimizer=optimizer, optimizer_state=report.optimizer_state, **given), words)


def test_members_go_on_from_their_states() -> None:
    both = {name: {key: jnp.stack([w, w]) for key, w in own.items()} for name, own in WEIGHTS.items()}
    (report,) = trained(weights=both, members=2)
    trained(weights=report.weights, members=2, optimizer_state=report.optimizer_state)
    refused(lambda: trained(weights=both, members=2, optimizer_state=optax.adam(0.01).init(WEIGHTS)), "optimizer_state")


@pytest.mark.parametrize("optimizer", [optax.adam(0.01), tt.LevenbergMarquardt(), "adam"], ids=["adam", "LM", "text"])
def test_estimators_want_the_function_that_makes_an_optimizer(optimizer: Any) -> None:
    model = tt.SequenceRegressor("elman", hidden=2, optimizer=optimizer, epochs=1)
    refused(
        lambda: model.fit(X, X), "the estimators give it learning_rate", "optimizer=optax.adam with learning_rate=0.01"
    )


def test_estimators_tell_what_training_tells() -> None:
    made = functools.partial(tt.elman, g=tt.units.softmax)
    refused(lambda: tt.SequenceClassifier(made, hidden=2).fit(X, [0, 1, 0]), "CrossEntropy takes net inputs")
    refused(lambda: tt.SequenceClassifier("elman", learner=tt.BPTT).fit(X, [0, 1, 0]), "give one of it, BPTT()")


def in_numpy(ys: Any, targets: Any) -> Any:
    return np.sum(np.square(np.asarray(ys) - targets), axis=-1)


def with_an_if(ys: Any, targets: Any) -> Any:
    return jnp.sum(ys - targets, axis=-1) if ys.sum() > 0 else jnp.sum(targets - ys, axis=-1)


def of_one(ys: Any) -> Any:
    return jnp.sum(ys**2, axis=-1)


@dataclass(frozen=True)
class Half:
    """A learner, and a method, that lack something."""

    whole = True

    def init(self, *_: Any) -> None: ...

    def refuse(self, task: Any) -> None: ...

    def begin(self, task: Any, weights: Any, _: Any) -> Any:
        return first_state(task, weights, ())

    def advance(self, *told: Any) -> Any:
        return told[2], 0.0


class Whole(Half):
    """A method that gives a pair."""

    def ended(self, _: Any) -> bool:
        return False


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loss": in_numpy}, "the loss in_numpy computes with numpy"),
        ({"loss": in_numpy}, "write it in jax.numpy"),
        ({"loss": with_an_if}, "with jnp.where for an if"),
        ({"loss": of_one}, "must be a function (ys (T, B, O), targets) -> losses (T, B)"),
        ({"learner": Half()}, "the learner must be one such as BPTT() or RTRL(), Half() has no `learn`"),
        ({"optimizer": Half()}, "LevenbergMarquardt(), Half() has no `ended`"),
        (
            {"optimizer": Whole()},
            "Whole(): advance gives (State, float), not a triple (State, summed loss, number asked)",
        ),
        ({"optimizer": "br"}, "not a word: br is LevenbergMarquardt(bayesian=True)"),
        ({"optimizer": "lm"}, "not a word: lm is LevenbergMarquardt()"),
    ],
)
def test_parts_of_ones_own_that_break_a_contract_are_named(changes: Any, words: str) -> None:
    refused(lambda: trained(**changes), words)


def test_the_words_of_files_are_no_optimizers_in_python() -> None:
    refused(lambda: tt.Teaching(optimizer="br"), "br is LevenbergMarquardt(bayesian=True)")
