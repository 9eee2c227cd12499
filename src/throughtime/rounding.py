"""The one bound for "does not vary", which scaling, scores, features, correlations and linear models share.

A sum of equal numbers is rounded, so a mean is not quite one of them, and the deviation of a constant is no zero, but the more the
longer it is. The span from the lowest to the highest number has no such error.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]

DOUBLE = 1e-12  # of the largest of some numbers: a span of less is rounding
SINGLE = 4 * float(np.finfo(np.float32).eps)  # the same, where the numbers came as float32


def _along(function: np.ufunc, values: Values) -> Values:
    return np.asarray(function.reduce(values, axis=0))


def unvarying(values: Values, over: Callable[[np.ufunc, Values], Values] = _along) -> Values:
    """True where numbers (T, ...) do not vary over T: lowest and highest differ by no more than rounding of their own size.

    NaN is left out; what is not known at all does not vary. Fractions that float32 holds exactly have come as float32, in
    whatever type they are held now, and are allowed its rounding.

    over  what reduces values over T by a ufunc; else than along the first axis for many recordings in one array

    >>> unvarying(np.array([[14.62, 1e9, 1e-9], [14.62, 1e9 + 1, 2e-9]])).tolist()
    [True, False, False]
    """
    numbers = np.asarray(values, np.float64)
    if not len(numbers):
        return np.ones(numbers.shape[1:], bool)
    with np.errstate(all="ignore"):  # what is infinite, or beyond float32, is compared as it is
        low, high = over(np.fmin, numbers), over(np.fmax, numbers)
        span, largest = high - low, np.maximum(np.abs(low), np.abs(high))
        single = over(np.logical_and, np.isnan(numbers) | (numbers == numbers.astype(np.float32)))
        single &= over(np.logical_or, numbers % 1 > 0)
    return np.asarray(~(span > np.where(single, SINGLE, DOUBLE) * largest) & ~np.isinf(span))
