"""Drawings by pen, one after the other: checked, in heights, in their boxes.

A drawing is an array (P, 3), point by point: x, y (upwards), and 1 at the last point of each stroke, else 0. The way from there
to the next stroke is in the air.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from throughtime.features.joined import Joined, Values

FARTHEST = 1e12  # of a point's numbers: no screen is larger, and their squares can be added


class Drawings(NamedTuple):
    """Drawings, each with the middle of its box at 0 and divided by its size.

    points  of all of them, (P, 2)
    ends    (P,) 1 at the last point of a stroke
    size    (N,) height, or width / widest where that is more; 1 for a dot
    """

    points: Joined
    ends: Values
    size: Values


def in_usual_heights(drawings: Sequence[ArrayLike], who: ArrayLike, widest: float = 4.0) -> list[Values]:
    """Every drawing divided by the median height of its writer's drawings: an l is high beside the same person's e.

    Dots, which have no height, do not count for the median; who wrote nothing else keeps the units of the points.

    who     (N,) who wrote each
    widest  of a drawing that is wider than that many heights, width / widest counts as its height

    raises  ValueError if there is not one writer for each drawing, and what `PenFeatures` raises

    >>> low, high = in_usual_heights([[[0, 0, 0], [0, 2, 1]], [[0, 0, 0], [0, 6, 1]]], who=["ann", "ann"])
    >>> low[1].tolist(), high[1].tolist()
    ([0.0, 0.5, 1.0], [0.0, 1.5, 1.0])
    """
    import pandas as pd  # here, since it takes long to import

    people = np.asarray(who)
    if people.shape != (len(drawings),):
        raise ValueError(f"{len(drawings)} drawings need as many writers in `who`; it has shape {people.shape}")
    given = scaled(drawings, widest)
    low, high = box(given.points)
    seen = pd.Series(np.where((low == high).all(1), np.nan, given.size))
    usual = seen.groupby(people).transform("median").fillna(1.0)
    return [in_heights(drawing, height) for drawing, height in zip(drawings, usual, strict=True)]


def in_heights(drawing: ArrayLike, height: float) -> Values:
    """A drawing (P, 3) whose x and y are divided by a height above 0."""
    if not 0 < height < np.inf:
        raise ValueError(f"a height that is usual must be a number above 0, not {height}")
    return np.asarray(drawing, float) / (height, height, 1)


def scaled(drawings: Sequence[ArrayLike], widest: float = 4.0) -> Drawings:
    """The drawings, checked."""
    arrays = [_drawing(number, drawing) for number, drawing in enumerate(drawings)]
    if not arrays:
        raise ValueError("there is no drawing")
    every = np.concatenate(arrays)
    joined, ends = Joined(every[:, :2], np.array([len(a) for a in arrays])), every[:, 2]
    _refuse(joined, np.abs(joined.values).max(axis=1) > FARTHEST, f"a number beyond {FARTHEST:g}")
    wrong = "a third number that is neither 1, at the end of a stroke, nor 0; leave times and pressures out"
    _refuse(joined, (ends != 0) & (ends != 1), wrong)
    low, high = box(joined)
    width, height = (high - low).T
    size = np.maximum(height, width / widest)
    size[size == 0] = 1
    points = (joined.values - joined.spread((low + high) / 2)) / joined.spread(size)[:, None]
    return Drawings(joined._replace(values=points), ends, size)


def _drawing(number: int, given: ArrayLike) -> Values:
    values = np.asarray(given, float)
    if values.ndim != 2 or values.shape[1] != 3 or not len(values):
        raise ValueError(
            f"drawing {number} must be points (P, 3): x, y, 1 at the end of a stroke; it is {values.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"drawing {number} has a number that is not finite")
    return values


def _refuse(joined: Joined, wrong: Values, what: str) -> None:
    """Raise an error that names the first point of which something is wrong, if there is one."""
    if wrong.any():
        row = int(wrong.argmax())
        drawing = int(np.searchsorted(joined.first, row, side="right")) - 1
        raise ValueError(f"drawing {drawing}: point {row - joined.first[drawing]} has {what}")


def centred_drawing(points: Joined) -> Joined:
    """The mean of the points of each drawing at 0."""
    return points._replace(values=points.values - points.spread(points.mean(points.values)))


def boxed(points: Joined) -> Joined:
    """The box of each drawing at 0, with width and height 1; what has none stays at 0."""
    low, high = box(points)
    extent = np.where(high > low, high - low, 1.0)
    return points._replace(values=(points.values - points.spread((low + high) / 2)) / points.spread(extent))


def box(points: Joined) -> tuple[Values, Values]:
    """(N, 2) each: the lowest and the highest x and y of each drawing."""
    return points.over(np.minimum, points.values), points.over(np.maximum, points.values)


def log_wide(points: Joined) -> Values:
    """(N,) the logarithm of width / height."""
    low, high = box(points)
    width, height = np.maximum(high - low, 0.05).T
    return np.asarray(np.log(width / height))
