"""Columns of numbers between blanks, as DaISy's files and many loggers have them: mostly without names."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from throughtime.io.tables import MISSING, Table, checked, reads_as_number

SUFFIXES = (".dat", ".asc")
GIVES = Table

COMMENTS = ("#", "%", "//")
BETWEEN = re.compile(r"\s*;\s*|\s*,\s+|\s+")  # a comma within a number is its decimal point
COMMAS = re.compile(r"\s*[,;]\s*|\s+")


def read(path: Path) -> Table:
    """The table in a text file whose columns stand between blanks, tabs, commas or semicolons.

    Without a line of names the columns are c1, c2, ...: `found` says so. Lines that begin with #, % or // are left out.

    raises  ValueError if it is no text, if a row has another number of cells than the first, or if a cell is no number
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file in UTF-8; save it as text, or give CSV") from None
    kept = [(k, line.strip()) for k, line in enumerate(lines, start=1) if _is_row(line)]
    comments, found = sum(line.strip().startswith(COMMENTS) for line in lines), list[str]()
    if not kept:
        raise ValueError(f"{path} has no rows; give columns of numbers")
    between = COMMAS if any("," in line and "." in line for _, line in kept) else BETWEEN
    cells = [(k, [cell for cell in between.split(line.strip(" \t,;")) if cell]) for k, line in kept]
    names = cells[0][1]
    if all(map(_is_number, names)):
        names = [f"c{k + 1}" for k in range(len(names))]
        found.append(f"the columns have no names; they are called {names[0]} to {names[-1]}")
    else:
        cells = cells[1:]
    for number, row in cells:
        if len(row) != len(names):
            raise ValueError(
                f"{path}: line {number} has {len(row)} cells, where the first has {len(names)}; mend the line"
            )
    if comments:
        found.append(f"{comments} comment line{'s' * (comments > 1)} left out")
    frame = pd.DataFrame([row for _, row in cells], columns=pd.Index(names), dtype=str)
    return checked(Table(path, frame, np.array([k for k, _ in cells], np.int64), ";", found))


def _is_row(line: str) -> bool:
    return bool(line.strip(" \t,;")) and not line.strip().startswith(COMMENTS)


def _is_number(cell: str) -> bool:
    return reads_as_number(cell) or cell.lower() in MISSING
