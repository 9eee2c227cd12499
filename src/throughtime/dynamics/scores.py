"""How good a prediction is, in the output's own units."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Scores = dict[str, dict[str, float | int | None]]


def scores(measured: Values, predicted: Values, names: Sequence[str]) -> Scores:
    """For each output: root mean squared error, fit percent, relative variance and the number of rows compared.

    rmse                in the output's own units
    fit_percent         100 (1 - |y - y^| / |y - mean y|): 100 is perfect, 0 is no better than the mean
    relative_variance   mean squared error over the variance of y
    """
    return {name: _score(measured[:, i], predicted[:, i]) for i, name in enumerate(names)}


def _score(measured: Values, predicted: Values) -> dict[str, float | int | None]:
    known = ~np.isnan(measured)
    truth = measured[known]
    with np.errstate(all="ignore"):  # a run that exploded has no finite score
        error = float(np.mean((truth - predicted[known]) ** 2)) if len(truth) else np.nan
        variance = float(np.var(truth)) if len(truth) else np.nan
        ratio = error / variance if variance > 0 else np.nan
        return {
            "rmse": _finite(np.sqrt(error)),
            "fit_percent": _finite(100 * (1 - np.sqrt(ratio))),
            "relative_variance": _finite(ratio),
            "rows": len(truth),
        }


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
