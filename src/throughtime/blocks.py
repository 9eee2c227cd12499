"""Any number of steps in blocks of a few sizes: what is compiled for these serves every length.

JAX compiles a program for every shape, half a second and megabytes each, and keeps it. So a stretch of time is cut into
blocks, the history handed on from one to the next, and the last is filled up; what is filled up lies beyond `lengths`,
where a run neither hears nor remembers anything. Padding and cutting is numpy's, before and after: JAX would compile these too.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
STEPS = (64, 256, 1024, 4096)
COLUMNS = (1, 4, 16, 64, 256, 1024)  # sequences side by side


def cut(total: int, sizes: Sequence[int] | None = None, part: int = 3) -> Iterator[tuple[slice, int]]:
    """The rows of each block, and the size to fill it up to: few blocks, of which the last adds a third of all at most.

    Only the smallest size is filled up whatever it adds, and nothing is longer than the largest.

    sizes  rising; None: `STEPS`
    part   8: an eighth at most, and more blocks, where a row is dearer than a call

    >>> list(cut(300)), list(cut(0))
    ([(slice(0, 256, None), 256), (slice(256, 300, None), 64)], [])
    """
    sizes, first = sizes or STEPS, 0
    while first < total:
        left = total - first
        size = next((s for s in sizes if s >= left), sizes[-1])
        if size > left and size > sizes[0] and part * (size - left) > total:
            size = max(s for s in sizes if s < size)
        yield slice(first, min(first + size, total)), size
        first += size


def one_block(steps: int) -> int:
    """The size of one block that holds them all, for what must hear the end first: 64, 96, 128, 192, 256, ...

    >>> [one_block(n) for n in (1, 65, 100, 300)]
    [64, 96, 128, 384]
    """
    return next(size for n in count() for size in (64 << n, 96 << n) if size >= steps)


def fill(values: Values, size: int, dtype: Any) -> Values:
    """The rows (n, ...), and zeros after them: (size, ...)."""
    made = np.zeros((size, *values.shape[1:]), dtype)
    made[: len(values)] = values
    return made


def ended(steps: int, size: int) -> NDArray[np.int32] | None:
    """The `lengths` of one sequence that fills so many steps of a block of that size; None for a full one of the largest.

    Long records are made of these, and XLA steps some loops in half the time where nothing is masked.
    """
    return None if steps == size == STEPS[-1] else np.full(1, steps, np.int32)
