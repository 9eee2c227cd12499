"""Networks tried out on inputs that they have not heard in this order: one that runs away there may do so on any new record."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from throughtime.dynamics.ranges import Ranges
from throughtime.dynamics.records import Record
from throughtime.models.ensemble import Ensemble
from throughtime.models.members import count

Values = NDArray[np.float64]
PIECES, SHUFFLES = (10, 40), 6  # a record is cut into so many, and shuffled so often
WIDER = 1.1  # times their distance from the mean: so far beyond what was heard inputs may well come
WIDTHS = 0.3  # of what was measured: a free run so far beyond it has run away


def run_away(
    together: Ensemble, records: Sequence[Record], ranges: Ranges, linear: Ensemble | None = None
) -> NDArray[np.bool_]:
    """(K,): True for a network whose free run leaves the range of the outputs by far, over the inputs in some other order.

    The inputs of each record backward in time, its second half before its first, and its tenths and fortieths shuffled, as they
    are and a tenth wider: values about as they are, in an order that the network was not taught. Without inputs, or with
    backward layers, nothing is tried out.

    linear  the networks as they began, where that was the linear model: what swings as far has not run away

    cost  26 free runs over every record, as many again of the linear ones
    """
    wild = np.zeros(count(together.weights), bool)
    if not together.inputs or together.network.backward:
        return wild
    for record in records:
        for u in _orders(record.u):
            allowed = WIDTHS if linear is None else WIDTHS + np.maximum(0.0, _beyond(linear, u, ranges))
            wild |= ~(_beyond(together, u, ranges) <= allowed)
    return wild


def _beyond(together: Ensemble, u: Values, ranges: Ranges) -> Values:
    """(K,): how far a free run leaves the range of the outputs, in its widths; infinite or NaN for one that is not finite."""
    low, high = np.array(ranges.outputs).T
    ys = together.each(u)
    far: Values = (np.maximum(ys - high, low - ys) / np.maximum(high - low, 1e-300)).max(axis=(1, 2))
    return far


def _orders(u: Values) -> Iterator[Values]:
    yield u[::-1]
    yield np.concatenate([u[len(u) // 2 :], u[: len(u) // 2]])
    random, mean = np.random.default_rng(0), u.mean(axis=0)
    for parts in PIECES:
        pieces = np.array_split(u, parts)
        for _ in range(SHUFFLES):
            made = np.concatenate([pieces[place] for place in random.permutation(parts)])
            yield made
            yield mean + WIDER * (made - mean)
