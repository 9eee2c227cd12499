"""Between which values a model has learned: what it hears or says beyond them is extrapolated, and told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from throughtime.checks import is_number
from throughtime.dynamics.records import Record

Values = NDArray[np.float64]
Edges = tuple[tuple[float, float], ...]
OVERSHOOT = 0.1  # of the width of what was measured: so far beyond it an output is no extrapolation yet


@dataclass(frozen=True)
class Ranges:
    """The least and the largest value of every input and output in the rows that were given to learn from.

    >>> ranges = Ranges(((0.0, 1.0),), ((-5.0, 5.0),))
    >>> ranges.sentences(np.array([[0.5], [1.5], [3.0]]), np.array([[0.0], [5.5], [7.0]]), ["u"], ["y"])
    ["input 'u' leaves what was learned from, 0 to 1, in 2 of 3 rows, first in row 2; it comes to 3 in row 3", \
"output 'y' leaves what was learned from, -5 to 5, in 1 of 3 rows, first in row 3; it comes to 7 in row 3"]
    """

    inputs: Edges
    outputs: Edges

    @classmethod
    def of(cls, records: Sequence[Record]) -> Self:
        """Of all steps of the records, but for gaps."""
        sides = (np.concatenate([getattr(record, side) for record in records]) for side in "uy")
        return cls(*(tuple(zip(*_ends(rows), strict=True)) for rows in sides))

    def sentences(self, u: Values, y: Values, inputs: Sequence[str], outputs: Sequence[str]) -> list[str]:
        """On every input of u (T, I), and every output of a run y (T, O) that goes on beyond what was learned from."""
        made = list(_told("input", u, self.inputs, inputs, 1e-6))
        return made + list(_told("output", y, self.outputs, outputs, OVERSHOOT))

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold, as for `Model.settings`."""
        return {side: [list(edges) for edges in own] for side, own in asdict(self).items()}

    @classmethod
    def from_dict(cls, plain: Any, inputs: int, outputs: int) -> Self:
        """What `to_dict` wrote, of a model with so many inputs and outputs; ValueError for what it cannot have written."""
        sides: list[Any] = [plain.get(side) if isinstance(plain, Mapping) else None for side in ("inputs", "outputs")]
        for side, count in zip(sides, (inputs, outputs), strict=True):
            if not isinstance(side, list | tuple) or len(side) != count or not all(map(_is_range, side)):
                raise ValueError("the ranges in the settings of this model do not fit it; fit it again")
        return cls(*(tuple((float(low), float(high)) for low, high in side) for side in sides))


def _is_range(edges: Any) -> bool:
    known = isinstance(edges, list | tuple) and len(edges) == 2 and all(map(is_number, edges))
    return bool(known and edges[0] <= edges[1])


def _ends(rows: Values) -> tuple[list[float], list[float]]:
    if not rows.shape[1]:
        return [], []
    return np.nanmin(rows, axis=0).tolist(), np.nanmax(rows, axis=0).tolist()


def _told(what: str, values: Values, edges: Edges, names: Sequence[str], margin: float) -> Iterator[str]:
    for name, column, (low, high) in zip(names, values.T, edges, strict=True):
        known = np.where(np.isnan(column), low, column)  # a run that ran away is told elsewhere
        beyond = np.maximum(known - high, low - known)
        rows = np.flatnonzero(beyond > margin * (high - low))
        if len(rows):
            far = int(np.argmax(beyond))
            yield (
                f"{what} {name!r} leaves what was learned from, {low:.6g} to {high:.6g}, in {len(rows)} of {len(column)} rows, "
                f"first in row {rows[0] + 1}; it comes to {column[far]:.6g} in row {far + 1}"
            )
