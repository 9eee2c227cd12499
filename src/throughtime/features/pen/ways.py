"""The way of a pen through the points of drawings, on paper as through the air: steps, directions, turns, equal distances."""

import numpy as np

from throughtime.features.joined import Joined, Values


def steps(points: Joined) -> Values:
    """From the point before to each point; 0 at the first of a drawing."""
    step = np.diff(points.values, axis=0, prepend=points.values[:1])
    step[points.first] = 0
    return step


def ways(points: Joined, ends: Values) -> tuple[Values, Values]:
    """How long the step to each point is, and how much of it in the air."""
    way = np.linalg.norm(steps(points), axis=1)
    return way, way * np.concatenate([[0.0], ends[:-1] > 0])


def flown(points: Joined, ends: Values) -> Values:
    """1 for points that are reached through the air."""
    flown = np.roll(ends > 0, 1).astype(float)
    flown[points.first] = 0
    return flown


def resampled(points: Joined, way: Values, air: Values, counts: Values) -> tuple[Joined, Values]:
    """Points equally far apart, `counts` of each drawing, and the share of the step to each that was in the air.

    All drawings lie on one line, with a gap of length 1 between two, so that one interpolation does for all.
    """
    long = points.over(np.add, way)
    gap = np.zeros(len(way))
    gap[points.first[1:]] = 1
    place = np.cumsum(way + gap)
    seen = Joined(np.zeros((counts.sum(), 2)), counts)
    asked = seen.spread(place[points.first]) + seen.place / seen.spread(counts - 1) * seen.spread(long)
    made = np.column_stack([np.interp(asked, place, axis) for axis in points.values.T])
    flown = np.diff(np.interp(asked, place, np.cumsum(air)), prepend=0.0)
    step = seen.spread(long / (counts - 1))
    share = np.divide(flown, step, out=np.zeros(len(flown)), where=step > 0)
    share[seen.first] = 0
    return seen._replace(values=made), np.clip(share, 0, 1)


def directions(step: Values, points: Joined) -> Values:
    """The steps with length 1; the first of a drawing is that of its second point. No step has no direction."""
    size = np.linalg.norm(step, axis=1, keepdims=True)
    made = np.divide(step, size, out=np.zeros_like(step), where=size > 1e-9)
    made[points.first] = made[points.first + 1]
    return made


def turns(direction: Values, points: Joined) -> tuple[Values, Values]:
    """Sine and cosine of the angle from the step to a point to the step from it; 0 and 1 at the last."""
    (x, y), (u, v) = direction.T, np.roll(direction, -1, axis=0).T
    last = points.first + points.counts - 1
    turn, ahead = x * v - y * u, x * u + y * v
    turn[last], ahead[last] = 0, 1
    return turn, ahead
