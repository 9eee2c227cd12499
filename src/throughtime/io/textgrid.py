"""Praat's TextGrid, read as Praat reads it: numbers, texts in quotes and flags in pointed brackets count, all else is comment."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from throughtime.io.marks import Mark, Marks
from throughtime.texts import printable

SUFFIXES = (".textgrid",)
GIVES = Marks

TOKEN = re.compile(
    r'"(?:[^"]|"")*"'  # a text, whose quotes are doubled
    r"|<[^<>\s]*>"  # a flag
    r"|![^\n]*"  # a comment
    r"|[^\s\"<!]+"  # a word or a number
)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?%?")
CODES = ((b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le"), (b"\xef\xbb\xbf", "utf-8"))


def read(path: Path) -> Marks:
    """The tiers of a TextGrid, long or short, in UTF-8, UTF-16 or Latin-1; tiers of one name are numbered.

    raises  ValueError for another object of Praat's, a binary file, and a count that does not come out
    """
    text = _text(path)
    tokens = _tokens(text)
    kind = (_next(path, tokens, str), _next(path, tokens, str))
    if "TextGrid" not in kind[1]:
        raise ValueError(f"{path} is {kind[1][:40]!r}, not a TextGrid; save the TextGrid from Praat")
    _next(path, tokens, float), _next(path, tokens, float)
    exists = next(tokens, None)
    count = _count(path, tokens, "tiers") if exists == "<exists>" else 0
    tiers, found = dict[str, list[Mark]](), list[str]()
    for _ in range(count):
        what, name = _next(path, tokens, str), _next(path, tokens, str)
        _next(path, tokens, float), _next(path, tokens, float)
        points = what == "TextTier"
        if what not in ("TextTier", "IntervalTier"):
            raise ValueError(
                f"{path}: tier {name!r} is {what!r}, neither an IntervalTier nor a TextTier; save it from Praat"
            )
        marks = [_mark(path, tokens, points) for _ in range(_count(path, tokens, f"marks of tier {name!r}"))]
        if any(a.end != b.start for a, b in pairwise(marks)) and not points:
            found.append(f"the intervals of tier {name!r} leave gaps or overlap")
        tiers[_free(tiers, name)] = marks
    return Marks(tiers, found)


def _text(path: Path) -> str:
    data = path.read_bytes()
    if data.startswith(b"ooBinaryFile"):
        raise ValueError(f"{path} is a binary TextGrid; save it as text from Praat")
    for begin, code in CODES:
        if data.startswith(begin):
            return data[len(begin) :].decode(code, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _tokens(text: str) -> Iterator[str]:
    """The texts with their quotes, flags, and words that are numbers."""
    for match in TOKEN.finditer(text):
        token = match[0]
        if token[0] in '"<' or NUMBER.fullmatch(token):
            yield token


def _next(path: Path, tokens: Iterator[str], wanted: type[Any]) -> Any:
    token = next(tokens, None)
    if token is None or token.startswith('"') != (wanted is str) or token.startswith("<"):
        there = "its end" if token is None else printable(token[:40])
        kind = "a text in quotes" if wanted is str else "a number"
        raise ValueError(f"{path} is no whole TextGrid: {kind} is missing before {there}; save it from Praat again")
    return token[1:-1].replace('""', '"') if wanted is str else float(token.rstrip("%"))


def _count(path: Path, tokens: Iterator[str], what: str) -> int:
    number = _next(path, tokens, float)
    if not (0 <= number < 1e9) or number != int(number):
        raise ValueError(f"{path}: {number:g} is no number of {what}; save it from Praat again")
    return int(number)


def _mark(path: Path, tokens: Iterator[str], is_point: bool) -> Mark:
    start = _next(path, tokens, float)
    end = start if is_point else _next(path, tokens, float)
    label = _next(path, tokens, str)
    if end < start:
        raise ValueError(f"{path}: {label!r} ends at {end:g}, before it begins at {start:g}; mend it in Praat")
    return Mark(start, end, label)


def _free(tiers: dict[str, Any], name: str) -> str:
    number, free = 1, name
    while free in tiers:
        number += 1
        free = f"{name} {number}"
    return free
