"""Columns of times: numbers, or dates in the forms that tables have; what had to be decided is said in a note."""

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from throughtime.cli.errors import Problem
from throughtime.cli.tables import Table
from throughtime.dynamics.steps import line, middle, usual_step
from throughtime.dynamics.times import fault, uneven

Texts = Any  # a pandas series of text
COMPACT = {6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
FIRST_YEAR, LAST_YEAR = 1700, 2100  # of compact dates; other numbers are numbers
PLACES = re.compile(
    r"^(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?:(?:, ?| +|T)(\d.*))?$"
)  # day and month, or the reverse
OFFSET = re.compile(r":\d{2}.*?(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$")
CENTURY = 69  # from here on years of two digits are of the last one
REMEDIES = {
    "same": "keep one row for each time",
    "late": "sort the rows",
    "twice": "give times in UTC, or with their offsets, such as 2026-10-25 02:00+01:00",
}


@dataclass(frozen=True)
class Reading:
    """How a column of times was read.

    day_first  of dates such as 1/2/2026; None where there was nothing to decide
    form       of compact dates such as 20260201
    note       what should be known of it
    """

    day_first: bool | None = None
    form: str | None = None
    note: str | None = None


def times_of(table: Table, name: str, like: Reading | None = None) -> tuple[pd.Index, Reading]:
    """The column as the rows' times, each after the one before; read as another one was, where it can be read so."""
    table.require([name])
    made, reading = _read(table, name, like or Reading())
    found = fault(made)
    if found is not None:
        place = table.where(found.row or 0, name)
        if found.kind not in REMEDIES:
            cell = str(table.frame[name].iloc[found.row or 0])
            raise Problem(f"{place}: {cell!r} is neither a number nor a date such as 2026-01-31 or 2026-01-31 12:00")
        order = "" if reading.day_first is None else f" (read {_order(reading.day_first)})"
        raise Problem(f"{place}: {found.what}{order}; {REMEDIES[found.kind]}")
    return made, reading


def _read(table: Table, name: str, like: Reading) -> tuple[pd.Index, Reading]:
    cells: Any = table.frame[name]
    if isinstance(cells.dtype, pd.CategoricalDtype):
        cells = cells.astype(cells.cat.categories.dtype)
    if isinstance(cells.dtype, pd.PeriodDtype):
        return pd.PeriodIndex(cells).to_timestamp(), Reading()
    if cells.dtype.kind in "mM":
        return pd.Index(cells), Reading()
    numbers = pd.to_numeric(cells, errors="coerce")
    if numbers.notna().mean() > 0.5:
        return _compact(numbers, name, like) or (_plain(numbers), Reading())
    texts = cells.astype(object).where(cells.notna(), "").astype(str).str.strip()
    return _dates(table, name, texts, like)


def _plain(numbers: "pd.Series[Any]") -> pd.Index:
    whole = (numbers == numbers.round()).all() and np.isfinite(numbers).all()
    return pd.Index(numbers.astype(np.int64) if whole else numbers.astype(np.float64))


def _compact(numbers: "pd.Series[Any]", name: str, like: Reading) -> tuple[pd.Index, Reading] | None:
    """Dates such as 20260131 or 202601311200, if all numbers are such; of 202601 rows must follow by months."""
    known = numbers.dropna()
    if not np.isfinite(known).all() or (known != known.round()).any() or (known < 0).any():
        return None
    texts = known.astype(np.int64).astype(str)
    form = COMPACT.get(len(texts.iloc[0]))
    if form is None or texts.str.len().nunique() > 1:
        return None
    dates = pd.to_datetime(texts, format=form, errors="coerce")
    if dates.isna().any() or not dates.dt.year.between(FIRST_YEAR, LAST_YEAR).all():
        return None
    if form == "%Y%m" and like.form != form and not _monthly(pd.DatetimeIndex(dates)):
        return None
    note = f"column {name!r} is read as dates: {texts.iloc[0]} is {dates.iloc[0]}"
    return pd.DatetimeIndex(dates.reindex(numbers.index)), Reading(form=form, note=note)


def _monthly(dates: pd.DatetimeIndex) -> bool:
    ordered = len(dates) > 2 and fault(dates) is None
    return ordered and not isinstance(usual_step(dates), pd.Timedelta) and uneven(dates) is None


def _dates(table: Table, name: str, texts: Texts, like: Reading) -> tuple[pd.Index, Reading]:
    """Dates from text: year first, with the month's name, or with day and month as numbers in either order."""
    utc = _offsets(table, name, texts)
    parts = texts.str.extract(PLACES)
    if parts[0].notna().mean() <= 0.5:
        return _parsed(texts, utc is not None), Reading(note=utc)
    read = {day_first: _parsed(_year_first(parts, day_first), utc is not None) for day_first in (True, False)}
    fits = [day_first for day_first in read if bool(read[day_first][parts[0].notna()].notna().all())]
    chosen = like.day_first if like.day_first in fits else _chosen(read, fits, dotted=bool((parts[1] == ".").all()))
    return read[chosen], Reading(chosen, note=_said(name, texts, read, chosen, fits))


def _offsets(table: Table, name: str, texts: Texts) -> str | None:
    """A note if offsets from UTC change, so that times are told in UTC; refuses offsets beside local times."""
    found = texts.str.extract(OFFSET, expand=False)
    bare = (found.isna() & (texts != "")).to_numpy()
    if bare.all() or found.isna().all():
        return None
    if bare.any():
        row = int(np.argmax(bare != bare[0]))
        first, other = ("no offset", "one") if bare[0] else ("an offset", "none")
        raise Problem(
            f"{table.where(row, name)}: {texts.iloc[row]!r} has {other}, but {texts.iloc[0]!r} in row 1 has {first} from UTC; "
            "give all rows their offsets, or none"
        )
    changing = found.dropna().unique()
    if len(changing) < 2:
        return None
    return f"offsets of column {name!r} change ({', '.join(changing[:3])}): its times are told in UTC"


def _parsed(texts: Texts, utc: bool) -> pd.DatetimeIndex:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of formats that have to be guessed
        for form in (None, "mixed"):  # one for all rows if that will do: faster
            dates: Any = pd.to_datetime(texts, errors="coerce", format=form, utc=utc)
            if dates.notna().all():
                break
    return pd.DatetimeIndex(dates)


def _year_first(parts: Any, day_first: bool) -> Texts:
    """31/1/26 12:00 as 2026-01-31 12:00."""
    day, month = (parts[0], parts[2]) if day_first else (parts[2], parts[0])
    short = parts[3].str.len() == 2
    century = np.where(short, np.where(pd.to_numeric(parts[3]) < CENTURY, "20", "19"), "")
    made = pd.Series(century, parts.index) + parts[3] + "-" + month.str.zfill(2) + "-" + day.str.zfill(2)
    return (made + " " + parts[4].fillna("")).str.strip().fillna("")


def _chosen(read: dict[bool, pd.DatetimeIndex], fits: list[bool], dotted: bool) -> bool:
    """Whether the day comes first: the reading that fits all rows; of two, with dots that one, else the sorted, even one."""
    if len(fits) < 2:
        return fits[0] if fits else dotted
    return dotted or _disorder(read[True]) < _disorder(read[False])


def _disorder(dates: pd.DatetimeIndex) -> float:
    """How far rows are from following each other evenly; infinite where they are not sorted, or not all there."""
    steps = np.diff(line(dates)).astype(float)
    if not len(steps) or dates.isna().any() or (steps <= 0).any():
        return np.inf
    usual = steps[middle(steps)]
    return float(np.abs(steps - usual).mean() / usual)


def _said(name: str, texts: Texts, read: dict[bool, pd.DatetimeIndex], chosen: bool, fits: list[bool]) -> str | None:
    """A note on the order of day and month, where it is the less usual one or another one was possible."""
    differ = np.flatnonzero(read[True] != read[False])
    if not len(differ) or (len(fits) == 1 and not chosen):
        return None
    row = int(differ[0])
    sure = "" if len(fits) < 2 else "; write dates as 2026-01-31 to leave no choice"
    return f"column {name!r} is read {_order(chosen)}: {texts.iloc[row]} is {read[chosen][row]}{sure}"


def _order(day_first: bool) -> str:
    return "day first" if day_first else "month first"
