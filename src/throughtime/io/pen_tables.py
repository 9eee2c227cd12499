"""Pen points in tables, CSV or Parquet, with the columns x, y and end-of-stroke."""

from pathlib import Path

from throughtime.io import csv_files, parquet
from throughtime.io.pen import COLUMNS, Drawing

SUFFIXES = (*csv_files.SUFFIXES, *parquet.SUFFIXES)
GIVES = Drawing


def read(path: Path) -> Drawing:
    """The points in a table.

    raises  ValueError if the table cannot be read, lacks a column, or has a cell that is no number
    """
    reader = parquet if path.suffix.lower() in parquet.SUFFIXES else csv_files
    return Drawing(reader.read(path).numbers(COLUMNS))
