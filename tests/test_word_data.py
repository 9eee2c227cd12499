"""Spoken words: as many as are told, cut where they are spoken, and nobody in two parts."""

import os

import numpy as np
import pytest

from throughtime import datasets
from throughtime.datasets import an4, fsdd, vowels
from throughtime.datasets.corpus import Corpus
from throughtime.features.sound import mfcc

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(datasets.VARIABLE not in os.environ, reason="THROUGHTIME_DATA is not set"),
]


def counts(corpus: Corpus) -> list[int]:
    return [len(corpus.part(name).xs) for name in ("train", "validation", "test")]


def people(corpus: Corpus) -> list[set[str]]:
    return [set(corpus.part(name).who.tolist()) for name in ("train", "validation", "test")]


def test_a_speaker_of_fsdd_is_left_out_and_the_next_one_validates() -> None:
    for speaker, following in zip(fsdd.SPEAKERS, (*fsdd.SPEAKERS[1:], fsdd.SPEAKERS[0]), strict=True):
        corpus = fsdd.without(speaker)
        rest = set(fsdd.SPEAKERS) - {speaker, following}
        assert (counts(corpus), people(corpus)) == ([2000, 500, 500], [rest, {following}, {speaker}])
        assert np.bincount(corpus.part("test").targets).tolist() == [50] * 10
    assert (sum(map(len, corpus.xs)), corpus.xs[0].shape[1]) == (125_237, 13)
    with pytest.raises(ValueError, match="there is no speaker 'ann' in fsdd; there are george"):
        fsdd.without("ann")


def test_the_features_of_fsdd_are_nearly_those_made_of_its_sound() -> None:
    pytest.importorskip("kaldi_native_fbank")
    sound, bounds = (
        datasets.load_dataset("fsdd", "fsdd_audio_int16.npy.xz")["values"],
        datasets.load_dataset("fsdd")["audio_offsets"],
    )
    corpus, squares = fsdd.without("theo"), []
    for number in range(0, 3000, 30):
        made = mfcc(sound[bounds[number] : bounds[number + 1]] / 32768, 8000)
        squares.append(((made - corpus.xs[number]) / corpus.xs[number].std(axis=0)) ** 2)
    assert np.sqrt(np.concatenate(squares).mean(axis=0)).max() < 0.2


def test_all_nine_speakers_of_the_vowels_stand_in_all_parts() -> None:
    corpus = vowels.speakers()
    assert counts(corpus) == [216, 54, 370]
    assert np.bincount(corpus.part("train").targets).tolist() == [24] * 9
    assert np.bincount(corpus.part("validation").targets).tolist() == [6] * 9
    assert np.bincount(corpus.part("test").targets).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    assert {x.shape[1] for x in corpus.xs} == {12}
    assert (min(map(len, corpus.xs)), max(map(len, corpus.xs))) == (7, 29)


@pytest.mark.parametrize(("names", "wanted"), [(an4.LETTERS, (3011, 431)), (an4.DIGITS, (1719, 242))])
def test_words_of_an4_are_as_many_as_are_told_and_speakers_never_cross(names, wanted) -> None:
    corpus = an4.spoken_words(names)
    learning, validating, testing = counts(corpus)
    assert (learning + validating, testing) == wanted
    assert set(corpus.targets) == set(range(len(names)))
    train, validation, test = people(corpus)
    assert len(train | validation | test) == len(train) + len(validation) + len(test)
    told = people(an4.utterances())
    assert (train <= told[0], validation <= told[1], test <= told[2]) == (True, True, True)


def test_words_of_an4_are_cut_where_they_are_spoken() -> None:
    corpus = an4.spoken_words(an4.LETTERS)
    spoken = an4.utterances()
    number = next(n for n, said in enumerate(spoken.targets) if len(said.words[0]) == 1)
    begin, end = spoken.targets[number].times[0]
    place = next(n for n, x in enumerate(corpus.xs) if np.array_equal(x, spoken.xs[number][begin:end]))
    assert corpus.names[corpus.targets[place]] == an4.text_of(spoken.targets[number].words[0])
    wider = an4.spoken_words(an4.LETTERS, lambda x: -x, margin=5)
    np.testing.assert_array_equal(wider.xs[place], -spoken.xs[number][max(0, begin - 5) : end + 5])
