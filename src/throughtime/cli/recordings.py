"""Recordings in files: sound, and pen points as a table or as JSON."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from throughtime.cli import tables
from throughtime.cli.errors import Problem
from throughtime.features.pen.drawings import FARTHEST
from throughtime.features.sound import read_audio

Values = NDArray[Any]

COLUMNS = ("x", "y", "end-of-stroke")
WANTED = "pen points in JSON are a list of strokes, each a list of [x, y]: [[[0, 0], [0, 9]]]"


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
    strokes = _json(path)
    if not isinstance(strokes, list):
        raise Problem(f"{path}: {WANTED}; it holds {_name(strokes)}")
    drawn = [_points(stroke, f"{path}, stroke {n + 1}") for n, stroke in enumerate(strokes)]
    full = [np.column_stack([points, np.arange(len(points)) == len(points) - 1]) for points in drawn if len(points)]
    if not full:
        raise Problem(f"{path}: there is no point in it; {WANTED}")
    return np.concatenate(full)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise Problem(f"{path} is not a text file in UTF-8; {WANTED}") from None
    except json.JSONDecodeError as error:
        raise Problem(f"{path} is not whole: {error}; {WANTED}") from None
    except RecursionError:
        raise Problem(f"{path} has lists in lists in lists without end; {WANTED}") from None
    except ValueError:  # thousands of digits
        raise Problem(f"{path} has a number that is too long to be read; {WANTED}") from None


def _points(stroke: Any, where: str) -> Values:
    """(P, 2), checked: what looks like numbers to numpy need not be points."""
    if not isinstance(stroke, list):
        raise Problem(f"{where} is {_name(stroke)}, not a list of points; {WANTED}")
    for number, point in enumerate(stroke):
        if not isinstance(point, list) or len(point) != 2:
            held = f"has {len(point)} numbers" if isinstance(point, list) else f"is {_name(point)}"
            raise Problem(f"{where}, point {number + 1} {held}, not x and y alone; {WANTED}")
        for value in point:
            if type(value) not in (int, float) or not abs(value) <= FARTHEST:
                raise Problem(f"{where}, point {number + 1}: {_name(value)} is no number of a drawing; {WANTED}")
    return np.array(stroke, float).reshape(-1, 2)


def _name(value: Any) -> str:
    """The value as JSON has it, if it is short."""
    text = json.dumps(value) if not isinstance(value, list | dict) else {list: "a list", dict: "an object"}[type(value)]
    return text if len(text) <= 40 else f"{text[:40]}..."


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
