"""Signals: one column each, of one record or of several, with gaps; without their means they can be correlated."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from throughtime.dynamics.records import columns, index_of, many, names_of
from throughtime.rounding import unvarying
from throughtime.times import refuse

Values = NDArray[np.float64]
Records = ArrayLike | Sequence[ArrayLike]


def as_records(values: Any, what: str) -> list[Values]:
    """Records (T, columns) from one array (T,) or (T, columns), or a list of them; NaN is a gap."""
    given = values if many(values) else [values]
    for record in given:
        refuse(index_of(record), what)
    made = [columns(record, what, gaps=True) for record in given]
    if len({record.shape[1] for record in made}) > 1:
        raise ValueError(f"{what}: records have {' and '.join(str(r.shape[1]) for r in made)} columns; they must agree")
    return made


def named_signals(values: Any, names: Sequence[str], letter: str) -> dict[str, list[Values]]:
    """{name: records (T,)} of every column; without names those of a table, or the letter and a number."""
    if values is None or np.shape(values[0] if many(values) else values)[1:] == (0,):
        return {}
    records = as_records(values, letter)
    count = records[0].shape[1]
    chosen = tuple(names or names_of(values, letter, count))
    if len(set(chosen)) != count:
        raise ValueError(f"{letter} has {count} columns, but their names are {', '.join(chosen)}")
    return {name: [record[:, column] for record in records] for column, name in enumerate(chosen)}


def unchanging(records: Sequence[Values]) -> bool:
    """True if all that is known of a signal is one number, or nothing."""
    return bool(unvarying(np.concatenate(records)))


def centred(values: Records, what: str) -> list[Values]:
    """Records (T,) of one signal, without its mean over all of them."""
    records = as_records(values, what)
    if records[0].shape[1] != 1:
        raise ValueError(f"{what} has {records[0].shape[1]} columns; give one signal at a time, records as a list")
    signal = [record[:, 0] for record in records]
    if unchanging(signal):
        raise ValueError(f"{what} never changes, or is not known: there is nothing to correlate")
    mean = np.nanmean(np.concatenate(signal))
    return [record - mean for record in signal]


def same_lengths(what: str, first: Sequence[Values], second: Sequence[Values]) -> None:
    """Refuse records that do not belong together."""
    lengths = [[len(record) for record in records] for records in (first, second)]
    if lengths[0] != lengths[1]:
        raise ValueError(f"{what} have records of {lengths[0]} and {lengths[1]} steps; they must be equally long")
