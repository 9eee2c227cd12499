"""Recordings in files: sound, and pen points as a table or as JSON."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from throughtime.audio import read_audio
from throughtime.cli import tables
from throughtime.cli.errors import Problem

Values = NDArray[Any]

COLUMNS = ("x", "y", "end-of-stroke")


def read(path: Path, hears: str) -> Any:
    """The recording in a file, as a model that hears "sound" or "pen points" takes it."""
    if path.is_dir():
        raise Problem(f"{path} is a folder; name the recordings in it")
    if not path.is_file():
        raise Problem(f"{path}: no such file")
    if not path.stat().st_size:
        raise Problem(f"{path}: the file is empty; the model hears {hears}")
    kind = path.suffix.lower()
    written = kind in (".csv", ".txt", ".tsv", ".json", *tables.PARQUET)
    if hears == "sound":
        if written:
            raise Problem(f"{path} holds no sound, which the model hears; give a WAV, FLAC or OGG file")
        return read_audio(path)
    if not written:
        raise Problem(f"{path} is no table of pen points; give CSV with the columns {', '.join(COLUMNS)}, or JSON")
    return _strokes(path) if kind == ".json" else tables.read(path).numbers(COLUMNS)


def _strokes(path: Path) -> Values:
    """[[[x, y], ...], ...], the points of every stroke."""
    try:
        strokes = [np.array(stroke, float).reshape(-1, 2) for stroke in json.loads(path.read_text(encoding="utf-8"))]
    except json.JSONDecodeError as error:
        raise Problem(f"{path} is not whole: {error}; pen points in JSON are a list of strokes") from None
    except (ValueError, TypeError):
        raise Problem(
            f"{path}: pen points in JSON are a list of strokes, each a list of [x, y]: [[[0, 0], [0, 9]]]"
        ) from None
    ends = [np.eye(len(stroke), 1, 1 - len(stroke)) for stroke in strokes]
    full = [np.hstack(pair) for pair in zip(strokes, ends, strict=True) if len(pair[0])]
    if not full:
        raise Problem(
            f"{path}: there is no point in it; pen points in JSON are a list of strokes, each a list of [x, y]"
        )
    return np.concatenate(full)


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
