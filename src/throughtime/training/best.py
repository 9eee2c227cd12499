"""The best weights of a training, of every member."""

from typing import Any, NamedTuple

import jax
import numpy as np

from throughtime.engine import Weights
from throughtime.engine.door import placed
from throughtime.training.report import Report


class BestWeights(NamedTuple):
    """The best weights so far, of every member."""

    weights: Weights
    loss: Any
    epoch: Any

    @staticmethod
    def of(report: Report) -> "BestWeights":
        """Those of a report."""
        return BestWeights(report.best, report.best_loss, report.best_epoch)

    def or_else(self, weights: Weights, loss: Any, epoch: int) -> "BestWeights":
        """These weights instead, where their loss is lower."""
        better = loss < self.loss
        if not np.ndim(better):
            return BestWeights(weights, loss, epoch) if better else self
        chosen = either(better, weights, self.weights)
        return BestWeights(chosen, np.where(better, loss, self.loss), np.where(better, epoch, self.epoch))

    def tired(self, patience: int | None, epoch: int) -> bool:
        """True if nobody was better for so many epochs."""
        return patience is not None and epoch - int(np.max(self.epoch)) >= patience


def either(chosen: Any, these: Weights, others: Weights) -> Weights:
    """Member by member the ones, where `chosen` (K,) is True, or the others."""

    def part(one: Any, other: Any) -> Any:
        return placed(np.where(np.reshape(chosen, (-1, *[1] * (one.ndim - 1))), one, other))

    made: Weights = jax.tree.map(part, these, others)
    return made
