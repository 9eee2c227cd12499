"""What a model is worth on measured columns: free run and one step ahead, beside the simplest rivals."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from throughtime.dynamics.fitted import FREE, ONE_STEP, steps_ahead
from throughtime.dynamics.holding import Parts
from throughtime.dynamics.intervals import Coverage
from throughtime.dynamics.measured import Measured, Values
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.residuals import ResidualTests, residual_tests
from throughtime.dynamics.scores import Scores, scores
from throughtime.reports.judgement import MODES, Evidence, Judged, Judgement, Span, checked, joined
from throughtime.reports.rivals import (
    Follow,
    Linears,
    Predicted,
    always,
    last_values,
    linear_models,
    linear_of_fold,
    mean_of,
)
from throughtime.reports.verdicts import Held, residual_sentences

LAGS = 25  # of the residuals' correlations, at most


def judge(
    model: DynamicModel,
    measured: Measured,
    parts: Parts | Sequence[Span] | None = None,
    linears: Linears | None = None,
    learned: int = 0,
    ahead: int = 1,
) -> Judgement:
    """Run a fitted model and its rivals over measured columns, and compare.

    parts    as `fit` had them, for the record that the model learned from; or spans of rows that are judged together; None:
             all rows after delays and washout, in which measured outputs lead
    linears  the linear model beside it (None: key of all training rows), and that of each fold; None: with `Parts` they are
             fitted, else there is none
    learned  so many first rows the model has learned from: forecast intervals are not checked there. With `Parts`: those
             before the test
    ahead    more than 1: also the errors of predictions so many steps ahead

    raises  ValueError for columns that are not the model's, or a part without rows
    cost    a free run for each span, for the network and for the linear model

    >>> import numpy as np, throughtime as tt
    >>> from throughtime.dynamics.measured import Measured
    >>> u = np.sin(np.arange(60.0))
    >>> measured = Measured.of(u, np.append(0, u[:-1]))
    >>> model = tt.DynamicModel(tt.narx(1, 3, 1, 0, 1), [tt.Teaching(epochs=5)], restarts=1).fit(*measured.frames())
    >>> judge(model, measured).network["free run"]["all"]["y"]["rows"]
    59
    """
    _refuse_others(model, measured)
    if isinstance(parts, Parts):
        linears = linear_models(model.network_, measured, parts) if linears is None else linears
        spans, learned = spans_of(parts, len(measured)), parts.end
    else:
        spans = _spans(model, measured, parts)
    network, baselines, predicted = _compared(model, measured, spans, linears or {}, ahead)
    rows = checked(spans)
    tests = residuals(measured, joined(predicted, spans), rows)
    found = coverage(model, measured, max(learned, rows.start))
    return Judgement(
        network,
        baselines,
        tuple(map(Held.of, found)),
        tuple(residual_sentences(tests)),
        Evidence(spans, predicted, tests, found),
    )


def _refuse_others(model: DynamicModel, measured: Measured) -> None:
    for what, columns, given in (("hears", model.inputs_, measured.inputs), ("says", model.outputs_, measured.outputs)):
        known = [column.name for column in columns]
        if known != list(given):
            raise ValueError(
                f"the model {what} {', '.join(known) or 'nothing'}, but the columns of {measured.source} for that are "
                f"{', '.join(given) or 'none'}; give them by these names, in this order"
            )


def spans_of(parts: Parts, total: int) -> tuple[Span, ...]:
    """Training, validation and test, as `fit` had them; with folds every row is both trained on and held out."""
    made = [Span("training", slice(parts.first, parts.training))]
    for fold, mask in enumerate(parts.held):
        rows = np.flatnonzero(mask & (np.arange(parts.end) >= parts.first))
        if len(rows):
            made.append(Span("validation", slice(int(rows[0]), int(rows[-1]) + 1), fold))
    return (*made, Span("test", slice(parts.end, total))) if parts.end < total else tuple(made)


def _spans(model: DynamicModel, measured: Measured, given: Sequence[Span] | None) -> tuple[Span, ...]:
    first, total = model.used_ + model.washout, len(measured)
    spans = [Span("all", slice(first, total), begin=first)] if given is None else given
    made = tuple(span._replace(rows=slice(*span.rows.indices(total)[:2])) for span in spans)
    for part, rows, *_ in made:
        if rows.start >= rows.stop:
            raise ValueError(
                f"part {part!r} has no rows of the {total} of {measured.source}; the first {first} do not count (delays, washout)"
            )
    return made


def _compared(
    model: DynamicModel, measured: Measured, spans: Sequence[Span], linears: Linears, ahead: int
) -> tuple[Judged, dict[str, Judged], Predicted]:
    """The scores of the network and of its rivals, and what the network predicted."""
    columns, late = model.outputs_, model.judged_from(ahead)

    def judged(predicted: Predicted) -> Judged:
        return scored(predicted, measured, spans, late)

    def of(of_fold: Callable[[int | None], Follow]) -> Predicted:
        return predictions(of_fold, measured, spans, ahead)

    own, mean = of(lambda fold: (model if fold is None else model.of_fold(fold)).follow), mean_of(linears, columns)
    flat = of(always(mean))
    last = judged(last_values(flat, measured, mean, ahead))
    rivals = {"linear": judged(of(linear_of_fold(linears, columns)))} if linears else {}
    rivals["mean"] = judged(flat)
    rivals["last value"] = {mode: found for mode, found in last.items() if mode != FREE}
    return judged(own), rivals, own


def predictions(
    of_fold: Callable[[int | None], Follow], measured: Measured, spans: Sequence[Span], ahead: int = 1
) -> Predicted:
    """Free runs and one-step predictions over the spans, and those `ahead` steps ahead."""
    made: dict[str, dict[str, Values]] = {}
    near: dict[int | None, dict[str, Values]] = {}
    rows = np.arange(len(measured))[:, None]
    for part, own, fold, begin in spans:
        follow = of_fold(fold)
        if fold not in near:
            near[fold] = {ONE_STEP: follow(measured.u, measured.y)}
            if ahead > 1:
                near[fold][steps_ahead(ahead)] = follow(measured.u, measured.y, ahead=ahead)
        free = follow(measured.u, np.where(rows < (own.start if begin is None else begin), measured.y, np.nan))
        found = {FREE: free} | near[fold]
        both = made.setdefault(part, {mode: np.full(measured.y.shape, np.nan) for mode in found})
        for mode, values in found.items():
            both[mode][own] = values[own]
    return made


def scored(
    predicted: Predicted, measured: Measured, spans: Sequence[Span], late: int = 0
) -> dict[str, dict[str, Scores]]:
    """{mode: {part: scores}}; late: the row from which predictions several steps ahead count."""
    rows = np.arange(len(measured))[:, None]
    made: dict[str, dict[str, Scores]] = {}
    for part, of_modes in predicted.items():
        asked = np.zeros((len(measured), 1), bool)
        for span in spans:
            asked[span.rows] |= span.part == part
        for mode, values in of_modes.items():
            counted = asked if mode in MODES else asked & (rows >= late)
            made.setdefault(mode, {})[part] = scores(np.where(counted, measured.y, np.nan), values, measured.outputs)
    return made


def coverage(model: DynamicModel, measured: Measured, start: int) -> tuple[Coverage, ...]:
    """How often forecast intervals held from that row on; empty if there are none, or too few rows."""
    if getattr(model, "intervals_", None) is None:  # nor are there any if training was stopped early
        return ()
    try:
        return tuple(c for c in model.coverage(*measured.frames(), start=start) if not np.isnan(c.overall))
    except ValueError:  # too few rows
        return ()


def residuals(measured: Measured, predicted: Mapping[str, Values], rows: slice) -> dict[str, ResidualTests]:
    """{mode: tests of measured - predicted on these rows}; empty if they are few. Equal modes are tested once."""
    lags = min(LAGS, (rows.stop - rows.start) >> 2)
    if lags < 1:
        return {}
    made = {}
    for mode in (ONE_STEP, FREE):
        left = measured.y[rows] - predicted[mode][rows]
        if mode == FREE and np.array_equal(predicted[FREE][rows], predicted[ONE_STEP][rows], equal_nan=True):
            continue
        known = np.where(np.isfinite(left), left, np.nan)
        made[mode] = residual_tests(known, measured.u[rows], lags, 0.95, measured.inputs, measured.outputs)
    return made
