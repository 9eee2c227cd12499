"""The estimators: scikit-learn's contract, the forms X and y may have, and what a fitted one remembers."""

import functools
import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import throughtime as tt
from throughtime.architectures import ARCHITECTURES
from throughtime.estimators import EXPECTED_FAILED_CHECKS, SequenceClassifier, SequenceRegressor
from throughtime.estimators.parts import parted
from throughtime.features.pen import PenFeatures
from throughtime.models.saving import load, save

SMALL: dict[str, Any] = {"hidden": 4, "epochs": 40, "learning_rate": 0.05, "random_state": 0}
RNG = np.random.default_rng(0)
LISTED = [RNG.normal(size=(n, 2)) for n in (4, 6, 5, 6)]
BLOCK = RNG.normal(size=(6, 5, 2))


def _none(inputs: int, outputs: int) -> int:
    return inputs * outputs


@parametrize_with_checks(
    [SequenceRegressor(**SMALL), SequenceClassifier(**SMALL)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILED_CHECKS,
)
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_what_is_expected_to_fail_fails_for_the_reason_given() -> None:
    """Rows are ordered in time: a prediction depends on the rows before it, and not on those after it."""
    X = RNG.normal(size=(20, 3))
    model = SequenceRegressor(**SMALL).fit(X, X[:, 0])
    assert not np.allclose(model.predict(X[::-1])[::-1], model.predict(X))
    assert not np.allclose(model.predict(X[10:]), model.predict(X)[10:])
    np.testing.assert_allclose(model.predict(X[:10]), model.predict(X)[:10])


@pytest.mark.parametrize(
    ("X", "y", "shape"),
    [
        (LISTED, [x[:, 0] for x in LISTED], [(4,), (6,), (5,), (6,)]),
        (LISTED, [x[:, :1] for x in LISTED], [(4, 1), (6, 1), (5, 1), (6, 1)]),
        (LISTED, [x[0, 0] for x in LISTED], (4,)),
        (LISTED, [x.sum(0) for x in LISTED], (4, 2)),
        (BLOCK, BLOCK[:, :, 0], (6, 5)),
        (BLOCK, BLOCK, (6, 5, 2)),
        (BLOCK, BLOCK[:, 0, 0], (6,)),
        (BLOCK[0], BLOCK[0], (5, 2)),
    ],
    ids=["list", "list-column", "list-one", "list-two", "block", "block-two", "block-one", "series"],
)
def test_predictions_have_the_form_of_the_targets(X: Any, y: Any, shape: Any) -> None:
    model = SequenceRegressor("feedforward", hidden=2, epochs=2).fit(X, y)
    made = model.predict(X)
    assert ([p.shape for p in made] if isinstance(made, list) else made.shape) == shape
    assert np.isfinite(model.score(X, y))


def test_nan_targets_are_not_asked() -> None:
    X = BLOCK[:, :, :1]
    y = X[:, :, 0].copy()
    y[:, :3] = np.nan
    model = SequenceRegressor(**SMALL | {"epochs": 150}).fit(X, y)
    assert model.score(X, y) > 0.9
    np.testing.assert_allclose(model.outputs_[0].mean, np.nanmean(y))


def test_a_class_per_sequence_and_a_class_per_step() -> None:
    y = np.where([x[0, 0] > 0 for x in LISTED], "up", "down")
    whole = SequenceClassifier(**SMALL | {"epochs": 100}).fit(LISTED, y)
    assert whole.predict(LISTED).tolist() == y.tolist()
    assert whole.predict_proba(LISTED).shape == (4, 2)
    steps = [np.where(x[:, 0] > 0, "up", "down") for x in LISTED]
    model = SequenceClassifier(**SMALL | {"epochs": 100}).fit(LISTED, steps)
    assert model.score(LISTED, steps) == 1.0
    assert [p.shape for p in model.predict_proba(LISTED)] == [(4, 2), (6, 2), (5, 2), (6, 2)]


def test_partial_fit_goes_on_where_it_was() -> None:
    X = RNG.normal(size=(12, 1))
    fitted = SequenceRegressor(**SMALL | {"epochs": 3}).fit(X, X[:, 0])
    model = SequenceRegressor(**SMALL)
    for _ in range(3):
        model.partial_fit(X, X[:, 0])
    np.testing.assert_allclose(model.predict(X), fitted.predict(X))
    np.testing.assert_allclose(model.history_, fitted.history_)


def test_partial_fit_is_told_of_classes_to_come() -> None:
    model = SequenceClassifier(**SMALL).partial_fit(LISTED[:2], ["a", "a"], classes=["a", "b"])
    model.partial_fit(LISTED[2:], ["b", "b"])
    with pytest.raises(ValueError, match="target of sequence 1: class c is new; name all classes in the first fit"):
        model.partial_fit(LISTED[2:], ["b", "c"])


@pytest.mark.parametrize("X", [BLOCK, BLOCK.reshape(1, 30, 2)[0]], ids=["sequences", "series"])
def test_patience_validates_and_keeps_the_best(X: Any) -> None:
    noise = RNG.normal(size=X.shape[:-1])
    settings = SMALL | {"epochs": 60, "patience": 3, "validation_fraction": 0.3}
    assert len(SequenceRegressor(**settings).fit(X, noise).history_) < 60


def test_pipelines_clones_pickles_and_grid_search() -> None:
    X = RNG.normal(size=(12, 2))
    y = X[:, 0]
    pipe = make_pipeline(StandardScaler(), SequenceRegressor(**SMALL)).fit(X, y)
    again = pickle.loads(pickle.dumps(clone(pipe).fit(X, y)))
    np.testing.assert_array_equal(again.predict(X), pipe.predict(X))
    labels = np.arange(8) % 2 == 0
    told = np.where(labels, 1.0, -1.0)[:, None, None] + RNG.normal(0, 0.1, (8, 5, 1))
    search = GridSearchCV(SequenceClassifier(**SMALL), {"epochs": [1, 60]}, cv=KFold(2), error_score="raise")
    search.fit(told, labels)
    assert search.cv_results_["mean_test_score"][1] == 1.0
    assert (search.predict(told) == labels).all()


def test_networks_by_name_by_function_and_ready_made() -> None:
    X = BLOCK[:, :, :1]
    wide = functools.partial(tt.window, hidden=2, width=3)
    for network in (wide, tt.feedforward(1, 2, 1), tt.feedforward, functools.partial(tt.elman, f=tt.units.relu)):
        made = SequenceRegressor(network, hidden=2, epochs=1).fit(X, X).network_
        assert (made.size_of("hidden"), made.size_of("output")) == (2, 1)
    with pytest.raises(
        ValueError, match=r"the network window needs width too: give functools.partial\(tt.window, width=10\)"
    ):
        SequenceRegressor("window").fit(X, X)
    with pytest.raises(ValueError, match=r"the network tdnn needs delays too: .*delays=\[range\(3\), 0\]"):
        SequenceRegressor(tt.tdnn).fit(X, X)
    with pytest.raises(ValueError, match=r"'bidirectional lstm'; .* functools.partial\(tt.lstm, bidirectional=True\)"):
        SequenceRegressor("bidirectional lstm").fit(X, X)
    for wrong in (tt.Network, 7):
        with pytest.raises(ValueError, match="a network must be a Network, or a function"):
            SequenceRegressor(wrong).fit(X, X)
    with pytest.raises(ValueError, match="the function for a network must make a Network, not 1"):
        SequenceRegressor(_none).fit(X, X)
    with pytest.raises(ValueError, match="unknown network 'rnn'; known: feedforward"):
        SequenceRegressor("rnn").fit(X, X)
    with pytest.raises(
        ValueError, match=r"the data has 1 features and 1 outputs .* but the network has inputs of size"
    ):
        SequenceRegressor(tt.elman(2, 2, 1)).fit(X, X)


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name not in ("window", "tdnn")])
def test_every_architecture_learns_under_its_name(name: str) -> None:
    """With its name alone: the error of the first epoch gets smaller, and predictions are finite."""
    model = SequenceRegressor(name, hidden=4, epochs=5, random_state=0).fit(BLOCK, BLOCK[:, :, :1])
    assert model.history_[-1] < model.history_[0]
    assert np.isfinite(model.predict(BLOCK)).all()


