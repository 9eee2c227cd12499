"""What was measured of a system, as named columns with the times of their rows: what is learned from, and what judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from throughtime.dynamics.records import index_of, names_of, records_of
from throughtime.later import LaterModule

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = LaterModule("pandas")


Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measured:
    """Columns of one record.

    u, y             (T, I) and (T, O); NaN in y where nothing was measured
    inputs, outputs  their names
    times            of the rows; row numbers where there are no times
    time             the name of the times, or None
    source           the file, or what stands for it in messages
    """

    u: Values
    y: Values
    inputs: Sequence[str]
    outputs: Sequence[str]
    times: pd.Index
    time: str | None = None
    source: Path = Path("the table")

    def __len__(self) -> int:
        return len(self.y)

    @classmethod
    def of(cls, u: Any, y: Any) -> Self:
        """One record as `DynamicModel.fit` takes it: arrays, or tables whose names and times are kept; u None: a series.

        >>> measured = Measured.of(None, [1.0, 2.0, float("nan")])
        >>> len(measured), measured.outputs
        (3, ['y'])
        """
        records, index = records_of(u, y), index_of(y, u)
        if len(records) > 1:
            raise ValueError(f"there are {len(records)} records; give one at a time")
        (record,) = records
        inputs = names_of(u, "u", record.u.shape[1]) if record.u.shape[1] else []
        outputs = names_of(y, "y", record.y.shape[1])
        if index is None or (isinstance(index, pd.RangeIndex) and index.name is None):
            return cls(record.u, record.y, inputs, outputs, pd.RangeIndex(len(record)))
        return cls(record.u, record.y, inputs, outputs, index, str(index.name or "time"))

    def frames(self, rows: slice = slice(None)) -> tuple[pd.DataFrame | None, pd.DataFrame]:
        """u and y as tables with names and times; no u if there are no inputs."""
        index = self.times[rows]
        y = pd.DataFrame(self.y[rows], index, pd.Index(self.outputs))
        return (pd.DataFrame(self.u[rows], index, pd.Index(self.inputs)) if self.inputs else None), y
