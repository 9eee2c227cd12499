"""The best weights of a training, of every member."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from throughtime.engine import Weights


class BestWeights(NamedTuple):
    """The best weights so far, of every member."""

    weights: Weights
    loss: Any
    epoch: Any

    def or_else(self, weights: Weights, loss: Any, epoch: int) -> "BestWeights":
        """These weights instead, where their loss is lower."""
        better = loss < self.loss
        if not np.ndim(better):
            return BestWeights(weights, loss, epoch) if better else self
        chosen = _where(jnp.asarray(better), weights, self.weights)
        return BestWeights(chosen, np.where(better, loss, self.loss), np.where(better, epoch, self.epoch))

    def tired(self, patience: int | None, epoch: int) -> bool:
        """True if nobody was better for so many epochs."""
        return patience is not None and epoch - int(np.max(self.epoch)) >= patience


@jax.jit
def _where(chosen: Array, these: Any, others: Any) -> Any:
    """Member by member the ones or the others."""
    return jax.tree.map(lambda a, b: jnp.where(chosen.reshape(-1, *[1] * (a.ndim - 1)), a, b), these, others)
