"""One answer for a sequence: how it is read from what a network says at every step, and how it is taught so.

    every step      there is none: an answer for each step
    last step       what is said at the last step, y(T)
    mean over time  the mean of y(t) over all steps t = 1..T
    ctc             a string of labels, read off the outputs of all steps; output 0 is the blank

A model is used as it was taught: its settings say under "answer" which of these it is.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from throughtime.losses import CTC as StringLoss
from throughtime.losses import Integrated
from throughtime.network import Network

Values = NDArray[Any]

EVERY, LAST, MEAN, CTC = "every step", "last step", "mean over time", "ctc"


def usual(network: Network) -> str:
    """How one answer is read: at the last step; as the mean where layers run backward, which at the last step have heard
    that step only."""
    return MEAN if network.backward else LAST


def of(settings: Mapping[str, Any]) -> Any:
    """How the model of these settings answers. One that does not say so answers at every step, or was asked at the last."""
    return settings.get("answer", EVERY if settings.get("per_step", True) else LAST)


def read(ys: Values, answer: str) -> Values:
    """Of outputs (T, O) the answers: (T, O) at every step, also for a string; or the one, (1, O)."""
    if answer == MEAN:
        return np.asarray(ys.mean(0, keepdims=True))
    return ys[-1:] if answer == LAST else ys


def question(target: Values, steps: int, answer: str) -> Values:
    """The one target (1, ...) at the steps (T, ...) at which the loss asks for it; others as they are."""
    if answer == MEAN:
        return np.repeat(target, steps, axis=0)
    if answer == LAST:
        nothing = -1 if target.dtype.kind == "i" else np.nan
        return np.concatenate([np.full((steps - 1, *target.shape[1:]), nothing, target.dtype), target])
    return target


def loss_of(loss: Any, answer: str) -> Any:
    """The loss that judges what `read` reads."""
    if answer == CTC:
        return StringLoss()
    return Integrated(loss, "mean") if answer == MEAN else loss
