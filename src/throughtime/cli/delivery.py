"""What a command makes of a table goes out: to a file, or printed."""

import json
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer

from throughtime.cli import output
from throughtime.cli.errors import Failure, Problem
from throughtime.io import parquet, writers
from throughtime.io.tables import reads_as_number
from throughtime.texts import printable

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet runs begins so


def deliver(frame: pd.DataFrame, time: str | None, out: Path | None, json_: bool, quiet: bool) -> None:
    """Write outputs as a table; their times, if there are any, are the first column."""
    shown = frame if time is None else frame.rename_axis(index=time).reset_index()
    if out is not None or not json_:
        write(shown, out, quiet)
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
            "with --loop closed, or without --network: then it begins as the linear model"
        )


def check_out(out: Path | None, overwrite: bool, *read: Path | None) -> None:
    """Refuse an output file before any work is done; one of those that are read, too: it would be lost."""
    if out is None:
        return
    writers.check_kind(out)
    output.file(out, overwrite)
    if any(path is not None and path.exists() and out.exists() and out.samefile(path) for path in read):
        raise Problem(f"--out {out} is a file that is read; choose another name")


def write(frame: pd.DataFrame, path: Path | None, quiet: bool) -> None:
    """Write a table: CSV to standard output if there is no path, else by the ending of the name; with a note on formulas."""
    if path is None:
        shown = frame.map(_shown).rename(columns=printable) if sys.stdout.isatty() else frame
        shown.to_csv(sys.stdout, index=False)
    else:
        writers.write(frame, path)
    output.notes(formulas(frame, path), quiet)


def _shown(cell: Any) -> Any:
    return printable(cell) if isinstance(cell, str) else cell


def formulas(frame: pd.DataFrame, path: Path | None) -> list[str]:
    """A note if a spreadsheet would run a name or a text of this table, written as CSV."""
    if path is not None and path.suffix.lower() in parquet.SUFFIXES:
        return []
    texts = [name for name in frame if frame[name].dtype.kind not in "biufcmM"]
    cells = map(str, chain(frame.columns, (c for name in texts for c in frame[name] if isinstance(c, str))))
    found = next((cell for cell in cells if cell.startswith(FORMULA) and not reads_as_number(cell)), None)
    where = "the table" if path is None else path
    note = f"note: {found!r} in {where} is a formula to a spreadsheet: import that column as text"
    return [] if found is None else [note]
