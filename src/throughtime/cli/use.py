"""`throughtime simulate`, `predict`, `evaluate` and `forecast`: a saved model on a table."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from throughtime.cli import answering, opening, options, output, results
from throughtime.cli.data import Data
from throughtime.cli.delivery import check_finite, check_out, deliver
from throughtime.cli.errors import Problem
from throughtime.cli.opening import Opened, open_model
from throughtime.models.saving import load
from throughtime.reports import judging
from throughtime.reports.judgement import Judgement, Span
from throughtime.reports.verdicts import coverage_sentences

Values = NDArray[np.float64]


def simulate(
    model: options.ModelPath,
    table: options.TablePath,
    out: options.OutFile = None,
    start_rows: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="ROWS",
            help="First rows in which measured outputs lead; default 0, for a series those that fill its delays, and the washout.",
        ),
    ] = None,
    time: options.Time = None,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the model free: it hears the inputs of the table and its own past outputs.

    The output table has a column for each output and a row for each row of TABLE. Measured outputs are needed only
    for --start-rows.
    """
    check_out(out, overwrite, table)
    opened = open_model(model)
    leading = opened.led(start_rows if start_rows is not None or opened.series else 0)
    data = opened.read(table, time, known=leading > 0 or None, quiet=quiet)
    led = np.arange(len(data))[:, None] < leading
    ys = _follow(opened, data, np.where(led, data.y, np.nan), out, json_, quiet)
    if not leading and opened.model.network_.feedback is not None:
        output.notes(_far_off(opened, data, ys), quiet)


def _far_off(opened: Opened, data: Data, ys: Values) -> Iterator[str]:
    """A note on each measured output from which the run begins further than later, by more than its deviation."""
    for column, own, y in zip(opened.model.outputs_, ys.T, data.y.T, strict=True):
        errors = np.abs(own - y)
        known = np.flatnonzero(np.isfinite(errors))
        if len(known) and errors[known[0]] > max(column.scale, 3 * float(np.median(errors[known]))):
            begin = f"{own[known[0]]:.4g}, where {y[known[0]]:.4g} was measured"
            yield f"note: the run begins with {column.name!r} at {begin}; let measured outputs lead: --start-rows {opened.first}"


def predict(
    model: options.ModelPath,
    table: options.TablePath,
    ahead: Annotated[
        int, typer.Option(min=1, metavar="STEPS", help="Hear the measured outputs up to so many steps before each row.")
    ] = 1,
    out: options.OutFile = None,
    time: options.Time = None,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Predict one step ahead, or --ahead: the model hears the inputs, and the measured outputs up to so many steps before.

    Where a measured output is missing, the model's own prediction takes its place; in the first --ahead rows it runs free. A
    model that does not hear past outputs gives the same as in `simulate`. A classifier says the class of each row and the
    probability of every class; a model that was taught one answer for a sequence gives it as one row.
    """
    check_out(out, overwrite, table)
    made = load(model)
    if answering.answers_alone(made):
        if ahead > 1:
            raise Problem("--ahead is for models of a system; this one answers with classes, or once for all rows")
        deliver(*answering.answered(made, table, time, quiet), out, json_, quiet)
        return
    opened = opening.opened(made)
    data = opened.read(table, time, known=opened.model.network_.feedback is not None, quiet=quiet)
    _follow(opened, data, data.y, out, json_, quiet, ahead)


def _follow(
    opened: Opened, data: Data, known: Values, out: Path | None, json_: bool, quiet: bool, ahead: int = 1
) -> Values:
    with output.ProgressBar(f"running {len(data)} rows", quiet) as bar:
        ys = opened.model.follow(data.u, known, bar, ahead)
    frame = pd.DataFrame(ys, data.times, pd.Index(data.outputs))
    deliver(frame, data.time, out, json_, quiet)
    check_finite(frame, data.outputs)
    return ys


def evaluate(
    model: options.ModelPath,
    table: options.TablePath,
    start_rows: options.StartRows = None,
    ahead: Annotated[
        int, typer.Option(min=1, metavar="STEPS", help="Also the errors of predictions so many steps ahead.")
    ] = 1,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure the model's errors on a table that holds the outputs too: free run, one step ahead, and --ahead beside them.

    The linear model of its fit stands beside it. Then come the residuals: whether they are white, and whether they go with
    the inputs, which says what the model misses; and how often its forecast intervals held. The washout of the model, and
    the first rows in which measured outputs lead (--start-rows), do not count.
    """
    opened = open_model(model)
    led = opened.led(start_rows)
    start = max(opened.first, led)
    data = opened.read(table, quiet=quiet)
    if len(data) <= start:
        raise Problem(
            f"{table} has {len(data)} rows, but the first {start} do not count (delays, washout and --start-rows)"
        )
    for place, name in enumerate(data.outputs):
        if np.isnan(data.y[start:, place]).all():
            raise Problem(f"{table}: column {name!r} is empty in all rows that count: nothing to measure")
    learned = opened.learned(table, len(data))
    with output.ProgressBar(f"running {len(data)} rows", quiet):
        span = Span("all", slice(start, len(data)), begin=led)
        judgement = judging.judge(opened.model, data, [span], opened.linears, learned, ahead)
    if json_:
        typer.echo(json.dumps(_plain(judgement, led, learned)))
    elif not quiet:
        results.show(
            judgement, f"{model} on {table}, from row {start + 1} on; measured outputs lead in the first {led}"
        )
        _say(judgement, learned)


def _plain(judgement: Judgement, led: int, learned: int) -> dict[str, Any]:
    plain = judgement.to_dict(results.REMEDY)
    order = ("verdict", "residuals", "coverage", "baselines")
    return {**judgement.network, "start_rows": led, "learned_rows": learned} | {key: plain[key] for key in order}


def _say(judgement: Judgement, learned: int) -> None:
    output.say()
    where = f"the rows after {learned}" if learned else "these rows"
    held = coverage_sentences(judgement.coverage, where)
    for sentence in [*results.verdicts(judgement), *judgement.residuals, *held]:
        output.say(sentence)
    if learned:
        output.say(f"note: the model has learned from the first {learned} rows of this table; they are no test")
