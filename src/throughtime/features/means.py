"""The mean of each feature, and its deviation, taken from a recording; what the mean was expected to be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from throughtime.checks import is_number, quoted
from throughtime.features.joined import Joined, Values, join, spread_of


def normalise(x: ArrayLike, deviation: bool = True) -> Values:
    """Each feature of a recording with mean 0 and, if `deviation`, standard deviation 1 over its own steps.

    A constant feature becomes 0. In speech the mean is the microphone's and the room's (cepstral mean normalisation).

    >>> normalise([[1.0, 5.0], [3.0, 5.0]]).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    return normalise_each(join([x]), deviation)


@dataclass(frozen=True)
class Prior:
    """What the mean of a recording is expected to be, worth so many steps of its own.

        mean of n steps = (n * their mean + steps * mean) / (n + steps)

    The mean of a short recording is in part what is said in it, which is lost with the mean; the prior keeps most of that.

    mean   (I,) of the features of many recordings, each recording counted once
    steps  0: the mean is that of the recording alone

    raises  ValueError if the steps are negative

    Source: maximum a posteriori estimates, in cepstral mean normalisation.
    """

    mean: tuple[float, ...]
    steps: float

    def __post_init__(self) -> None:
        if not (is_number(self.steps) and self.steps >= 0):
            raise ValueError(f"a prior is worth at least 0 steps, not {quoted(self.steps)}")
        if not self.mean or not all(map(is_number, self.mean)):
            raise ValueError("the mean of a prior must be numbers, one for each feature")

    @classmethod
    def of(cls, xs: Sequence[ArrayLike], steps: float) -> "Prior":
        """The mean of recordings, each (T, I).

        >>> Prior.of([[[1.0]], [[2.0], [4.0]]], 20)
        Prior(mean=(2.0,), steps=20)
        """
        joined = join(xs)
        return cls(tuple(joined.mean(joined.values).mean(0).tolist()), steps)


def normalise_each(joined: Joined, deviation: bool, prior: Prior | None = None) -> Values:
    """`normalise` of recordings that are joined, or with the mean that a prior expects."""
    if prior is not None:
        return joined.values - joined.spread(_expected(joined, prior))
    mean, spread = spread_of(joined)
    centred = joined.values - joined.spread(mean)
    return np.asarray(np.where(joined.spread(spread == 0), 0, centred) / joined.spread(_scale(spread, deviation)))


def _expected(joined: Joined, prior: Prior) -> Values:
    mean, counts = joined.mean(joined.values), joined.counts[:, None]
    if mean.shape[1] != len(prior.mean):
        raise ValueError(f"the prior is of {len(prior.mean)} features, deltas included; there are {mean.shape[1]}")
    return np.asarray((counts * mean + prior.steps * np.array(prior.mean)) / (counts + prior.steps))


def _scale(spread: Values, deviation: bool) -> Values:
    return np.where(spread == 0, 1, spread) if deviation else np.ones_like(spread)
