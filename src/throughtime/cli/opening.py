"""A saved model with a table: what every command that uses a model begins with."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from throughtime.checks import is_number, is_whole, quoted
from throughtime.cli import data as columns
from throughtime.cli.data import Data
from throughtime.cli.errors import Problem
from throughtime.dynamics.linear import Linear
from throughtime.dynamics.model import DynamicModel
from throughtime.io import readers
from throughtime.io.dates import Reading
from throughtime.io.files import fingerprint
from throughtime.io.tables import Table
from throughtime.models.model import Model
from throughtime.models.saving import load
from throughtime.reports.rivals import Linears

MOST_ROWS = 10**12  # of any table


@dataclass(frozen=True)
class Opened:
    """A model from a file; time_format: how dates are written in tables, where it was said."""

    made: Model
    model: DynamicModel
    time_format: str | None = None

    @property
    def linears(self) -> Linears:
        """The linear model that was fitted beside it, if the file holds one."""
        plain, model = self.made.settings.get("linear"), self.model
        return {} if plain is None else {None: Linear.from_dict(plain, len(model.inputs_), len(model.outputs_))}

    def beyond(self, u: Any, y: Any) -> list[str]:
        """Notes on inputs (T, I), and outputs (T, O) of a run, that are beyond what was learned from."""
        model, ranges = self.model, self.model.ranges_
        names = [[column.name for column in side] for side in (model.inputs_, model.outputs_)]
        return [] if ranges is None else [f"note: {told}" for told in ranges.sentences(u, y, *names)]

    @property
    def series(self) -> bool:
        """True if it hears nothing but its own past."""
        return not self.model.inputs_

    @property
    def first(self) -> int:
        """The first rows, in which nothing is judged: those that fill the delays, and the washout."""
        return int(self.model.used_ + self.model.washout)

    def learned(self, table: Path, rows: int) -> int:
        """How many first rows of a table it has learned from: those before the test, if it is the one it was fitted to."""
        same = self.made.settings.get("sha256") == fingerprint(table)
        return rows - round(self.told("test") * rows) if same else 0

    def told(self, name: str, share: bool = True) -> Any:
        """What the settings say of the fit: a share of the rows, or a whole number."""
        value: Any = self.made.settings.get(name)
        if not (is_number(value) and 0 <= value < 1 if share else is_whole(value, 0, MOST_ROWS)):
            what = "a share of the rows" if share else "a whole number"
            raise Problem(
                f"the settings of this model say {name!r} {quoted(value)}, which must be {what}; fit it again"
            )
        return value

    def led(self, start_rows: int | None) -> int:
        """In how many first rows measured outputs lead; None: those that fill the delays, and the washout."""
        if start_rows and self.model.network_.feedback is None:
            raise Problem(
                "--start-rows is for models that hear past outputs; this one hears only its inputs: leave it out"
            )
        return self.first if start_rows is None else start_rows

    def read(self, table: Path, time: str | None = None, known: bool | None = True, quiet: bool = False) -> Data:
        """The columns of a table that the model knows, with notes on its times; `known`: the measured outputs are needed, too."""
        data = self.columns(readers.read(table, Table), time, known)
        if len(data) <= self.model.used_:
            raise Problem(f"{table} has {len(data)} rows, too few for a model that hears {self.model.used_} steps back")
        columns.tell(data, quiet)
        return data

    def columns(self, table: Table, time: str | None, known: bool | None, like: Reading | None = None) -> Data:
        """The columns of a table of any length; time None: the column of the fit, if the table has it."""
        inputs, outputs = ([c.name for c in side] for side in (self.model.inputs_, self.model.outputs_))
        named, reading = times_in(table, self.made, time, None if like else self.time_format)
        return columns.read(table, inputs, outputs, named, known, like or reading)


def times_in(table: Table, made: Model, time: str | None, written: str | None) -> tuple[str | None, Reading]:
    """The column of times, and how dates are written there: as was said, else as in the fit, where the table has its column."""
    usual, form = (said if isinstance(said := made.settings.get(key), str) else None for key in ("time", "time_format"))
    time = time or (usual if usual in table.columns else None)
    if written is not None and time is None:
        raise Problem("--time-format says how times are written: name their column, --time")
    return time, Reading(written=written or form)


def open_model(file: Path, time_format: str | None = None) -> Opened:
    """The model in a file, which must know the names of its columns; time_format: how dates are written in tables."""
    return opened(load(file), time_format)


def opened(made: Model, time_format: str | None = None) -> Opened:
    """A model that was loaded, which must know the names of its columns."""
    if not made.outputs:
        raise Problem("this model was saved without the names of its columns, so it cannot be used on a table")
    for name, times in Counter(c.name for c in (*made.inputs, *made.outputs)).items():
        if times > 1:
            raise Problem(f"{times} columns of this model are called {name!r}, which a table cannot tell apart")
    model = DynamicModel.from_model(made)
    model.single_ = False  # tables have columns, however y was given when the model was fitted
    return Opened(made, model, time_format)
