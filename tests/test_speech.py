"""The speech experiment: augmentation keeps what is said, the decoder says words, and the small version learns."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import throughtime as tt
from throughtime import datasets, experiments
from throughtime.datasets import an4
from throughtime.datasets.an4 import NAMES, Spoken, text_of
from throughtime.decoding import Sentences
from throughtime.experiments import judging, speech, speech_data, speech_text
from throughtime.experiments.speech_data import Pairs, UtteranceAugmentation, respoken

SILENCE = 0


def utterance(speaker: int, words: list[int]) -> tuple[np.ndarray, Spoken]:
    """Word k is the label k, spoken as k + 8 frames that hold the speaker and k; silence before, between and after."""
    frames, times = [SILENCE] * 3, []
    for k in words:
        times.append((len(frames), len(frames) + k + 8))
        frames += [k] * (k + 8) + [SILENCE] * 2
    x = np.zeros((len(frames), 13))
    x[:, 0], x[:, 1] = speaker, frames
    return x, Spoken(f"speaker {speaker}", tuple((k,) for k in words), tuple(times))


def corpus() -> tuple[list[np.ndarray], list[Spoken]]:
    rng = np.random.default_rng(0)
    made = [utterance(n % 3, rng.integers(2, 20, rng.integers(1, 6)).tolist()) for n in range(30)]
    return [x for x, _ in made], [spoken for _, spoken in made]


def spoken_in(x: np.ndarray) -> list[int]:
    """The labels that the frames hold: a word of k + 8 frames at a time, with spaces between."""
    labels, place = [], 0
    while place < len(x):
        k = int(x[place, 1])
        assert k == SILENCE or (x[place : place + k + 8, 1] == k).all()
        labels += [] if k == SILENCE else [an4.SPACE, k]
        place += 1 if k == SILENCE else k + 8
    return labels[1:]


def test_utterances_put_together_anew_say_what_their_labels_say_and_speakers_stay_apart() -> None:
    xs, targets = corpus()
    made = respoken(xs, targets, np.random.default_rng(1), share=1.0)
    for (x, labels), before in zip(made, targets, strict=True):
        assert spoken_in(x) == labels
        assert set(x[:, 0]) == {float(before.speaker[-1])}
        assert len(labels) == 2 * max(2, len(before.words)) - 1
    assert sum(labels != spoken.labels for (_, labels), spoken in zip(made, targets, strict=True)) > 25
    again = respoken(xs, targets, np.random.default_rng(1), share=0.0)
    assert [labels for _, labels in again] == [spoken.labels for spoken in targets]


def test_they_are_not_longer_than_allowed_and_ctc_has_steps_for_them() -> None:
    xs, targets = corpus()
    for x, labels in respoken(xs, targets, np.random.default_rng(2), share=1.0, longest=40):
        words = sum(k + 8 for k in labels[::2])
        assert words <= 40 or len(labels) in (1, *(len(s.labels) for s in targets))
        assert len(labels) <= len(x)
    assert not speech_data._fits(np.zeros((9, 13)), [2, 2])
    assert speech_data._fits(np.zeros((10, 13)), [2, 2])


def test_nothing_changed_is_what_is_heard() -> None:
    xs, targets = corpus()
    rng = np.random.default_rng(3)
    xs = [x + rng.normal(size=x.shape) for x in xs]
    heard, labels = UtteranceAugmentation(0.0, 0.0, 0, 0, 0.0)(xs, targets, rng)
    assert labels == [spoken.labels for spoken in targets]
    for x, made in zip(xs, heard, strict=True):
        np.testing.assert_allclose(made, speech_data.speech_features(x), atol=1e-4)
        assert made.shape == (-(-len(x) // 2), speech_data.INPUTS)


def test_the_decoder_says_words_and_prefers_what_follows_in_its_sentences() -> None:
    doubtful = np.full((3, len(NAMES)), -9.0)
    doubtful[[0, 1, 2], [NAMES.index("G"), NAMES.index("O"), NAMES.index("P")]] = 3.0
    doubtful[2, 0] = 2.5
    assert speech_text.greedy([doubtful]) == ["GOP"]
    assert Sentences(("GO", "NO"), NAMES, 2)([doubtful]) == ["GO"]
    assert Sentences(("NO",), NAMES, 2, width=1)([doubtful]) in ([""], ["NO"])


def test_the_decoder_is_chosen_by_its_word_error(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    ys = [np.log(rng.dirichlet(np.ones(len(NAMES)) * 0.1, 12) + 1e-6) for _ in range(6)]
    texts, sentences = ["GO A", "NO", "A A", "NO A", "GO", "GO NO"], ["GO A", "NO A NO", "GO NO", "A"]
    best, error = speech_text.chosen(sentences, ys, texts)
    assert error == pytest.approx(100 * tt.word_error_rate(texts, best(ys)))
    monkeypatch.setattr(speech_text, "BONUSES", (best.bonus,))
    monkeypatch.setattr(speech_text, "WEIGHTS", (best.weight,))
    assert speech_text.chosen(sentences, ys, texts)[1] == error


def test_several_networks_together_average_their_probabilities() -> None:
    sure, doubting = [np.array([[0.0, 9.0]])], [np.array([[2.0, 0.0]])]
    assert judging.committee_outputs([sure, doubting, doubting])[0].argmax() == 0
    assert judging.committee_outputs([sure, sure, doubting])[0].argmax() == 1


def test_always_the_same_answer_is_the_closest_of_the_known_ones() -> None:
    assert speech.constant_error(["AB", "AC", "XYZXYZ"], ["AB", "CD"]) == pytest.approx(50)


@pytest.mark.data
@pytest.mark.skipif(datasets.VARIABLE not in os.environ, reason="THROUGHTIME_DATA is not set")
def test_the_small_version_learns(tmp_path: Path) -> None:
    said = experiments.conduct("speech", True, 1, tmp_path, lambda done, remark: None)
    assert json.loads(json.dumps(said)) == said
    value = {(r["network"], r["split"]): r["values"][0] for r in said["baselines"] + said["results"]}
    error = value[f"{speech.NAME}, greedy", "test"]
    assert error < 55 < 70 < value["the same answer always", "test"]
    assert value[f"{speech.NAME}, decoder", "test words"] < 0.8 * value[f"{speech.NAME}, greedy", "test words"]
    names = {"speech-confusion.png", "speech-curve.png", "speech-example.png", "speech-texts.csv", "speech.csv"}
    assert names <= {path.name for path in tmp_path.iterdir()}
    model = tt.load(tmp_path / "speech-0.safetensors")
    test = an4.utterances().part("test")
    test = test.pick([len(x) <= 200 for x in test.xs])
    pairs, decoder = Pairs.of(test), Sentences.of(model.settings["decoder"], model.classes)
    given = decoder(pairs.said(model.network, model.weights))
    assert 100 * tt.word_error_rate(pairs.texts, given) == value[f"{speech.NAME}, decoder", "test words"]
    assert text_of(test.targets[0].labels) == pairs.texts[0]
