"""Recordings in files, as models hear them; words in a text file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from throughtime.cli.errors import Problem
from throughtime.io import readers
from throughtime.io.pen import Drawing
from throughtime.io.series import Series
from throughtime.io.sound import Sound
from throughtime.io.tables import Table


def read(path: Path, hears: str, columns: Sequence[str] = ()) -> list[tuple[str, Any]]:
    """The recordings in a file by their names, as a model that hears "sound", "pen points" or "series" takes them.

    columns  of a table, which the model hears; none: all
    """
    if path.is_dir():
        raise Problem(f"{path} is a folder; name the recordings in it")
    if hears == "series":
        return _series(path, columns)
    if hears != "sound":
        return [(str(path), readers.read(path, Drawing).points)]
    if readers.holds_another(path, Sound):
        raise Problem(f"{path} holds no sound, which the model hears; {readers.WORDS[Sound].remedy}")
    return [(str(path), readers.read(path, Sound))]


def _series(path: Path, columns: Sequence[str]) -> list[tuple[str, Any]]:
    thing = readers.any_of(path)
    if isinstance(thing, Series):
        return [(f"{path} case {number}", case) for number, case in enumerate(thing.cases, start=1)]
    if not isinstance(thing, Table):
        raise Problem(f"{path} is no series, which the model hears; give a table, or a .ts file")
    return [(str(path), thing.numbers(columns or thing.columns, gaps=True))]


def words(path: Path) -> tuple[str, ...]:
    """The words of a text file, one on each line, each once."""
    if not path.is_file():
        raise Problem(f"--words {path}: no such file")
    try:
        found = tuple(
            dict.fromkeys(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
        )
    except UnicodeDecodeError:
        raise Problem(f"--words {path} is not a text file in UTF-8; give one with a word on each line") from None
    if not found:
        raise Problem(f"--words {path} holds no word; give a text file with one on each line")
    return found
