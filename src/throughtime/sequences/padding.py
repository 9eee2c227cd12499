"""The few lengths to which sequences are padded, so that little is compiled and little is padded."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence


def grid_to(most: int) -> list[int]:
    """1, 2, 3, 5, 7, 10, 13, ... until one is `most` or more."""
    grid = [1]
    while grid[-1] < most:
        grid.append((grid[-1] + 1) * 5 // 4)  # so that nothing grows by more than a quarter
    return grid


Padding = float | Sequence[int]  # a share of steps that may be added, or the lengths to pad to


def padded_lengths(lengths: Sequence[int], padding: Padding = 0.25) -> list[int]:
    """The lengths to pad to: the fewest of the grid 1, 2, 3, 5, 7, 10, 13, ... that add at most that share of steps.

    A grid, so that new sequences find lengths already compiled; if all lengths are equal, that length is kept. Lengths in
    the place of the share are taken as they are.

    raises  ValueError if a sequence is longer than the last of the lengths given

    >>> padded_lengths([98, 99, 100, 12])
    [13, 116]
    >>> padded_lengths([50, 50])
    [50]
    """
    if isinstance(padding, Sequence):
        if max(lengths) > max(padding, default=0):
            raise ValueError(
                f"a sequence has {max(lengths)} steps, but the lengths to pad to are {list(padding)}; add a longer one"
            )
        return sorted(set(padding))
    if len(set(lengths)) == 1:
        return [lengths[0]]
    grid = grid_to(max(lengths))
    counts = Counter(grid[bisect_left(grid, n)] for n in lengths)

    def steps(kept: list[int]) -> int:
        return sum(kept[bisect_left(kept, n)] * count for n, count in counts.items())

    kept = sorted(counts)
    while len(kept) > 1:
        fewer = min(([k for k in kept if k != gone] for gone in kept[:-1]), key=steps)
        if steps(fewer) > (1 + padding) * sum(lengths):
            break
        kept = fewer
    return kept
