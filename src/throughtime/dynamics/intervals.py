"""Forecast intervals from the errors of earlier forecasts (split conformal prediction), and how often they were right."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Widths = tuple[tuple[float, ...], ...]
FEWEST = 20  # errors from which intervals are learned: of fewer, those of 95 % would be infinite


@dataclass(frozen=True)
class Coverage:
    """How often measurements lay within the intervals of one level: shares, NaN where nothing was measured.

    level      what was promised
    overall    over all steps and outputs
    by_step    (H,) for each step ahead
    by_output  (O,) for each output
    windows    forecasts that were compared
    """

    level: float
    overall: float
    by_step: tuple[float, ...]
    by_output: tuple[float, ...]
    windows: int


@dataclass(frozen=True)
class Conformal:
    """Half-widths of forecast intervals: forecast +- width, for each level, step ahead and output.

    Split conformal prediction. |e| are the errors h steps ahead of n forecasts of data that the model was not fitted
    to; the half-width is the k-th smallest of them,

        k = ceil((n + 1) level)

    and a further forecast from the same source is within it with a probability of at least `level`, at that step and
    output (not for a whole path at once), whatever the distribution of the errors, if they are exchangeable.
    If k > n, so few forecasts promise nothing, and the width is infinite.

    Forecasts from neighbouring origins share most of their steps, and a series may change: such errors are dependent,
    not exchangeable, and the promise holds about, not exactly. So look at `coverage` on data held out from this fit,
    a number that was measured, and trust that.

    levels  such as 0.8 and 0.95, rising
    widths  for each level (H, O), in the outputs' own units

    Source: V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World, 2005.
    """

    levels: tuple[float, ...]
    widths: tuple[Widths, ...]

    @classmethod
    def fit(cls, errors: ArrayLike, levels: Sequence[float] = (0.8, 0.95), monotone: bool = False) -> "Conformal":
        """The half-widths that errors of earlier forecasts give.

        errors    (n, H, O), or (n, H) for one output: measured - forecast, H steps ahead from n origins, on data
                  that were not used for training; NaN where nothing was measured
        levels    shares of the measurements to hold
        monotone  True: no step's interval is narrower than that of an earlier one, where the order is noise of few
                  windows; it only widens, so the promise holds

        raises   ValueError for errors of another shape, or levels not between 0 and 1
        cost     time O(n log n) per step and output

        >>> from throughtime.dynamics.intervals import Conformal
        >>> made = Conformal.fit([[1.0, 2.0], [-2.0, 4.0], [3.0, -6.0]], levels=[0.5])
        >>> made.widths
        (((2.0,), (4.0,)),)
        >>> low, high = made.interval([[10.0], [20.0], [30.0]], 0.5)
        >>> high.ravel().tolist()
        [12.0, 24.0, 34.0]
        """
        sizes = np.sort(np.abs(_as_errors(errors)), axis=0)  # NaN last
        chosen = tuple(sorted(float(level) for level in levels))
        if not chosen or not 0 < chosen[0] <= chosen[-1] < 1:
            raise ValueError(f"levels must be between 0 and 1, such as 0.8 and 0.95, not {tuple(levels)}")
        found = [_quantile(sizes, level) for level in chosen]
        widths = [np.maximum.accumulate(width, axis=0) if monotone else width for width in found]
        return cls(chosen, tuple(tuple(map(tuple, width.tolist())) for width in widths))

    def interval(self, forecast: ArrayLike, level: float) -> tuple[Values, Values]:
        """The lower and upper ends (H, O) around a forecast (H, O), or (H,) around (H,).

        Steps beyond those of the fit get the widest interval of each output, since nothing is known of them: then the
        level is no longer promised. Raises ValueError for a level that was not fitted, or another number of outputs.
        """
        centre, outputs = np.asarray(forecast, dtype=float), len(self.widths[0][0])
        if centre.shape[1:] != (outputs,) and not (centre.ndim == outputs == 1):
            raise ValueError(f"the forecast has shape {centre.shape}; these intervals are for (steps, {outputs})")
        width = self._width(level, len(centre)).reshape(centre.shape)
        return centre - width, centre + width

    def coverage(self, errors: ArrayLike) -> tuple[Coverage, ...]:
        """How often errors (n, H, O) of other forecasts lay within the intervals, for each level.

        With n independent windows a share p is measured to about sqrt(p (1 - p) / n); overlapping ones tell less.
        """
        made = _as_errors(errors)
        if made.shape[2] != len(self.widths[0][0]):
            raise ValueError(f"errors have {made.shape[2]} outputs; these intervals are for {len(self.widths[0][0])}")
        known = ~np.isnan(made)
        return tuple(
            _coverage(level, np.abs(made) <= self._width(level, made.shape[1]), known) for level in self.levels
        )

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold, as for `Model.settings`; a width that is infinite becomes null."""
        widths = [[[w if math.isfinite(w) else None for w in row] for row in step] for step in self.widths]
        return {"levels": list(self.levels), "widths": widths}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Conformal":
        """The intervals that `to_dict` wrote; ValueError for what it cannot have written."""
        try:
            levels = np.array(plain["levels"], float)
            widths = np.array([[[math.inf if w is None else w for w in r] for r in s] for s in plain["widths"]], float)
        except (LookupError, TypeError, ValueError, OverflowError):
            raise ValueError("forecast intervals are levels, and widths for each level, step and output") from None
        rising = levels.ndim == 1 and (np.diff(levels, prepend=0, append=1) > 0).all()
        if not rising or widths.ndim != 3 or 0 in widths.shape or len(widths) != len(levels) or not (widths >= 0).all():
            raise ValueError("forecast intervals need rising levels between 0 and 1, and for each widths of at least 0")
        return cls(tuple(levels.tolist()), tuple(tuple(map(tuple, step)) for step in widths.tolist()))

    def _width(self, level: float, steps: int) -> Values:
        """(steps, O)"""
        if level not in self.levels:
            fitted = ", ".join(f"{own:g}" for own in self.levels)
            raise ValueError(f"there are no intervals of level {level}; fitted were {fitted}")
        known = np.array(self.widths[self.levels.index(level)])
        beyond = np.tile(known.max(axis=0), (max(steps - len(known), 0), 1))
        return np.concatenate([known[:steps], beyond])


