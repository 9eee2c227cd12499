"""What an index says of time: whether it orders the rows, what follows on it, and where it is uneven.

Class and command line ask the same functions, so that neither knows better.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from throughtime.later import LaterModule
from throughtime.times.steps import (
    after,
    kind_of,
    line,
    middle,
    native,
    on_the_wall,
    rate,
    there,
    told_step,
    usual_step,
)

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = LaterModule("pandas")


Rows = NDArray[np.int64]
WIDE, NARROW = 1.5, 1 / 1.5  # of the usual step: beyond them a row comes late, or early
ALIKE = 1.25  # times the step of the record, or a part of it: so far inputs to come may have another one
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


@dataclass(frozen=True)
class Uneven:
    """Rows that come later (wide) or earlier (narrow) than the usual step after the row before."""

    step: Any
    wide: Rows
    narrow: Rows


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


def _hour() -> pd.Timedelta:
    return pd.Timedelta(hours=1)


def _disorder(times: pd.Index, row: int) -> Fault:
    here, before = times[row], times[row - 1]
    if isinstance(times, pd.DatetimeIndex) and times.tz is None and _by_night(here):
        steps = np.diff(times.to_numpy())
        usual = (
            pd.Timedelta(np.median(steps[steps > np.timedelta64(0)]))
            if (steps > np.timedelta64(0)).any()
            else pd.Timedelta(hours=1)
        )
        if before - here + usual == _hour():
            return Fault("twice", row, f"{here} comes after {before}: the hour that comes twice when summer time ends")
    return Fault("same" if here == before else "late", row, f"{here} is not after {before}, the row before")


def _by_night(time: Any) -> bool:
    """True for the hours of a Sunday in which clocks are changed."""
    return bool(time.day_of_week == 6 and time.hour <= 3)


def refuse(index: pd.Index | None, where: str, but: Collection[str] = ()) -> None:
    """Raise a ValueError in one line if an index cannot be the times of a record; faults of the kinds `but` are let pass."""
    found = None if index is None else fault(index)
    if found is not None and found.kind not in but:
        place = "its index" if found.row is None else f"row {found.row} of its index:"
        raise ValueError(f"{where}: {place} {found.what}; {REMEDIES[found.kind]}")


def following(index: pd.Index | None, steps: int) -> pd.Index | None:
    """The `steps` index values after the last one, at the usual step of the index.

    >>> following(pd.DatetimeIndex(["2026-01-30", "2026-01-31", "2026-02-02"]), 2).strftime("%m-%d").tolist()
    ['02-03', '02-04']

    raises  ValueError if a single row shows no step
    """
    if index is None:
        return None
    times, step = native(index), usual_step(index)
    if step is None:
        raise ValueError("a record of one row shows no step of time: give a longer one, or an index with a freq")
    if not isinstance(step, pd.offsets.BaseOffset):
        return pd.Index(times[-1] + step * np.arange(1, steps + 1), name=index.name)
    last = on_the_wall(times)[-1]  # type: ignore[arg-type]
    wall = pd.DatetimeIndex([last + step * count for count in range(1, steps + 1)])
    made = there(wall, times.tz).as_unit(times.unit).rename(index.name)  # type: ignore[attr-defined]
    return pd.Index(made.date, name=index.name) if index.dtype == object else made


def uneven(index: pd.Index) -> Uneven | None:
    """Where rows do not follow each other by the usual step."""
    times = native(index)
    if len(times) < 2 or isinstance(times, pd.RangeIndex) or rate(times) is not None:
        return None
    usual = usual_step(times)
    parts = _parts(times, usual)
    wide, narrow = np.flatnonzero(parts > WIDE) + 1, np.flatnonzero(parts < NARROW) + 1
    return Uneven(usual, wide, narrow) if len(wide) or len(narrow) else None


def _parts(times: pd.Index, step: Any) -> NDArray[np.float64]:
    """(T - 1,): how long each row waits for the next, in steps; a weekend is in the step that passes over it, in no other."""
    begun, came = line(times)[:-1], line(times)[1:]
    due, next_due = (line(_in_unit(later, times)) for later in _two_after(times[:-1], step))
    return np.asarray(np.where(came > due, 1 + (came - due) / (next_due - due), (came - begun) / (due - begun)))


def _two_after(times: pd.Index, step: Any) -> tuple[pd.Index, pd.Index]:
    first = after(times, step)
    return first, after(first, step)


def _in_unit(later: pd.Index, times: pd.Index) -> pd.Index:
    """Dates that are counted in the same unit, such as microseconds."""
    dated = isinstance(times, (pd.DatetimeIndex, pd.TimedeltaIndex))
    return later.as_unit(times.unit) if dated else later  # type: ignore[attr-defined]


def told_uneven(index: pd.Index, found: Uneven) -> str:
    """Where, how much, how often, and what to do, in a sentence."""
    row = int(min([*found.wide[:1], *found.narrow[:1]]))
    counted = [
        f"{len(rows)} such {what}{'s' * (len(rows) > 1)}"
        for rows, what in ((found.wide, "gap"), (found.narrow, "finer step"))
        if len(rows)
    ]
    remedy = "bring all rows to one step" if len(found.narrow) else "put in the missing rows, outputs left empty"
    skipped = " (as summer time begins)" if _skipped(index, row, found.step) else ""
    return (
        f"{index[row]} follows {index[row - 1]}{skipped}, where rows are usually {told_step(found.step)} apart "
        f"({', '.join(counted)}); the network takes all rows as evenly spaced: {remedy}"
        + (", or give times in UTC" if skipped else "")
    )


def _skipped(index: pd.Index, row: int, step: Any) -> bool:
    """True for the hour that does not come when summer time begins."""
    local = isinstance(index, pd.DatetimeIndex) and index.tz is None and isinstance(step, pd.Timedelta)
    return local and step <= _hour() and _by_night(index[row]) and index[row] - index[row - 1] == step + _hour()


def says_times(index: pd.Index | None) -> bool:
    """False where rows are only counted, as in a table that was given no index."""
    counted = isinstance(index, pd.RangeIndex) and (index.start, index.step) == (0, 1)
    return index is not None and not counted


def coming(index: pd.Index | None, steps: int, plan: pd.Index | None = None) -> pd.Index | None:
    """The times of a forecast: those of the inputs to come where they have some, which must follow, else `following`.

    raises  ValueError for inputs to come of other times
    """
    if plan is None or not check_plan(index, plan, "the record", "u_future"):
        return following(index, steps)
    zone = getattr(index, "tz", None)
    made = plan[:steps] if zone is None else native(plan[:steps]).tz_convert(zone)  # type: ignore[attr-defined]
    return made.rename(index.name)  # type: ignore[union-attr]


def check_plan(index: pd.Index | None, plan: pd.Index, record: str, later: str) -> bool:
    """Whether both say times, of which those of the plan then follow on those of the record.

    raises  ValueError where they do not, or where the plan's are out of order
    """
    refuse(plan, later)
    if index is None or not says_times(plan) or (not says_times(index) and kind_of(native(plan)) != "numbers"):
        return False
    check_follows(index, plan, record, later)
    return True


def check_follows(index: pd.Index, plan: pd.Index, record: str, later: str) -> str | None:
    """Refuse inputs to come that do not follow on a record; a remark where they do so after a gap no longer than its own.

    record, later  what they are called in the message

    raises  ValueError: of another kind, overlapping, at another step, or too far away
    """
    times, ahead = native(index), native(plan)
    _check_kinds(times, ahead, record, later)
    if getattr(times, "tz", None) is not None:
        ahead = ahead.tz_convert(times.tz)  # type: ignore[attr-defined]
    if ahead[0] <= times[-1]:
        raise ValueError(
            f"{later} begins at {ahead[0]}, but the last row of {record} is {times[-1]}: inputs to come are the rows after it"
        )
    step = usual_step(times)
    if step is None:
        return None
    if len(ahead) > 1 and not 1 / ALIKE < float((parts := _parts(ahead, step))[middle(parts)]) < ALIKE:
        raise ValueError(
            f"rows of {later} are {told_step(usual_step(ahead))} apart, but those of {record} {told_step(step)}: inputs to "
            "come are the rows that follow"
        )
    wait = float(_parts(times[-1:].append(ahead[:1]), step)[0])
    if NARROW <= wait <= WIDE:
        return None
    gap = f"{later} begins at {ahead[0]}, but {record} ends at {times[-1]}"
    if wait < NARROW or wait > WIDE * _parts(times, step).max(initial=1.0):
        raise ValueError(f"{gap}, and its rows are {told_step(step)} apart: inputs to come are the rows that follow")
    return f"{gap}; the network takes the one as the row after the other"


def _check_kinds(times: pd.Index, ahead: pd.Index, record: str, later: str) -> None:
    own, other = kind_of(times), kind_of(ahead)
    if own != other:
        raise ValueError(f"times are {own} in one, {other} in the other, of {record} and {later}")
    zones = [getattr(one, "tz", None) is not None for one in (times, ahead)]
    if zones[0] != zones[1]:
        known, bare = (record, later) if zones[0] else (later, record)
        raise ValueError(
            f"times of {known} have offsets from UTC, those of {bare} have none: give both with offsets, or both without"
        )
