"""Recordings that are frames of features already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Frames:
    """Matrices (T, F) by the names of their recordings, in order; native byte order.

    period  seconds from frame to frame, if the file tells it
    labels  of a recording, as a string of labels or one for each frame; empty: the file has none
    found   what was unusual in the file and read all the same
    """

    matrices: Mapping[str, NDArray[np.floating]]
    period: float | None = None
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
