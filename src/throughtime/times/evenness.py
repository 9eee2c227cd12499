"""Where rows do not follow each other by the usual step of their index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from throughtime.later import LaterModule
from throughtime.times.order import by_night, hour
from throughtime.times.steps import after, line, native, rate, told_step, usual_step

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = LaterModule("pandas")


Rows = NDArray[np.int64]
WIDE, NARROW = 1.5, 1 / 1.5  # of the usual step: beyond them a row comes late, or early


@dataclass(frozen=True)
class Uneven:
    """Rows that come later (wide) or earlier (narrow) than the usual step after the row before."""

    step: Any
    wide: Rows
    narrow: Rows


def uneven(index: pd.Index) -> Uneven | None:
    """Where rows do not follow each other by the usual step."""
    times = native(index)
    if len(times) < 2 or isinstance(times, pd.RangeIndex) or rate(times) is not None:
        return None
    usual = usual_step(times)
    parts = parts_of(times, usual)
    wide, narrow = np.flatnonzero(parts > WIDE) + 1, np.flatnonzero(parts < NARROW) + 1
    return Uneven(usual, wide, narrow) if len(wide) or len(narrow) else None


def parts_of(times: pd.Index, step: Any) -> NDArray[np.float64]:
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
    return local and step <= hour() and by_night(index[row]) and index[row] - index[row - 1] == step + hour()
