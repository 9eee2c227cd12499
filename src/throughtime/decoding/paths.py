"""Paths: one label or the blank at every step, and the string that a path stands for."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[Any]


def collapse(path: Iterable[int], blank: int = 0) -> tuple[int, ...]:
    """The labels of a path: repeats are one, blanks are none.

    >>> collapse([0, 3, 3, 0, 3, 5])
    (3, 3, 5)
    """
    return tuple(int(label) for label, _ in groupby(path) if label != blank)


def ctc_greedy(ys: ArrayLike, blank: int = 0) -> tuple[int, ...]:
    """The string of the most probable path: the best label of every step, repeats and blanks taken out.

    ys      (T, O) net inputs of one sequence, as `CTC` takes them
    blank   the output that stands for the blank

    returns  the labels; not always the most probable string, which adds up many paths: see `ctc_beam`
    raises   ValueError if the shape is not (T, O), or a number is NaN
    cost     O(T O)

    >>> import numpy as np
    >>> ctc_greedy(np.eye(4)[[0, 2, 2, 0, 2, 1]])
    (2, 2, 1)
    """
    return collapse(checked_outputs(ys, blank).argmax(axis=1), blank)


def log_probabilities(ys: ArrayLike, blank: int = 0) -> Values:
    """log softmax(ys) (T, O) in float64; the shape and the blank are checked."""
    return _log_softmax(checked_outputs(ys, blank))


def checked_outputs(ys: ArrayLike, blank: int) -> Values:
    """The outputs of one sequence as float64."""
    values = np.asarray(ys, float)
    if values.ndim != 2:
        raise ValueError(f"outputs have shape {values.shape}; decoding takes one sequence, (T, O)")
    if not 0 <= blank < values.shape[1]:
        raise ValueError(f"blank {blank} is none of the {values.shape[1]} outputs, 0 to {values.shape[1] - 1}")
    wrong = ~np.isfinite(values).all(axis=1)
    if wrong.any():
        raise ValueError(
            f"outputs at step {int(wrong.argmax())} are not finite; decode what `run` gives, within lengths"
        )
    return values


def mixed(said: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """What several networks say of the same: the logarithm of their mean probabilities, right also where these underflow.

    said  of each network the net inputs of a softmax, (..., O)

    >>> np.exp(mixed([[0.0, 0.0], [-2000.0, 0.0]])).round(3).tolist()
    [0.25, 0.75]
    """
    logs = np.stack([_log_softmax(np.asarray(y, float)) for y in said])
    most = logs.max(axis=0)
    most = np.where(np.isfinite(most), most, 0.0)
    with np.errstate(divide="ignore"):  # of what all think impossible the logarithm is -inf
        return most + np.log(np.exp(logs - most).sum(axis=0)) - np.log(len(said))


def _log_softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the last axis. scipy's is as good; importing it takes as long as all of this package."""
    most = values.max(axis=-1, keepdims=True)
    less = values - np.where(np.isfinite(most), most, 0.0)
    return less - np.log(np.exp(less).sum(axis=-1, keepdims=True))
