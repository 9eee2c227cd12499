"""Tables of measurements; every error names the file, the row and the column."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from throughtime.texts import printable

Numbers = NDArray[np.float64]
NUMBERLIKE = r"[-+]?[\d.,'\s]*\d[\d.,'\s]*"
MISSING = ("", "nan", "na", "n/a", "null", "none")
DECIMAL = re.compile(r"[-+]?\d*,\d+(e[-+]?\d+)?", re.IGNORECASE)
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+")


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
                nameless = all(map(reads_as_number, self.columns))
                hint = "; the first line must name the columns" if nameless else ""
                raise ValueError(
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
            raise ValueError(f"{self.path}: column {name!r} holds {cells.dtype}, not numbers; name another column")
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
        if decimal_commas([text for text in texts if text.lower() not in MISSING], self.separator):
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
                raise ValueError(f"{self.where(row, name)}: {text!r} is not a number{help_}") from None
        return values

    def _tell(self, what: str) -> None:
        if what not in self.found:
            self.found.append(what)

    def _refuse(self, name: str, wrong: NDArray[np.bool_], what: str) -> None:
        if wrong.any():
            raise ValueError(f"{self.where(int(np.argmax(wrong)), name)} {what}")


def checked(table: Table) -> Table:
    """The table with its names stripped of blanks.

    raises  ValueError if it has no rows, or two columns of one name
    """
    frame = table.frame
    frame.columns = pd.Index([str(name).strip() for name in frame.columns])
    if not len(frame):
        raise ValueError(f"{table.path}: there are no rows below the names of the columns")
    for name in frame.columns[frame.columns.duplicated()]:
        raise ValueError(f"{table.path}: two columns are called {name!r}; rename one")
    return table


def decimal_commas(cells: Sequence[str], separator: str) -> bool:
    """True if the commas in these cells can only be decimal points; a semicolon separates columns for their sake.

    >>> decimal_commas(["1,5", "2"], ","), decimal_commas(["1,500", "2,000"], ","), decimal_commas(["1,5", "2.0"], ";")
    (True, False, False)
    """
    commas = [cell for cell in cells if "," in cell]
    plain = not any("." in cell for cell in cells) and all(DECIMAL.fullmatch(cell) for cell in commas)
    return bool(commas) and plain and (separator == ";" or not all(THOUSANDS.fullmatch(cell) for cell in commas))


def reads_as_number(text: str) -> bool:
    """True for a number with a decimal point, or a comma in its place."""
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