def learned(errors: Sequence[Values]) -> Conformal | None:
    """The intervals that errors (n, H, O) of several records give, H as far as each goes; None if too few are known.

    They reach as far ahead as `FEWEST` errors of some output are known; where fewer are, as at gaps, they may be infinite.
    """
    if not errors:
        return None
    longest = max(e.shape[1] for e in errors)
    padded = [np.pad(e, ((0, 0), (0, longest - e.shape[1]), (0, 0)), constant_values=np.nan) for e in errors]
    known = np.sum([(~np.isnan(e)).sum(axis=0) for e in padded], axis=0)
    enough = np.flatnonzero((known >= FEWEST).any(axis=-1))
    return Conformal.fit(np.concatenate(padded)[:, : enough[-1] + 1]) if len(enough) else None


def _as_errors(errors: ArrayLike) -> Values:
    """(n, H, O)"""
    made = np.asarray(errors, dtype=float)
    made = made[:, :, None] if made.ndim == 2 else made
    if made.ndim != 3 or 0 in made.shape:
        raise ValueError(f"errors have shape {made.shape}; wanted (windows, steps, outputs), at least one of each")
    return made


def _quantile(sizes: Values, level: float) -> Values:
    """(H, O): the ceil((n + 1) level)-th smallest of the n known sizes of each step and output."""
    known = (~np.isnan(sizes)).sum(axis=0)
    place = np.ceil((known + 1) * level - 1e-9).astype(int)  # 10 * 0.9 may come out as 9.000000000000002
    found = np.take_along_axis(sizes, np.minimum(place, len(sizes))[None] - 1, axis=0)[0]
    return np.where(place > known, np.inf, found)


def _coverage(level: float, within: NDArray[np.bool_], known: NDArray[np.bool_]) -> Coverage:
    def share(*axes: int) -> Any:
        count = known.sum(axis=axes)
        return np.where(count > 0, (within & known).sum(axis=axes) / np.maximum(count, 1), np.nan).tolist()

    return Coverage(level, share(0, 1, 2), tuple(share(0, 2)), tuple(share(0, 1)), len(known))
