"""`throughtime forecast`: a saved model goes on where a table ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from throughtime.cli import options, output
from throughtime.cli.data import Data, notes
from throughtime.cli.delivery import check_finite, check_out, deliver
from throughtime.cli.errors import Problem
from throughtime.cli.opening import Opened, open_model
from throughtime.io import readers
from throughtime.io.tables import Table
from throughtime.memory import refuse_size
from throughtime.reports import judging
from throughtime.reports.verdicts import Held, coverage_sentences
from throughtime.texts import unused
from throughtime.times import check_follows

ENDS = ("low", "high")


def forecast(
    model: options.ModelPath,
    table: options.TablePath,
    horizon: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Steps ahead. Default: the rows of --future.")
    ] = None,
    future: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Table with the inputs to come; its first row follows TABLE's last."),
    ] = None,
    level: Annotated[
        float | None,
        typer.Option(help="Also the ends of intervals that should hold this share of what comes: 0.8 or 0.95."),
    ] = None,
    out: options.OutFile = None,
    time: options.Time = None,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Go on after the last row of TABLE, whose measured outputs lead up to there.

    The output table has a row for each step ahead and a column for each output; with --level two more, such as "y low" and
    "y high". They are as wide as forecasts so far ahead have missed held-out rows: the first step alone follows on measured
    outputs, so from the second on they may be much wider. With a column of times, the forecasts carry the times that follow.

    Example: throughtime forecast tanks/model.safetensors tanks.csv --future pump.csv --level 0.8
    """
    check_out(out, overwrite, table, future)
    opened = open_model(model)
    _check(opened, future)
    data = opened.read(table, time, quiet=quiet)
    ahead, steps = None, horizon
    if future is not None:
        ahead = _inputs_to_come(opened, future, data, horizon)
        steps = horizon or len(ahead)
    if steps is None:
        raise Problem("say how far to go on: --horizon N")
    columns = len(data.inputs) + len(data.outputs)
    refuse_size(32 * steps * columns, f"a forecast of {min(steps, 10**30):.3g} steps", "take a smaller --horizon")
    remarks = [] if level is None else [*_check_level(opened, model, level, steps), *_held(opened, table, data, level)]
    remarks += _check_times(data, ahead)
    made = opened.model.forecast(
        steps, None if ahead is None else ahead.frames(slice(0, steps))[0], data.frames(), level
    )
    frame, *ends = [made] if level is None else made
    named = _named_ends(data)
    for end, edge in zip(ends, ENDS, strict=False):
        for name in data.outputs:
            frame[named[f"{name} {edge}"]] = end[name]
    remarks += [
        f"note: {usual!r} is a column of {data.source}, so that end of the interval is called {name!r}"
        for usual, name in named.items()
        if ends and name != usual
    ]
    output.notes(remarks, quiet)
    deliver(frame, data.time, out, json_, quiet)
    check_finite(frame, data.outputs)


def _named_ends(data: Data) -> dict[str, str]:
    """{"y low": the name of the column of these ends}: another one where the table has a column of that name."""
    named: dict[str, str] = {}
    for usual in (f"{name} {edge}" for edge in ENDS for name in data.outputs):
        named[usual] = unused(usual, [*data.inputs, *data.outputs, data.time or "", *named.values()])
    return named


def _check(opened: Opened, future: Path | None) -> None:
    heard = ", ".join(column.name for column in opened.model.inputs_)
    if opened.model.network_.backward:
        raise Problem("this model has layers that run backward from the end of a record: it cannot go on after it")
    if future is None and not opened.series:
        raise Problem(f"the model hears {heard}: give the inputs to come, --future FILE")
    if future is not None and opened.series:
        raise Problem("this model hears only past outputs: leave --future out, and say --horizon N")


def _check_level(opened: Opened, file: Path, level: float, steps: int) -> Iterator[str]:
    """Refuse a level that was not learned; notes on steps of which too little is known."""
    intervals = opened.model.intervals_
    if intervals is None:
        raise Problem(
            f"{file} has no forecast intervals: too little was held out; fit with more --validation, or --folds"
        )
    if level not in intervals.levels:
        levels = " or ".join(f"{own:g}" for own in intervals.levels)
        raise Problem(f"there are no intervals of --level {level:g}; take {levels}")
    widths = np.array(intervals.widths[intervals.levels.index(level)])
    if steps > len(widths):
        yield (
            f"note: intervals were learned up to {len(widths)} steps ahead; beyond, the widest of them stands, and promises "
            "less"
        )
    if np.isinf(widths[:steps]).any():
        yield "note: intervals are infinite where too few held-out rows were measured to learn them from"


def _held(opened: Opened, table: Path, data: Data, level: float) -> Iterator[str]:
    """A note if the intervals held too few of those rows of the table that the model has not learned from."""
    first = max(opened.learned(table, len(data)), opened.first)
    found = map(Held.of, judging.coverage(opened.model, data, first))
    short = [held for held in found if held.level == level and held.too_few]
    for sentence in coverage_sentences(short, f"the rows of {table} that were not learned from"):
        yield f"note: {sentence}"


def _check_times(data: Data, ahead: Data | None) -> Iterator[str]:
    """Refuse inputs to come that do not follow on the table; notes on their times."""
    if ahead is not None and ahead.time is not None:
        remark = check_follows(data.times, ahead.times, str(data.source), str(ahead.source))
        if remark is not None:
            yield f"note: {remark}"
        yield from notes(ahead, f"{ahead.source}, ")
    elif data.time is not None and len(data) < 2:
        raise Problem(f"{data.source} has one row, which shows no step of time: give more rows, or times in --future")


def _inputs_to_come(opened: Opened, future: Path, data: Data, horizon: int | None) -> Data:
    """The rows of --future, which must be long enough; times are read as those of the table."""
    read = readers.read(future, Table)
    time = data.time if data.time in read.columns else None
    ahead = opened.columns(read, time, known=False, like=data.reading)
    if horizon is not None and len(ahead) < horizon:
        raise Problem(f"{future} has {len(ahead)} rows of inputs to come; --horizon {horizon} needs {horizon}")
    return ahead