def test_a_fitted_estimator_becomes_a_model_file_and_comes_back(tmp_path: Path) -> None:
    y = np.array(["a", "b", "a", "b"])
    for fitted in (
        SequenceClassifier(functools.partial(tt.ntm, hidden=3, slots=4, width=3), epochs=2).fit(LISTED, y),
        SequenceClassifier(**SMALL).fit(LISTED, y),
        SequenceRegressor(**SMALL).fit(LISTED, [x[:, 0] for x in LISTED]),
    ):
        save(tmp_path / "model.safetensors", fitted.to_model())
        back = type(fitted).from_model(load(tmp_path / "model.safetensors"))
        for one, other in zip(fitted.predict(LISTED), back.predict(LISTED), strict=True):
            np.testing.assert_array_equal(one, other)


def test_bad_input_is_named_in_one_line() -> None:
    model = SequenceRegressor(**SMALL | {"epochs": 1}).fit(LISTED, [x[:, 0] for x in LISTED])
    gap = [LISTED[0], LISTED[1] * np.where(np.arange(6) == 4, np.nan, 1)[:, None]]
    cases: list[tuple[Any, str]] = [
        (
            lambda: model.predict([LISTED[0], np.zeros((3, 5))]),
            "sequence 1: X has 5 features, but SequenceRegressor is",
        ),
        (lambda: model.predict(gap), r"sequence 1: row 4, column \d is NaN"),
        (lambda: model.predict([LISTED[0], np.zeros(3)]), "sequence 1: Expected 2D array, got 1D array"),
        (lambda: model.fit(LISTED, [0.0]), "there are 4 sequences in X, but 1 targets in y"),
        (lambda: model.fit(LISTED, None), "the target y is None"),
        (
            lambda: model.fit(LISTED, [[1.0], [1.0], [1.0, 2.0], [1.0]]),
            "target of sequence 2 has 2 outputs where 1 are",
        ),
        (lambda: model.fit([x.astype("M8[s]") for x in LISTED], [0.0] * 4), "sequence 0 holds dates"),
        (lambda: model.predict([LISTED[0], LISTED[1] + 1j]), "sequence 1 holds complex numbers"),
        (lambda: model.fit(LISTED, np.zeros((4, 1), "m8[s]")), "target of sequence 0 holds time spans"),
        (lambda: SequenceRegressor(patience=2).fit(LISTED[:1], [1.0]), "too little to validate on"),
    ]
    for call, words in cases:
        with pytest.raises(ValueError, match=words) as error:
            call()
        assert "\n" not in str(error.value)
    with pytest.raises(NotFittedError):
        SequenceRegressor().predict(LISTED)


