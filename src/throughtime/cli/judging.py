"""What a model is worth on a table: free run and one step ahead, beside the simplest rivals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from throughtime.checks import is_whole
from throughtime.cli.data import Data
from throughtime.cli.errors import Problem
from throughtime.cli.wiring import MOST_DELAYS
from throughtime.dynamics.fitted import FREE, ONE_STEP, steps_ahead
from throughtime.dynamics.holding import Parts
from throughtime.dynamics.intervals import Coverage
from throughtime.dynamics.linear import Linear, taps_of
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.preparing import filled
from throughtime.dynamics.residuals import ResidualTests, residual_tests
from throughtime.dynamics.scores import Scores, scores
from throughtime.models.columns import Column, limits
from throughtime.network import Network

Values = NDArray[np.float64]
Follow = Callable[..., Values]  # u (T, I), y (T, O) with NaN where it runs free, and ahead=steps -> (T, O)
Predicted = Mapping[str, Mapping[str, Values]]  # part, mode -> (T, O), NaN outside the part
Linears = dict[int | None, Linear]  # of all training rows (None), and of those without each fold
MODES = (FREE, ONE_STEP)
LAGS = 25  # of the residuals' correlations, at most


class Span(NamedTuple):
    """Rows that are judged together.

    fold   the networks of that fold alone, which have not seen these rows; None: all
    begin  the free run begins at this row, from what was measured before; None: at the first of `rows`
    """

    part: str
    rows: slice
    fold: int | None = None
    begin: int | None = None


def spans_of(parts: Parts, total: int) -> list[Span]:
    """Training, validation and test, as `fit` had them; with folds every row is both trained on and held out."""
    made = [Span("training", slice(parts.first, parts.training))]
    for fold, mask in enumerate(parts.held):
        rows = np.flatnonzero(mask & (np.arange(parts.end) >= parts.first))
        if len(rows):
            made.append(Span("validation", slice(int(rows[0]), int(rows[-1]) + 1), fold))
    return [*made, Span("test", slice(parts.end, total))] if parts.end < total else made


def predictions(
    of_fold: Callable[[int | None], Follow], data: Data, spans: Sequence[Span], ahead: int = 1
) -> Predicted:
    """Free runs and one-step predictions over the spans, and those `ahead` steps ahead."""
    made: dict[str, dict[str, Values]] = {}
    near: dict[int | None, dict[str, Values]] = {}
    rows = np.arange(len(data))[:, None]
    for part, own, fold, begin in spans:
        follow = of_fold(fold)
        if fold not in near:
            near[fold] = {ONE_STEP: follow(data.u, data.y)}
            if ahead > 1:
                near[fold][steps_ahead(ahead)] = follow(data.u, data.y, ahead=ahead)
        free = follow(data.u, np.where(rows < (own.start if begin is None else begin), data.y, np.nan))
        found = {FREE: free} | near[fold]
        both = made.setdefault(part, {mode: np.full(data.y.shape, np.nan) for mode in found})
        for mode, values in found.items():
            both[mode][own] = values[own]
    return made


def scored(predicted: Predicted, data: Data, spans: Sequence[Span], late: int = 0) -> dict[str, dict[str, Scores]]:
    """{mode: {part: scores}}; late: the row from which predictions several steps ahead count."""
    rows = np.arange(len(data))[:, None]
    made: dict[str, dict[str, Scores]] = {}
    for part, of_modes in predicted.items():
        asked = np.zeros((len(data), 1), bool)
        for span in spans:
            asked[span.rows] |= span.part == part
        for mode, values in of_modes.items():
            counted = asked if mode in MODES else asked & (rows >= late)
            made.setdefault(mode, {})[part] = scores(np.where(counted, data.y, np.nan), values, data.outputs)
    return made


def linear_models(network: Network, data: Data, parts: Parts) -> Linears:
    """The linear models with the delays of the network (see `taps_of`), of all training rows and without each fold.

    Empty if gaps leave no step to fit one to.
    """
    u, y, taps = data.u[: parts.end], data.y[: parts.end], taps_of(network)

    def without(held: Any) -> Linear:
        return Linear.fit([(u, np.where(held[:, None], np.nan, y))], *taps)

    try:
        return {None: without(parts.held.all(axis=0))} | {fold: without(held) for fold, held in enumerate(parts.held)}
    except ValueError:
        return {}


def follow_linear(linear: Linear, columns: Sequence[Column], u: Values, y: Values, ahead: int = 1) -> Values:
    """As `DynamicModel.follow`, within the limits of the sensors."""
    if ahead > 1:
        return np.clip(linear.ahead(u, y, ahead), *limits(columns))
    ys = linear.free_run(u, y) if np.isnan(y).any() else linear.one_step(u, y)
    return np.clip(ys, *limits(columns))


def judge(
    model: DynamicModel, linears: Linears, data: Data, spans: Sequence[Span], ahead: int = 1
) -> tuple[dict[str, Any], Predicted]:
    """{"network": {mode: {part: scores}}, "baselines": {name: the same}}, and what the network predicted."""
    late = model.judged_from(ahead)
    own = predictions(lambda fold: (model if fold is None else model.of_fold(fold)).follow, data, spans, ahead)
    said: dict[str, Any] = {"network": scored(own, data, spans, late), "baselines": {}}
    if linears:
        columns, known = model.outputs_, {fold: partial(follow_linear, one) for fold, one in linears.items()}
        rival = predictions(lambda fold: partial(known.get(fold, known[None]), columns), data, spans, ahead)
        said["baselines"]["linear"] = scored(rival, data, spans, late)
    mean = np.array([c.mean for c in model.outputs_]) if None not in linears else linears[None].mean
    flat = predictions(lambda _: lambda u, y, ahead=1: np.broadcast_to(mean, y.shape), data, spans, ahead)
    said["baselines"]["mean"] = scored(flat, data, spans, late)
    last = scored(_last_values(flat, data, mean, ahead), data, spans, late)
    said["baselines"]["last value"] = {mode: found for mode, found in last.items() if mode != FREE}
    return said, own


def _last_values(like: Predicted, data: Data, mean: Values, ahead: int) -> Predicted:
    """The last measured value before each row, or so many steps before it."""
    lags = {steps_ahead(steps): min(steps, len(data)) for steps in (1, ahead)}
    made = {mode: filled(np.concatenate([np.tile(mean, (lag, 1)), data.y])[:-lag]) for mode, lag in lags.items()}
    return {
        part: {mode: np.where(np.isnan(own[mode]), np.nan, last) for mode, last in made.items()}
        for part, own in like.items()
    }


def plain(linear: Linear) -> dict[str, Any]:
    """What JSON can hold; `linear_from` reads it back."""
    return {name: np.asarray(value).tolist() for name, value in asdict(linear).items()}


def linear_from(said: Any, inputs: int, outputs: int) -> Linears:
    """The linear model in the settings of a model with so many inputs and outputs, if there is one."""
    if said is None:
        return {}
    try:
        heard, fed = (tuple(said[side]) for side in ("input_delays", "output_delays"))
        made = Linear(heard, fed, np.array(said["coefficients"], float), np.array(said["mean"], float))
        rows = len(heard) * inputs + len(fed) * outputs + 1
        fits = made.mean.shape == (outputs,) and made.coefficients.shape == (rows, outputs)
        fits &= all(is_whole(d, 0, MOST_DELAYS) for d in heard) and all(is_whole(d, 1, MOST_DELAYS) for d in fed)
    except (LookupError, TypeError, ValueError, OverflowError):
        fits = False
    if not fits or not np.isfinite(made.mean).all() or not np.isfinite(made.coefficients).all():
        raise Problem("the linear model in the settings of this model does not fit it; fit it again")
    return {None: made}


def coverage(model: DynamicModel, data: Data, start: int) -> tuple[Coverage, ...]:
    """How often forecast intervals held from that row on; empty if there are none, or too few rows."""
    if getattr(model, "intervals_", None) is None:  # nor are there any if training was stopped early
        return ()
    try:
        return model.coverage(*data.frames(), start=start)
    except ValueError:  # too few rows
        return ()


def plain_coverage(found: Sequence[Coverage]) -> list[dict[str, Any]]:
    """What JSON can hold."""
    return [{"level": c.level, "measured": c.overall, "forecasts": c.windows} for c in found]


def residuals(data: Data, predicted: Mapping[str, Values], rows: slice) -> dict[str, ResidualTests]:
    """{mode: tests of measured - predicted on these rows}; empty if they are few. Equal modes are tested once."""
    lags = min(LAGS, (rows.stop or len(data)) - rows.start >> 2)
    if lags < 1:
        return {}
    made = {}
    for mode in (ONE_STEP, FREE):
        left = data.y[rows] - predicted[mode][rows]
        if mode == FREE and np.array_equal(predicted[FREE][rows], predicted[ONE_STEP][rows], equal_nan=True):
            continue
        known = np.where(np.isfinite(left), left, np.nan)
        made[mode] = residual_tests(known, data.u[rows], lags, 0.95, data.inputs, data.outputs)
    return made


def told_residuals(found: Mapping[str, ResidualTests]) -> list[str]:
    """A sentence on each test. Of a free run only those with the inputs: its errors are slow wherever there are disturbances."""
    return [
        f"{mode}, {sentence}"
        for mode, tests in found.items()
        for sentence in (tests.verdicts[len(tests.auto) :] if mode == FREE else tests.verdicts)
    ]
