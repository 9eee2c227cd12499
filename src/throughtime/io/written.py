"""Columns of dates whose form was said, as strptime has it: `%d.%m.%Y %H:%M`."""

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from throughtime.io.tables import Table

SAMPLE = datetime(2026, 12, 31, 23, 59, 58)
YEARS = ("%Y", "%y", "%G")


def refuse_form(form: Any) -> None:
    """Raise a ValueError for what says no dates."""
    if not isinstance(form, str) or not any(mark in form for mark in YEARS):
        raise ValueError(f"{form!r} names no year; write it as %d.%m.%Y, or %Y-%m-%d %H:%M")
    try:
        pd.to_datetime(pd.Series([""]), format=form, errors="coerce")
    except (ValueError, TypeError) as error:
        raise ValueError(f"{form!r}: {error}; write it as %d.%m.%Y, or %Y-%m-%d %H:%M") from None


def as_written(table: Table, name: str, form: str) -> pd.DatetimeIndex:
    """The column as dates, every cell in exactly that form; offsets that change are told in UTC.

    raises  ValueError for a form that says no dates, and for the first cell that is written otherwise
    """
    try:
        refuse_form(form)
    except ValueError as error:
        raise ValueError(f"{table.path}: the form of times {error}") from None
    texts = _texts(table.frame[name], len(SAMPLE.strftime(form)))
    try:
        made = pd.to_datetime(texts, format=form, errors="coerce")
    except ValueError:  # of several offsets
        made = pd.to_datetime(texts, format=form, errors="coerce", utc=True)
    wrong = made.isna().to_numpy()
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"{table.where(row, name)}: {texts.iloc[row]!r} is not written as {form}")
    return pd.DatetimeIndex(made)


def _texts(cells: Any, width: int) -> Any:
    """Cells as they were written; of whole numbers, with the zeros before them that a table has not kept."""
    texts = cells.astype(object).where(cells.notna(), "").map(_text).str.strip()
    number = texts.str.fullmatch(r"\d+")
    return texts.where(~number, texts.str.zfill(width))


def _text(cell: Any) -> str:
    return str(int(cell)) if isinstance(cell, (float, np.floating)) and cell == round(cell) else str(cell)
