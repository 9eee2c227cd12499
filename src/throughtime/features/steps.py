"""Which steps of a recording are kept, and how many become one."""

import numpy as np
from numpy.typing import ArrayLike

from throughtime.features.joined import Joined, Values, join


def trim(x: ArrayLike, below: float = 6.0) -> Values:
    """The recording without the silence before and after: from the first to the last step with some energy.

    x      (T, I), column 0 is the log energy
    below  natural logarithms under the highest energy; 6 is 26 dB

    >>> trim([[-9.0], [1.0], [-8.0], [0.0], [-9.0]]).tolist()
    [[1.0], [-8.0], [0.0]]
    """
    return trim_each(join([x]), below).values


def stack(x: ArrayLike, frames: int = 2) -> Values:
    """Every `frames` steps as one, side by side: (ceil(T / frames), frames I); the last step is repeated to fill up.

    >>> stack([[1.0], [2.0], [3.0]]).tolist()
    [[1.0, 2.0], [3.0, 3.0]]
    """
    return stack_each(join([x]), frames).values


def trim_each(joined: Joined, below: float) -> Joined:
    """`trim` of recordings that are joined."""
    energy, place, first = joined.values[:, 0], joined.place, joined.first
    loud = energy >= joined.spread(np.maximum.reduceat(energy, first)) - below
    begin = np.minimum.reduceat(np.where(loud, place, len(place)), first)
    end = np.maximum.reduceat(np.where(loud, place, -1), first)
    kept = (place >= joined.spread(begin)) & (place <= joined.spread(end))
    return Joined(joined.values[kept], end - begin + 1)


def stack_each(joined: Joined, frames: int) -> Joined:
    """`stack` of recordings that are joined."""
    if frames < 1:
        raise ValueError(f"frames must be at least 1, the steps that become one; it is {frames}")
    counts = -(-joined.counts // frames)
    made = Joined(np.zeros((counts.sum(), 0)), counts)
    begin, last = made.spread(joined.first) + frames * made.place, made.spread(joined.first + joined.counts - 1)
    rows = np.minimum(begin[:, None] + np.arange(frames), last[:, None])
    return made._replace(values=joined.values[rows].reshape(len(rows), -1))
