"""Augmentation of drawings: changes that keep the label."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from throughtime.features.joined import Joined, Values
from throughtime.features.pen.drawings import scaled


@dataclass(frozen=True)
class PenChanges:
    """Augmentation: every drawing turned, slanted, stretched and bent, differently; strokes and their order stay.

    turn     deviation of the angle, in radians
    slant    deviation of how many heights the top is moved to the right
    stretch  deviation of the logarithm of width / height
    bend     deviation of each of two waves that move points, in heights; one to three heights from crest to crest
    unknown  for drawings in usual heights: the share of those that become 1 high, as where the usual height of a writer is not
             known; the others keep their size. None: all become 1 high
    grow     deviation of the logarithm of the size that is kept; nothing if `unknown` is None

    returns, when called with drawings and a generator, the changed drawings
    """

    turn: float = 0.1
    slant: float = 0.2
    stretch: float = 0.15
    bend: float = 0.03
    unknown: float | None = None
    grow: float = 0.1

    def __call__(self, drawings: Sequence[ArrayLike], rng: np.random.Generator) -> list[Values]:
        """The changed drawings."""
        points, ends, size = scaled(drawings)
        moved = self._turned(points, rng)
        for _ in range(2):
            moved += self._wave(points, rng)
        if self.unknown is not None:
            grown = np.log(size) + rng.normal(0, self.grow, len(size))
            moved *= points.spread(np.exp(np.where(rng.random(len(size)) < self.unknown, 0, grown)))[:, None]
        return points._replace(values=np.column_stack([moved, ends]).astype(np.float32)).split()

    def _turned(self, points: Joined, rng: np.random.Generator) -> Values:
        """The points stretched and slanted, then turned."""
        turn, slant, stretch = (rng.normal(0, s, len(points.counts)) for s in (self.turn, self.slant, self.stretch))
        cos, sin, wide = np.cos(turn), np.sin(turn), np.exp(stretch)
        x, y = points.values.T
        x = x * points.spread(wide) + y * points.spread(slant)
        return np.column_stack(
            [x * points.spread(cos) - y * points.spread(sin), x * points.spread(sin) + y * points.spread(cos)]
        )

    def _wave(self, points: Joined, rng: np.random.Generator) -> Values:
        number = len(points.counts)
        heading, across = rng.uniform(0, 2 * np.pi, (2, number))
        crests = 2 * np.pi / rng.uniform(1, 3, number)
        vector = np.column_stack([np.cos(heading), np.sin(heading)]) * crests[:, None]
        shift = rng.normal(0, self.bend, (number, 2))
        phase = (points.values * points.spread(vector)).sum(1) + points.spread(across)
        return np.asarray(np.sin(phase)[:, None] * points.spread(shift))
