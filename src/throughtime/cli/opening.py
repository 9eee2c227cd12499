"""A saved model with a table: what every command that uses a model begins and ends with."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer

from throughtime.checks import is_number, is_whole, quoted
from throughtime.cli import data as columns
from throughtime.cli import output, tables
from throughtime.cli.data import Data
from throughtime.cli.dates import Reading
from throughtime.cli.errors import Failure, Problem
from throughtime.dynamics.linear import Linear
from throughtime.dynamics.model import DynamicModel
from throughtime.io.files import fingerprint
from throughtime.models.model import Model
from throughtime.models.saving import load
from throughtime.reports.rivals import Linears

MOST_ROWS = 10**12  # of any table


@dataclass(frozen=True)
class Opened:
    """A model from a file."""

    made: Model
    model: DynamicModel

    @property
    def linears(self) -> Linears:
        """The linear model that was fitted beside it, if the file holds one."""
        plain, model = self.made.settings.get("linear"), self.model
        return {} if plain is None else {None: Linear.from_dict(plain, len(model.inputs_), len(model.outputs_))}

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

    def read(self, table: Path, time: str | None = None, known: bool = True, quiet: bool = False) -> Data:
        """The columns of a table that the model knows, with notes on its times; `known`: the measured outputs are needed too."""
        data = self.columns(tables.read(table), time, known)
        if len(data) <= self.model.used_:
            raise Problem(f"{table} has {len(data)} rows, too few for a model that hears {self.model.used_} steps back")
        columns.tell(data, quiet)
        return data

    def columns(self, table: tables.Table, time: str | None, known: bool, like: Reading | None = None) -> Data:
        """The columns of a table of any length; time None: the column of the fit, if the table has it."""
        usual = self.made.settings.get("time")
        inputs, outputs = ([c.name for c in side] for side in (self.model.inputs_, self.model.outputs_))
        known_time = usual if isinstance(usual, str) and usual in table.columns else None
        return columns.read(table, inputs, outputs, time or known_time, known, like)


def open_model(file: Path) -> Opened:
    """The model in a file, which must know the names of its columns."""
    return opened(load(file))


def opened(made: Model) -> Opened:
    """A model that was loaded, which must know the names of its columns."""
    if not made.outputs:
        raise Problem("this model was saved without the names of its columns, so it cannot be used on a table")
    for name, times in Counter(c.name for c in (*made.inputs, *made.outputs)).items():
        if times > 1:
            raise Problem(f"{times} columns of this model are called {name!r}, which a table cannot tell apart")
    model = DynamicModel.from_model(made)
    model.single_ = False  # tables have columns, however y was given when the model was fitted
    return Opened(made, model)


def deliver(frame: pd.DataFrame, time: str | None, out: Path | None, json_: bool, quiet: bool) -> None:
    """Write outputs as a table; their times, if there are any, are the first column."""
    shown = frame if time is None else frame.rename_axis(index=time).reset_index()
    if out is not None or not json_:
        tables.write(shown, out)
        output.notes(tables.formulas(shown, out), quiet)
    if json_:
        known = frame.select_dtypes("number").apply(np.isfinite)
        finite = frame.astype(object).where(
            known.reindex(columns=frame.columns, fill_value=True), None
        )  # JSON knows no NaN, nor infinite intervals
        said: dict[str, Any] = {"rows": len(frame), "written": out and str(out), "outputs": finite.to_dict("list")}
        if time is not None:
            said["time"] = [str(at) for at in frame.index]
        typer.echo(json.dumps(said))
    elif out is not None and not quiet:
        output.say(f"{len(frame)} rows written to {out}", err=True)


def check_finite(frame: pd.DataFrame, outputs: Sequence[str]) -> None:
    """Fail if a network ran away, which leaves empty cells in the table that was delivered."""
    wild = ~np.isfinite(frame[list(outputs)].to_numpy())
    if wild.any():
        row, place = np.argwhere(wild)[0]
        raise Failure(
            f"column {outputs[place]!r} is not finite from row {row + 1} on: the network ran away; check the inputs, or fit "
            "with --loop closed"
        )


def check_out(out: Path | None, overwrite: bool, *read: Path | None) -> None:
    """Refuse an output file before any work is done; one of those that are read, too: it would be lost."""
    if out is None:
        return
    tables.check_kind(out)
    output.file(out, overwrite)
    if any(path is not None and path.exists() and out.exists() and out.samefile(path) for path in read):
        raise Problem(f"--out {out} is a file that is read; choose another name")
