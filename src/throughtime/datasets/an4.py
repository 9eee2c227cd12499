"""an4: what is said in every utterance, as characters, and which phone is spoken in every frame, by forced alignment.

The test speakers are the official ones, others are held out to validate.
Letters are words of their own: "P I T T S" is spelled, "RUBOUT G M E F THREE NINE" says two words and five letters more.
"""

import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from throughtime import datasets
from throughtime.datasets.corpus import Corpus, Values, makers_held_out

SHARE = 0.12  # of the training speakers, to validate with
NAMES = ("", " ", *string.ascii_uppercase)  # 0 is the blank of CTC
SPACE = 1
# How `mfcc` makes such cepstra of sound: once normalised, within about 0.2 deviations of CMU's own front end.
MADE: dict[str, Any] = {"rate": 16000, "filters": 40, "low": 130, "high": 6800, "energy": False}
LETTERS = tuple(string.ascii_uppercase)
DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE", "OH")


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
    arrays = datasets.load_dataset("an4")
    return _corpus(arrays, _spoken, NAMES)


def spoken_words(names: Sequence[str], features: Callable[[Values], Values] = np.asarray, margin: int = 0) -> Corpus:
    """Single words, cut out of the utterances by forced alignment: `LETTERS`, `DIGITS`, or others.

    names     the words, label k is the k-th
    features  of a whole utterance, (T, 13) to (T, I), from which words are cut
    margin    frames more on both sides, as far as the utterance goes

    raises  `DatasetMissing` if the data are not on this machine
    """
    spoken, number = utterances(), {name: k for k, name in enumerate(names)}
    xs, targets, made = [], [], []
    for utterance, (x, said) in enumerate(spoken.sequences):
        seen = features(x)
        for word, (begin, end) in zip(said.words, said.times, strict=True):
            if text_of(word) in number:
                xs.append(seen[max(0, begin - margin) : end + margin])
                targets.append(number[text_of(word)])
                made.append(utterance)
    return Corpus(xs, targets, spoken.who[made], spoken.parts[made], tuple(names))


def phones() -> Corpus:
    """All utterances, each (T, 13) MFCC at 100 frames per second, with a phone for every frame, (T,); 34 phones.

    raises  `DatasetMissing` if the data are not on this machine
    """
    arrays = datasets.load_dataset("an4")
    return _corpus(arrays, _phones, tuple(arrays["phones"].tolist()))


def _corpus(
    arrays: dict[str, Values], targets: Callable[[dict[str, Values], str], list[Any]], names: tuple[str, ...]
) -> Corpus:
    train, test = arrays["train_speaker"], arrays["test_speaker"]
    parts = np.where(makers_held_out(train, SHARE), "validation", "train")
    return Corpus(
        _cut(arrays, "train") + _cut(arrays, "test"),
        targets(arrays, "train") + targets(arrays, "test"),
        np.concatenate([train, test]),
        np.concatenate([parts, np.full(len(test), "test")]),
        names,
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


def _phones(arrays: dict[str, Values], part: str) -> list[Values]:
    """A phone per frame: the segments of an utterance tile it."""
    segments, bounds = arrays[f"{part}_phone_seg"], arrays[f"{part}_phone_offsets"][1:-1]
    return [np.repeat(own[:, 0], own[:, 2]).astype(np.int32) for own in np.split(segments, bounds)]
