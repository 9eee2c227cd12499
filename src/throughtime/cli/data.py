"""Tables as records of a dynamic system: inputs, outputs and the times of the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from throughtime.cli import tables
from throughtime.cli.dates import Reading, times_of
from throughtime.cli.errors import Problem
from throughtime.dynamics.times import told_uneven, uneven

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Data:
    """Columns of a table.

    u, y             (T, I) and (T, O); NaN in y are empty cells
    inputs, outputs  their names
    times            of the rows; row numbers where the table has no column for them
    time             the name of that column, or None
    source           the file
    reading          how its times were read
    """

    u: Values
    y: Values
    inputs: list[str]
    outputs: list[str]
    times: pd.Index
    time: str | None
    source: Path
    reading: Reading = field(default_factory=Reading)

    def __len__(self) -> int:
        return len(self.y)

    def frames(self, rows: slice = slice(None)) -> tuple[pd.DataFrame | None, pd.DataFrame]:
        """u and y as tables with names and times; no u if there are no inputs."""
        index = self.times[rows]
        y = pd.DataFrame(self.y[rows], index, pd.Index(self.outputs))
        return (pd.DataFrame(self.u[rows], index, pd.Index(self.inputs)) if self.inputs else None), y


def read(
    table: tables.Table,
    inputs: Sequence[str],
    outputs: Sequence[str],
    time: str | None,
    known: bool = True,
    like: Reading | None = None,
) -> Data:
    """The columns of a table; without `known` the outputs are not looked at, and all NaN. like: how another's times were read."""
    table.require([*inputs, *(outputs if known else ()), *([] if time is None else [time])])
    y = table.numbers(outputs, gaps=True) if known else np.full((len(table), len(outputs)), np.nan)
    counted = pd.RangeIndex(len(table)), Reading()
    times, reading = counted if time is None else times_of(table, time, like)
    return Data(table.numbers(inputs), y, list(inputs), list(outputs), times, time, table.path, reading)


def check_names(inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Refuse columns that are named twice, and no outputs."""
    if not outputs:
        raise Problem("--outputs names no column")
    for name in [*inputs, *outputs]:
        if [*inputs, *outputs].count(name) > 1:
            raise Problem(f"column {name!r} is named twice in --inputs and --outputs")


def notes(data: Data, file: str = "") -> Iterator[str]:
    """What should be known of a table's times: how they were read, and where they are not evenly spaced."""
    if data.reading.note is not None:
        yield f"note: {file}{data.reading.note}"
    found = uneven(data.times)
    if found is not None:
        yield f"note: {file}column {data.time!r} is uneven: {told_uneven(data.times, found)}"


def tell(data: Data, quiet: bool) -> None:
    """Print the notes on a table's times on standard error."""
    for note in () if quiet else notes(data):
        typer.echo(note, err=True)