def recordings(*lengths: int) -> list[Any]:
    return [RNG.normal(size=(n, 2)) for n in lengths]


@pytest.mark.parametrize("lengths", [[6] * 20, [6, 8] * 10], ids=["equal", "unequal"])
@pytest.mark.parametrize("make", [SequenceClassifier, SequenceRegressor])
def test_one_label_too_few_names_the_recording_and_both_lengths(make: Any, lengths: list[int]) -> None:
    X = recordings(*lengths)
    y = [(x[:, 0] > 0).astype(int) for x in X]
    model = make("feedforward", hidden=2, epochs=1).fit(X, y)
    y[13] = y[13][:-1]
    words = rf"target of sequence 13 has {lengths[13] - 1} values, but the sequence has {lengths[13]} steps; give one for every"
    for call in (model.fit, model.partial_fit, model.score):
        with pytest.raises(ValueError, match=words):
            call(X, y)
    y[13] = 1
    with pytest.raises(ValueError, match="target of sequence 13 has 1 values"):
        model.fit(X, y)


def test_as_many_outputs_as_some_sequence_has_steps_are_no_missing_label() -> None:
    for outputs in (4, 5):  # the lengths are 4, 6, 5, 6
        model = SequenceRegressor("feedforward", hidden=2, epochs=1).fit(LISTED, np.ones((4, outputs)))
        assert not model.per_step_
        assert model.predict(LISTED).shape == (4, outputs)


