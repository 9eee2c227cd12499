"""Pen points in JSON: a list of strokes, each a list of [x, y]."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from throughtime.features.pen.drawings import FARTHEST
from throughtime.io.pen import Drawing, Values

SUFFIXES = (".json",)
GIVES = Drawing

WANTED = "pen points in JSON are a list of strokes, each a list of [x, y]: [[[0, 0], [0, 9]]]"


def read(path: Path) -> Drawing:
    """The drawing in a file: [[[x, y], ...], ...], the points of every stroke.

    raises  ValueError if it is no such list, or has no point
    """
    strokes = _json(path)
    if not isinstance(strokes, list):
        raise ValueError(f"{path}: {WANTED}; it holds {_name(strokes)}")
    drawn = [_points(stroke, f"{path}, stroke {n + 1}") for n, stroke in enumerate(strokes)]
    full = [points for points in drawn if len(points)]
    if not full:
        raise ValueError(f"{path}: there is no point in it; {WANTED}")
    return Drawing.of(full)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file in UTF-8; {WANTED}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not whole: {error}; {WANTED}") from None
    except RecursionError:
        raise ValueError(f"{path} has lists in lists in lists without end; {WANTED}") from None
    except ValueError:  # thousands of digits
        raise ValueError(f"{path} has a number that is too long to be read; {WANTED}") from None


def _points(stroke: Any, where: str) -> Values:
    """(P, 2), checked: what looks like numbers to numpy need not be points."""
    if not isinstance(stroke, list):
        raise ValueError(f"{where} is {_name(stroke)}, not a list of points; {WANTED}")
    for number, point in enumerate(stroke):
        if not isinstance(point, list) or len(point) != 2:
            held = f"has {len(point)} numbers" if isinstance(point, list) else f"is {_name(point)}"
            raise ValueError(f"{where}, point {number + 1} {held}, not x and y alone; {WANTED}")
        for value in point:
            if type(value) not in (int, float) or not abs(value) <= FARTHEST:
                raise ValueError(f"{where}, point {number + 1}: {_name(value)} is no number of a drawing; {WANTED}")
    return np.array(stroke, float).reshape(-1, 2)


def _name(value: Any) -> str:
    """The value as JSON has it, if it is short."""
    text = json.dumps(value) if not isinstance(value, list | dict) else {list: "a list", dict: "an object"}[type(value)]
    return text if len(text) <= 40 else f"{text[:40]}..."
