"""Tables as records of a dynamic system: inputs, outputs and the times of the rows."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from throughtime.cli import output
from throughtime.cli.errors import Problem
from throughtime.dynamics.measured import Measured, Values
from throughtime.dynamics.table import Columns
from throughtime.io.dates import Reading, holds_dates, times_of
from throughtime.io.tables import Table
from throughtime.rounding import unvarying
from throughtime.times import told_uneven, uneven

FAR = 1e3  # times what nine of ten values span: so far from the others a value may be no measurement


@dataclass(frozen=True, eq=False)
class Data(Measured):
    """Columns of a table in a file.

    reading  how its times were read
    remarks  lines on what was unusual in the file
    """

    reading: Reading = field(default_factory=Reading)
    remarks: tuple[str, ...] = ()


def read(
    table: Table,
    inputs: Sequence[str],
    outputs: Sequence[str],
    time: str | None,
    known: bool | None = True,
    like: Reading | None = None,
) -> Data:
    """The columns of a table; like: how another's times were read.

    known  False: the outputs are not looked at, and all NaN; None: they are, where the table has them as numbers
    """
    if time in outputs:
        raise Problem(f"column {time!r} cannot be both the time of the rows and an output; name another column")
    table.require([*inputs, *(outputs if known else ()), *([] if time is None else [time])])
    y = np.full((len(table), len(outputs)), np.nan)
    if known:
        y = _numbers(table, outputs, time, gaps=True)
    elif known is None:
        with suppress(ValueError):
            y = table.numbers(outputs, gaps=True)
    counted = pd.RangeIndex(len(table)), Reading()
    times, reading = counted if time is None else times_of(table, time, like)
    u = _numbers(table, inputs, time)
    return Data(u, y, list(inputs), list(outputs), times, time, table.path, reading, tuple(table.notes))


def named(table: Table, columns: Columns) -> Data:
    """The columns of a table that a study names."""
    like = Reading(written=columns.time_format)
    return read(table, columns.inputs, columns.outputs, columns.time, like=like)


def _numbers(table: Table, names: Sequence[str], time: str | None, gaps: bool = False) -> Values:
    """The columns as numbers; dates are told to be times."""
    try:
        return table.numbers(names, gaps)
    except ValueError:
        for name in filter(partial(holds_dates, table), names):
            remedy = f"name it with --time {shlex.quote(name)}" if time is None else "leave it out"
            raise Problem(
                f"{table.path}: column {name!r} holds dates, not numbers to learn from or about; {remedy}"
            ) from None
        raise


def notes(data: Data, file: str = "") -> Iterator[str]:
    """What should be known of a table: what was unusual in its file, how its times were read, where they are uneven."""
    yield from data.remarks
    if data.reading.note is not None:
        yield f"note: {file}{data.reading.note}"
    found = uneven(data.times)
    if found is not None:
        yield f"note: {file}column {data.time!r} is uneven: {told_uneven(data.times, found)}"


def constant(data: Data) -> list[str]:
    """A note on each column that does not vary."""
    columns = [*zip(data.inputs, data.u.T, strict=True), *zip(data.outputs, data.y.T, strict=True)]
    return [
        f"note: column {name!r} is {float(np.nanmean(values)):g} in all rows: "
        + ("there is nothing to learn about it" if name in data.outputs else "nothing can be learned from it")
        for name, values in columns
        if not np.isnan(values).all() and unvarying(values)
    ]


def far_away(data: Data) -> list[str]:
    """A note on each column of which one value is so far from the others that they are nothing beside it."""
    made = []
    for name, values in [*zip(data.inputs, data.u.T, strict=True), *zip(data.outputs, data.y.T, strict=True)]:
        low, middle, high = np.nanpercentile(values, [5, 50, 95]) if not np.isnan(values).all() else (0.0, 0.0, 0.0)
        row = int(np.nanargmax(np.abs(values - middle))) if high > low else 0
        if high > low and abs(values[row] - middle) > FAR * (high - low):
            told = f"is {values[row]:g} in row {row + 1}, and within {low:.4g} and {high:.4g} in most"
            made.append(
                f"note: column {name!r} {told}: if that is no measurement, leave the cell empty, or cut the row out"
            )
    return made


def sparse(data: Data) -> list[str]:
    """A note on each output that is empty at regular rows, as where it is sampled less often than the inputs."""
    made = []
    for name, values in zip(data.outputs, data.y.T, strict=True):
        gaps = np.diff(np.flatnonzero(~np.isnan(values)))
        if len(gaps) and (usual := int(np.median(gaps))) > 1:
            made.append(
                f"note: column {name!r} has a value in about one of {usual} rows; where none is measured, the network can only "
                f"hear its own: train with --loop closed, or give --output-delays {usual}"
            )
    return made


def tell(data: Data, quiet: bool) -> None:
    """Say the notes on a table."""
    output.notes(notes(data), quiet)
