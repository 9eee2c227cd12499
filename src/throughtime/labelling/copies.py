"""Copies of a series as it might have been as well: faster or slower, larger or smaller, with noise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
SPEED, BEND, SIZE, NOISE = 0.1, 0.03, 0.05, 0.03  # logarithm of the speed; of the length; logarithm; of the deviation
KNOTS = 5  # between which time is bent


def varied(x: Values, random: np.random.Generator) -> Values:
    """A copy (T', I) of x (T, I), at another speed that itself changes, each column at another size, with noise.

    >>> varied(np.ones((20, 2)), np.random.default_rng(0)).shape[1]
    2
    """
    steps = len(x)
    if steps < 2:
        return x
    long = max(2, round(steps * np.exp(random.uniform(-SPEED, SPEED))))
    at = np.linspace(0, steps - 1, long)
    bent = np.interp(at, np.linspace(0, steps - 1, KNOTS), random.normal(0, BEND * steps, KNOTS))
    at = np.clip(np.sort(at + bent), 0, steps - 1)
    before = np.minimum(at.astype(int), steps - 2)
    share = (at - before)[:, None]
    made = x[before] * (1 - share) + x[before + 1] * share
    sizes = np.exp(random.normal(0, SIZE, x.shape[1]))
    return np.asarray(made * sizes + NOISE * x.std(axis=0) * random.normal(size=made.shape), x.dtype)
