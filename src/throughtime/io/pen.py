"""Drawings by pen, whatever file they come from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
COLUMNS = ("x", "y", "end-of-stroke")


@dataclass(frozen=True, eq=False)
class Drawing:
    """Pen points (P, 3): x, y (upwards), and 1 at the last point of each stroke, else 0."""

    points: Values

    @classmethod
    def of(cls, strokes: Sequence[Values]) -> "Drawing":
        """Strokes, each (P, 2) with a point at least, one after the other.

        >>> Drawing.of([np.zeros((2, 2)), np.ones((1, 2))]).points[:, 2].tolist()
        [0.0, 1.0, 1.0]
        """
        return cls(np.concatenate([np.column_stack([s, np.arange(len(s)) == len(s) - 1]) for s in strokes]))


@dataclass(frozen=True, eq=False)
class LabelledDrawings:
    """Several drawings of a file, each with its label (None: it has none).

    found  what was unusual in the file and read all the same
    """

    drawings: Sequence[Drawing]
    labels: Sequence[str | None]
    found: list[str] = field(default_factory=list)
