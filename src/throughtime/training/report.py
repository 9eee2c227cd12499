"""What one look of a training brought, and how it can end badly."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from throughtime.engine import Weights
from throughtime.learners.lesson import Lesson
from throughtime.training.origin import Origin


class Diverged(FloatingPointError):
    """The loss or a gradient was no longer a finite number; `weights` are the best from before that."""

    def __init__(self, message: str, weights: Any = None) -> None:
        super().__init__(message)
        self.weights = weights


class NothingLeft(ValueError):
    """The report to go on from is of the last epoch that is asked for, or of a later one."""


@dataclass(frozen=True)
class Report:
    """What the last epoch brought. With members K, losses, `best_epoch`, `updates` and `healthy` are arrays (K,).

    epoch            counted from 1, over the whole training, also where it went on from a report
    lesson           summed loss of the epoch and number of targets asked; no outputs, no gradients
    loss             mean loss per target asked, measured while the weights were changing
    validation       mean loss per target asked in the validation sequences, after the epoch; None without them
    weights          after the epoch
    best             the weights with the lowest validation loss so far, or training loss if nothing is validated
    best_loss        that loss
    best_epoch       the epoch it belongs to
    updates          steps of the optimizer so far
    healthy          False for a member that has diverged, which then stays as it is
    optimizer_state  what else the optimizer goes on with
    origin           what was trained how: network, learner, loss, method, seed and data, in words

    `train(..., after=report)` goes on from a report; `save_progress` writes one into a file, and `load_progress` reads it.
    """

    epoch: int
    lesson: Lesson
    loss: Any
    validation: Any
    weights: Weights
    best: Weights
    best_loss: Any
    best_epoch: Any
    updates: Any
    healthy: Any
    optimizer_state: Any
    origin: Origin

    def __repr__(self) -> str:
        """In one line, without the weights."""
        told = {name: getattr(self, name) for name in ("epoch", "loss", "validation", "best_loss", "best_epoch")}
        return f"Report({', '.join(f'{name}={_short(value)}' for name, value in told.items())})"


def _short(value: Any) -> str:
    """A number, or the smallest and the largest of many."""
    if not np.ndim(value):
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{np.min(value):.6g} to {np.max(value):.6g}"
