"""Japanese Vowels: nine men say /ae/; who is it? 12 LPC cepstra, 7 to 29 frames."""

import numpy as np

from throughtime import datasets
from throughtime.datasets.corpus import Corpus

SPEAKERS = 9


def speakers(validation: int = 6) -> Corpus:
    """All recordings, each (T, 12); the target is the speaker, so all nine stand in every part, and each recording for itself.

    validation  recordings of each speaker, the last of the 30 that there are to train with; the test is the official one

    raises  `DatasetMissing` if the data are not on this machine
    """
    arrays = datasets.load_dataset("japanese_vowels")
    xs = [
        x
        for part in ("train", "test")
        for x in np.split(arrays[f"{part}_x"].astype(np.float32), arrays[f"{part}_offsets"][1:-1])
    ]
    given = arrays["train_y"].astype(int)
    place = np.array([np.sum(given[:n] == who) for n, who in enumerate(given)])  # of a recording among its speaker's
    kept = np.where(place < np.bincount(given)[given] - validation, "train", "validation")
    parts = np.concatenate([kept, np.full(len(arrays["test_y"]), "test")])
    targets = [*given.tolist(), *arrays["test_y"].astype(int).tolist()]
    return Corpus(xs, targets, np.arange(len(xs)), parts, tuple(f"speaker {k}" for k in range(1, SPEAKERS + 1)))