def test_one_hot_targets_are_refused_with_the_remedy() -> None:
    rows = np.eye(3)[[0, 1, 2, 0]]
    for y in (rows, list(rows), [np.eye(2)[(x[:, 0] > 0).astype(int)] for x in LISTED]):
        with pytest.raises(ValueError, match=r"of one-hot rows give the classes, y.argmax\(axis=-1\)"):
            SequenceClassifier(epochs=1).fit(LISTED, y)
    with pytest.raises(ValueError, match=r"target of sequence 0 has shape \(4, 3\), but a class is one value"):
        SequenceClassifier(epochs=1).fit(LISTED[0], rows)


SWAPPED = r"every sequence in X is read as {} steps of {} features: give X.transpose\(0, 2, 1\) if"
FLAT = r"X \({0}, {1}\) is read as one series of {0} steps: give X\[:, :, None\] if every row is a case"


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((4, 3, 100), SWAPPED.format(3, 100)),
        ((4, 1, 5), SWAPPED.format(1, 5)),
        ((8, 30), FLAT.format(8, 30)),
        ((4, 15, 16), None),  # a word of few steps, heard as many coefficients
        ((4, 20, 100), None),
        ((4, 1, 1), None),
        ((1, 1, 9), None),
        ((20, 30), None),
        ((1, 10), None),
    ],
)
def test_a_layout_that_is_likely_another_is_told(shape: tuple[int, ...], words: str | None) -> None:
    model, X = SequenceRegressor("feedforward", hidden=1, epochs=1), RNG.normal(size=shape)
    if words is None:
        model.fit(X, X[..., 0])  # a warning would be an error here
        return
    with pytest.warns(UserWarning, match=words):
        model.fit(X, X[..., 0])
    model.partial_fit(X, X[..., 0])  # it has been said


def test_help_tells_the_layouts() -> None:
    for make in (SequenceClassifier, SequenceRegressor):
        for words in ("an array of sequences (sequences, steps, features)", "X.transpose(0, 2, 1)", "X[:, :, None]"):
            assert words in (make.__doc__ or "")


def test_scaling_does_not_hear_what_is_held_out() -> None:
    X = RNG.normal(size=(50, 1))
    X[40:] += 1000
    settings: dict[str, Any] = {"hidden": 2, "epochs": 2, "patience": 5, "validation_fraction": 0.2, "random_state": 0}
    model = SequenceRegressor("feedforward", **settings).fit(X, X[:, 0])
    np.testing.assert_allclose([c.mean for c in (*model.inputs_, *model.outputs_)], X[:40].mean())
    listed = [np.full((3, 1), 10.0**n) for n in range(5)]  # every choice of four has another mean
    held = SequenceRegressor("feedforward", **settings).fit(listed, [x[0] for x in listed])
    (mean,) = {round(4 * c.mean) for c in (*held.inputs_, *held.outputs_)}
    assert mean in [11111 - 10**n for n in range(5)]
    heard = SequenceRegressor("feedforward", hidden=2, epochs=1).fit(listed, [x[0] for x in listed])
    assert round(5 * heard.inputs_[0].mean) == 11111


BOTH_WAYS = functools.partial(tt.elman, hidden=3, bidirectional=True)


