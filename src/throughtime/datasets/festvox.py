"""festvox_ru: one Russian speaker reads 620 sentences; which phone is spoken in every frame, and the plosives b, d, g.

There is one speaker, so sentences are kept apart: of every ten, number 9 is for the test and number 8 for validation.
Features are log energy and 12 MFCC, 100 frames per second.
"""

from collections.abc import Callable

import numpy as np

from throughtime import datasets
from throughtime.datasets.corpus import Corpus, Values

PLOSIVES = {"b": 0, "bb": 0, "d": 1, "dd": 1, "g": 2, "gg": 2}  # the doubled ones are palatalised
FRAME = 10  # milliseconds


def sentences() -> Corpus:
    """All sentences, each (T, 13), with a phone for every frame, (T,); 51 phones.

    raises  `DatasetMissing` if the data are not on this machine
    """
    return _sentences(datasets.load_dataset("festvox_ru"))


def plosives(features: Callable[[Values], Values] = np.asarray, before: int = 10, after: int = 5) -> Corpus:
    """The tokens of b, d and g, palatalised or not, as windows around the end of the phone: 3 classes.

    features       of a whole sentence, (T, 13) to (T, I), from which windows are cut
    before, after  frames of the window before the end and after it: (before + after, I); ends of sentences are repeated

    raises  `DatasetMissing` if the data are not on this machine
    """
    arrays = datasets.load_dataset("festvox_ru")
    spoken, phones, bounds = _sentences(arrays), arrays["phones"].tolist(), arrays["phone_offsets"]
    xs, targets, made = [], [], []
    for number, x in enumerate(spoken.xs):
        seen = features(x)
        for phone, _, end in arrays["phone_seg_ms"][bounds[number] : bounds[number + 1]]:
            if phones[phone] in PLOSIVES:
                place = round(int(end) / FRAME)
                xs.append(seen[np.clip(np.arange(place - before, place + after), 0, len(seen) - 1)])
                targets.append(PLOSIVES[phones[phone]])
                made.append(number)
    return Corpus(xs, targets, spoken.who[made], spoken.parts[made], ("b", "d", "g"))


def _sentences(arrays: dict[str, Values]) -> Corpus:
    mfcc = (arrays["mfcc_q"] * arrays["scale"] + arrays["mean"]).astype(np.float32)
    cuts = arrays["offsets"][1:-1]
    digit = np.arange(len(arrays["id"])) % 10
    parts = np.select([digit == 9, digit == 8], ["test", "validation"], "train")
    phones = np.split(arrays["frame_phone"].astype(np.int32), cuts)
    return Corpus(np.split(mfcc, cuts), phones, arrays["id"], parts, tuple(arrays["phones"].tolist()))
