"""Parquet: tables with the types of their columns, and the index that pandas has kept in them."""

from pathlib import Path
from typing import IO

import pandas as pd

from throughtime.io.tables import Table, checked

SUFFIXES = (".parquet", ".pq")
GIVES = Table


def read(path: Path) -> Table:
    """The table in a file.

    raises  ValueError if it cannot be read, has no rows, or two columns of one name
    """
    try:
        frame = pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} cannot be read as Parquet: {_first_line(error)}") from None
    return checked(Table(path, _with_index(frame)))


def write(frame: pd.DataFrame, file: IO[bytes]) -> None:
    """Write a table, without its index."""
    frame.to_parquet(file, index=False)


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """The index that pandas kept in a file is a column as others are: by its name, or "index" if it holds dates."""
    names = [str(name) for name in frame.index.names if name is not None]
    unnamed = not names and isinstance(frame.index, (pd.DatetimeIndex, pd.PeriodIndex))
    taken = {str(name) for name in frame.columns} & set(names or ["index"])
    return frame.reset_index() if (names or unnamed) and not taken else frame.reset_index(drop=True)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