@pytest.mark.parametrize(
    ("network", "answer", "kept"),
    [(BOTH_WAYS, "auto", "mean over time"), ("elman", "auto", "last step"), ("elman", "mean", "mean over time"),
     (BOTH_WAYS, "last", "last step")],
)  # fmt: skip
def test_one_class_of_a_sequence_is_learned_and_read_alike(
    network: Any, answer: str, kept: str, tmp_path: Path
) -> None:
    """At the last step the backward half has heard one step only: the mean over time is then what is taught and read."""
    X, y = list(BLOCK), [0, 1, 0, 1, 1, 0]

    def net_inputs(weights: Any) -> Any:
        """Read from `run`, one sequence at a time."""
        seen = [(x - [c.mean for c in model.inputs_]) / [c.scale for c in model.inputs_] for x in X]
        ys = [np.asarray(tt.run(model.network_, weights, x[:, None])[0][:, 0]) for x in seen]
        return np.array([y.mean(0) if kept == "mean over time" else y[-1] for y in ys])

    model = SequenceClassifier(network, hidden=3, epochs=1, random_state=0, answer=answer).fit(X, y)
    first = log_softmax(net_inputs(tt.init(model.network_, model.seed_)), axis=1)
    assert model.history_[0] == pytest.approx(-first[np.arange(6), y].mean(), rel=1e-5)
    chances = np.exp(log_softmax(net_inputs(model.weights_), axis=1))
    np.testing.assert_allclose(model.predict_proba(X), chances, rtol=1e-5)
    assert model.predict(X).tolist() == chances.argmax(1).tolist()
    assert model.score(X, y) == np.mean(chances.argmax(1) == y)
    save(tmp_path / "model.safetensors", model.to_model())
    made = load(tmp_path / "model.safetensors")
    assert made.settings["answer"] == model.answer_ == kept
    np.testing.assert_allclose(SequenceClassifier.from_model(made).predict_proba(X), chances, rtol=1e-5)


def test_numbers_of_a_sequence_are_learned_and_read_as_a_mean_too() -> None:
    y = BLOCK.sum((1, 2))
    model = SequenceRegressor(BOTH_WAYS, epochs=1, scale=False, random_state=0).fit(BLOCK, y)

    def means(weights: Any) -> Any:
        return np.array([np.asarray(tt.run(model.network_, weights, x[:, None])[0]).mean() for x in BLOCK])

    first = means(tt.init(model.network_, model.seed_))
    assert model.history_[0] == pytest.approx(np.mean((first - y) ** 2), rel=1e-5)
    np.testing.assert_allclose(model.predict(BLOCK), means(model.weights_), rtol=1e-5)


def test_an_answer_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="answer must be one of 'auto', 'last', 'mean', 'each step', not 'sum'"):
        SequenceRegressor(epochs=1, answer="sum").fit(LISTED, np.ones(4))
    with pytest.raises(ValueError, match="answer='mean' is for one target per sequence, but y has one per step"):
        SequenceRegressor(epochs=1, answer="mean").fit(BLOCK, BLOCK)
    model = SequenceClassifier("elman", hidden=2, epochs=1).fit(LISTED, [0, 1, 0, 1])
    with pytest.raises(ValueError, match="taught to answer by the last step, so that is what the model says"):
        model.to_model(answer="mean over time")
    with pytest.raises(ValueError, match="answers by 'ctc'; an estimator is one network"):
        SequenceClassifier.from_model(tt.Model(model.network_, model.weights_, settings={"answer": "ctc"}))


def test_each_step_takes_nothing_for_the_class_of_a_whole_sequence() -> None:
    y = [x[:, 0] > 0 for x in LISTED]
    model = SequenceClassifier("elman", hidden=2, epochs=1, answer="each step").fit(LISTED, y)
    assert model.answer_ == model.to_model().settings["answer"] == "every step"
    with pytest.raises(ValueError, match="target of sequence 0 has 1 values, but the sequence has 4 steps"):
        SequenceClassifier(epochs=1, answer="each step").fit(LISTED, [0, 1, 0, 1])


