"""What X and y may be, and the series and targets that they hold; predictions in the same form."""

import warnings
from collections.abc import Callable, Sequence, Sized
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_consistent_length, validate_data

from throughtime.sequences import TOO_LARGE, refuse_first, refuse_other_kinds, too_large
from throughtime.times import refuse

Values = NDArray[Any]
Shape = tuple[int, ...]
UNORDERED = ("kind", "levels")  # what an index may hold that says nothing of time: names of rows, groups


def has_many(X: Any) -> bool:
    """True for several sequences: a three-dimensional array, or a list of two-dimensional ones."""
    if getattr(X, "ndim", 1) == 3:
        return True
    listed = isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1)
    return listed and any(getattr(x, "ndim", None) == 2 or _is_table(x) for x in X)


def _is_table(x: Any) -> bool:
    return isinstance(x, (list, tuple)) and len(x) > 0 and isinstance(x[0], (list, tuple, np.ndarray))


def series_of(estimator: BaseEstimator, X: Any, fresh: bool) -> list[Values]:
    """The series in X, checked; a fresh estimator learns from the first one what columns there are."""
    if not has_many(X):
        return [_series(estimator, X, 0, fresh)]
    return [_series(estimator, x, n, fresh and n == 0) for n, x in enumerate(X)]


def _series(estimator: BaseEstimator, x: Any, number: int, fresh: bool) -> Values:
    where = f"sequence {number}"
    refuse_other_kinds(where, x)
    _refuse_disorder(x, where)
    try:
        values: Values = validate_data(estimator, x, reset=fresh, dtype=np.float64, ensure_all_finite=False)
    except ValueError as error:
        first, *rest = str(error).splitlines()  # between them it may print the array
        raise ValueError(f"{where}: {first} {rest[-1] if rest else ''}".rstrip()) from None
    refuse_first(where, values, ~np.isfinite(values), "fill the gap, or cut the sequence there")
    refuse_first(where, values, too_large(values), TOO_LARGE)
    return values


def _refuse_disorder(table: Any, where: str) -> None:
    if isinstance(table, (pd.Series, pd.DataFrame)):
        refuse(table.index, where, but=UNORDERED)


def targets_of(X: Any, y: Any) -> list[Any]:
    """Targets as they were given, sequence by sequence: one for every step, or one for each sequence."""
    if not has_many(X):
        target = np.asarray(y)
        check_consistent_length(X, target)
        return [target]
    targets = list(np.asarray(y)) if hasattr(y, "iloc") else list(y)
    if len(targets) != len(X):
        raise ValueError(f"there are {len(X)} sequences in X, but {len(targets)} targets in y")
    return targets


def refuse_disorder(X: Any, y: Any) -> None:
    """Refuse tables of targets, one for every step, whose index says that their rows are out of order."""
    for number, target in enumerate(y if has_many(X) else [y]):
        _refuse_disorder(target, f"target of sequence {number}")


def lengths_of(X: Any, targets: Sequence[Any]) -> list[int]:
    """The number of steps of every sequence."""
    return [len(x) for x in X] if has_many(X) else [len(targets[0])]


def one_per_step(
    targets: Sequence[Any], lengths: Sequence[int], may_be_whole: Callable[[list[Shape]], bool], remedy: str
) -> bool:
    """True for a target at every step of every sequence, False for one of each sequence; nothing lies between.

    may_be_whole  says whether targets of these shapes can be those of whole sequences
    remedy        what may be given instead, for the message
    """
    shapes = [np.shape(target) for target in targets]
    fits = [len(shape) > 0 and shape[0] == steps for shape, steps in zip(shapes, lengths, strict=True)]
    if all(fits):
        return True
    # Where as many values as steps are no accident, as with most of them, the others lack some.
    if not may_be_whole(shapes) or 2 * sum(fits) >= len(fits):
        wrong = fits.index(False)
        count = shapes[wrong][0] if shapes[wrong] else 1
        raise ValueError(
            f"target of sequence {wrong} has {count} values, but the sequence has {lengths[wrong]} steps; "
            f"give one for every step{remedy}"
        )
    return False


def warn_of_layout(X: Any, xs: Sequence[Values]) -> None:
    """Where X looks like another layout: channels come before steps, or every row is a case."""
    (steps, *others), features = {len(x) for x in xs}, xs[0].shape[1]
    if not has_many(X):
        if steps > 1 and 2 * steps < features:
            _warn(
                f"X {(steps, features)} is read as one series of {steps} steps", "X[:, :, None] if every row is a case"
            )
    elif len(xs) > 1 and not others and (steps == 1 < features or 10 * steps <= features):
        _warn(
            f"every sequence in X is read as {steps} steps of {features} features",
            "X.transpose(0, 2, 1) if it is (cases, channels, steps)",
        )


def _warn(reading: str, remedy: str) -> None:
    warnings.warn(f"{reading}: give {remedy}", UserWarning, stacklevel=5)


def in_form_of(X: Any, values: list[Values], per_step: bool) -> Any:
    """Predictions in the form of X: an array, or a list of arrays for a list of sequences."""
    if not has_many(X) or not per_step:
        return np.concatenate(values)
    return np.stack(values) if isinstance(X, np.ndarray) and X.ndim == 3 else values


def target_rows(y: Any, outputs: int) -> Values:
    """All targets one below another: (rows, outputs)."""
    try:
        return np.asarray(y).reshape(-1, outputs)
    except ValueError:  # a list of unequal sequences
        return np.concatenate([np.asarray(t).reshape(-1, outputs) for t in y])


def numbered(columns: Sized) -> list[str]:
    """The names of columns that have none."""
    return [f"x{n}" for n in range(len(columns))]
