"""Networks tried out on inputs that they have not heard in this order: one that runs away there may do so on any new record."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from throughtime.dynamics.ranges import Ranges
from throughtime.dynamics.records import Record
from throughtime.models.ensemble import Ensemble
from throughtime.models.members import count

SHUFFLES = 6
WIDTHS = 0.3  # of what was measured: a free run so far beyond it has run away


def run_away(together: Ensemble, records: Sequence[Record], ranges: Ranges) -> NDArray[np.bool_]:
    """(K,): True for a network whose free run leaves the range of the outputs by far, over the inputs in some other order.

    The inputs of each record backward in time, its second half before its first, and its tenths shuffled: values as they are, in
    an order that the network was not taught. Without inputs, or with backward layers, nothing is tried out.

    cost  eight free runs over every record
    """
    low, high = np.array(ranges.outputs).T
    wild = np.zeros(count(together.weights), bool)
    if not together.inputs or together.network.backward:
        return wild
    for record in records:
        for u in _orders(record.u):
            ys = together.each(u)
            beyond = np.maximum(ys - high, low - ys) > WIDTHS * (high - low)
            wild |= (beyond | ~np.isfinite(ys)).any(axis=(1, 2))
    return wild


def _orders(u: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    yield u[::-1]
    yield np.concatenate([u[len(u) // 2 :], u[: len(u) // 2]])
    tenths, random = np.array_split(u, 10), np.random.default_rng(0)
    for _ in range(SHUFFLES):
        yield np.concatenate([tenths[place] for place in random.permutation(10)])
