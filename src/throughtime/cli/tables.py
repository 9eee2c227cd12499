"""Tables of measurements, CSV and Parquet, in and out; every error names the file, the row and the column."""

import csv
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from throughtime.cli.errors import Problem
from throughtime.io import files

Numbers = NDArray[np.float64]
PARQUET = (".parquet", ".pq")
MISSING = ("", "nan", "na", "n/a", "null", "none")


@dataclass(frozen=True)
class Table:
    """A table as it is in the file; text stays text until a column is asked for as numbers."""

    path: Path
    frame: pd.DataFrame

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [str(name) for name in self.frame.columns]

    def require(self, names: Sequence[str]) -> None:
        """Refuse the table if it lacks one of these columns."""
        for name in names:
            if name not in self.columns:
                hint = "; the first line must name the columns" if all(_is_number(c) for c in self.columns) else ""
                raise Problem(
                    f"{self.path}: there is no column {name!r}; the columns are {', '.join(self.columns)}{hint}"
                )

    def numbers(self, names: Sequence[str], gaps: bool = False) -> Numbers:
        """The columns as numbers (rows, columns); empty cells are NaN if gaps are allowed, refused if not."""
        self.require(names)
        made = [self._column(name, gaps) for name in names]
        return np.stack(made, axis=1) if made else np.zeros((len(self), 0))

    def where(self, row: int, name: str) -> str:
        """How to find a cell: rows count from 1, the header of a CSV file is its first line."""
        line = "" if self.path.suffix.lower() in PARQUET else f" (line {row + 2})"
        return f"{self.path}: column {name!r}, row {row + 1}{line}"

    def _column(self, name: str, gaps: bool) -> Numbers:
        cells = self.frame[name]
        if cells.dtype.kind in "OSU" or isinstance(cells.dtype, pd.StringDtype):
            values = self._parsed(name, cells.astype(object).to_list())
        elif cells.dtype.kind in "biuf":
            values = cells.to_numpy(dtype=float, na_value=np.nan)
        else:
            raise Problem(f"{self.path}: column {name!r} holds {cells.dtype}, not numbers")
        self._refuse(name, np.isinf(values), "is infinite; give a number")
        if not gaps:
            self._refuse(
                name, np.isnan(values), "is empty or NaN; an input needs a value: fill the gap or cut the rows"
            )
        return values

    def _parsed(self, name: str, cells: list[Any]) -> Numbers:
        texts = ["" if c is None or c != c else str(c).strip() for c in cells]
        values = np.full(len(texts), np.nan)
        for row, text in enumerate(texts):
            if text.lower() in MISSING:
                continue
            try:
                values[row] = float(text)
            except ValueError:
                raise Problem(f"{self.where(row, name)}: {text!r} is not a number") from None
        return values

    def _refuse(self, name: str, wrong: NDArray[np.bool_], what: str) -> None:
        if wrong.any():
            raise Problem(f"{self.where(int(np.argmax(wrong)), name)} {what}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def read(path: Path) -> Table:
    """The table in a CSV (.csv, .txt, .tsv) or Parquet (.parquet, .pq) file."""
    if not path.exists():
        raise Problem(f"{path}: no such file")
    if path.is_dir():
        raise Problem(f"{path} is a folder; give a CSV or Parquet file")
    if not path.stat().st_size:
        raise Problem(f"{path}: the file is empty; it needs a line with the names of the columns, and rows of numbers")
    frame = _parquet(path) if path.suffix.lower() in PARQUET else _text(path)
    frame.columns = pd.Index([str(name).strip() for name in frame.columns])
    if not len(frame):
        raise Problem(f"{path}: there are no rows below the names of the columns")
    for name in frame.columns[frame.columns.duplicated()]:
        raise Problem(f"{path}: two columns are called {name!r}; rename one")
    return Table(path, frame)


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


def _text(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
        separator = max(",;\t", key=header.count)
        names = next(csv.reader([header], delimiter=separator, skipinitialspace=True), [])
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a row longer than the header is only a warning in pandas
            frame = pd.read_csv(
                path,
                sep=separator,
                header=None,
                skiprows=1,
                names=range(len(names)),
                dtype=str,
                keep_default_na=False,
                index_col=False,
                skip_blank_lines=False,
                skipinitialspace=True,
                encoding="utf-8-sig",
            )
    except UnicodeDecodeError:
        raise Problem(f"{path} is not a text file in UTF-8; give CSV or Parquet") from None
    except pd.errors.EmptyDataError:
        frame = pd.DataFrame(columns=range(len(names)))
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise Problem(f"{path} cannot be read as CSV: {_first_line(error)}") from None
    frame.columns = pd.Index(names)
    full = (frame.fillna("") != "").any(axis=1).to_numpy()
    return frame.iloc[: int(np.flatnonzero(full)[-1]) + 1 if full.any() else 0]


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def check_kind(path: Path) -> None:
    """Refuse a name whose ending is of no kind of table."""
    if path.suffix.lower() not in (*PARQUET, ".csv", ".txt"):
        raise Problem(f"{path} must end in .csv, .txt, .parquet or .pq: other kinds of table are not written")


def write(frame: pd.DataFrame, path: Path | None) -> None:
    """Write a table: CSV to standard output if there is no path, else CSV or Parquet by the ending of the name."""
    if path is None:
        frame.to_csv(sys.stdout, index=False)
        return
    check_kind(path)
    with files.whole(path) as file:
        if path.suffix.lower() in PARQUET:
            frame.to_parquet(file, index=False)
        else:
            frame.to_csv(file, index=False, mode="wb")
