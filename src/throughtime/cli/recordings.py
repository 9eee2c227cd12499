"""Recordings in files, as models hear them; words in a text file."""

from pathlib import Path
from typing import Any

from throughtime.cli.errors import Problem
from throughtime.io import readers
from throughtime.io.pen import Drawing
from throughtime.io.sound import Sound


def read(path: Path, hears: str) -> Any:
    """The recording in a file, as a model that hears "sound" or "pen points" takes it."""
    if path.is_dir():
        raise Problem(f"{path} is a folder; name the recordings in it")
    if hears != "sound":
        return readers.read(path, Drawing).points
    if readers.holds_another(path, Sound):
        raise Problem(f"{path} holds no sound, which the model hears; {readers.WORDS[Sound].remedy}")
    return readers.read(path, Sound)


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
