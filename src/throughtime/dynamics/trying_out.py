"""Networks tried out on inputs that they have not heard in this order: one that runs away there may do so on any new record."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from throughtime.dynamics.ranges import Ranges
from throughtime.dynamics.records import Record
from throughtime.models.ensemble import Ensemble
from throughtime.models.members import count

WIDTHS = 0.3  # of what was measured: a free run so far beyond it has run away


def run_away(together: Ensemble, records: Sequence[Record], ranges: Ranges) -> NDArray[np.bool_]:
    """(K,): True for a network whose free run leaves the range of the outputs by far, over the inputs in reverse or by halves.

    The inputs of each record backward in time, and its second half before its first: values as they are, in an order that the
    network was not taught. Without inputs, or with backward layers, nothing is tried out.

    cost  two free runs over every record
    """
    low, high = np.array(ranges.outputs).T
    wild = np.zeros(count(together.weights), bool)
    if not together.inputs or together.network.backward:
        return wild
    for record in records:
        half = len(record) // 2
        for u in (record.u[::-1], np.concatenate([record.u[half:], record.u[:half]])):
            ys = together.each(u)
            beyond = np.maximum(ys - high, low - ys) > WIDTHS * (high - low)
            wild |= (beyond | ~np.isfinite(ys)).any(axis=(1, 2))
    return wild
