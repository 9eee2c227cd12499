"""The pictures of a judged model, each with what it shows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from throughtime.dynamics.fitted import FREE, ONE_STEP
from throughtime.dynamics.measured import Measured, Values
from throughtime.dynamics.model import DynamicModel
from throughtime.reports.correlograms import plot_residual_tests
from throughtime.reports.judgement import Evidence
from throughtime.reports.pictures import plot_errors, plot_forecast, plot_response, plot_step_response
from throughtime.rounding import unvarying

AHEAD = 50  # steps of the forecast shown, at most


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure, what it shows, and which question it belongs to."""

    caption: str
    figure: Figure
    section: Literal["good", "believe", "made"] = "good"


def pictures_of(model: DynamicModel, measured: Measured, evidence: Evidence) -> Iterator[Picture]:
    """Response, step response, a forecast, the residuals' correlations, and the errors."""
    yield Picture(
        "Response: each part's free run begins from what was measured before it.", response(measured, evidence)
    )
    if jumps := step_responses(model, measured):
        yield Picture(
            "Step response: each input jumps from its mean by one deviation, the model at rest before.",
            plot_step_response(jumps, measured.outputs),
        )
    if picture := _forecast(model, measured):
        yield picture
    rows = evidence.checked
    which = f"rows {rows.start + 1} to {rows.stop}"
    for mode, found in evidence.tests.items():
        if mode == FREE and not found.crossed:
            continue
        shown = replace(found, auto={}) if mode == FREE else found  # its errors are slow, also for a perfect model
        yield Picture(
            f"Residuals, {mode}, {which}: red lags are outside the band, as one of twenty is by chance; the sentences say whether "
            "there are more.",
            plot_residual_tests(shown),
            "believe",
        )
    errors = {mode: (measured.y - values)[rows] for mode, values in evidence.joined.items()}
    yield Picture(f"Errors on {which}.", plot_errors(errors, measured.outputs), "believe")


def response(measured: Measured, evidence: Evidence) -> Figure:
    """Free run and one-step prediction beside the measurement, part after part; what was held out is shaded."""
    made, shaded = evidence.joined, dict[str, tuple[int, int]]()
    for part, rows, fold, _ in evidence.spans:
        if fold is not None or part != "training":
            shaded[part] = (min(rows.start, shaded.get(part, (rows.start,))[0]), rows.stop)
    return plot_response(
        measured.y,
        made[FREE],
        made[ONE_STEP],
        measured.outputs,
        shaded,
        time=_axis(measured),
        time_name=measured.time or "row",
    )


def _axis(measured: Measured) -> NDArray[np.generic]:
    """What stands at the time axis: times, or rows counted from 1."""
    times = np.asarray(measured.times)
    return times if measured.time is not None else times + 1


def step_responses(model: DynamicModel, measured: Measured) -> dict[str, Values]:
    """{jump: (H, O)}: what the outputs do after one input has jumped from its mean by a deviation.

    An input that does not vary in the columns has none: nothing was learned about it.
    """
    rest, shown = max(200, 10 * model.used_), max(60, 5 * model.used_)
    made = {}
    for place, column in enumerate(model.inputs_):
        if unvarying(measured.u[:, place]):
            continue
        u = np.tile([c.mean for c in model.inputs_], (rest + shown, 1))
        u[rest:, place] += column.scale
        ys = model.follow(u, np.full((len(u), len(model.outputs_)), np.nan))
        made[f"{column.name} + {column.scale:.3g}"] = ys[rest:]
    return made


def _forecast(model: DynamicModel, measured: Measured) -> Picture | None:
    """The last rows as a forecast from the rows before them."""
    ahead = min(AHEAD, (len(measured) - model.used_) // 4)
    if ahead < 2 or model.network_.backward:
        return None
    border, first = len(measured) - ahead, max(len(measured) - 4 * ahead, 0)
    future = measured.u[border:] if measured.inputs else None
    bands = []
    made = model.forecast(ahead, future, measured.frames(slice(0, border)))
    for level in model.intervals_.levels if model.intervals_ else ():
        _, low, high = model.forecast(ahead, future, measured.frames(slice(0, border)), level)
        bands.append((level, low.to_numpy(), high.to_numpy()))
    figure = plot_forecast(
        measured.y[first:border],
        made.to_numpy(),
        bands,
        measured.outputs,
        measured.y[border:],
        _axis(measured)[first:],
        measured.time or "row",
    )
    given = ", given the inputs that came" if measured.inputs else ""
    wide = " Intervals are as wide as forecasts so far ahead have missed; the first step alone follows on measured outputs."
    caption = f"Forecast of the last {ahead} rows from those before{given}, and what came."
    return Picture(caption + (wide if bands else ""), figure, "believe")
