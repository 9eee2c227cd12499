"""Pen points in tables of any format, with the columns x, y and end-of-stroke."""

from pathlib import Path

from throughtime.io.formats import TABLES, reader_of
from throughtime.io.pen import COLUMNS, Drawing

SUFFIXES = tuple(suffix for reader in TABLES for suffix in reader.SUFFIXES)
GIVES = Drawing


def read(path: Path) -> Drawing:
    """The points in a table.

    raises  ValueError if the table cannot be read, lacks a column, or has a cell that is no number
    """
    return Drawing(reader_of(path, TABLES).read(path).numbers(COLUMNS))
