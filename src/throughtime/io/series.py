"""Labelled series, whatever archive they come from."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Series:
    """Cases (T, C), each of its own length; NaN is missing.

    labels    one for each case: classes are text, targets of a regression are numbers; None: the file has none
    channels  their names, if the file has them
    found     what was unusual in the file and read all the same
    """

    cases: Sequence[NDArray[np.float64]]
    labels: Sequence[str] | NDArray[np.float64] | None
    channels: Sequence[str] = ()
    found: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.cases)