def all_paths(chances: Any, string: tuple[int, ...]) -> float:
    """The probability of a string: of all paths of labels and blanks (0) that stand for it."""
    paths = itertools.product(range(chances.shape[1]), repeat=len(chances))
    same = (path for path in paths if tuple(label for label, _ in itertools.groupby(path) if label) == string)
    return sum(float(np.prod(chances[np.arange(len(path)), path])) for path in same)


def test_a_string_of_labels_is_learned_over_all_its_paths_and_recognised_alike() -> None:
    """By text or list; `recognise` reads a model of strings as the estimator does."""
    heard = PenFeatures(points=5, columns=("x", "y"))
    drawings = [[[0, 0, 0], [float(n), 9, 1]] for n in range(4)]
    X, texts, strings = heard(drawings), ["ba", "b", "", "aa"], [(2, 1), (2,), (), (1, 1)]
    settings: dict[str, Any] = {"hidden": 3, "epochs": 1, "random_state": 0, "answer": "ctc", "clip": None}
    model = SequenceClassifier("gru", **settings).fit(X, texts)
    first = SequenceClassifier("gru", **settings | {"learning_rate": 0.0}).fit(X, texts).predict_proba(X)
    told = [-np.log(all_paths(p, string)) for p, string in zip(first, strings, strict=True)]
    assert model.history_[0] == pytest.approx(np.mean(told), rel=1e-5)
    model.set_params(epochs=100, learning_rate=0.05).fit(X, texts)
    assert model.predict(X) == texts
    assert model.score(X, texts) == 1.0
    assert model.score(X, ["ab", "b", "", "aa"]) == pytest.approx(1 - 2 / 5)  # edits per wanted label
    listed = SequenceClassifier("gru", **settings | {"epochs": 100, "learning_rate": 0.05}).fit(
        X, [["on", "no"], ["on"], [], ["no", "no"]]
    )
    assert listed.classes_.tolist() == ["no", "on"]
    assert listed.predict(X) == [["on", "no"], ["on"], [], ["no", "no"]]
    spaced = listed.to_model(features=heard.settings)
    said = [" ".join(labels) for labels in listed.predict(X)]
    assert [tt.recognise(spaced, drawing, decoder="greedy")[0].text for drawing in drawings] == said
    made = model.to_model(features=heard.settings)
    assert (made.settings["answer"], made.classes) == ("ctc", ("", "a", "b"))
    assert [tt.recognise(made, drawing, decoder="greedy")[0].text for drawing in drawings] == texts


def test_strings_that_cannot_be_learned_are_told() -> None:
    for y, words in (
        ([0, 1, 0, 1], "target of sequence 0 must be a list of labels, or a text, with answer='ctc'; it is 0"),
        (["abcde", "a", "a", "a"], "target of sequence 0: 5 labels need at least 5 steps, but the sequence has 4"),
    ):
        with pytest.raises(ValueError, match=words):
            SequenceClassifier("elman", hidden=2, epochs=1, answer="ctc").fit(LISTED, y)
    with pytest.raises(
        ValueError, match=r"X is a list of sequences, and y one of strings; of one give \[X\] and \[y\]"
    ):
        SequenceClassifier(epochs=1, answer="ctc").fit(LISTED[0], "ab")
    with pytest.raises(ValueError, match="answer must be one of 'auto', 'last', 'mean', 'each step', not 'ctc'"):
        SequenceRegressor(epochs=1, answer="ctc").fit(LISTED, np.ones(4))


