"""Columns of times: numbers, or dates in the forms that tables have; what had to be decided is said in a note."""

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from throughtime.io.tables import Table
from throughtime.io.written import as_written
from throughtime.times import fault, uneven
from throughtime.times.steps import line, middle, usual_step

Texts = Any  # a pandas series of text
COMPACT = {6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
FIRST_YEAR, LAST_YEAR = 1700, 2100  # of compact dates; other numbers are numbers
PLACES = re.compile(
    r"^(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?:(?:, ?| +|T)(\d.*))?$"
)  # day and month, or the reverse
NO_DATE = re.compile(
    r"(\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( *[ap]m)?( *(z|[+-][\d:]+))?|now|today)", re.IGNORECASE
)  # pandas: today
OFFSET = re.compile(r":\d{2}.*?(Z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?)$")
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
    written    how dates are written, where it was said, as strptime has it: %d.%m.%Y; nothing else is then read
    """

    day_first: bool | None = None
    form: str | None = None
    note: str | None = None
    written: str | None = None


def times_of(table: Table, name: str, like: Reading | None = None) -> tuple[pd.Index, Reading]:
    """The column as the rows' times, each after the one before; read as another one was, where it can be read so."""
    table.require([name])
    made, reading = _read(table, name, like or Reading())
    found = fault(made)
    if found is not None:
        place = table.where(found.row or 0, name)
        if found.kind not in REMEDIES:
            cell = str(table.frame[name].iloc[found.row or 0])
            raise ValueError(f"{place}: {cell!r} is neither a number nor a date such as 2026-01-31 or 2026-01-31 12:00")
        order = "" if reading.day_first is None else f" (read {_order(reading.day_first)})"
        raise ValueError(f"{place}: {found.what}{order}; {REMEDIES[found.kind]}")
    return made, reading


def holds_dates(table: Table, name: str) -> bool:
    """Whether most cells of a column, which are no numbers, are dates."""
    try:
        made = _read(table, name, Reading())[0]
    except ValueError:
        return False
    return isinstance(made, pd.DatetimeIndex) and bool(np.mean(made.notna()) > 0.5)


def _read(table: Table, name: str, like: Reading) -> tuple[pd.Index, Reading]:
    cells: Any = table.frame[name]
    if isinstance(cells.dtype, pd.CategoricalDtype):
        cells = cells.astype(cells.cat.categories.dtype)
    if isinstance(cells.dtype, pd.PeriodDtype):
        return pd.PeriodIndex(cells).to_timestamp(), Reading()
    if cells.dtype.kind in "mM":
        return pd.Index(cells), Reading()
    if like.written is not None:
        return as_written(table, name, like.written), Reading(written=like.written)
    numbers = pd.to_numeric(cells, errors="coerce")
    if numbers.notna().mean() > 0.5:
        return _compact(numbers, name, like) or (_plain(numbers), Reading())
    texts = cells.astype(object).where(cells.notna(), "").astype(str).str.strip()
    made, reading = _dates(table, name, texts, like)
    _refuse_parts(table, name, texts, made)
    return made, reading


def _refuse_parts(table: Table, name: str, texts: Texts, made: pd.Index) -> None:
    """Refuse a time of day alone, and a day without its year: pandas puts today, or the year 1, in the place of the rest."""
    part = texts.str.fullmatch(NO_DATE).to_numpy() | (pd.DatetimeIndex(made).year == 1)
    if part.any():
        row = int(np.argmax(part))
        raise ValueError(
            f"{table.where(row, name)}: {texts.iloc[row]!r} is a part of a date; give all of it, such as 2026-01-31 12:00"
        )


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
    begun = texts.iloc[0]
    placed = None if PLACES.match(begun) or OFFSET.search(begun) else _written(texts, _guessed(begun), False)
    if placed is not None and placed.notna().all():  # one form throughout: nothing to decide
        return pd.DatetimeIndex(placed), Reading()
    utc = _offsets(table, name, texts)
    if not texts.str.match(PLACES).any():
        return _parsed(texts, utc is not None), Reading(note=utc)
    return _ordered(name, texts, like, utc is not None)


def _ordered(name: str, texts: Texts, like: Reading, utc: bool) -> tuple[pd.Index, Reading]:
    """Dates of which some have day and month as numbers, before the year."""
    read = {first: _in_order(texts, first, utc) for first in (True, False)}
    left = (read[True].isna() & read[False].isna()).to_numpy()
    if left.any():  # of another form than the first row
        for first, dates in read.items():
            dates[left] = pd.Series(_parsed(_year_first(texts[left], first), utc), texts.index[left])
    made = {first: pd.DatetimeIndex(dates) for first, dates in read.items()}
    wrong = {first: np.count_nonzero(dates.isna()) for first, dates in made.items()}
    fits = [first for first in made if wrong[first] == min(wrong.values())]
    dotted = not texts.str.contains(r"^\d{1,2}[/-]\d{1,2}[/-]").any()
    chosen = like.day_first if like.day_first in fits else _chosen(made, fits, dotted)
    return made[chosen], Reading(chosen, note=_said(name, texts, made, chosen, sure=dotted or len(fits) < 2))


def _guessed(text: str) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pd.tseries.api.guess_datetime_format(text)


def _written(texts: Texts, form: str | None, utc: bool) -> Any:
    """Dates in exactly this form, NaT for others."""
    return _made(texts if form else texts.mask(texts.notna()), form, utc)


def _made(texts: Texts, form: str | None, utc: bool) -> Any:
    """Dates, NaT where pandas knows none; all of them where offsets are mixed that `_offsets` does not know."""
    try:
        return pd.to_datetime(texts, format=form, errors="coerce", utc=utc)
    except ValueError:
        return pd.to_datetime(texts.mask(texts.notna()), utc=utc)


def _in_order(texts: Texts, day_first: bool, utc: bool) -> Any:
    """Dates in the form of the first row, with day and month in this order; NaT for others."""
    found = PLACES.match(texts.iloc[0])
    form = None if found is None else _guessed("2026-01-31" + texts.iloc[0][found.end(4) :])
    if found is None or form is None:
        return _written(texts, None, utc)
    order, mark = ("%d", "%m") if day_first else ("%m", "%d"), found[2]
    return _written(
        texts, mark.join([*order, "%Y" if len(found[4]) == 4 else "%y"]) + form.removeprefix("%Y-%m-%d"), utc
    )


def _offsets(table: Table, name: str, texts: Texts) -> str | None:
    """A note if offsets from UTC change, so that times are told in UTC; refuses offsets beside local times."""
    found = texts.str.extract(OFFSET, expand=False)
    bare = (found.isna() & (texts != "")).to_numpy()
    if bare.all() or found.isna().all():
        return None
    if bare.any():
        row = int(np.argmax(bare != bare[0]))
        first, other = ("no offset", "one") if bare[0] else ("an offset", "none")
        raise ValueError(
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
            dates = _made(texts, form, utc)
            if dates.notna().all():
                break
    return pd.DatetimeIndex(dates)


def _year_first(texts: Texts, day_first: bool) -> Texts:
    """31/1/26 12:00 as 2026-01-31 12:00; other forms as they are."""
    parts = texts.str.extract(PLACES)
    day, month = (parts[0], parts[2]) if day_first else (parts[2], parts[0])
    short = parts[3].str.len() == 2
    century = np.where(short, np.where(pd.to_numeric(parts[3]) < CENTURY, "20", "19"), "")
    made = pd.Series(century, parts.index) + parts[3] + "-" + month.str.zfill(2) + "-" + day.str.zfill(2)
    return (made + " " + parts[4].fillna("")).str.strip().where(parts[0].notna(), texts)


def _chosen(read: dict[bool, pd.DatetimeIndex], fits: list[bool], dotted: bool) -> bool:
    """Whether the day comes first: the reading that fits most rows; of two, with dots that one, else the sorted, even one."""
    return fits[0] if len(fits) == 1 else dotted or _disorder(read[True]) < _disorder(read[False])


def _disorder(dates: pd.DatetimeIndex) -> tuple[float, float]:
    """How far rows are from following each other evenly, and their step; infinite where they are not sorted, or not all there."""
    steps = np.diff(line(dates)).astype(float)
    if not len(steps) or dates.isna().any() or (steps <= 0).any():
        return np.inf, np.inf
    usual = float(steps[middle(steps)])
    return float(np.abs(steps - usual).mean() / usual), usual


def _said(name: str, texts: Texts, read: dict[bool, pd.DatetimeIndex], chosen: bool, sure: bool) -> str | None:
    """A note on the order of day and month, where it is the less usual one or another one was possible."""
    differ = np.flatnonzero(read[True] != read[False])
    if not len(differ) or (sure and not chosen):
        return None
    row = int(differ[0])
    remedy = "" if sure else "; write dates as 2026-01-31 to leave no choice"
    return f"column {name!r} is read {_order(chosen)}: {texts.iloc[row]} is {read[chosen][row]}{remedy}"


def _order(day_first: bool) -> str:
    return "day first" if day_first else "month first"
