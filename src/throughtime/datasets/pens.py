"""Handwriting by pen: UNIPEN digits, lower-case letters and words, and pendigits. A recording is (P, 3): x, y, end of a stroke."""

from typing import Literal

import numpy as np

from throughtime import datasets
from throughtime.datasets.corpus import Corpus, Values, makers_held_out

LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
BLANK = ""  # the name of label 0 of words, for CTC


def unipen(name: Literal["digits", "lower", "words"], share: float = 0.1) -> Corpus:
    """UNIPEN: raw points of the device, y upwards; writers of the test, a fifth, are never met in training.

    name   digits, lower: the target is a label. words: a list of labels, 1 to 26; 0 is left to the blank
    share  of the training writers, who are held out for validation

    raises  `DatasetMissing` if the data are not on this machine
    """
    arrays = datasets.load_dataset("unipen", f"{name}.npz")
    offsets, test = arrays["offsets"], arrays["is_test"]
    points = [_positions(arrays[axis], offsets) for axis in ("dx", "dy")]
    ends = np.unpackbits(arrays["stroke_end"])[: offsets[-1]]
    who = arrays["writer_id"][arrays["writer"]]
    validating = np.zeros(len(who), bool)
    validating[~test] = makers_held_out(who[~test], share)
    parts = np.select([test, validating], ["test", "validation"], "train")
    names = tuple(map(str, range(10))) if name == "digits" else LETTERS
    if name == "words":
        names = (BLANK, *names)
    number = {text: place for place, text in enumerate(names)}
    labels = arrays["label"].tolist()
    targets = [[number[c] for c in text] if name == "words" else number[text] for text in labels]
    xs = np.split(np.column_stack([*points, ends]).astype(np.float32), offsets[1:-1])
    return Corpus(xs, targets, who, parts, names)


def pendigits(share: float = 0.1) -> Corpus:
    """Pendigits: eight points of each digit, one stroke; the official test is by other writers.

    The files do not say who wrote a row, and the training rows are mixed: the nearest neighbour of a row stands no nearer to it
    than chance has it. So validation, the last rows of that share, is by writers who are trained on as well, and easier than
    the test. Each row counts as somebody of its own.

    raises  `DatasetMissing` if the data are not on this machine
    """
    arrays = datasets.load_dataset("pendigits")
    points = np.concatenate([arrays["train_x"], arrays["test_x"]]).astype(np.float32)
    ends = np.zeros((*points.shape[:2], 1), np.float32)
    ends[:, -1] = 1
    count = len(arrays["train_x"])
    place = np.arange(len(points))
    parts = np.select([place >= count, place >= round((1 - share) * count)], ["test", "validation"], "train")
    targets = np.concatenate([arrays["train_y"], arrays["test_y"]]).astype(int).tolist()
    return Corpus(list(np.concatenate([points, ends], axis=2)), targets, place, parts, tuple(map(str, range(10))))


def _positions(steps: Values, offsets: Values) -> Values:
    """Where the pen is: the sum of its steps since the first point of the sample, whose step is 0."""
    total = np.cumsum(steps, dtype=np.int64)
    return total - np.repeat(total[offsets[:-1]], np.diff(offsets))
