"""What is held out of training: the last part of every record, or blocks in turn; always whole stretches of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from throughtime.dynamics.records import Record

Mask = NDArray[np.bool_]


class Fold(NamedTuple):
    """Of one record, for F folds: the steps that are asked in training, and those held out for choices, (F, T)."""

    asked: Mask
    held_out: Mask


@dataclass(frozen=True)
class Parts:
    """Which rows of a table are for what.

    first  rows in which nothing is asked: those that fill the delays, and the washout
    end    the rows from here on are for the test
    held   (F, end): the rows held out of training in each fold
    """

    first: int
    end: int
    held: Mask

    @property
    def training(self) -> int:
        """The number of rows that are trained on, by any fold."""
        return self.end - int(self.held.all(axis=0).sum())


def held_out(records: Sequence[Record], used: int, folds: int, share: float) -> list[Mask]:
    """For each record (F, T): which steps are held out of training in each fold.

    used   first steps of each record that are its history: asked nowhere
    folds  0: one fold, the last `share` of every record; F: all steps in F equal blocks, one after another, each held
           out once
    """
    if folds == 1 or folds < 0:
        raise ValueError(f"folds must be 0 (the last part is held out) or at least 2, not {folds}")
    if not 0 <= share < 1:
        raise ValueError(f"validation must be at least 0 and below 1, not {share}")
    if not folds:
        return [_last(len(r), used, share)[None] for r in records]
    lengths = [max(len(r) - used, 0) for r in records]
    if sum(lengths) < 2 * folds:
        raise ValueError(f"{sum(lengths)} steps are too few for {folds} folds; take fewer folds, or folds=0")
    block = np.arange(sum(lengths)) * folds // sum(lengths)
    parts = np.split(block, np.cumsum(lengths)[:-1])
    made = []
    for record, part in zip(records, parts, strict=True):
        own = np.concatenate([np.full(len(record) - len(part), -1), part])
        made.append(own == np.arange(folds)[:, None])
    return made


def _last(total: int, used: int, share: float) -> Mask:
    return np.arange(total) >= total - round(share * max(total - used, 0))


def forward_chain(total: int, used: int, folds: int, share: float) -> tuple[Fold, list[slice]]:
    """Time-ordered cross-validation: fold k learns from what lies before block k, whose last `share` tells when to stop.

    returns  the masks (folds, T), and the block of each fold, which its networks have not heard of: the folds + 1 blocks are
             equally long, and the first is only learned from
    raises   ValueError if the blocks would be shorter than ten steps
    """
    borders = used + np.arange(1, folds + 2) * (total - used) // (folds + 1)
    if folds < 1 or (total - used) // (folds + 1) < 10:
        raise ValueError(f"{total} steps are too few for {folds} folds in order of time; give more, or fewer folds")
    t, ends = np.arange(total), borders[:-1, None]
    stop = ends - np.maximum(1, np.round(share * (ends - used)).astype(int))
    return Fold(t < stop, (t >= stop) & (t < ends)), [slice(int(a), int(b)) for a, b in pairwise(borders)]


def split(record: Record, shares: Sequence[float]) -> list[slice]:
    """Consecutive parts of a record in order of time, such as training, validation and test.

    >>> split(Record(np.zeros((10, 1)), np.zeros((10, 1))), (0.6, 0.2, 0.2))
    [slice(0, 6, None), slice(6, 8, None), slice(8, 10, None)]
    """
    if min(shares) < 0 or not np.isclose(sum(shares), 1):
        raise ValueError(f"the shares must be at least 0 and add up to 1, not {tuple(shares)}")
    borders = [0, *np.round(np.cumsum(shares) * len(record)).astype(int).tolist()]
    return [slice(first, last) for first, last in pairwise(borders)]
