"""Recordings one after the other, so that one operation of numpy does for all of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from throughtime.rounding import unvarying

Values = NDArray[Any]


class Joined(NamedTuple):
    """Recordings, joined.

    values  (sum of T, I)
    counts  (N,) steps of each recording
    """

    values: Values
    counts: Values

    @property
    def first(self) -> Values:
        """(N,) where each recording begins."""
        return np.cumsum(self.counts) - self.counts

    @property
    def place(self) -> Values:
        """(sum of T,) the step within its recording, from 0."""
        return np.arange(len(self.values)) - self.spread(self.first)

    def spread(self, each: Values) -> Values:
        """A row per recording to a row per step."""
        return np.repeat(each, self.counts, axis=0)

    def mean(self, values: Values) -> Values:
        """(N, I) over the steps of each recording, of what has a row per step."""
        return np.add.reduceat(values, self.first) / self.counts[:, None]

    def over(self, function: np.ufunc, values: Values) -> Values:
        """(N, I): what has a row per step, reduced over the steps of each recording."""
        return np.asarray(function.reduceat(values, self.first))

    def split(self) -> list[Values]:
        """The recordings, each (T, I)."""
        return np.split(self.values, self.first[1:])


def join(xs: Sequence[ArrayLike]) -> Joined:
    """The recordings, each (T, I), checked, in float64.

    raises  ValueError if there is none, one is not (T, I) with T at least 1, or they differ in I
    """
    arrays = [recording(x) for x in xs]
    if not arrays:
        raise ValueError("there is no recording")
    if len({a.shape[1] for a in arrays}) > 1:
        raise ValueError(f"recordings have different numbers of features: {sorted({a.shape[1] for a in arrays})}")
    return Joined(np.concatenate(arrays), np.array([len(a) for a in arrays]))


def recording(x: ArrayLike) -> Values:
    """One recording (T, I), checked."""
    values = np.asarray(x, float)
    if values.ndim != 2 or not len(values):
        raise ValueError(
            f"a recording has shape (T, I) with T at least 1, not {values.shape}; one feature is x[:, None]"
        )
    return values


def spread_of(joined: Joined) -> tuple[Values, Values]:
    """Mean and standard deviation of each feature over the steps of each recording, (N, I) both; 0 if it is constant."""
    mean = joined.mean(joined.values)
    centred = joined.values - joined.spread(mean)
    deviation = np.sqrt(joined.mean(centred * centred))
    return mean, np.where(unvarying(joined.values, joined.over), 0, deviation)
