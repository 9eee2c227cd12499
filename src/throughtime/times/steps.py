"""The usual step of an index of times: the calendar's where it shows one, else the median.

A step is a `DateOffset` of the calendar (months, quarters, business days, days by the clock on the wall), a `Timedelta`, or a
number.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from throughtime.later import LaterModule

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = LaterModule("pandas")


WEEKEND, PASSED = {5, 6}, 3  # a weekday that was passed so often without a row never has one
MONTHS = {"Month": 1, "Quarter": 3, "Year": 12}  # in each, by pandas' names of its ends and beginnings


def native(index: pd.Index) -> pd.Index:
    """Dates and numbers as such, where the index holds them as objects, as categories or in other memory."""
    if isinstance(index, pd.CategoricalIndex) or (
        isinstance(index.dtype, pd.api.extensions.ExtensionDtype)
        and not isinstance(index.dtype, (pd.DatetimeTZDtype, pd.PeriodDtype, pd.IntervalDtype, pd.StringDtype))
    ):
        index = pd.Index(index.to_numpy(), name=index.name)
    if index.dtype == object:
        index = index.infer_objects()
        if pd.api.types.infer_dtype(index) in ("date", "datetime"):
            with suppress(ValueError):  # of several zones
                return pd.DatetimeIndex(index)
    return index


def kind_of(index: pd.Index) -> str | None:
    """What a native index measures time in; None for what cannot."""
    for kind, name in ((pd.DatetimeIndex, "dates"), (pd.PeriodIndex, "periods"), (pd.TimedeltaIndex, "durations")):
        if isinstance(index, kind):
            return name
    return "numbers" if index.dtype.kind in "iuf" else None


def line(times: pd.Index) -> NDArray[Any]:
    """Times as numbers, for comparison."""
    if isinstance(times, (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex)):
        return np.asarray(times.asi8)
    values = times.to_numpy()
    return values.astype(np.float64) if values.dtype.kind == "u" else values


def usual_step(index: pd.Index) -> Any:
    """The usual step from row to row: the calendar's where the index shows one, else the median; None for a single row.

    >>> usual_step(pd.DatetimeIndex(["2026-01-31", "2026-02-28", "2026-04-30"])), usual_step(pd.RangeIndex(5))
    (<MonthEnd>, 1)
    """
    times = native(index)
    if isinstance(times, pd.RangeIndex):
        return times.step
    if isinstance(times, pd.PeriodIndex):
        whole: Any = times.freq  # asi8 counts its parts, as months of two
        return 1 if len(times) < 2 else _usual(np.diff(times.asi8)) // whole.n
    known = rate(times)
    if known is not None:
        return known
    if len(times) < 2:
        return None
    calendar = _calendar(times) if isinstance(times, pd.DatetimeIndex) else None
    row = middle(np.diff(line(times)))
    return times[row + 1] - times[row] if calendar is None else calendar


def rate(times: pd.Index) -> Any:
    """The rate that dates were made with, or that pandas sees where no row is missing."""
    known: Any = None if isinstance(times, pd.PeriodIndex) else getattr(times, "freq", None)
    if known is None and isinstance(times, pd.DatetimeIndex) and len(times) > 2:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pandas, that names of rates change: they are not kept
            text = pd.infer_freq(times)
            known = None if text is None else pd.tseries.frequencies.to_offset(text)
    clock = isinstance(known, pd.offsets.Tick) and not isinstance(known, pd.offsets.Day)  # a day may have 23 hours
    return pd.Timedelta(known) if clock else known


def middle(values: NDArray[Any]) -> int:
    """Where the median is; of two in the middle the smaller one, which gaps do not make."""
    place = (len(values) - 1) // 2
    return int(np.argpartition(values, place)[place])


def _usual(values: NDArray[Any]) -> int:
    return int(values[middle(values)])


def _calendar(times: pd.DatetimeIndex) -> Any:
    """The step of dates that all have the same time of day: so many months, weekdays or days; None for others."""
    wall = on_the_wall(times)
    days = wall.normalize()
    if ((wall - days) != (wall - days)[0]).any():
        return None
    apart = _usual((days[1:] - days[:-1]).days.to_numpy())
    return _months(days) or _weekdays(days, apart) or pd.offsets.Day(apart)


def _months(days: pd.DatetimeIndex) -> Any:
    """Months from one to the next of days that have the same place in their months."""
    ahead = np.diff(12 * days.year.to_numpy() + days.month.to_numpy())
    if (ahead < 1).any():
        return None
    count, on, last = _usual(ahead), days.day.to_numpy(), days.days_in_month.to_numpy()
    if (on == last).all():
        return pd.offsets.MonthEnd(count)
    if (on == 1).all():
        return pd.offsets.MonthBegin(count)
    if (on == np.minimum(on.max(), last)).all():
        place: Any = {"day": int(on.max())} if on.max() > 28 else {}
        return pd.DateOffset(months=count, **place)
    for working in (pd.offsets.BMonthEnd, pd.offsets.BMonthBegin):
        if (days + working(0) == days).all():
            return working(count)
    return None


def _weekdays(days: pd.DatetimeIndex, apart: int) -> Any:
    """The step of rows that follow each other on some days of the week only, such as business days."""
    passed = np.bincount((days[0].day_of_week + np.arange((days[-1] - days[0]).days + 1)) % 7, minlength=7)
    never = {day for day in range(7) if passed[day] and day not in set(days.day_of_week)}
    if not never or apart % 7 == 0 or (never != WEEKEND and min(passed[list(never)]) < PASSED):
        return None
    mask = "".join("0" if day in never else "1" for day in range(7))
    dates = days.to_numpy().astype("datetime64[D]")
    if _usual(np.busday_count(dates[:-1], dates[1:], weekmask=mask)) != 1:
        return None
    return pd.offsets.BDay() if never == WEEKEND else pd.offsets.CustomBusinessDay(weekmask=mask)


def on_the_wall(times: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """What the clock on the wall shows; times that summer time moved, at the usual time of their day."""
    wall = times.tz_localize(None)
    if times.tz is None:
        return wall
    hours = wall - wall.normalize()
    usual = wall.normalize() + hours.value_counts().index[0]
    return pd.DatetimeIndex(np.where(there(usual, times.tz) == times, usual.to_numpy(), wall.to_numpy()))


def there(wall: pd.DatetimeIndex, zone: Any) -> pd.DatetimeIndex:
    """The times at which the clock shows that: the first of two, the next that comes where none does."""
    first = np.ones(len(wall), bool)
    return wall if zone is None else wall.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")


def after(times: pd.Index, step: Any) -> pd.Index:
    """For every time the one a step later."""
    if not isinstance(step, pd.offsets.BaseOffset):
        return times + step
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.PerformanceWarning)  # rare calendars are counted one by one
        return there(on_the_wall(times) + step, times.tz)  # type: ignore[arg-type,attr-defined]


def told_step(step: Any) -> str:
    """A step in words.

    >>> told_step(pd.Timedelta(hours=1)), told_step(0.5), told_step(pd.offsets.MonthEnd(3)), told_step(pd.offsets.BDay())
    ('1 h', '0.5', '3 months', '1 business day')
    """
    if isinstance(step, pd.offsets.BaseOffset):
        return _told_offset(step)
    if not isinstance(step, pd.Timedelta):
        return f"{step:g}"
    seconds = step.total_seconds()
    for name, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:g} {name}"
    return f"{seconds:g} s"


def _told_offset(step: pd.offsets.BaseOffset) -> str:
    for kind, months in MONTHS.items():
        kinds = [getattr(pd.offsets, f"{days}{kind}{end}") for days in ("", "B") for end in ("End", "Begin")]
        if isinstance(step, tuple(kinds)):
            return _told_months(step.n * months)
    if isinstance(step, pd.offsets.Day):
        return f"{step.n} d"
    if isinstance(step, pd.offsets.Week):
        return f"{7 * step.n} d"
    if isinstance(step, pd.offsets.BDay):
        name = "working day" if isinstance(step, pd.offsets.CustomBusinessDay) else "business day"
        return f"{step.n} {name}" + ("" if step.n == 1 else "s")
    return _told_months(step.n * step.kwds["months"]) if "months" in step.kwds else str(step.freqstr)


def _told_months(count: int) -> str:
    number, name = (count // 12, "year") if count % 12 == 0 else (count, "month")
    return f"{number} {name}" + ("" if number == 1 else "s")
