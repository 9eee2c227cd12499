"""fsdd, the Free Spoken Digit Dataset: zero to nine, each 50 times by each of six speakers, 13 MFCC."""

import numpy as np

from throughtime import datasets
from throughtime.datasets.corpus import Corpus

NAMES = tuple(map(str, range(10)))
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


def without(speaker: str) -> Corpus:
    """All recordings, each (T, 13) MFCC at 100 frames per second.

    The file has them without a lifter and of samples up to 1; here they have the size that `mfcc` gives them, 8000 samples
    per second, and differ from those by 4 to 16 hundredths of their deviation in the mean square: a model can be used on sound.

    speaker  whose recordings are the test; the next one's, in the order of `SPEAKERS`, are those of validation

    raises  `DatasetMissing` if the data are not on this machine, ValueError if there is no such speaker
    """
    if speaker not in SPEAKERS:
        raise ValueError(f"there is no speaker {speaker!r} in fsdd; there are {', '.join(SPEAKERS)}")
    arrays = datasets.load_dataset("fsdd")
    who = arrays["speakers"][arrays["speaker"]]
    following = SPEAKERS[(SPEAKERS.index(speaker) + 1) % len(SPEAKERS)]
    parts = np.select([who == speaker, who == following], ["test", "validation"], "train")
    lifter = 1 + 11 * np.sin(np.pi / 22 * np.arange(13))
    mfcc = arrays["mfcc"] * lifter + np.eye(13)[0] * 2 * np.log(32768)
    xs = np.split(mfcc.astype(np.float32), arrays["offsets"][1:-1])
    return Corpus(xs, arrays["digit"].astype(int).tolist(), who, parts, NAMES)
