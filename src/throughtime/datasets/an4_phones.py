"""an4: which phone is spoken in every frame, by forced alignment; the official test speakers, others held out to validate."""

import numpy as np

from throughtime import datasets
from throughtime.datasets.corpus import Corpus, Values, held_out

SHARE = 0.12  # of the training speakers, to validate with


def phones() -> Corpus:
    """All utterances, each (T, 13) MFCC at 100 frames per second, with a phone for every frame, (T,); 34 phones.

    raises  `DatasetMissing` if the data are not on this machine
    """
    arrays = datasets.load("an4")
    train, test = arrays["train_speaker"], arrays["test_speaker"]
    parts = np.where(held_out(train, SHARE), "validation", "train")
    return Corpus(
        _cut(arrays, "train") + _cut(arrays, "test"),
        _labels(arrays, "train") + _labels(arrays, "test"),
        np.concatenate([train, test]),
        np.concatenate([parts, np.full(len(test), "test")]),
        tuple(arrays["phones"].tolist()),
    )


def _cut(arrays: dict[str, Values], part: str) -> list[Values]:
    return np.split(arrays[f"{part}_mfcc"].astype(np.float32), arrays[f"{part}_offsets"][1:-1])


def _labels(arrays: dict[str, Values], part: str) -> list[Values]:
    """A phone per frame: the segments of an utterance tile it."""
    segments, bounds = arrays[f"{part}_phone_seg"], arrays[f"{part}_phone_offsets"][1:-1]
    return [np.repeat(own[:, 0], own[:, 2]).astype(np.int32) for own in np.split(segments, bounds)]
