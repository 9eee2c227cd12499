"""Pen trajectories: what a network sees of handwriting, and changes of it that keep its label.

A drawing is an array (P, 3), point by point: x, y (upwards), and 1 at the last point of each stroke, else 0. The way from there
to the next stroke is in the air. All functions take many drawings at once, of any lengths: tens of thousands in seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from throughtime.checks import is_number, is_whole, quoted

Values = NDArray[Any]

COLUMNS = ("x", "y", "right", "up", "air", "turn", "ahead", "long", "wide")
FARTHEST = 1e12  # of a point's numbers: no screen is larger, and their squares can be added
KNOWN = (*COLUMNS, "dx", "dy", "size")
MOST_POINTS = 100_000  # of one drawing


class _Joined(NamedTuple):
    """Drawings one after the other."""

    points: Values  # (P, 2)
    ends: Values  # (P,) 1 at the last point of a stroke
    counts: Values  # (N,) points of each drawing

    @property
    def first(self) -> Values:
        """(N,) where each drawing begins."""
        return np.cumsum(self.counts) - self.counts

    def spread(self, each: Values) -> Values:
        """A row per drawing to a row per point."""
        return np.repeat(each, self.counts, axis=0)


@dataclass(frozen=True)
class PenFeatures:
    """Features of drawings at points that are equally far apart on the way of the pen, through the air as on paper.

    Or, if they are `kept`, at the drawing's own points: between few of them, new ones cut the corners off. A drawing is
    centred at the mean of the points and divided by its height, or by `width / widest` if it is flatter.

        x, y         position, in heights
        right, up    direction of the step that leads to the point, of length 1
        air          the share of this step that was in the air
        turn, ahead  sine and cosine of the angle from this step to the next one
        long, wide   logarithm of the way's length in heights, and of width / height; the same at every point
        dx, dy       the step that leads to the point, in heights
        size         logarithm of the height (or width / widest) that the drawing was given with, from -2 to 2: give it in heights
                     that are usual for the writer (`in_usual_heights`), or 1 high if these are not known. A dot counts as 1
                     high. The same at every point

    points   how many; None: one per `spacing`, between `least` and `most`
    spacing  heights from a point to the next, if `points` is None
    least, most, widest  see above; CTC wants `least` to be no less than the labels of a word and their repeats
    kept     its own points, two at least, whatever the numbers above say
    boxed    x and y from -0.5 to 0.5 between the borders of the box of these points, so that every drawing fills a square;
             the way is measured before, steps and their directions, dx and dy among them, in the square
    columns  which of the features, in which order

    returns, when called with drawings, for each an array (T, number of columns) of float32
    raises   ValueError if a drawing is not (P, 3) with a point at least (two, if they are kept), or has numbers that are
             not finite, or beyond 1e12, or a third one that is neither 0 nor 1
    cost     linear in all points; 60,000 letters take about two seconds

    >>> line = [[0, 0, 0], [0, 10, 0], [0, 20, 1]]
    >>> (seen,) = PenFeatures(points=3)([line])
    >>> seen[:, :5].tolist()
    [[0.0, -0.5, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0, 0.0], [0.0, 0.5, 0.0, 1.0, 0.0]]
    >>> (seen,) = PenFeatures(kept=True, boxed=True, columns=("x", "dx"))([[[0, 0, 0], [4, 10, 1]]])
    >>> seen.tolist()
    [[-0.5, 0.0], [0.5, 1.0]]
    """

    points: int | None = 40
    spacing: float = 0.15
    least: int = 40
    most: int = 200
    widest: float = 4.0
    kept: bool = False
    boxed: bool = False
    columns: tuple[str, ...] = COLUMNS

    def __post_init__(self) -> None:
        if self.points is not None and not is_whole(self.points, 2, MOST_POINTS):
            raise ValueError(f"a drawing needs at least 2 points, and {MOST_POINTS} at most, not {quoted(self.points)}")
        above = all(is_number(value) and value > 0 for value in (self.spacing, self.widest))
        if not (above and is_whole(self.most, 2, MOST_POINTS) and is_whole(self.least, 2, self.most)):
            raise ValueError(
                f"spacing and widest must be above 0, and 2 <= least <= most <= {MOST_POINTS}; got {quoted(self.spacing)}, "
                f"{quoted(self.widest)}, {quoted(self.least)} and {quoted(self.most)}"
            )
        if self.kept not in (True, False) or self.boxed not in (True, False):
            raise ValueError(f"kept and boxed must be True or False, not {quoted(self.kept)} and {quoted(self.boxed)}")
        if not self.columns or any(name not in KNOWN for name in self.columns):
            raise ValueError(f"columns must be some of {', '.join(KNOWN)}; got {quoted(self.columns)}")

    def __call__(self, drawings: Sequence[ArrayLike]) -> list[Values]:
        """The features of every drawing."""
        joined, size = _scaled(drawings, self.widest)
        if self.kept and joined.counts.min() < 2:
            raise ValueError(
                f"drawing {joined.counts.argmin()} has one point; points that are kept must be two at least"
            )
        way, air = _ways(joined)
        long = np.add.reduceat(way, joined.first)
        seen, in_air = (joined, _flown(joined)) if self.kept else _resampled(joined, way, air, self._counts(long))
        seen = _boxed(seen) if self.boxed else _centred(seen)
        step = _steps(seen)
        right_up = _directions(step, seen)
        whole = np.column_stack([np.log(np.maximum(long, 1e-3)), _wide(joined)])
        told = seen.spread(np.clip(np.log(size), -2, 2))
        made = np.column_stack([seen.points, right_up, in_air, *_turns(right_up, seen), seen.spread(whole), step, told])
        chosen = [KNOWN.index(name) for name in self.columns]
        return np.split(made[:, chosen].astype(np.float32), seen.first[1:])

    @property
    def settings(self) -> dict[str, Any]:
        """What `pen_input` needs, for `Model.settings["features"]`."""
        return {"kind": "pen", **asdict(self)}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "PenFeatures":
        """Those that `settings` tells of.

        raises  ValueError if they are not of a pen, or make no sense
        """
        own = dict(settings)
        if own.pop("kind", None) != "pen":
            raise ValueError(f"these features are not of pen points, but of kind {quoted(settings.get('kind'))}")
        columns = own.get("columns", COLUMNS)  # a list, in a file
        if not isinstance(columns, list | tuple):
            raise ValueError(f"columns must be a list of some of {', '.join(KNOWN)}; got {quoted(columns)}")
        unknown = set(own) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"these features have settings that this version does not know: {quoted(sorted(unknown))}")
        return cls(**own | {"columns": tuple(columns)})

    def _counts(self, long: Values) -> Values:
        if self.points is not None:
            return np.full(len(long), self.points)
        return np.clip(np.rint(long / self.spacing).astype(int) + 1, self.least, self.most)


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
    people = np.asarray(who)
    if people.shape != (len(drawings),):
        raise ValueError(f"{len(drawings)} drawings need as many writers in `who`; it has shape {people.shape}")
    joined, size = _scaled(drawings, widest)
    low, high = _box(joined)
    seen = pd.Series(np.where((low == high).all(1), np.nan, size))
    usual = seen.groupby(people).transform("median").fillna(1.0)
    return [in_heights(drawing, height) for drawing, height in zip(drawings, usual, strict=True)]


def in_heights(drawing: ArrayLike, height: float) -> Values:
    """A drawing (P, 3) whose x and y are divided by a height above 0."""
    if not 0 < height < np.inf:
        raise ValueError(f"a height that is usual must be a number above 0, not {height}")
    return np.asarray(drawing, float) / (height, height, 1)


def pen_input(drawing: ArrayLike, settings: Mapping[str, Any], height: float | None = None) -> Values:
    """What a network takes for one drawing (P, 3): (T, columns), from the settings in its file.

    settings  `model.settings["features"]`, as `PenFeatures.settings` gives them
    height    that the writer's drawings usually have, for a network that hears the size; None: not known

    raises  ValueError if they are not of a pen, a height is given that the network does not hear, and what `PenFeatures`
            raises

    >>> pen_input([[0, 0, 0], [0, 10, 1]], PenFeatures(points=5).settings).shape
    (5, 9)
    """
    features = PenFeatures.of(settings)
    if "size" in features.columns:
        if height is None:  # as if the writer had written nothing else
            return features(in_usual_heights([drawing], [0], features.widest))[0]
        return features([in_heights(drawing, height)])[0]
    if height is not None:
        raise ValueError("the model does not hear how large a drawing is: leave the usual height out")
    return features([drawing])[0]


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
        joined, size = _scaled(drawings)
        number = len(joined.counts)
        turn, slant, stretch = (rng.normal(0, s, number) for s in (self.turn, self.slant, self.stretch))
        cos, sin, wide = np.cos(turn), np.sin(turn), np.exp(stretch)
        x, y = joined.points.T
        x, y = x * joined.spread(wide) + y * joined.spread(slant), y
        moved = np.column_stack(
            [x * joined.spread(cos) - y * joined.spread(sin), x * joined.spread(sin) + y * joined.spread(cos)]
        )
        for _ in range(2):
            moved += self._wave(joined, rng)
        if self.unknown is not None:
            grown = np.log(size) + rng.normal(0, self.grow, number)
            moved *= joined.spread(np.exp(np.where(rng.random(number) < self.unknown, 0, grown)))[:, None]
        return np.split(np.column_stack([moved, joined.ends]).astype(np.float32), joined.first[1:])

    def _wave(self, joined: _Joined, rng: np.random.Generator) -> Values:
        number = len(joined.counts)
        heading, across = rng.uniform(0, 2 * np.pi, (2, number))
        crests = 2 * np.pi / rng.uniform(1, 3, number)
        vector = np.column_stack([np.cos(heading), np.sin(heading)]) * crests[:, None]
        shift = rng.normal(0, self.bend, (number, 2))
        return np.sin((joined.points * joined.spread(vector)).sum(1) + joined.spread(across))[:, None] * joined.spread(
            shift
        )


def _scaled(drawings: Sequence[ArrayLike], widest: float = 4.0) -> tuple[_Joined, Values]:
    """The drawings, joined, each with the middle of its box at 0 and divided by its height, or by width / widest; and these."""
    arrays = [_drawing(number, drawing) for number, drawing in enumerate(drawings)]
    if not arrays:
        raise ValueError("there is no drawing")
    every = np.concatenate(arrays)
    joined = _Joined(every[:, :2], every[:, 2], np.array([len(a) for a in arrays]))
    _refuse(joined, np.abs(every[:, :2]).max(axis=1) > FARTHEST, f"a number beyond {FARTHEST:g}")
    wrong = "a third number that is neither 1, at the end of a stroke, nor 0; leave times and pressures out"
    _refuse(joined, (joined.ends != 0) & (joined.ends != 1), wrong)
    low, high = _box(joined)
    width, height = (high - low).T
    size = np.maximum(height, width / widest)
    size[size == 0] = 1
    points = (joined.points - joined.spread((low + high) / 2)) / joined.spread(size)[:, None]
    return joined._replace(points=points), size


def _drawing(number: int, given: ArrayLike) -> Values:
    values = np.asarray(given, float)
    if values.ndim != 2 or values.shape[1] != 3 or not len(values):
        raise ValueError(
            f"drawing {number} must be points (P, 3): x, y, 1 at the end of a stroke; it is {values.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"drawing {number} has a number that is not finite")
    return values


def _refuse(joined: _Joined, wrong: Values, what: str) -> None:
    """Raise an error that names the first point of which something is wrong, if there is one."""
    if wrong.any():
        row = int(wrong.argmax())
        drawing = int(np.searchsorted(joined.first, row, side="right")) - 1
        raise ValueError(f"drawing {drawing}: point {row - joined.first[drawing]} has {what}")


def _steps(joined: _Joined) -> Values:
    """From the point before to each point; 0 at the first of a drawing."""
    step = np.diff(joined.points, axis=0, prepend=joined.points[:1])
    step[joined.first] = 0
    return step


def _ways(joined: _Joined) -> tuple[Values, Values]:
    """How long the step to each point is, and how much of it in the air."""
    way = np.linalg.norm(_steps(joined), axis=1)
    return way, way * np.concatenate([[0.0], joined.ends[:-1] > 0])


def _flown(joined: _Joined) -> Values:
    """1 for points that are reached through the air."""
    flown = np.roll(joined.ends > 0, 1).astype(float)
    flown[joined.first] = 0
    return flown


def _resampled(joined: _Joined, way: Values, air: Values, counts: Values) -> tuple[_Joined, Values]:
    """Points equally far apart, `counts` of each drawing, and the share of the step to each that was in the air.

    All drawings lie on one line, with a gap of length 1 between two, so that one interpolation does for all.
    """
    long = np.add.reduceat(way, joined.first)
    gap = np.zeros(len(way))
    gap[joined.first[1:]] = 1
    place = np.cumsum(way + gap)
    seen = _Joined(np.zeros((counts.sum(), 2)), np.zeros(counts.sum()), counts)
    part = (np.arange(counts.sum()) - seen.spread(seen.first)) / seen.spread(counts - 1)
    asked = seen.spread(place[joined.first]) + part * seen.spread(long)
    points = np.column_stack([np.interp(asked, place, joined.points[:, axis]) for axis in (0, 1)])
    flown = np.diff(np.interp(asked, place, np.cumsum(air)), prepend=0.0)
    step = seen.spread(long / (counts - 1))
    share = np.divide(flown, step, out=np.zeros(len(flown)), where=step > 0)
    share[seen.first] = 0
    return seen._replace(points=points), np.clip(share, 0, 1)


def _directions(step: Values, joined: _Joined) -> Values:
    """The steps with length 1; the first of a drawing is that of its second point. No step has no direction."""
    size = np.linalg.norm(step, axis=1, keepdims=True)
    made = np.divide(step, size, out=np.zeros_like(step), where=size > 1e-9)
    made[joined.first] = made[joined.first + 1]
    return made


def _turns(direction: Values, joined: _Joined) -> tuple[Values, Values]:
    """Sine and cosine of the angle from the step to a point to the step from it; 0 and 1 at the last."""
    (x, y), (u, v) = direction.T, np.roll(direction, -1, axis=0).T
    last = joined.first + joined.counts - 1
    turn, ahead = x * v - y * u, x * u + y * v
    turn[last], ahead[last] = 0, 1
    return turn, ahead


def _centred(joined: _Joined) -> _Joined:
    """The mean of the points of each drawing at 0."""
    mean = np.add.reduceat(joined.points, joined.first) / joined.counts[:, None]
    return joined._replace(points=joined.points - joined.spread(mean))


def _boxed(joined: _Joined) -> _Joined:
    """The box of each drawing at 0, with width and height 1; what has none stays at 0."""
    low, high = _box(joined)
    extent = np.where(high > low, high - low, 1.0)
    return joined._replace(points=(joined.points - joined.spread((low + high) / 2)) / joined.spread(extent))


def _box(joined: _Joined) -> tuple[Values, Values]:
    """(N, 2) each: the lowest and the highest x and y of each drawing."""
    low, high = (f.reduceat(joined.points, joined.first) for f in (np.minimum, np.maximum))
    return low, high


def _wide(joined: _Joined) -> Values:
    low, high = _box(joined)
    width, height = np.maximum(high - low, 0.05).T
    return np.log(width / height)
