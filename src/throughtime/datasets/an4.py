"""an4: what is said in every utterance, as characters; the official test speakers, others held out to validate.

Letters are words of their own: "P I T T S" is spelled, "RUBOUT G M E F THREE NINE" says two words and five letters more.
"""

import string
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from throughtime import datasets
from throughtime.datasets.corpus import Corpus, Values, held_out

SHARE = 0.12  # of the training speakers, to validate with
NAMES = ("", " ", *string.ascii_uppercase)  # 0 is the blank of CTC
SPACE = 1


@dataclass(frozen=True)
class Spoken:
    """What is said in an utterance, by whom, and when.

    speaker  who says it
    words    as labels of characters
    times    (first frame, frame after the last) of each word, by forced alignment
    """

    speaker: str
    words: tuple[tuple[int, ...], ...]
    times: tuple[tuple[int, int], ...]

    @property
    def labels(self) -> list[int]:
        """The characters of all words, with a space between two."""
        return [label for word in self.words for label in (SPACE, *word)][1:]


def text_of(labels: Iterable[int]) -> str:
    """The characters of labels.

    >>> text_of([2, 1, 8, 16])
    'A GO'
    """
    return "".join(NAMES[label] for label in labels)


def utterances() -> Corpus:
    """All utterances, each (T, 13) MFCC at 100 frames per second, with what is `Spoken`; labels are 27 characters, and 0.

    raises  `DatasetMissing` if the data are not on this machine
    """
    arrays = datasets.load("an4")
    train, test = arrays["train_speaker"], arrays["test_speaker"]
    parts = np.where(held_out(train, SHARE), "validation", "train")
    return Corpus(
        _cut(arrays, "train") + _cut(arrays, "test"),
        _spoken(arrays, "train") + _spoken(arrays, "test"),
        np.concatenate([train, test]),
        np.concatenate([parts, np.full(len(test), "test")]),
        NAMES,
    )


def _cut(arrays: dict[str, Values], part: str) -> list[Values]:
    return np.split(arrays[f"{part}_mfcc"].astype(np.float32), arrays[f"{part}_offsets"][1:-1])


def _spoken(arrays: dict[str, Values], part: str) -> list[Spoken]:
    """The words of each utterance and their times."""
    words = [tuple(map(NAMES.index, word)) for word in arrays["vocab"].tolist()]
    said = np.split(arrays[f"{part}_word_seg"].astype(int), arrays[f"{part}_word_offsets"][1:-1])
    return [
        Spoken(str(speaker), tuple(words[w] for w, _, _ in own), tuple((int(f), int(f + n)) for _, f, n in own))
        for speaker, own in zip(arrays[f"{part}_speaker"], said, strict=True)
    ]
