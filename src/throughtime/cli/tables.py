"""Tables of measurements, CSV and Parquet, in and out; every error names the file, the row and the column."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from throughtime.cli import csv_files
from throughtime.cli.errors import Problem
from throughtime.io import files
from throughtime.texts import printable

Numbers = NDArray[np.float64]
PARQUET = (".parquet", ".pq")
NUMBERLIKE = r"[-+]?[\d.,'\s]*\d[\d.,'\s]*"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet runs begins so
MISSING = ("", "nan", "na", "n/a", "null", "none")


@dataclass(frozen=True)
class Table:
    """A table as it is in the file; text stays text until a column is asked for as numbers.

    lines      of a text file, in which each row stands
    separator  of its columns
    found      what was unusual in the file and read all the same
    """

    path: Path
    frame: pd.DataFrame
    lines: NDArray[np.int64] | None = None
    separator: str = ""
    found: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [str(name) for name in self.frame.columns]

    @property
    def notes(self) -> list[str]:
        """A line on what was unusual in the file, if anything was."""
        return [f"note: {self.path}: {'; '.join(self.found)}"] if self.found else []

    def require(self, names: Sequence[str]) -> None:
        """Refuse the table if it lacks one of these columns."""
        for name in names:
            if name not in self.columns:
                nameless = all(map(csv_files.reads_as_number, self.columns))
                hint = "; the first line must name the columns" if nameless else ""
                raise Problem(
                    f"{self.path}: there is no column {name!r}; the columns are {', '.join(map(printable, self.columns))}{hint}"
                )

    def numbers(self, names: Sequence[str], gaps: bool = False) -> Numbers:
        """The columns as numbers (rows, columns); empty cells are NaN if gaps are allowed, refused if not."""
        self.require(names)
        made = [self._column(name, gaps) for name in names]
        return np.stack(made, axis=1) if made else np.zeros((len(self), 0))

    def where(self, row: int, name: str) -> str:
        """How to find a cell: rows count from 1."""
        line = "" if self.lines is None else f" (line {self.lines[row]})"
        return f"{self.path}: column {name!r}, row {row + 1}{line}"

    def _column(self, name: str, gaps: bool) -> Numbers:
        cells = self.frame[name]
        if cells.dtype.kind in "OSU" or isinstance(cells.dtype, pd.StringDtype):
            values = self._parsed(name, cells.astype(object).to_list())
        elif cells.dtype.kind in "biuf":
            values = cells.to_numpy(dtype=float, na_value=np.nan)
        else:
            raise Problem(f"{self.path}: column {name!r} holds {cells.dtype}, not numbers; name another column")
        self._refuse(name, np.isinf(values), "is infinite; give a number")
        large = np.abs(values) > np.finfo(np.float32).max
        self._refuse(name, large, "is beyond 3.4e38, the largest number networks compute with; take a larger unit")
        if not gaps:
            self._refuse(
                name, np.isnan(values), "is empty or NaN; an input needs a value: fill the gap or cut the rows"
            )
        return values

    def _parsed(self, name: str, cells: list[Any]) -> Numbers:
        texts = ["" if c is None or c != c else str(c).strip() for c in cells]
        if csv_files.decimal_commas([text for text in texts if text.lower() not in MISSING], self.separator):
            self._tell(f"commas in column {name!r} are read as decimal points")
            texts = [text.replace(",", ".") for text in texts]
        values = np.full(len(texts), np.nan)
        for row, text in enumerate(texts):
            if text.lower() in MISSING:
                continue
            try:
                values[row] = float(text)
            except ValueError:
                help_ = "; write it with a decimal point, and without commas" if re.fullmatch(NUMBERLIKE, text) else ""
                raise Problem(f"{self.where(row, name)}: {text!r} is not a number{help_}") from None
        return values

    def _tell(self, what: str) -> None:
        if what not in self.found:
            self.found.append(what)

    def _refuse(self, name: str, wrong: NDArray[np.bool_], what: str) -> None:
        if wrong.any():
            raise Problem(f"{self.where(int(np.argmax(wrong)), name)} {what}")


def read(path: Path) -> Table:
    """The table in a CSV (.csv, .txt, .tsv) or Parquet (.parquet, .pq) file."""
    if not path.exists():
        raise Problem(f"{path}: no such file")
    if path.is_dir():
        raise Problem(f"{path} is a folder; give a CSV or Parquet file")
    if not path.stat().st_size:
        raise Problem(f"{path}: the file is empty; it needs a line with the names of the columns, and rows of numbers")
    text = None if path.suffix.lower() in PARQUET else csv_files.read(path)
    frame = _parquet(path) if text is None else text.frame
    frame.columns = pd.Index([str(name).strip() for name in frame.columns])
    if not len(frame):
        raise Problem(f"{path}: there are no rows below the names of the columns")
    for name in frame.columns[frame.columns.duplicated()]:
        raise Problem(f"{path}: two columns are called {name!r}; rename one")
    return Table(path, frame) if text is None else Table(path, frame, text.lines, text.separator, text.found)


def _parquet(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise Problem(f"{path} cannot be read as Parquet: {_first_line(error)}") from None
    return _with_index(frame)


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """The index that pandas kept in a file is a column as others are: by its name, or "index" if it holds dates."""
    names = [str(name) for name in frame.index.names if name is not None]
    unnamed = not names and isinstance(frame.index, (pd.DatetimeIndex, pd.PeriodIndex))
    taken = {str(name) for name in frame.columns} & set(names or ["index"])
    return frame.reset_index() if (names or unnamed) and not taken else frame.reset_index(drop=True)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def check_kind(path: Path) -> None:
    """Refuse a name whose ending is of no kind of table."""
    if path.suffix.lower() not in (*PARQUET, ".csv", ".txt"):
        raise Problem(f"{path} must end in .csv, .txt, .parquet or .pq: other kinds of table are not written")


def write(frame: pd.DataFrame, path: Path | None) -> None:
    """Write a table: CSV to standard output if there is no path, else CSV or Parquet by the ending of the name."""
    if path is None:
        shown = frame.map(_shown).rename(columns=printable) if sys.stdout.isatty() else frame
        shown.to_csv(sys.stdout, index=False)
        return
    check_kind(path)
    with files.whole(path) as file:
        if path.suffix.lower() in PARQUET:
            frame.to_parquet(file, index=False)
        else:
            frame.to_csv(file, index=False, mode="wb")


def _shown(cell: Any) -> Any:
    return printable(cell) if isinstance(cell, str) else cell


def formulas(frame: pd.DataFrame, path: Path | None) -> list[str]:
    """A note if a spreadsheet would run a name or a text of this table, written as CSV."""
    if path is not None and path.suffix.lower() in PARQUET:
        return []
    texts = [name for name in frame if frame[name].dtype.kind not in "biufcmM"]
    cells = chain(frame.columns, (c for name in texts for c in frame[name] if isinstance(c, str)))
    found = next(
        (cell for cell in cells if str(cell).startswith(FORMULA) and not csv_files.reads_as_number(str(cell))), None
    )
    where = "the table" if path is None else str(path)
    return (
        []
        if found is None
        else [f"note: {found!r} in {where} is a formula to a spreadsheet: import that column as text"]
    )
