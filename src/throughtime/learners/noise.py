"""Weight noise: the gradient is that of weights which are a little off, so that what is learned does not hang on digits.

    w'  = w + e,  e ~ N(0, deviation^2), drawn once per batch of sequences        dL/dw := dL/dw' at w'

The optimizer changes w; e is never added to it. The expectation over e is the gradient of the expected loss, a penalty on
sharp minima of the cost.

Source: A. Graves, "Supervised sequence labelling with recurrent neural networks", 2008; A. Graves, A. Mohamed, G. Hinton,
ICASSP 2013: "Gaussian weight noise added once per training sequence" (there one sequence is a batch).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
from jax import Array

from throughtime.engine.door import own_order
from throughtime.engine.effective import Weights
from throughtime.engine.tape import History
from throughtime.layers import an_instance
from throughtime.learners.contract import begun, taught
from throughtime.learners.lesson import Exact, Learner, Lesson, own_kind
from throughtime.losses import Loss
from throughtime.network import Network


class Disturbed(NamedTuple):
    """What is carried on: the history, the rest of the learner's carry, and the noise (None: none)."""

    history: History
    own: Any
    noise: Weights | None


@dataclass(frozen=True)
class WeightNoise:
    """A learner whose lessons are given at weights with Gaussian noise, drawn once per batch of sequences.

    learner    how the gradient is found there: `BPTT()`, `RTRL()`, ...
    deviation  of the noise, in the units of the weights; 0.075 was Graves's for speech

    Without a key (`init(..., key=None)`) there is no noise. `train` gives a key from its seed; validation is never
    disturbed. Cost: that of the learner, and one normal number per weight and batch.

    raises  ValueError if the deviation is not above 0

    >>> import optax, numpy as np, throughtime as tt
    >>> network = tt.elman(1, 3, 1)
    >>> learner, sequences = tt.WeightNoise(tt.BPTT(), 0.1), [(np.ones((5, 1)), np.zeros((5, 1)))]
    >>> for report in tt.train(
    ...     network, tt.init(network, 0), learner, tt.SquaredError(), optax.sgd(0.1), sequences, epochs=2
    ... ):
    ...     pass
    >>> report.epoch
    2
    """

    learner: Learner
    deviation: float

    def __post_init__(self) -> None:
        an_instance(self.learner, "WeightNoise: learner")
        if not self.deviation > 0:
            raise ValueError(
                f"WeightNoise: deviation must be above 0, not {self.deviation}; without noise leave it out"
            )

    def init(self, network: Network, weights: Weights, batch: int, key: Array | None = None) -> Disturbed:
        """The noise of this batch, and what the learner carries into its first stretch."""
        noise, weights = None, own_order(weights)
        if key is not None:
            key, mine = jax.random.split(key)
            noise = _draw(mine, weights, self.deviation)
        own = begun(self.learner, network, _with(weights, noise), batch, key)
        return Disturbed(own.history, own, noise)

    def learn(
        self,
        network: Network,
        weights: Weights,
        carry: Disturbed,
        xs: Any,
        targets: Any,
        loss: Loss,
        lengths: Array | None = None,
    ) -> tuple[Disturbed, Lesson]:
        """One stretch at the weights with the noise of this batch."""
        own_kind(self, carry, Disturbed)
        weights, carry = own_order((weights, carry))
        own = carry.own._replace(history=carry.history)
        own, lesson = taught(self.learner, network, _with(weights, carry.noise), own, xs, targets, loss, lengths)
        return Disturbed(own.history, own, carry.noise), lesson

    def exact_on(self, network: Network) -> Exact:
        """What the learner says: its gradient is that of the weights with noise."""
        return self.learner.exact_on(network)


def _draw(key: Array, weights: Weights, deviation: float) -> Weights:
    leaves, shape = jax.tree.flatten(weights)
    keys = jax.random.split(key, len(leaves))
    drawn = [deviation * jax.random.normal(k, leaf.shape, leaf.dtype) for k, leaf in zip(keys, leaves, strict=True)]
    made: Weights = jax.tree.unflatten(shape, drawn)
    return made


def _with(weights: Weights, noise: Weights | None) -> Weights:
    made: Weights = weights if noise is None else jax.tree.map(lambda w, e: w + e, weights, noise)
    return made