def test_the_names_of_columns_come_back_from_a_file(tmp_path: Path) -> None:
    tables = [pd.DataFrame(x, columns=["flow [bar]", "x1"]) for x in LISTED]
    model = SequenceClassifier("elman", hidden=2, epochs=1).fit(tables, ["a", "b", "a", "b"])
    save(tmp_path / "model.safetensors", model.to_model())
    back = SequenceClassifier.from_model(load(tmp_path / "model.safetensors"))
    assert back.feature_names_in_.tolist() == model.feature_names_in_.tolist() == ["flow [bar]", "x1"]
    np.testing.assert_array_equal(back.predict_proba(tables), model.predict_proba(tables))  # without a warning of names
    with pytest.raises(ValueError, match="feature names"):
        back.predict([table[["x1", "flow [bar]"]] for table in tables])
    bare = SequenceRegressor("elman", hidden=2, epochs=1).fit(LISTED, np.ones((4, 1)))
    again = SequenceRegressor.from_model(bare.to_model()).partial_fit(LISTED, np.ones((4, 1)))
    assert not hasattr(again, "feature_names_in_")
    plain = pd.DataFrame(LISTED[0], columns=["x0", "x1"])
    named = SequenceRegressor("elman", hidden=2, epochs=1).fit(plain, plain["x0"])
    assert SequenceRegressor.from_model(named.to_model()).feature_names_in_.tolist() == ["x0", "x1"]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_label_that_is_missing_is_told(missing: Any) -> None:
    with pytest.raises(ValueError, match="where classes are expected; name every class"):
        tt.SequenceClassifier().fit(list(np.zeros((3, 4, 1))), ["a", missing, "b"])


DAYS = pd.date_range("2026-01-01", periods=6)
LATE = DAYS[[0, 1, 3, 2, 4, 5]]
ORDERED = pd.DataFrame(BLOCK[0, :1].repeat(6, 0) + np.arange(6.0)[:, None], DAYS, columns=["a", "b"])
DISORDER = r"row 3 of its index: 2026-01-03 00:00:00 is not after 2026-01-04 00:00:00, the row before; sort the rows, as with y"


def test_tables_whose_rows_are_out_of_order_are_refused_as_a_model_of_a_system_refuses_them() -> None:
    late, y = ORDERED.set_axis(LATE), ORDERED["a"]
    model = SequenceRegressor("elman", hidden=2, epochs=1).fit(ORDERED, y)
    with pytest.raises(ValueError, match=DISORDER):
        tt.DynamicModel(functools.partial(tt.narx, hidden=1)).fit(late[["b"]], late["a"])
    listed = [ORDERED, late]
    cases: list[tuple[Any, str]] = [
        (lambda: model.fit(late, y), "sequence 0"),
        (lambda: model.predict(late), "sequence 0"),
        (lambda: model.predict(listed), "sequence 1"),
        (lambda: model.fit(listed, [[1.0], [2.0]]), "sequence 1"),
        (lambda: model.fit(ORDERED, y.set_axis(LATE)), "target of sequence 0"),
        (lambda: model.score([ORDERED, ORDERED], [y, y.set_axis(LATE)]), "target of sequence 1"),
        (lambda: SequenceClassifier(epochs=1).fit(late, list("ababab")), "sequence 0"),
    ]
    for call, where in cases:
        with pytest.raises(ValueError, match=f"^{where}: {DISORDER}") as error:
            call()
        assert "\n" not in str(error.value)
    for index, words in (
        (DAYS[[0, 1, 1, 2, 3, 4]], "keep one row for each time"),
        (DAYS[:5].append(pd.DatetimeIndex([None])), "row 5 of its index: NaT is no time"),
        (pd.Index([0, 1, 2, 0, 1, 2]), "row 3 of its index: 0 is not after 2"),
    ):
        with pytest.raises(ValueError, match=words):
            model.predict(ORDERED.set_axis(index))


