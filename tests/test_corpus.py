"""A corpus keeps people apart: nobody stands in two parts."""

import numpy as np
import pytest

from throughtime.datasets.corpus import Corpus, makers_held_out


def made(parts: list[str], who: list[str]) -> Corpus:
    xs = [np.full((n + 1, 2), n, float) for n in range(len(who))]
    return Corpus(xs, list(range(len(who))), np.array(who), np.array(parts), ("a", "b", "c"))


def test_who_stands_in_two_parts_is_named() -> None:
    with pytest.raises(ValueError, match="recordings of 'ann' stand in 'train' and in 'test'; keep them together"):
        made(["train", "validation", "test"], ["ann", "bob", "ann"])
    with pytest.raises(ValueError, match="a corpus has recordings"):
        made(["train"], ["ann", "bob"])


def test_parts_and_features() -> None:
    corpus = made(["train", "test", "train"], ["ann", "bob", "ann"])
    assert [target for _, target in corpus.part("train").sequences] == [0, 2]
    assert corpus.part("test").who.tolist() == ["bob"]
    assert [x.shape for x in corpus.seen_through(lambda x: x[:, :1]).xs] == [(1, 1), (2, 1), (3, 1)]
    assert corpus.pick([2, 0]).targets == [2, 0]


def test_people_are_held_out_as_a_whole() -> None:
    who = np.repeat(np.arange(20), 3)
    chosen = makers_held_out(who, 0.25, seed=1)
    assert chosen.sum() == 15
    assert set(who[chosen]).isdisjoint(who[~chosen])
    assert (makers_held_out(who, 0.25, seed=2) != chosen).any()
