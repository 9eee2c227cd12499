"""Tables as records of a dynamic system: inputs, outputs and the times of the rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from throughtime.cli import tables
from throughtime.cli.errors import Problem

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Data:
    """Columns of a table.

    u, y             (T, I) and (T, O); NaN in y are empty cells
    inputs, outputs  their names
    times            of the rows; row numbers where the table has no column for them
    time             the name of that column, or None
    source           the file
    """

    u: Values
    y: Values
    inputs: list[str]
    outputs: list[str]
    times: pd.Index
    time: str | None
    source: Path

    def __len__(self) -> int:
        return len(self.y)

    def frames(self, rows: slice = slice(None)) -> tuple[pd.DataFrame | None, pd.DataFrame]:
        """u and y as tables with names and times; no u if there are no inputs."""
        index = self.times[rows]
        y = pd.DataFrame(self.y[rows], index, pd.Index(self.outputs))
        return (pd.DataFrame(self.u[rows], index, pd.Index(self.inputs)) if self.inputs else None), y


def read(
    table: tables.Table, inputs: Sequence[str], outputs: Sequence[str], time: str | None, known: bool = True
) -> Data:
    """The columns of a table; without `known` the outputs are not looked at, and all NaN."""
    table.require([*inputs, *(outputs if known else ()), *([] if time is None else [time])])
    y = table.numbers(outputs, gaps=True) if known else np.full((len(table), len(outputs)), np.nan)
    times = pd.RangeIndex(len(table)) if time is None else table.times(time)
    return Data(table.numbers(inputs), y, list(inputs), list(outputs), times, time, table.path)


def check_names(inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Refuse columns that are named twice, and no outputs."""
    if not outputs:
        raise Problem("--outputs names no column")
    for name in [*inputs, *outputs]:
        if [*inputs, *outputs].count(name) > 1:
            raise Problem(f"column {name!r} is named twice in --inputs and --outputs")


def step_of(times: pd.Index) -> Any:
    """The usual time from row to row, or None."""
    return None if len(times) < 2 or isinstance(times, pd.RangeIndex) else times.to_series().diff().median()


def uneven(data: Data) -> str | None:
    """A note on a table whose times are not evenly spaced, as networks take them to be."""
    usual = step_of(data.times)
    if usual is None:
        return None
    wide = np.flatnonzero(np.asarray(data.times[1:] - data.times[:-1] > 1.5 * usual))
    if not len(wide):
        return None
    before, after = data.times[wide[0]], data.times[wide[0] + 1]
    return (
        f"note: column {data.time!r} is uneven: {after} follows {before}, where rows are usually {told_step(usual)} apart "
        f"({len(wide)} such gaps); the network takes all rows as evenly spaced: put in the missing rows, outputs left empty"
    )


def told_step(step: Any) -> str:
    """A time step in words.

    >>> told_step(pd.Timedelta(hours=1)), told_step(0.5)
    ('1 h', '0.5')
    """
    if not isinstance(step, pd.Timedelta):
        return f"{step:g}"
    seconds = step.total_seconds()
    for name, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:g} {name}"
    return f"{seconds:g} s"