def test_names_of_rows_are_no_times() -> None:
    """An index that says nothing of time says nothing of order; nor do the numbers of the sequences."""
    model = SequenceRegressor("elman", hidden=2, epochs=1).fit(ORDERED, ORDERED["a"])
    wanted = model.predict(ORDERED)
    for index in (
        list("fedcba"),
        pd.MultiIndex.from_product([["b", "a"], [2, 1, 0]]),
        DAYS,
        range(6),
        np.arange(6) / 2,
    ):
        np.testing.assert_array_equal(model.predict(ORDERED.set_axis(index)), wanted)
    of_sequences = pd.Series([1.0, 2.0], [7, 3])
    rows = [pd.Series([1.0, 2.0, 3.0], [2, 1, 0])] * 2
    for y in (of_sequences, rows):
        assert not SequenceRegressor("elman", hidden=2, epochs=1).fit([ORDERED, ORDERED], y).per_step_


@pytest.mark.parametrize("goal", [np.arange(10), np.arange(10.0)[:, None]], ids=["classes", "numbers"])
def test_of_a_single_series_the_last_part_is_held_out_and_heard_after_the_first(goal: Any) -> None:
    x = np.arange(10.0)[:, None]
    ((seen, asked),), ((heard, left),) = parted([(x, goal)], 0.3, 0, per_step=True)
    assert (seen.ravel().tolist(), asked.ravel().tolist()) == ([*range(7)], [*range(7)])
    assert heard.ravel().tolist() == [*range(10)]
    assert left.ravel()[7:].tolist() == [7, 8, 9]
    nothing = left.ravel()[:7]
    assert (nothing == -1).all() if goal.dtype.kind == "i" else np.isnan(nothing).all()
    assert goal.ravel().tolist() == [*range(10)]  # those given are left alone


def test_the_score_of_a_regression_is_its_r_squared() -> None:
    """1 - squares left / squares about the mean of each output, mean over outputs; NaN is left out."""
    y = [x + RNG.normal(size=x.shape) for x in LISTED]
    y[1] = np.where(np.arange(6)[:, None] == 2, np.nan, y[1])
    model = SequenceRegressor("elman", hidden=2, epochs=5, random_state=0).fit(LISTED, y)
    made, truth = np.concatenate(model.predict(LISTED)), np.concatenate(y)
    known = ~np.isnan(truth[:, 0])
    left = ((made - truth)[known] ** 2).sum(0)
    about = ((truth[known] - truth[known].mean(0)) ** 2).sum(0)
    assert model.score(LISTED, y) == pytest.approx((1 - left / about).mean())


def test_probabilities_stand_in_the_order_of_the_classes() -> None:
    """Whatever the order in which classes are met: the column of a class is that of its own net input."""
    X = [np.full((4, 1), v) for v in (2.0, -2.0, 0.0, 2.0, -2.0, 0.0)]
    y = ["up", "down", "even", "up", "down", "even"]
    model = SequenceClassifier("elman", **SMALL | {"epochs": 150}).fit(X, y)
    assert model.classes_.tolist() == ["down", "even", "up"]
    assert model.predict(X).tolist() == y
    chances = model.predict_proba(X)
    np.testing.assert_allclose(chances.sum(1), 1)
    assert chances.argmax(1).tolist() == [2, 0, 1, 2, 0, 1]
    assert [column.name for column in model.to_model().outputs] == ["down", "even", "up"]
    assert model.score(X, ["up", "down", "even", "up", "down", "down"]) == pytest.approx(5 / 6)


def test_targets_are_learned_in_their_own_columns() -> None:
    """Several outputs of a sequence, each with a mean and a deviation of its own, come back in their places."""
    X, y = [np.full((3, 1), v) for v in (-1.0, 1.0)], [[10.0, -3.0], [20.0, -2.0]]
    for answer in ("last", "mean"):
        model = SequenceRegressor("elman", **SMALL | {"epochs": 200}, answer=answer).fit(X, y)
        np.testing.assert_allclose([c.mean for c in model.outputs_], [15, -2.5])
        np.testing.assert_allclose(model.predict(X), y, atol=0.5)
