"""What a value is that came from a file or a caller: a number, a whole one, a text that can be written."""

import sys
from typing import Any, TypeGuard

import numpy as np

WHOLE = 2**63 - 1  # the largest whole number that numpy has


def is_whole(value: Any, least: int, most: int = WHOLE) -> TypeGuard[int]:
    """True for a whole number from `least` to `most`; True and False are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(least <= value <= most)


def is_number(value: Any) -> TypeGuard[float]:
    """True for a number that is finite, as numpy has it, too."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    most: Any = WHOLE if isinstance(value, int) else sys.float_info.max
    return bool(-most <= value <= most)


def is_text(value: Any) -> bool:
    """True for text that can be written: JSON can hold halves of characters, too."""
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


def quoted(value: Any) -> str:
    """The value as a message quotes it, in one line: a file may hold one without end, and arrays have many."""
    said = one_line(repr(value), 1000)
    return said if len(said) <= 100 else f"{said[:97]}..."


def one_line(message: str, most: int = 1000) -> str:
    """The message in one line of at most so many characters."""
    line = " ".join(message.split())
    return line if len(line) <= most else f"{line[: most - 4]} ..."


def counted(inputs: int, outputs: int) -> str:
    """How many there are, in words.

    >>> counted(2, 1)
    '2 inputs and 1 output'
    """
    told = ((inputs, "input"), (outputs, "output"))
    return " and ".join(f"{number} {name}{'' if number == 1 else 's'}" for number, name in told)


def lacks(value: Any, missing: list[str], of: int) -> str:
    """What is wrong with a value that keeps a part of a contract only, or none of so many parts."""
    if len(missing) == of:
        return f"not {quoted(value)}"
    return f"{quoted(value)} has no {', '.join(f'`{name}`' for name in missing)}"


def hashable(value: Any, what: str) -> None:
    """Refuse a value without a hash, for which compiled code cannot be kept."""
    try:
        hash(value)
    except TypeError:
        told = f"{what} {quoted(value)} has no hash, so compiled code cannot be kept for it"
        raise ValueError(f"{told}: make it a @dataclass(frozen=True) of values that do not change") from None
