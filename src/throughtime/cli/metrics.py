"""How good a prediction is, in the output's own units, and the linear model it must beat."""

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Linear:
    """y(t) = c + sum of coefficients times x(t-d) and y(t-d): the ARX model (FIR without output delays)."""

    input_delays: tuple[int, ...]
    output_delays: tuple[int, ...]
    coefficients: Values

    @classmethod
    def fit(cls, x: Values, y: Values, input_delays: tuple[int, ...], output_delays: tuple[int, ...]) -> "Linear":
        """Least squares on all rows with a full past and without gaps."""
        rows = cls._rows(x, y, input_delays, output_delays)
        past = max((*input_delays, *output_delays, 0))
        usable = np.isfinite(rows).all(axis=1) & np.isfinite(y).all(axis=1) & (np.arange(len(y)) >= past)
        if not usable.any():
            return cls(input_delays, output_delays, np.zeros((rows.shape[1], y.shape[1])))
        return cls(
            input_delays, output_delays, np.asarray(np.linalg.lstsq(rows[usable], y[usable], rcond=None)[0], float)
        )

    def one_step(self, x: Values, y: Values) -> Values:
        """Predictions with measured outputs in the past (NaN where one is missing)."""
        return np.asarray(self._rows(x, y, self.input_delays, self.output_delays) @ self.coefficients)

    def free_run(self, x: Values, start: Values) -> Values:
        """Predictions with its own outputs in the past; `start` (outputs,) stands before the first row."""
        depth = max((*self.output_delays, 0))
        past = np.tile(start, (depth + len(x), 1))
        known = self._rows(x, np.zeros((len(x), 0)), self.input_delays, ())
        width = known.shape[1] - 1
        with np.errstate(all="ignore"):  # an unstable model may explode
            for t, row in enumerate(known):
                own = [past[depth + t - d] for d in self.output_delays]
                past[depth + t] = np.concatenate([row[:width], *own, [1.0]]) @ self.coefficients
        return past[depth:]

    @staticmethod
    def _rows(x: Values, y: Values, input_delays: tuple[int, ...], output_delays: tuple[int, ...]) -> Values:
        columns = [_delayed(x, d) for d in input_delays] + [_delayed(y, d) for d in output_delays]
        return np.concatenate([*columns, np.ones((len(x), 1))], axis=1)


def _delayed(values: Values, delay: int) -> Values:
    shown = values[: max(len(values) - delay, 0)]
    before = np.repeat(
        values[:1], len(values) - len(shown), axis=0
    )  # what came before the record stays at its first row
    return np.concatenate([before, shown])
