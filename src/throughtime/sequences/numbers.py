"""Arrays of numbers from whatever is given as such, and the first thing in them that networks cannot compute with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from throughtime.engine.door import precision

Values = NDArray[Any]
TOO_LARGE = "networks compute in float32, up to 3.4e38: give it in a larger unit"
OTHER_KINDS = (  # what NumPy would turn into numbers in silence: the letter of its type, the word for it, the remedy
    ("M", "dates", "which are no numbers; make them an index, or numbers such as the hour of the day"),
    ("m", "time spans", "which are no numbers; divide them by a unit, as in spans / np.timedelta64(1, 's')"),
    ("c", "complex numbers", "Complex data not supported: give real and imaginary part as two columns"),
)


def numbers_of(where: str, given: Any) -> Values:
    """What was given as an array of floating-point numbers, of its own precision if it has one.

    raises  ValueError if it cannot be read as numbers; NumPy would make nanoseconds of dates, and real parts of complex ones
    """
    refuse_other_kinds(where, given)
    try:
        values = np.asarray(given)
        return values if values.dtype.kind == "f" else values.astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} cannot be read as numbers: {error}") from None


def refuse_other_kinds(where: str, given: Any) -> None:
    """Raise an error if there are dates, time spans or complex numbers in an array, a list or a table."""
    if hasattr(given, "columns") and hasattr(given, "iloc"):
        for place, name in enumerate(given.columns):
            refuse_other_kinds(f"{where}, column {str(name)!r}", given.iloc[:, place])
        return
    _refuse_kind(where, given)
    try:
        values = np.asarray(given)
    except (TypeError, ValueError):  # of unequal lengths: whoever wants numbers says so
        return
    _refuse_kind(where, values)
    if values.dtype == object:
        for value in values.flat:
            _refuse_kind(where, value)


def _refuse_kind(where: str, given: Any) -> None:
    kind = getattr(given, "dtype", None)
    for letter, told, remedy in OTHER_KINDS:
        if getattr(kind, "kind", "") == letter:
            raise ValueError(f"{where} holds {told} ({kind}), {remedy}")


def refuse_first(where: str, values: Values, wrong: Values, remedy: str) -> None:
    """Raise an error that names the first wrong value of a (steps, columns) array, if there is one."""
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        value = "NaN" if np.isnan(values[row, column]) else values[row, column]
        raise ValueError(f"{where}: row {row}, column {column} is {value}; {remedy}")


def too_large(values: Values) -> Values:
    """Which numbers are beyond what networks compute with: float32, unless JAX was told to compute in float64."""
    return np.asarray(np.abs(values) > np.finfo(precision()).max)
