"""The handwriting experiments: answers are counted right, augmentation keeps labels, and the small versions learn."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import throughtime as tt
from short import few_epochs
from throughtime import datasets, experiments
from throughtime.datasets import pens
from throughtime.drawing import weight_count
from throughtime.experiments import handwriting, handwriting_words, judging
from throughtime.features.pen import PenChanges, PenFeatures, pen_input
from throughtime.models.each import run_each
from throughtime.sequences import inputs_of

real = [
    pytest.mark.data,
    pytest.mark.skipif(datasets.VARIABLE not in os.environ, reason="THROUGHTIME_DATA is not set"),
]


def test_an_answer_is_the_mean_over_all_points() -> None:
    ys = [np.array([[0.0, 3.0], [1.0, 0.0], [1.0, 0.0]]), np.array([[0.1, 0.0]])]
    assert judging.recording_error(ys, [1, 0]) == 0
    assert judging.recording_error(ys, [1, 1]) == 50


def test_several_networks_together_average_their_probabilities() -> None:
    sure, doubting = [np.array([[0.0, 9.0]])], [np.array([[2.0, 0.0]])]
    assert judging.committee_error([sure, doubting, doubting], [1]) == 100
    assert judging.committee_error([sure, sure, doubting], [1]) == 0


def test_words_are_right_as_a_whole_and_characters_one_by_one() -> None:
    path = 9 * np.eye(4)[[1, 1, 0, 1, 2]]
    assert judging.character_error([path], [[1, 1, 3]]) == pytest.approx(100 / 3)
    assert handwriting_words.word_error([[1, 1, 3], [2]], [(1, 1, 2), (2,)]) == 50


def test_augmented_drawings_are_seen_as_they_were_if_nothing_is_changed() -> None:
    drawings = [np.array([[0, 0, 0], [5, 30, 1], [9, 0, 0], [20, 7, 1.0]]), np.array([[0, 0, 0], [1, 1, 1.0]])]
    features = PenFeatures(points=7)
    xs, targets = handwriting.PenAugmentation(PenChanges(0, 0, 0, 0), features)(
        drawings, [3, 4], np.random.default_rng(0)
    )
    assert targets == [3, 4]
    for x, wanted in zip(xs, features(drawings), strict=True):
        np.testing.assert_allclose(x, wanted, atol=1e-5)


def test_the_networks_of_the_experiments_fit_their_data() -> None:
    for name in handwriting.BARS:
        for entry in handwriting.pen_contestants(name, 26, quick=False).values():
            assert entry.network.by_name["output"].size == 26
            assert weight_count(entry.network) > 5000
            assert sum(size for _, size in entry.network.inputs) == len(handwriting.FEATURES[name].columns)
    assert handwriting_words.writing_course(27, quick=False).network.by_name["output"].size == 27


@pytest.fixture(autouse=True)
def _few_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    few_epochs(monkeypatch, 3)


def small(name: str, out: Path) -> dict[str, Any]:
    """What the small version says after few epochs, one value per row."""
    said = experiments.conduct(name, True, 1, out, lambda done, remark: None)
    assert json.loads(json.dumps(said)) == said
    return {(r["network"], r["split"]): r["values"][0] for r in said["baselines"] + said["results"]}


class TestSmall:
    pytestmark = real

    def test_digits(self, tmp_path: Path) -> None:
        said = small("handwriting", tmp_path)
        assert said["nearest neighbour", "pendigits"] < said["LDA", "pendigits"]
        assert said["bidirectional LSTM", "pendigits"] < 4
        names = {"curves", "confusion", "examples"}
        assert {f"handwriting-pendigits-{name}.png" for name in names} <= {p.name for p in tmp_path.iterdir()}
        model = tt.load(tmp_path / "handwriting-pendigits-bidirectional-LSTM-0.safetensors")
        rows = pens.pendigits().part("test").pick(range(200))
        seen = [inputs_of(model.network, x) for x in handwriting.FEATURES["pendigits"](rows.xs)]
        assert judging.recording_error(run_each(model.network, model.weights, seen), rows.targets) <= 4
        raw = pens.unipen("digits").part("test").pick(range(200))  # as a pen gives them, of others, on another device
        seen = [inputs_of(model.network, pen_input(x, model.settings["features"])) for x in raw.xs]
        assert judging.recording_error(run_each(model.network, model.weights, seen), raw.targets) <= 25

    def test_words(self, tmp_path: Path) -> None:
        said = small("handwriting-words", tmp_path)
        name = handwriting_words.NAME
        assert said[f"{name}, greedy", "test"] < 65
        assert said[f"{name}, vocabulary", "test"] < said[f"{name}, greedy", "test words"]
        names = {"handwriting-words-confusion.png", "handwriting-words-examples.png"}
        assert names <= {p.name for p in tmp_path.iterdir()}
