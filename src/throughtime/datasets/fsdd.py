"""fsdd, the Free Spoken Digit Dataset: zero to nine, each 50 times by each of six speakers, 13 MFCC."""

import numpy as np

from throughtime import datasets
from throughtime.datasets.corpus import Corpus

NAMES = tuple(map(str, range(10)))
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


def without(speaker: str) -> Corpus:
    """All recordings, each (T, 13) MFCC at 100 frames per second.

    They have no lifter and energies of samples up to 1. Normalised per recording, what `audio.mfcc` makes of the sound, 8000
    samples per second, differs from them by a tenth of a deviation in the mean square: it is what a model can be used with.

    speaker  whose recordings are the test; the next one's, in the order of `SPEAKERS`, are those of validation

    raises  `DatasetMissing` if the data are not on this machine, ValueError if there is no such speaker
    """
    if speaker not in SPEAKERS:
        raise ValueError(f"there is no speaker {speaker!r} in fsdd; there are {', '.join(SPEAKERS)}")
    arrays = datasets.load("fsdd")
    who = arrays["speakers"][arrays["speaker"]]
    following = SPEAKERS[(SPEAKERS.index(speaker) + 1) % len(SPEAKERS)]
    parts = np.select([who == speaker, who == following], ["test", "validation"], "train")
    xs = np.split(arrays["mfcc"].astype(np.float32), arrays["offsets"][1:-1])
    return Corpus(xs, arrays["digit"].astype(int).tolist(), who, parts, NAMES)
