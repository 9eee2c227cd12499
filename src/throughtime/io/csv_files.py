"""CSV as it is met: where the names stand, what separates the cells, and what of a file is no part of the table."""

import csv
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO

import numpy as np
import pandas as pd

from throughtime.io.tables import Table, checked, reads_as_number

SUFFIXES = (".csv", ".txt", ".tsv")
GIVES = Table

SEPARATORS = ",;\t"
SAID = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)  # the first line, as Excel writes and reads it


@dataclass(frozen=True)
class Head:
    """The names of the columns, what separates cells, how many lines stand before the first row, and what was unusual."""

    names: list[str]
    separator: str
    lines: int
    found: tuple[str, ...] = ()


def read(path: Path) -> Table:
    """The table in a text file, without comments, columns that have neither name nor content, and empty rows at the end."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = _head(file)
        with path.open(encoding="utf-8-sig", newline="") as file:
            for _ in range(head.lines):
                file.readline()
            frame = _cells(file, head)
    except UnicodeDecodeError:
        raise ValueError(f'{path} is not a text file in UTF-8; save it as "CSV UTF-8", or give Parquet') from None
    except pd.errors.EmptyDataError:
        frame = pd.DataFrame(columns=range(len(head.names) + 1), dtype=str)
    except (pd.errors.ParserError, pd.errors.ParserWarning, csv.Error) as error:
        raise ValueError(f"{path} cannot be read as CSV: {_long_row(path) or str(error).strip()}") from None
    beyond = (frame.iloc[:, -1].fillna("") != "").to_numpy()
    if beyond.any():
        raise ValueError(f"{path} cannot be read as CSV: {_long_row(path)}")
    return checked(_tidied(path, frame.iloc[:, :-1], head))


def write(frame: pd.DataFrame, file: IO[bytes]) -> None:
    """Write a table, without its index."""
    frame.to_csv(file, index=False, mode="wb")


def _tidied(path: Path, frame: pd.DataFrame, head: Head) -> Table:
    frame.columns = pd.Index(head.names)
    lines, found = head.lines + 1 + np.arange(len(frame)), list(head.found)
    full = (frame.fillna("") != "").to_numpy()
    nameless = np.array([not name.strip() for name in head.names], bool) & ~full.any(axis=0)
    remarks = np.array([str(cell).startswith("#") for cell in frame.iloc[:, 0]] if head.names else [], bool)
    if remarks.any():
        found.append(f"{_counted(int(remarks.sum()))} among the rows left out")
    last = int(np.flatnonzero(full.any(axis=1))[-1]) + 1 if full.any() else 0
    kept = np.flatnonzero(~remarks[:last])
    named = frame.iloc[kept, np.flatnonzero(~nameless)].reset_index(drop=True)
    return Table(path, named, lines[kept], head.separator, found)


def _head(file: TextIO) -> Head:
    said, comments, count = None, list[str](), 0
    for line in iter(file.readline, ""):
        if count == 0 and (match := SAID.fullmatch(line)):
            said = match[1]
        elif line.startswith("#"):
            comments.append(line)
        elif line.strip():
            return _named(line, file, count, said, comments)
        count += 1
    return Head([], ",", count)


def _named(line: str, file: TextIO, count: int, said: str | None, comments: list[str]) -> Head:
    """The names in this line; or in the comment before it, if that has as many and this line holds numbers."""
    lines = [line]
    while "".join(lines).count('"') % 2 and (more := file.readline()):  # a name with a line break in it
        lines.append(more)
    separator = said or _separator("".join(lines))
    names = next(csv.reader(lines, delimiter=separator, skipinitialspace=True), [])
    found = [] if said is None else [f"its first line says that {separator!r} separates columns"]
    if comments and any(map(reads_as_number, names)):
        told = next(
            csv.reader([comments[-1].lstrip("# ")], delimiter=_separator(comments[-1]), skipinitialspace=True), []
        )
        if len(told) == len(names):
            found.append("the names of the columns are taken from the comment above the rows")
            return Head([told[0] or "#", *told[1:]], separator, count, tuple(found))
    if comments:
        found.append(f"{_counted(len(comments))} above the names left out")
    return Head(names, separator, count + len(lines), tuple(found))


def _counted(comments: int) -> str:
    return "1 comment line" if comments == 1 else f"{comments} comment lines"


def _separator(line: str) -> str:
    """The sign that the names are separated by; a single name leaves commas to be decimal points."""
    bare = re.sub(r'"[^"]*("|$)', "", line)
    return max(SEPARATORS, key=bare.count) if any(sign in bare for sign in SEPARATORS) else ";"


def _cells(file: TextIO, head: Head) -> pd.DataFrame:
    """The rows, with one column more than there are names."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a row longer than the header is only a warning in pandas
        return pd.read_csv(
            file,
            sep=head.separator,
            header=None,
            names=range(len(head.names) + 1),
            dtype=str,
            keep_default_na=False,
            index_col=False,
            skip_blank_lines=False,
            skipinitialspace=True,
        )


def _long_row(path: Path) -> str | None:
    """What to say of the first row that has more cells than there are names."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = _head(file)
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, cells in _records(file, head):
            if len(cells) > len(head.names) and any(cells[len(head.names) :]):
                hint = "" if head.separator != "," else "; if commas are decimal points, separate the columns by ;"
                return f"line {number} has {len(cells)} cells, but there are {len(head.names)} names{hint}"
    return None


def _records(file: TextIO, head: Head) -> Iterator[tuple[int, list[str]]]:
    for _ in range(head.lines):
        file.readline()
    reader = csv.reader(file, delimiter=head.separator, skipinitialspace=True)
    for cells in reader:
        yield head.lines + reader.line_num, cells
