"""The transcripts of an4: as many as are told, and nobody in two parts."""

import os

import pytest

from throughtime import datasets
from throughtime.datasets import an4
from throughtime.datasets.an4 import Spoken, text_of

real = [
    pytest.mark.data,
    pytest.mark.skipif(datasets.VARIABLE not in os.environ, reason="THROUGHTIME_DATA is not set"),
]


def test_words_are_joined_by_spaces() -> None:
    spoken = Spoken("ann", ((2,), (8, 16)), ((3, 5), (5, 9)))
    assert spoken.labels == [2, 1, 8, 16]
    assert text_of(spoken.labels) == "A GO"


class TestReal:
    pytestmark = real

    def test_the_official_split_and_who_validates(self) -> None:
        corpus = an4.utterances()
        train, validation, test = (corpus.part(name) for name in ("train", "validation", "test"))
        assert (len(train.xs) + len(validation.xs), len(test.xs)) == (948, 130)
        parts = [set(part.who.tolist()) for part in (train, validation, test)]
        assert [len(part) for part in parts] == [65, 9, 10]
        assert len(set.union(*parts)) == 84

    def test_words_and_characters_are_those_that_others_count(self) -> None:
        test = an4.utterances().part("test")
        texts = [text_of(spoken.labels) for spoken in test.targets]
        assert sum(len(text.split()) for text in texts) == 773
        assert sum(map(len, texts)) == 2565
        assert texts == datasets.load_dataset("an4")["test_text"].tolist()

    def test_words_follow_each_other_within_the_utterance(self) -> None:
        corpus = an4.utterances()
        for x, spoken in zip(corpus.xs, corpus.targets, strict=True):
            ends = [time for pair in spoken.times for time in pair]
            assert len(spoken.times) == len(spoken.words) > 0
            assert ends == sorted(ends)
            assert 0 <= ends[0] < ends[-1] <= len(x)
        assert [s.speaker for s in corpus.targets] == corpus.who.tolist()
