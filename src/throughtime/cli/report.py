"""`throughtime report`: all that is known about a model on a table, as one HTML file."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from throughtime.cli import judging, options, output, results
from throughtime.cli.data import Data, notes
from throughtime.cli.errors import Problem
from throughtime.cli.judging import Linears, Predicted, Span
from throughtime.cli.learning import KEPT
from throughtime.cli.opening import Opened, open_model
from throughtime.cli.plan import parts_of
from throughtime.dynamics.fitted import FREE, ONE_STEP
from throughtime.dynamics.intervals import Coverage
from throughtime.dynamics.model import DynamicModel
from throughtime.io.files import fingerprint
from throughtime.reports import page as pages
from throughtime.reports.page import ColumnFacts, Findings, Origin, Picture, Score
from throughtime.reports.pictures import plot_errors, plot_forecast, plot_residual_tests, plot_step_response
from throughtime.times.steps import told_step, usual_step

Values = NDArray[np.float64]
AHEAD = 50  # steps of the forecast shown, at most


def report(
    model: options.ModelPath,
    table: options.TablePath,
    out: Annotated[Path, typer.Option(metavar="FILE", help="HTML file; pictures are within.")],
    start_rows: options.StartRows = None,
    held_out: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="ROWS",
            help="Last rows that the model has not learned from. Default: as in its fit; all, if TABLE is another.",
        ),
    ] = None,
    time: options.Time = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Write one HTML file on a model and a table, to be looked at, sent and kept.

    The errors in free run and one step ahead beside those of the linear model; the response; the residuals' correlations
    with their bounds; error histograms; the step response; a forecast with its intervals, and how often they held; the
    table's fingerprint, the settings, and the command that makes the model again.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise Problem(f"--out {out}: the name must end in .html")
    output.file(out, overwrite)
    opened = open_model(model)
    data = opened.read(table, time, quiet=quiet)
    led = opened.led(start_rows)
    learned = opened.learned(table, len(data))
    spans, linears = _spans(opened, data, led, held_out, learned)
    with output.Bar("report", quiet) as bar:
        said, own = judging.judge(opened.model, linears, data, spans)
        bar(0.4, "pictures")
        checked = _checked(spans)
        unseen = len(data) - held_out if held_out else max(learned, checked.start)
        found = _findings(opened, data, said, own, spans, judging.coverage(opened.model, data, unseen))
        pages.write_report(out, found)
    if not quiet:
        output.say(f"written to {out}", err=True)


def _spans(opened: Opened, data: Data, led: int, held_out: int | None, learned: int) -> tuple[list[Span], Linears]:
    """What is judged apart, and the linear models beside it."""
    first = max(opened.first, led)
    if held_out is not None:
        border = len(data) - held_out
        if border <= first:
            raise Problem(f"--held-out {held_out} leaves no other rows of {len(data)}; leave it out if all are new")
        return [
            Span("rest", slice(first, border), begin=led),
            Span("held out", slice(border, len(data))),
        ], opened.linears
    if not learned:
        if len(data) <= first + 1:
            raise Problem(
                f"{data.source} has {len(data)} rows, but the first {first} do not count; give a longer table"
            )
        return [Span("new data", slice(first, len(data)), begin=led)], opened.linears
    shares = opened.told("validation"), opened.told("test")
    folds, washout = (opened.told(name, share=False) for name in ("folds", "washout"))
    parts = parts_of(data, opened.model.network_, shares, folds, washout)
    return judging.spans_of(parts, len(data)), judging.linear_models(opened.model.network_, data, parts)


def _checked(spans: list[Span]) -> slice:
    """The rows on which the residuals are looked at: those held out, where there are any."""
    apart = [s.rows for s in spans if s.part not in ("training", "rest")] or [s.rows for s in spans]
    return slice(min(rows.start for rows in apart), max(rows.stop for rows in apart))


def _findings(
    opened: Opened, data: Data, said: dict[str, Any], own: Predicted, spans: list[Span], coverage: tuple[Coverage, ...]
) -> Findings:
    told, names = opened.made.settings, ", ".join(data.outputs)
    rows = _checked(spans)
    joined = _joined(own, spans, data)
    tests = judging.residuals(data, joined, rows)
    beliefs = [*judging.told_residuals(tests), *(note.removeprefix("note: ") for note in notes(data))]
    if not coverage:
        beliefs.append("no forecast intervals were checked: fit with --test 0.2, or report on a table of new rows")
    return Findings(
        title=f"{told.get('network', 'Model')} for {names} in {data.source.name}",
        data=pages.Data(
            data.source.name,
            len(data),
            tuple(_facts(data)),
            fingerprint(data.source),
            told_step(usual_step(data.times)) if data.time is not None and len(data) > 1 else "",
        ),
        origin=Origin(
            told.get("command", "not known: the model was not made by throughtime fit"),
            {key: value for key, value in told.items() if key not in (*KEPT, "command", "version")},
            told.get("version", "not known"),
            date.today().isoformat(),
        ),
        measure=f"RMSE of {names}" if len(data.outputs) == 1 else "RMSE, in the units of each output",
        scores=tuple(_scores(said)),
        verdicts=tuple(results.verdicts(said)),
        beliefs=tuple(beliefs),
        coverage={_place(spans): coverage} if coverage else {},
        pictures=tuple(_pictures(opened.model, data, spans, own, joined, rows, tests)),
    )


def _place(spans: list[Span]) -> str:
    return next((part for part in ("test", "held out", "new data") if part in [s.part for s in spans]), spans[-1].part)


def _joined(own: Predicted, spans: list[Span], data: Data) -> dict[str, Values]:
    """{mode: (T, O)}, each row from the last part that it belongs to."""
    made = {mode: np.full(data.y.shape, np.nan) for mode in judging.MODES}
    for span in spans:
        for mode, values in made.items():
            values[span.rows] = own[span.part][mode][span.rows]
    return made


def _facts(data: Data) -> Iterator[ColumnFacts]:
    for role, names, values in (("input", data.inputs, data.u), ("output", data.outputs, data.y)):
        for name, column in zip(names, values.T, strict=True):
            yield ColumnFacts(name, role, "", *(float(of(column)) for of in (np.nanmean, np.nanmin, np.nanmax)))


def _scores(said: dict[str, Any]) -> Iterator[Score]:
    judged = {"network": said["network"], **said["baselines"]}
    for part, outputs in said["network"][FREE].items():
        for name in outputs:
            for who, own in judged.items():
                near, free = (own.get(mode, {}).get(part, {}).get(name, {}).get("rmse") for mode in (ONE_STEP, FREE))
                yield Score(who if len(outputs) == 1 else f"{who}, {name}", part, near, free)


def _pictures(
    model: DynamicModel,
    data: Data,
    spans: list[Span],
    own: Predicted,
    joined: dict[str, Values],
    rows: slice,
    tests: dict[str, Any],
) -> Iterator[Picture]:
    yield Picture(
        "Response: each part's free run begins from what was measured before it.", results.response(data, spans, own)
    )
    if model.inputs_:
        yield Picture(
            "Step response: each input jumps from its mean by one deviation, the model at rest before.",
            plot_step_response(step_responses(model), data.outputs),
        )
    if picture := _forecast(model, data):
        yield picture
    which = f"rows {rows.start + 1} to {rows.stop}"
    for mode, found in tests.items():
        if mode == FREE and not found.crossed:
            continue
        shown = replace(found, auto={}) if mode == FREE else found  # its errors are slow, also for a perfect model
        yield Picture(
            f"Residuals, {mode}, {which}: what is outside the band, chance rarely makes.",
            plot_residual_tests(shown),
            "believe",
        )
    errors = {mode: (data.y - joined[mode])[rows] for mode in judging.MODES}
    yield Picture(f"Errors on {which}.", plot_errors(errors, data.outputs), "believe")


def step_responses(model: DynamicModel) -> dict[str, Values]:
    """{jump: (H, O)}: what the outputs do after one input has jumped from its mean by a deviation."""
    rest, shown = max(200, 10 * model.used_), max(60, 5 * model.used_)
    made = {}
    for place, column in enumerate(model.inputs_):
        u = np.tile([c.mean for c in model.inputs_], (rest + shown, 1))
        u[rest:, place] += column.scale
        ys = model.follow(u, np.full((len(u), len(model.outputs_)), np.nan))
        made[f"{column.name} + {column.scale:.3g}"] = ys[rest:]
    return made


def _forecast(model: DynamicModel, data: Data) -> Picture | None:
    """The last rows as a forecast from the rows before them."""
    ahead = min(AHEAD, (len(data) - model.used_) // 4)
    if ahead < 2 or any(layer.backward for layer in model.network_.layers):
        return None
    border, first = len(data) - ahead, max(len(data) - 4 * ahead, 0)
    future = data.u[border:] if data.inputs else None
    bands = []
    made = model.forecast(ahead, future, data.frames(slice(0, border)))
    for level in model.intervals_.levels if model.intervals_ else ():
        _, low, high = model.forecast(ahead, future, data.frames(slice(0, border)), level)
        bands.append((level, low.to_numpy(), high.to_numpy()))
    figure = plot_forecast(
        data.y[first:border],
        made.to_numpy(),
        bands,
        data.outputs,
        data.y[border:],
        data.times[first:],
        data.time or "row",
    )
    given = ", given the inputs that came" if data.inputs else ""
    return Picture(f"Forecast of the last {ahead} rows from those before{given}, and what came.", figure, "believe")
