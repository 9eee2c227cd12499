"""The phonemes of festvox_ru and an4: as many as are told, and nobody in two parts."""

import os

import numpy as np
import pytest

from throughtime import datasets
from throughtime.datasets import an4, festvox
from throughtime.datasets.corpus import Corpus

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(datasets.VARIABLE not in os.environ, reason="THROUGHTIME_DATA is not set"),
]


def kept_apart(corpus: Corpus) -> None:
    parts = [set(corpus.part(name).who.tolist()) for name in ("train", "validation", "test")]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts))


def test_every_frame_of_a_sentence_has_a_phone() -> None:
    corpus = festvox.sentences()
    kept_apart(corpus)
    counts = {name: len(corpus.part(name).xs) for name in ("train", "validation", "test")}
    assert counts == {"train": 496, "validation": 62, "test": 62}
    assert sum(map(len, corpus.xs)) == sum(map(len, corpus.targets)) == 595_886
    assert len(corpus.names) == 51
    assert corpus.part("test").who.tolist() == corpus.who[9::10].tolist()


def test_all_plosives_are_found_and_end_where_their_windows_say() -> None:
    corpus = festvox.plosives(before=10, after=5)
    kept_apart(corpus)
    assert np.bincount(corpus.targets).tolist() == [591 + 242, 946 + 498, 628 + 106]
    assert {x.shape for x in corpus.xs} == {(15, 13)}
    spoken, known = festvox.sentences(), {"b": 0, "bb": 0, "d": 1, "dd": 1, "g": 2, "gg": 2}
    labels = [[known.get(spoken.names[k], -1) for k in target] for target in spoken.targets]
    inside = festvox.plosives(lambda x: _numbered(x, spoken.xs, labels), before=2, after=0)
    right = [(x[0, 0] == target) for x, target in zip(inside.xs, inside.targets, strict=True)]
    assert np.mean(right) > 0.98  # the frame before the last one belongs to the phone


def _numbered(x: np.ndarray, xs: list[np.ndarray], labels: list[list[int]]) -> np.ndarray:
    """The class of each frame in the place of its features."""
    (number,) = [n for n, other in enumerate(xs) if len(other) == len(x) and (other == x).all()]
    return np.array(labels[number])[:, None]


def test_speakers_of_an4_never_cross() -> None:
    corpus = an4.phones()
    kept_apart(corpus)
    assert [len(x) for x in corpus.xs] == [len(target) for target in corpus.targets]
    assert len(corpus.part("test").xs) == 130
    assert len(set(corpus.part("test").who.tolist())) == 10
    assert len(corpus.names) == 34
