"""Tables as records of a dynamic system: inputs, outputs and the times of the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from throughtime.cli import output, tables
from throughtime.cli.dates import Reading, times_of
from throughtime.cli.errors import Problem
from throughtime.rounding import unvarying
from throughtime.times import told_uneven, uneven

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
    remarks          lines on what was unusual in the file
    """

    u: Values
    y: Values
    inputs: list[str]
    outputs: list[str]
    times: pd.Index
    time: str | None
    source: Path
    reading: Reading = field(default_factory=Reading)
    remarks: tuple[str, ...] = ()

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
    if time in outputs:
        raise Problem(f"column {time!r} cannot be both the time of the rows and an output; name another column")
    table.require([*inputs, *(outputs if known else ()), *([] if time is None else [time])])
    y = table.numbers(outputs, gaps=True) if known else np.full((len(table), len(outputs)), np.nan)
    counted = pd.RangeIndex(len(table)), Reading()
    times, reading = counted if time is None else times_of(table, time, like)
    u = table.numbers(inputs)
    return Data(u, y, list(inputs), list(outputs), times, time, table.path, reading, tuple(table.notes))


def check_names(inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Refuse columns that are named twice, and no outputs."""
    if not outputs:
        raise Problem("--outputs names no column")
    for name in [*inputs, *outputs]:
        if [*inputs, *outputs].count(name) > 1:
            raise Problem(f"column {name!r} is named twice in --inputs and --outputs")


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
