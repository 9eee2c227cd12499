"""The estimators: scikit-learn's contract, the forms X and y may have, and what a fitted one remembers."""

import functools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import throughtime as tt
from throughtime.estimators import ARCHITECTURES, EXPECTED_FAILED_CHECKS, SequenceClassifier, SequenceRegressor
from throughtime.storage import load, save

SMALL: dict[str, Any] = {"hidden": 4, "epochs": 40, "learning_rate": 0.05, "random_state": 0}
RNG = np.random.default_rng(0)
LISTED = [RNG.normal(size=(n, 2)) for n in (4, 6, 5, 6)]
BLOCK = RNG.normal(size=(6, 5, 2))


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
    for network in (wide, tt.feedforward(1, 2, 1)):
        assert SequenceRegressor(network, epochs=1).fit(X, X).network_.size_of("output") == 1
    with pytest.raises(ValueError, match="unknown network 'rnn'; known: feedforward"):
        SequenceRegressor("rnn").fit(X, X)
    with pytest.raises(
        ValueError, match=r"the data has 1 features and 1 outputs .* but the network has inputs of size"
    ):
        SequenceRegressor(tt.elman(2, 2, 1)).fit(X, X)


@pytest.mark.parametrize("name", ARCHITECTURES)
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
