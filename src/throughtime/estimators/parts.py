"""What is trained on, and what is held out to validate on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
Pair = tuple[Values, Values]  # a series, and its target as numbers


def parted(pairs: list[Pair], share: float, seed: int, per_step: bool) -> tuple[list[Pair], list[Pair]]:
    """Sequences for training and for validation; of a single series its last part, heard after the first.

    raises  ValueError if the share leaves nothing for one of them
    """
    if not 0 < share < 1:
        raise ValueError(f"validation_fraction must be above 0 and below 1, not {share}")
    if len(pairs) > 1:
        order = np.random.default_rng(seed).permutation(len(pairs))
        held = max(1, round(share * len(pairs)))
        return [pairs[n] for n in order[held:]], [pairs[n] for n in order[:held]]
    x, goal = pairs[0]
    border = len(x) - max(1, round(share * len(x)))
    if border < 1 or not per_step:
        raise ValueError("a single sequence is too little to validate on; give more data, or patience=None")
    later = goal.copy()
    later[:border] = -1 if goal.dtype.kind == "i" else np.nan
    return [(x[:border], goal[:border])], [(x, later)]
