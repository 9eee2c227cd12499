"""Families of functions that are learned from examples."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from throughtime.architectures import lstm
from throughtime.descent import TEACHER
from throughtime.network import Network

Values = NDArray[np.floating[Any]]

STEPS, ASKED, POINTS = 51, (10, 20, 35, 50), (1, 2, 3, 5, 7, 10, 14, 20, 27, 35, 42, 50)
SEEDS, NEW, QUERIES, UNITS = 3, 128, 100, 64
SPREAD = 0.852  # of the quadratic functions


class Functions(NamedTuple):
    """F functions: examples x (F, T, I) and y (F, T, 1), and the points asked, (F, Q, I), with their answers (F, Q, 1)."""

    x: Any
    y: Any
    asked: Any
    answers: Any


class Family(NamedTuple):
    """Functions of some inputs, known ones to learn from and new ones; `rounds` of lessons; what the ceiling knows."""

    inputs: int
    rounds: int
    draw: Callable[[np.random.Generator, int, bool], Functions]
    features: Callable[[Values], Values]

    @property
    def network(self) -> Network:
        """The network that learns to learn."""
        return lstm({"x": self.inputs, TEACHER: 1}, UNITS, 1)


def quadratic_features(x: Values) -> Values:
    """x1^2, x2^2, x1 x2, x1, x2, 1."""
    a, b = x[..., 0], x[..., 1]
    return np.stack([a * a, b * b, a * b, a, b, np.ones_like(a)], axis=-1)


def quadratics(random: np.random.Generator, count: int, new: bool) -> Functions:  # noqa: ARG001  # all are new
    """Quadratic functions with coefficients in [-1, 1]."""
    coefficients = random.uniform(-1, 1, (count, 6, 1)) / SPREAD
    x, asked = (random.uniform(-1, 1, (count, size, 2)).astype(np.float32) for size in (STEPS, QUERIES))
    y, answers = ((quadratic_features(points) @ coefficients).astype(np.float32) for points in (x, asked))
    return Functions(x, y, asked, answers)


CORNERS = 2.0 * (np.arange(8)[:, None] >> np.arange(3) & 1).astype(np.float32) - 1
TABLES = 2.0 * (np.random.default_rng(2).permutation(256)[:, None] >> np.arange(8) & 1).astype(np.float32) - 1


def table_features(x: Values) -> Values:
    """Which of the eight corners x is."""
    return np.asarray((x[..., None, :] == CORNERS).all(-1), np.float32)


def booleans(random: np.random.Generator, count: int, new: bool) -> Functions:
    """Boolean functions of three inputs from one half of all, or from the other."""
    half = TABLES[128:] if new else TABLES[:128]
    tables = half[np.resize(random.permutation(128), count)]  # 128: each once
    seen = random.integers(0, 8, (count, STEPS))
    y = np.take_along_axis(tables, seen, axis=1)[..., None]
    return Functions(CORNERS[seen], y, np.broadcast_to(CORNERS, (count, 8, 3)), tables[..., None])


FAMILIES = {
    "quadratic": Family(2, 30, quadratics, quadratic_features),
    "boolean": Family(3, 15, booleans, table_features),
}
