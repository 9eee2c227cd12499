"""Excel workbooks (.xlsx), read by openpyxl (the extra `files`)."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from throughtime.io.tables import Table, checked

SUFFIXES = (".xlsx", ".xlsm")
GIVES = Table

LARGEST = 2**28  # bytes that a workbook may unfold to: it is a ZIP archive


def read(path: Path, sheet: str | None = None) -> Table:
    """The table of a sheet: its first row that is not empty names the columns, a row all empty ends it.

    sheet  its name; None: the only one that has cells

    raises  ValueError if it is no workbook, if several sheets have cells and none is named, or if there is no such sheet;
            ImportError without the extra `files`
    """
    try:
        import openpyxl
    except ImportError:
        raise ImportError(
            f"{path} is an Excel workbook, which the extra `files` reads: pip install 'throughtime[files]', or save it as CSV"
        ) from None
    _refuse_large(path)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            sheets = {one.title: _rows(one) for one in book.worksheets if sheet in (None, one.title)}
            names = [one.title for one in book.worksheets]
        finally:
            book.close()
    except Exception:  # openpyxl raises what its parsers happen to meet in damaged files
        raise ValueError(
            f"{path} cannot be read as an Excel workbook; open it in Excel and save it again, or as CSV"
        ) from None
    full = {name: rows for name, rows in sheets.items() if rows}
    if sheet is not None and sheet not in names:
        raise ValueError(f"{path}: there is no sheet {sheet!r}; the sheets are {', '.join(map(repr, names))}")
    if not full:
        raise ValueError(f"{path} has no cells; give a sheet with a row of names, and rows of numbers")
    if len(full) > 1:
        raise ValueError(
            f"{path} has {len(full)} sheets with cells: {', '.join(map(repr, full))}; save the one you mean as a file"
        )
    ((_, rows),) = full.items()
    return checked(_table(path, rows))


def _refuse_large(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(one.file_size for one in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise ValueError(
            f"{path} is no Excel workbook (.xlsx); open it in Excel and save it again, or as CSV"
        ) from None
    if size > LARGEST:
        raise ValueError(f"{path} unfolds to {size:,} bytes; save the sheet as CSV")


def _rows(sheet: Any) -> list[tuple[int, tuple[Any, ...]]]:
    """The rows that hold anything, each with its number in the sheet."""
    rows = enumerate(sheet.iter_rows(values_only=True), start=1)
    return [(number, row) for number, row in rows if any(cell is not None and cell != "" for cell in row)]


def _table(path: Path, rows: list[tuple[int, tuple[Any, ...]]]) -> Table:
    (_, names), *body = rows
    width = max(len(row) for _, row in rows)
    full = [k for k in range(width) if any(k < len(row) and row[k] not in (None, "") for _, row in rows)]
    frame = pd.DataFrame(
        {n: [row[k] if k < len(row) else None for _, row in body] for n, k in enumerate(full)}, columns=range(len(full))
    )
    frame.columns = pd.Index(
        [str(names[k]) if k < len(names) and names[k] is not None else f"column {k + 1}" for k in full]
    )
    return Table(path, frame, np.array([number for number, _ in body], np.int64))
