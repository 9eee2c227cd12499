"""Whether an index orders the rows of a record; if not, the first row for which it does not, and what to do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from throughtime.later import LaterModule
from throughtime.times.steps import kind_of, line, native

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = LaterModule("pandas")


REMEDIES = {
    "levels": "give each record as a table of its own, whose index is its times",
    "kind": "turn it into dates, as with y.index = pd.to_datetime(y.index), or drop it with reset_index(drop=True)",
    "zones": "give all in one, as with y.index = pd.to_datetime(y.index, utc=True)",
    "missing": "give every row its time, or drop the index with reset_index(drop=True)",
    "same": "keep one row for each time, or drop the index with reset_index(drop=True)",
    "late": "sort the rows, as with y = y.sort_index()",
    "twice": "give times in UTC, or in their zone: y.tz_localize(ZONE, ambiguous='infer')",
}


@dataclass(frozen=True)
class Fault:
    """Why an index does not order the rows of a record: a key of `REMEDIES`, the row (None: all), and what is there."""

    kind: str
    row: int | None
    what: str


def fault(index: pd.Index) -> Fault | None:
    """The first thing for which an index cannot be the times of a record."""
    if isinstance(index, pd.MultiIndex):
        return Fault("levels", None, f"has {index.nlevels} levels, where a record has one time for each row")
    times = native(index)
    if pd.api.types.infer_dtype(times) == "datetime":
        return Fault("zones", None, f"mixes times of several zones, such as {index[0]} and {index[-1]}")
    if kind_of(times) is None:
        return Fault("kind", None, f"holds {pd.api.types.infer_dtype(index)}, such as {index[0]!r}, not times")
    missing = np.asarray(times.isna()) | ~np.isfinite(line(times))
    if missing.any():
        row = int(np.argmax(missing))
        return Fault("missing", row, f"{times[row]} is no time")
    late = np.diff(line(times)) <= 0
    return _disorder(times, int(np.argmax(late)) + 1) if late.any() else None


def _disorder(times: pd.Index, row: int) -> Fault:
    here, before = times[row], times[row - 1]
    if isinstance(times, pd.DatetimeIndex) and times.tz is None and by_night(here):
        steps = np.diff(times.to_numpy())
        usual = (
            pd.Timedelta(np.median(steps[steps > np.timedelta64(0)]))
            if (steps > np.timedelta64(0)).any()
            else pd.Timedelta(hours=1)
        )
        if before - here + usual == hour():
            return Fault("twice", row, f"{here} comes after {before}: the hour that comes twice when summer time ends")
    return Fault("same" if here == before else "late", row, f"{here} is not after {before}, the row before")


def refuse(index: pd.Index | None, where: str, but: Collection[str] = ()) -> None:
    """Raise a ValueError in one line if an index cannot be the times of a record; faults of the kinds `but` are let pass."""
    found = None if index is None else fault(index)
    if found is not None and found.kind not in but:
        place = "its index" if found.row is None else f"row {found.row} of its index:"
        raise ValueError(f"{where}: {place} {found.what}; {REMEDIES[found.kind]}")


def by_night(time: Any) -> bool:
    """True for the hours of a Sunday in which clocks are changed."""
    return bool(time.day_of_week == 6 and time.hour <= 3)


def hour() -> pd.Timedelta:
    return pd.Timedelta(hours=1)
