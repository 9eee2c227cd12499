"""The words experiment: who is learnt with, what is heard and changed, what is averaged; and the small version learns."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import throughtime as tt
from short import few_epochs
from throughtime import datasets, engine, experiments
from throughtime.datasets import an4
from throughtime.datasets.an4 import NAMES, Spoken
from throughtime.datasets.corpus import Corpus
from throughtime.experiments import judging, words, words_data, words_networks, words_rivals
from throughtime.experiments.course_states import CourseResult
from throughtime.experiments.courses import Course
from throughtime.experiments.words_data import ScaledFeatures, WordAugmentation, WordQuestion
from throughtime.features import SpeechChanges, SpeechFeatures, splice, with_deltas
from throughtime.features.heard import sound_input
from throughtime.models.columns import columns_of
from throughtime.models.each import run_each
from throughtime.sequences import inputs_of

real = [
    pytest.mark.data,
    pytest.mark.skipif(datasets.VARIABLE not in os.environ, reason="THROUGHTIME_DATA is not set"),
]
WHO = np.array(["ann", "bob", "eve", "ann", "bob", "eve"])
PARTS = np.array(["train", "validation", "test"] * 2)


def task() -> WordQuestion:
    """Two recordings of each of three people; a recording holds its number, and its label is 0 or 1."""
    rng = np.random.default_rng(0)
    xs = [np.column_stack([np.full(n + 5, float(n)), rng.normal(size=(n + 5, 2))]) for n in range(6)]
    heard = ScaledFeatures(SpeechFeatures(deltas=0, normalised=False))
    corpus = Corpus(xs, [0, 1, 0, 1, 0, 1], WHO, PARTS, ("no", "yes"))
    changed = WordAugmentation(SpeechChanges(0.0, 0.0, 0), heard, 0.0)
    return WordQuestion("data", corpus, changed, (12,), heard.features.settings("numbers", 3))


def test_nobody_of_validation_is_learnt_with_at_first_and_nobody_of_the_test_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    learnt: list[tuple[set[int], set[int], int]] = []

    def follow(self: Course, recordings: Any, validation: Any, seed: int, *_: Any) -> CourseResult:
        learnt.append((*({int(x[0, 0]) for x, _ in pairs} for pairs in (recordings, validation)), seed))
        return CourseResult(engine.init(self.network, seed), 0.0, 1, np.ones((1, 4)))

    monkeypatch.setattr(Course, "follow", follow)
    monkeypatch.setitem(words.SETTINGS, "data", words_networks.Setting({words.BEST: 1}, 2))
    entry = words.word_contestants(task(), quick=True)[words.BEST]
    asked, _ = words.word_answers("data", words.BEST, task(), entry, 2, tmp_path, lambda share, remark: None)
    assert learnt[0] == ({0, 3}, {1, 4}, 0)
    assert [(who, seed) for who, _, seed in learnt[1:]] == [({0, 1, 3, 4}, 0), ({0, 1, 3, 4}, 1)]
    assert asked.targets == [0, 1]
    for ys in asked.said:
        assert [len(y) for y in ys] == [7, 10]
    model = tt.load(tmp_path / "words-data-bidirectional-LSTM-1.safetensors")
    (again,) = run_each(model.network, model.weights, [inputs_of(model.network, task().pairs("test")[0][0])])
    np.testing.assert_allclose(again, asked.said[1][0], atol=1e-5)


def test_what_is_heard_has_mean_0_and_deviation_1_over_all_and_nothing_changed_is_heard_as_it_is() -> None:
    xs, features = task().corpus.xs, SpeechFeatures(deltas=1, normalised=False)
    heard = ScaledFeatures(features, columns_of(np.concatenate(features(xs)), range(6)))
    rows = np.concatenate(heard(xs))
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(rows.std(axis=0), [1, 1, 1, 0, 1, 1], atol=1e-5)  # the slope of a number is 0
    made, targets = WordAugmentation(SpeechChanges(0.0, 0.0, 0), heard, 0.0)(xs, [4] * 6, np.random.default_rng(0))
    assert targets == [4] * 6
    for x, wanted in zip(made, heard(xs), strict=True):
        np.testing.assert_allclose(x, wanted, atol=1e-6)
    noisy, _ = WordAugmentation(SpeechChanges(0.0, 0.0, 0), heard, 0.5)(xs, targets, np.random.default_rng(0))
    assert {np.shape(x) for x in noisy} == {x.shape for x in made}
    assert not np.allclose(noisy[0], made[0])


def test_a_share_of_what_is_heard_is_put_together_of_two_with_one_label() -> None:
    xs, targets = task().corpus.xs, [0, 0, 1, 1, 2, 2]
    changes, rng = SpeechChanges(0.0, 0.3, 0), np.random.default_rng(0)
    changed = WordAugmentation(changes, ScaledFeatures(SpeechFeatures(deltas=0, normalised=False)), 0.0, spliced=1.0)
    made, told = changed(xs, targets, np.random.default_rng(0))
    assert told == targets
    wanted = changes(splice(xs, targets, rng, 1.0), rng)
    for one, other, x in zip(made, wanted, xs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
        assert len(one) != len(x) or not np.allclose(one, x)


def test_without_a_network_what_networks_hear_is_known() -> None:
    """Two labels that differ in nothing but a place that silence hides, and a mean that says nothing."""
    rng = np.random.default_rng(1)
    xs = []
    for n in range(40):
        word = np.where(np.arange(10) < 5, 1.0, -1.0) * (-1) ** (n % 2) + rng.normal(size=10) / 10 + 9 * rng.normal()
        around = rng.integers(0, 60, 2)
        x = np.column_stack([np.zeros(10), word])
        xs.append(np.pad(x, (around, (0, 0)), constant_values=-99))
    who, parts = np.arange(40), np.repeat(["train", "test"], 20)
    corpus = Corpus(xs, [n % 2 for n in range(40)], who, parts, ("no", "yes"))
    heard = ScaledFeatures(SpeechFeatures(deltas=1, normalised="mean", frames=2, silence=8.0))
    asked = WordQuestion("data", corpus, WordAugmentation(SpeechChanges(), heard, 0.0), (12,), {})
    assert [row.values for row in words.word_baselines("data", asked)] == [[0.0], [0.0]]
    deaf = asked._replace(
        changed=WordAugmentation(SpeechChanges(), ScaledFeatures(SpeechFeatures(deltas=1, normalised=False)), 0.0)
    )
    assert min(row.values[0] for row in words.word_baselines("data", deaf)) > 20


def test_several_networks_together_average_their_probabilities() -> None:
    sure, doubting = [np.array([[0.0, 9.0]])], [np.array([[2.0, 0.0]])]
    assert judging.committee_error([sure, doubting, doubting], [1]) == 100
    assert judging.committee_error([sure, sure, doubting], [1]) == 0


def test_all_kinds_of_networks_together_have_a_row_of_their_own() -> None:
    sure, doubting = [np.array([[0.0, 9.0]])], [np.array([[2.0, 0.0]])]
    answers = {
        ("data", "TDNN"): words.SeedAnswers([doubting], [1], 5.0),
        ("data", "LSTM"): words.SeedAnswers([sure], [1], 6.0),
    }
    rows = {(row.network, row.split): row.values for row in words.results(answers, {"data": task()})}
    assert rows["TDNN", "data"] == [100]
    assert rows["LSTM", "data"] == rows["all kinds together", "data"] == [0]
    assert rows["LSTM", "data, validation"] == [6]


def test_folds_are_averaged_seed_by_seed_once_all_are_there() -> None:
    folds = {f"data without {who}": task() for who in ("ann", "bob")} | {"other": task()._replace(data="other")}
    rows = [
        experiments.Result("TDNN", name, "e", values) for name, values in zip(folds, ([1, 2], [3, 6]), strict=False)
    ]
    assert words._over_folds(rows, folds) == [experiments.Result("TDNN", "data", "e", [2, 4])]
    assert words._over_folds(rows[1:], folds) == []
    checked = [replace(row, split=f"{row.split}, validation") for row in rows]
    assert [row.split for row in words._over_folds(checked, folds)] == ["data, validation"]


def test_points_in_time_are_equally_far_apart() -> None:
    x = np.column_stack([np.arange(39.0), np.arange(39.0) ** 2])
    made = words_rivals._points(x).reshape(2, 20)
    np.testing.assert_allclose(made, [np.arange(0, 39, 2), np.arange(0, 39, 2) ** 2])


def test_words_are_cut_out_of_an_utterance_where_they_are_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    spelled = tuple(map(NAMES.index, "ONE")), tuple(map(NAMES.index, "GO")), tuple(map(NAMES.index, "TWO"))
    spoken = Spoken("ann", spelled, ((2, 5), (5, 7), (8, 10)))
    one = Corpus([np.arange(11.0)[:, None]], [spoken], np.array(["ann"]), np.array(["test"]), NAMES)
    monkeypatch.setattr(an4, "utterances", lambda: one)
    made = an4.spoken_words(an4.DIGITS, lambda x: 10 * x)
    assert [x.ravel().tolist() for x in made.xs] == [[20, 30, 40], [80, 90]]
    assert [made.names[k] for k in made.targets] == ["ONE", "TWO"]
    assert (made.who.tolist(), made.parts.tolist()) == (["ann"] * 2, ["test"] * 2)
    assert [x.ravel().tolist() for x in an4.spoken_words(["TWO"], margin=3).xs] == [[5, 6, 7, 8, 9, 10]]


class TestReal:
    pytestmark = real

    def test_networks_fit_their_questions(self) -> None:
        asked = words_data.tasks(quick=False)
        assert len(asked) == 9
        assert {task.data for task in asked.values()} == set(words.BARS) == set(words.SETTINGS)
        for task in list(asked.values())[5:]:
            (x, label), classes = task.pairs("test")[0], len(task.corpus.names)
            changed, _ = task.changed(task.corpus.xs, task.corpus.targets, np.random.default_rng(0))
            assert max(map(len, changed)) <= max(task.lengths)
            wanted = words.word_contestants(task, quick=False)
            assert words.BEST in wanted
            assert set(wanted) == set(words.SETTINGS[task.data].epochs)
            assert (x.shape[1], 0 <= label < classes) == (task.inputs, True)

    def test_only_who_is_learnt_with_tells_the_mean_that_is_expected_of_a_digit(self) -> None:
        task = words_data._fsdd("lucas")
        learnt = [x for x, who in zip(task.corpus.xs, task.corpus.who, strict=True) if who not in ("lucas", "nicolas")]
        wanted = np.mean([with_deltas(x, 1).mean(axis=0) for x in learnt], axis=0)
        prior = task.heard.features.prior
        assert prior is not None
        np.testing.assert_allclose(prior.mean, wanted, atol=1e-9)

    def test_a_sound_is_heard_like_the_recording_that_was_made_of_it(self) -> None:
        pytest.importorskip("kaldi_native_fbank")
        task = words_data._fsdd("theo")
        samples = datasets.load_dataset("fsdd", "fsdd_audio_int16.npy.xz")["values"]
        bounds = datasets.load_dataset("fsdd")["audio_offsets"]

        def error(number: int, settings: dict[str, Any]) -> float:
            made = sound_input(samples[bounds[number] : bounds[number + 1]] / 32768, 8000, settings)
            (wanted,) = task.heard.features([task.corpus.xs[number]])
            if len(made) != len(wanted):  # silence begins at another frame
                return 1.0
            return float(np.mean((made - wanted) ** 2) / np.mean(wanted**2))

        settings = json.loads(json.dumps(task.settings))
        errors = [error(number, settings) for number in range(0, 3000, 60)]
        assert np.median(errors) < 0.01
        assert np.quantile(errors, 0.9) < 0.1
        assert np.median([error(number, settings | {"prior": None}) for number in range(0, 3000, 60)]) > 0.05

    def test_the_small_version_learns(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        few_epochs(monkeypatch, 5)
        said = experiments.conduct("words", True, 1, tmp_path, lambda done, remark: None)
        assert json.loads(json.dumps(said)) == said
        value = {(r["network"], r["split"]): r["values"][0] for r in said["baselines"] + said["results"]}
        assert value[words.BEST, "japanese_vowels"] < 8
        names = {f"words-japanese_vowels-{what}.png" for what in ("curves", "confusion", "outputs")}
        assert names | {"words.csv"} <= {path.name for path in tmp_path.iterdir()}
        model = tt.load(tmp_path / "words-japanese_vowels-bidirectional-LSTM-0.safetensors")
        task = words_data.tasks(quick=True)["japanese_vowels"]
        heard = ScaledFeatures(SpeechFeatures.of(model.settings["features"]), model.inputs)
        test = task.corpus.part("test")
        seen = [inputs_of(model.network, x) for x in heard(test.xs)]
        error = judging.recording_error(run_each(model.network, model.weights, seen), test.targets)
        assert error == value[words.BEST, "japanese_vowels"]
