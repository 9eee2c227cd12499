"""Columns of data, and their scaling: value = mean + scale * what the network sees, shown within the limits of its sensor."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from throughtime.engine.door import precision
from throughtime.losses import SquaredError
from throughtime.rounding import unvarying

Values = NDArray[Any]


@dataclass(frozen=True)
class Column:
    """One input or output in the units of the data: value = mean + scale * what the network sees.

    low, high  limits that its sensor can show; None: none. Outputs are shown within them; what a network feeds back of
               its own outputs is not cut off
    """

    name: str
    mean: float = 0.0
    scale: float = 1.0
    low: float | None = None
    high: float | None = None


def columns_of(rows: Values, names: Iterable[Any], scale: bool = True) -> tuple[Column, ...]:
    """A column for each column of `rows` (rows, columns), with its mean and deviation if `scale`; NaN is left out."""
    if not scale:
        return tuple(Column(str(name)) for name in names)
    low = np.nanmin(np.asarray(rows, float), axis=0)
    above = rows - low  # whose sums round little, however far from 0 the values are; those of a constant not at all
    deviation = np.where(unvarying(rows), 1.0, np.nanstd(above, axis=0))  # a constant column only loses its mean
    numbers = zip(names, low + np.nanmean(above, axis=0), deviation, strict=True)
    made = tuple(Column(str(name), float(m), float(d)) for name, m, d in numbers)
    for column, values in zip(made, rows.T, strict=True):
        _refuse_scale(column, values)
    return made


def _refuse_scale(column: Column, values: Values) -> None:
    """Raise an error if numbers this large or small become infinite, or 0, in the precision that networks compute in."""
    kind, spread = precision(), np.nanmax(values) - np.nanmin(values) if len(values) else 0.0
    with np.errstate(over="ignore", under="ignore"):
        mean, scale = kind.type(column.mean), kind.type(column.scale)
        square_lost = spread > 0 == spread * spread
    if square_lost or not 0 < scale < np.inf or np.isinf(mean):
        raise ValueError(
            f"column {column.name!r} varies by {spread:.3g} about {column.mean:.3g}, beyond what {kind} holds: give it in "
            "another unit"
        )


def standardise(values: Values, columns: Sequence[Column]) -> Values:
    """What the network sees of `values` (..., columns).

    raises  ValueError if a value is so far from its column's mean that the network would see infinity
    """
    made = np.asarray((values - np.array([c.mean for c in columns])) / np.array([c.scale for c in columns]))
    far = np.abs(made) > np.finfo(precision()).max
    if far.any():
        place = tuple(np.argwhere(far)[0])
        raise ValueError(too_far(columns[place[-1]], np.asarray(values)[place]))
    return made


def too_far(column: Column, value: float) -> str:
    """What is wrong with a value of which networks would see infinity."""
    return (
        f"column {column.name!r} holds {value:g}, which is too far from its mean {column.mean:g} (deviation "
        f"{column.scale:g}) to compute with: check the value, and its unit"
    )


def restore(values: Values, columns: Sequence[Column]) -> Values:
    """The inverse of `standardise`, within the limits of the columns."""
    restored = np.asarray(values * np.array([c.scale for c in columns]) + np.array([c.mean for c in columns]))
    if all(c.low is None and c.high is None for c in columns):
        return restored
    low, high = limits(columns)
    return np.clip(restored, low, high)


def limits(columns: Sequence[Column]) -> tuple[Values, Values]:
    """The limits of the columns in the units of the data; infinite where there is none."""
    low = np.array([-np.inf if c.low is None else c.low for c in columns])
    return low, np.array([np.inf if c.high is None else c.high for c in columns])


def refuse_limits(names: Sequence[str], low: Values, high: Values, called: tuple[str, str] = ("low", "high")) -> None:
    """Raise an error for limits of sensors (NaN: none) that are infinite, or of which the low one is not below the high one."""
    for name, *edges in zip(names, low, high, strict=True):
        for option, edge in zip(called, edges, strict=True):
            if np.isinf(edge):
                raise ValueError(f"column {name!r}: {option} {edge:g} is no limit; give a number, or none")
        if edges[0] >= edges[1]:
            raise ValueError(f"column {name!r}: {called[0]} {edges[0]:g} is not below {called[1]} {edges[1]:g}")


def squared_error(columns: Sequence[Column]) -> SquaredError:
    """The squared error between standardised outputs, with the limits of their sensors."""
    if all(c.low is None and c.high is None for c in columns):
        return SquaredError()
    mean, scale = (np.array([getattr(c, part) for c in columns]) for part in ("mean", "scale"))
    low, high = (tuple((edge - mean) / scale) for edge in limits(columns))
    return SquaredError(low, high)
