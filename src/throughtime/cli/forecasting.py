"""What a forecast needs beside its model: the inputs to come, intervals that were learned, times that follow."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from throughtime.cli.data import Data, notes
from throughtime.cli.errors import Problem
from throughtime.cli.opening import Opened
from throughtime.io import readers
from throughtime.io.tables import Table
from throughtime.reports import judging
from throughtime.reports.verdicts import Held, coverage_sentences
from throughtime.texts import unused
from throughtime.times import check_follows

ENDS = ("low", "high")


def named_ends(data: Data) -> dict[str, str]:
    """{"y low": the name of the column of these ends}: another one where the table has a column of that name."""
    named: dict[str, str] = {}
    for usual in (f"{name} {edge}" for edge in ENDS for name in data.outputs):
        named[usual] = unused(usual, [*data.inputs, *data.outputs, data.time or "", *named.values()])
    return named


def check(opened: Opened, future: Path | None) -> None:
    """Refuse a model that cannot go on so."""
    heard = ", ".join(column.name for column in opened.model.inputs_)
    if opened.model.network_.backward:
        raise Problem("this model has layers that run backward from the end of a record: it cannot go on after it")
    if future is None and not opened.series:
        raise Problem(f"the model hears {heard}: give the inputs to come, --future FILE")
    if future is not None and opened.series:
        raise Problem("this model hears only past outputs: leave --future out, and say --horizon N")


def check_level(opened: Opened, file: Path, level: float, steps: int) -> Iterator[str]:
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


def held(opened: Opened, table: Path, data: Data, level: float) -> Iterator[str]:
    """A note if the intervals held too few of those rows of the table that the model has not learned from."""
    first = max(opened.learned(table, len(data)), opened.first)
    found = map(Held.of, judging.coverage(opened.model, data, first))
    short = [held for held in found if held.level == level and held.too_few]
    for sentence in coverage_sentences(short, f"the rows of {table} that were not learned from"):
        yield f"note: {sentence}"


def check_times(data: Data, ahead: Data | None) -> Iterator[str]:
    """Refuse inputs to come that do not follow on the table; notes on their times."""
    if ahead is not None and ahead.time is not None:
        remark = check_follows(data.times, ahead.times, str(data.source), str(ahead.source))
        if remark is not None:
            yield f"note: {remark}"
        yield from notes(ahead, f"{ahead.source}, ")
    elif data.time is not None and len(data) < 2:
        raise Problem(f"{data.source} has one row, which shows no step of time: give more rows, or times in --future")


def inputs_to_come(opened: Opened, future: Path, data: Data, horizon: int | None) -> Data:
    """The rows of --future, which must be long enough; times are read as those of the table."""
    read = readers.read(future, Table)
    time = data.time if data.time in read.columns else None
    ahead = opened.columns(read, time, known=False, like=data.reading)
    if horizon is not None and len(ahead) < horizon:
        raise Problem(f"{future} has {len(ahead)} rows of inputs to come; --horizon {horizon} needs {horizon}")
    return ahead
