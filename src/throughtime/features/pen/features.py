"""What a network sees of drawings by pen: where it is, where it goes, and how, at points equally far apart or its own."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from throughtime.checks import is_number, is_whole, quoted
from throughtime.features.joined import Values
from throughtime.features.pen.drawings import boxed, centred_drawing, in_heights, in_usual_heights, log_wide, scaled
from throughtime.features.pen.ways import directions, flown, resampled, steps, turns, ways

COLUMNS = ("x", "y", "right", "up", "air", "turn", "ahead", "long", "wide")
KNOWN = (*COLUMNS, "dx", "dy", "size")
MOST_POINTS = 100_000  # of one drawing


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
        points, ends, size = scaled(drawings, self.widest)
        if self.kept and points.counts.min() < 2:
            raise ValueError(
                f"drawing {points.counts.argmin()} has one point; points that are kept must be two at least"
            )
        way, air = ways(points, ends)
        long = points.over(np.add, way)
        seen, in_air = (points, flown(points, ends)) if self.kept else resampled(points, way, air, self._counts(long))
        seen = boxed(seen) if self.boxed else centred_drawing(seen)
        step = steps(seen)
        right_up = directions(step, seen)
        whole = np.column_stack([np.log(np.maximum(long, 1e-3)), log_wide(points)])
        told = seen.spread(np.clip(np.log(size), -2, 2))
        made = np.column_stack([seen.values, right_up, in_air, *turns(right_up, seen), seen.spread(whole), step, told])
        chosen = [KNOWN.index(name) for name in self.columns]
        return seen._replace(values=made[:, chosen].astype(np.float32)).split()

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
