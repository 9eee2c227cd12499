"""What a module is that reads a format, and the formats of tables: pen points are looked for in all of them."""

from pathlib import Path
from typing import Any, Protocol

from throughtime.io import blanks, csv_files, excel, matlab, parquet


class Reader(Protocol):
    """What a module is that reads a format."""

    @property
    def SUFFIXES(self) -> tuple[str, ...]:
        """The endings of names, in lower case, with their points."""

    @property
    def GIVES(self) -> type[Any]:
        """What is in such a file."""

    def read(self, path: Path) -> Any:
        """What is in this one."""


TABLES: tuple[Reader, ...] = (csv_files, parquet, excel, matlab, blanks)


def reader_of(path: Path, able: tuple[Reader, ...]) -> Reader:
    """The one of them that reads files of this ending; of an ending that is none of theirs, the first."""
    return next((reader for reader in able if path.suffix.lower() in reader.SUFFIXES), able[0])
