"""Tables written in the format that the name of the file says, whole or not at all."""

from pathlib import Path
from typing import IO, Protocol

import pandas as pd

from throughtime.io import csv_files, files, parquet


class Writer(Protocol):
    """What a module is that writes a format."""

    def write(self, frame: pd.DataFrame, file: IO[bytes]) -> None:
        """Write a table, without its index."""


WRITERS: dict[str, Writer] = {".csv": csv_files, ".txt": csv_files, ".parquet": parquet, ".pq": parquet}


def check_kind(path: Path) -> None:
    """Refuse a name whose ending is of no kind of table."""
    if path.suffix.lower() not in WRITERS:
        *kinds, last = WRITERS
        raise ValueError(f"{path} must end in {', '.join(kinds)} or {last}: other kinds of table are not written")


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a table without its index.

    raises  ValueError for an ending of no kind of table, OSError in one line if it cannot be written
    """
    check_kind(path)
    with files.whole(path) as file:
        WRITERS[path.suffix.lower()].write(frame, file)
