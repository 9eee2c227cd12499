"""What follows on an index: the times of a forecast, and whether inputs to come are those of the rows after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from throughtime.later import LaterModule
from throughtime.times.evenness import NARROW, WIDE, parts_of
from throughtime.times.order import refuse
from throughtime.times.steps import kind_of, middle, native, on_the_wall, there, told_step, usual_step

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = LaterModule("pandas")


ALIKE = 1.25  # times the step of the record, or a part of it: so far inputs to come may have another one


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
    if len(ahead) > 1 and not 1 / ALIKE < float((parts := parts_of(ahead, step))[middle(parts)]) < ALIKE:
        raise ValueError(
            f"rows of {later} are {told_step(usual_step(ahead))} apart, but those of {record} {told_step(step)}: inputs to "
            "come are the rows that follow"
        )
    wait = float(parts_of(times[-1:].append(ahead[:1]), step)[0])
    if NARROW <= wait <= WIDE:
        return None
    gap = f"{later} begins at {ahead[0]}, but {record} ends at {times[-1]}"
    if wait < NARROW or wait > WIDE * parts_of(times, step).max(initial=1.0):
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
