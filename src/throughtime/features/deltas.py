"""Deltas: how fast each feature changes, beside the feature itself."""

import numpy as np
from numpy.typing import ArrayLike

from throughtime.features.joined import Joined, Values, join


def delta(x: ArrayLike, reach: int = 2) -> Values:
    """The slope of each feature: least squares over the steps t - reach to t + reach; the ends are repeated.

    d(t) = sum over n = 1..reach of n (x(t+n) - x(t-n)) / (2 sum over n of n^2)

    >>> delta(np.arange(5.0)[:, None] * 3)[2].tolist()
    [3.0]
    """
    return _delta_each(join([x]), reach)


def with_deltas(x: ArrayLike, orders: int = 2, reach: int = 2) -> Values:
    """The features, their deltas, the deltas of these, ... side by side: (T, (1 + orders) I).

    >>> with_deltas(np.zeros((4, 13))).shape
    (4, 39)
    """
    return with_deltas_each(join([x]), orders, reach)


def _delta_each(joined: Joined, reach: int) -> Values:
    if reach < 1:
        raise ValueError(f"reach must be at least 1, the steps to each side; it is {reach}")
    values, here = joined.values, np.arange(len(joined.values))
    first, last = joined.spread(joined.first), joined.spread(joined.first + joined.counts - 1)
    total = sum(
        n * (values[np.minimum(here + n, last)] - values[np.maximum(here - n, first)]) for n in range(1, reach + 1)
    )
    return np.asarray(total / (2 * sum(n * n for n in range(1, reach + 1))))


def with_deltas_each(joined: Joined, orders: int, reach: int) -> Values:
    """`with_deltas` of recordings that are joined."""
    parts = [joined.values]
    for _ in range(orders):
        parts.append(_delta_each(joined._replace(values=parts[-1]), reach))
    return np.concatenate(parts, axis=1)
