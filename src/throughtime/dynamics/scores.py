"""How good a prediction is, in the output's own units."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from throughtime.rounding import unvarying

Values = NDArray[np.float64]
Scores = dict[str, dict[str, float | int | None]]


def scores(measured: Values, predicted: Values, names: Sequence[str]) -> Scores:
    """For each output: root mean squared error, fit percent, relative variance and the number of rows compared.

    rmse                in the output's own units
    fit_percent         100 (1 - |y - y^| / |y - mean y|): 100 is perfect, 0 is no better than the mean
    relative_variance   mean squared error over the variance of y

    None where there is no such number: nothing was measured, the run exploded, or an output that does not vary has no
    variance to compare with.
    """
    return {name: _score(measured[:, i], predicted[:, i]) for i, name in enumerate(names)}


def _score(measured: Values, predicted: Values) -> dict[str, float | int | None]:
    known = ~np.isnan(measured)
    truth = measured[known]
    with np.errstate(all="ignore"):  # a run that exploded has no finite score
        error = float(np.mean((truth - predicted[known]) ** 2)) if len(truth) else np.nan
        ratio = np.nan if unvarying(truth) else error / float(np.var(truth - truth.min()))
        return {
            "rmse": None if np.isinf(ratio) else _finite(np.sqrt(error)),
            "fit_percent": _finite(100 * (1 - np.sqrt(ratio))),
            "relative_variance": _finite(ratio),
            "rows": len(truth),
        }


def relative_variances(found: Scores) -> list[float]:
    """Those of the outputs that vary; infinite for a run that is no number, or if no output varies."""
    varying = [
        s["relative_variance"] for s in found.values() if s["relative_variance"] is not None or s["rmse"] is None
    ]
    return [np.inf if value is None else value for value in varying] or [np.inf]


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
