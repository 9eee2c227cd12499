"""UNIPEN and pendigits: as many as are told, and no writer in two parts."""

import os

import numpy as np
import pytest

from throughtime import datasets
from throughtime.datasets import pens

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(datasets.VARIABLE not in os.environ, reason="THROUGHTIME_DATA is not set"),
]


@pytest.mark.parametrize(
    ("name", "train", "test", "writers", "points"),
    [("digits", 11881, 3579, 267, 813667), ("lower", 47183, 13030, 295, 2289175), ("words", 17531, 5000, 133, 4084820)],
)
def test_writers_of_unipen_never_cross(name: str, train: int, test: int, writers: int, points: int) -> None:
    corpus = pens.unipen(name)
    parts = [set(corpus.part(part).who.tolist()) for part in ("train", "validation", "test")]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts)) == writers
    assert (len(corpus.part("test").xs), np.sum(corpus.parts != "test")) == (test, train)
    assert sum(map(len, corpus.xs)) == points
    assert all(x[-1, 2] == 1 for x in corpus.xs)
    raw = datasets.load_dataset("unipen", f"{name}.npz")
    begin, end = raw["offsets"][7:9]
    np.testing.assert_array_equal(corpus.xs[7][:, 0], np.cumsum(raw["dx"][begin:end]))
    np.testing.assert_array_equal(corpus.xs[7][:, 1], np.cumsum(raw["dy"][begin:end]))
    spelled = corpus.targets[7] if name == "words" else [corpus.targets[7]]
    assert "".join(corpus.names[k] for k in spelled) == str(raw["label"][7])


def test_pendigits_keep_the_official_test() -> None:
    corpus = pens.pendigits()
    counts = {part: len(corpus.part(part).xs) for part in ("train", "validation", "test")}
    assert counts == {"train": 6745, "validation": 749, "test": 3498}
    assert {x.shape for x in corpus.xs} == {(8, 3)}
    raw = datasets.load_dataset("pendigits")
    np.testing.assert_array_equal(np.stack(corpus.part("test").xs)[..., :2], raw["test_x"])
    assert corpus.part("test").targets == raw["test_y"].tolist()
