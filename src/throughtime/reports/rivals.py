"""The simplest that a network must beat: a linear model with its delays, the mean, and the last measured value.

Each predicts as `DynamicModel.follow` does: (u, y, ahead) -> (T, O), led where y is a number and free where it is NaN.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from throughtime.dynamics.fitted import steps_ahead
from throughtime.dynamics.holding import Parts
from throughtime.dynamics.linear import Linear, taps_of
from throughtime.dynamics.measured import Measured, Values
from throughtime.dynamics.preparing import filled
from throughtime.models.columns import Column, limits
from throughtime.network import Network

Follow = Callable[..., Values]
Predicted = Mapping[str, Mapping[str, Values]]  # part, mode -> (T, O), NaN outside the part
Linears = Mapping[int | None, Linear]  # of all rows before the test (None), and of those without each fold


def linear_models(network: Network, measured: Measured, parts: Parts) -> Linears:
    """The linear models with the delays of the network (see `taps_of`), of all rows before the test and without each fold.

    So on the test the linear model has heard the rows that the networks have: those they learned from, and those held out,
    by which they were chosen. Empty if gaps leave no step to fit one to.
    """
    u, y, taps = measured.u[: parts.end], measured.y[: parts.end], taps_of(network)

    def without(held: Any) -> Linear:
        return Linear.fit([(u, np.where(held[:, None], np.nan, y))], *taps)

    try:
        return {None: without(np.zeros(parts.end, bool))} | {
            fold: without(held) for fold, held in enumerate(parts.held)
        }
    except ValueError:
        return {}


def linear_of_fold(linears: Linears, columns: Sequence[Column]) -> Callable[[int | None], Follow]:
    """The linear model that has not seen a fold, within the limits of the sensors."""
    return lambda fold: partial(_follow, linears.get(fold, linears[None]), limits(columns))


def _follow(linear: Linear, edges: Any, u: Values, y: Values, ahead: int = 1) -> Values:
    if ahead > 1:
        return np.clip(linear.ahead(u, y, ahead), *edges)
    return np.clip(linear.free_run(u, y) if np.isnan(y).any() else linear.one_step(u, y), *edges)


def mean_of(linears: Linears, columns: Sequence[Column]) -> Values:
    """(O,) of the rows that the linear model saw; without one, of those that the networks did."""
    return linears[None].mean if None in linears else np.array([column.mean for column in columns])


def always(mean: Values) -> Callable[[int | None], Follow]:
    """The mean, whatever is asked."""
    return lambda _: lambda u, y, ahead=1: np.broadcast_to(mean, y.shape)


def last_values(like: Predicted, measured: Measured, mean: Values, ahead: int) -> Predicted:
    """The last measured value before each row, or so many steps before it, on the rows of `like`."""
    lags = {steps_ahead(steps): min(steps, len(measured)) for steps in (1, ahead)}
    made = {mode: filled(np.concatenate([np.tile(mean, (lag, 1)), measured.y])[:-lag]) for mode, lag in lags.items()}
    return {
        part: {mode: np.where(np.isnan(own[mode]), np.nan, last) for mode, last in made.items()}
        for part, own in like.items()
    }
