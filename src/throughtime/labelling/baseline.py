"""The simple baseline of a labeller: a random forest on summaries of each recording."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

TREES, QUANTILES = 500, (0.25, 0.5, 0.75)
NAME = "random forest on summaries"


def summary(x: NDArray[Any]) -> NDArray[np.float64]:
    """Of each column of x (T, I) and of its differences: mean, deviation, least, largest, quartiles; first and last values; T."""
    changes = np.diff(x, axis=0) if len(x) > 1 else np.zeros_like(x)
    told = [
        np.concatenate([v.mean(0), v.std(0), v.min(0), v.max(0), np.quantile(v, QUANTILES, axis=0).ravel()])
        for v in (x, changes)
    ]
    return np.concatenate([*told, x[0], x[-1], [len(x)]]).astype(np.float64)


def forest(xs: Sequence[NDArray[Any]], labels: Sequence[str], seed: int) -> RandomForestClassifier:
    """The forest, taught."""
    made = RandomForestClassifier(TREES, random_state=seed, n_jobs=1)
    return made.fit(np.stack([summary(x) for x in xs]), np.array(labels))


def answers(made: RandomForestClassifier, xs: Sequence[NDArray[Any]]) -> list[str]:
    """Its answers."""
    return [str(label) for label in made.predict(np.stack([summary(x) for x in xs]))]
