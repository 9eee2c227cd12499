"""UNIPEN, in which collections of handwriting are kept: points between .PEN_DOWN and .PEN_UP, named by .SEGMENT.

Components are numbered from 0 over all included files, with the pen down and up alike; one without a point has no number.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from throughtime.features.pen.drawings import FARTHEST
from throughtime.io.pen import Drawing, LabelledDrawings, Values
from throughtime.io.unipen_lines import Content, PenBlock, PenLine, content

SUFFIXES = (".dat", ".unipen")
GIVES = LabelledDrawings

PLACE = r"\d+(?::\d+)?"
RANGE = rf"{PLACE}(?:-{PLACE})?"
SEGMENT = re.compile(rf'(\S+)(?:\s+({RANGE}(?:\s*,\s*{RANGE})*))?(?:\s+([^\s"]+))?(?:\s*"((?:\\.|[^"\\])*)")?.*')
LONGEST = 9  # digits of a place


class NamedPart(NamedTuple):
    """A part of the components: its level, the ranges, how well it is written, and what it says."""

    where: str
    level: str
    ranges: str
    quality: str
    label: str | None


def read(
    path: Path, root: Path | None = None, level: str | None = None, without: Sequence[str] = (), up: bool = True
) -> LabelledDrawings:
    """The segments of one level, each a drawing with its label; the whole page, without a label, where there is no segment.

    root     from where .INCLUDE is meant; None: found upwards from the file, there or in its folder `include`
    level    of segments, such as CHARACTER or WORD; None: the smallest that is there
    without  qualities of segments that are left out, such as BAD
    up       True if y of the device goes upwards, which the format does not tell

    raises  ValueError in one line: a point with fewer numbers than .COORD names, a component that is not there, a level that is
            not there, an include that leaves the root or ends where it began
    """
    held = content(path, root)
    found = list(held.found)
    if held.columns is None:
        found.append("there is no .COORD: columns were taken to be X Y")
    parts = [_points(path, part, held.columns, up) for part in held.components]
    segments = [segment for line in held.segments if (segment := _segment(line)).ranges]
    chosen = _level(path, held, segments, level, found)
    kept = [one for one in segments if one.level == chosen and one.quality.upper() not in {q.upper() for q in without}]
    drawings, labels = list[Drawing](), list[str | None]()
    for segment in kept:
        strokes = list(_strokes(path, segment, held.components, parts))
        if strokes:
            drawings.append(Drawing.of(strokes))
            labels.append(segment.label)
        else:
            found.append(f"{segment.where}: a segment without a point where the pen is down was left out")
    if not segments:
        strokes = [points for points, part in zip(parts, held.components, strict=True) if part.down]
        if not strokes:
            raise ValueError(f"{path} has no point where the pen is down; give a UNIPEN file with .PEN_DOWN")
        drawings, labels = [Drawing.of(strokes)], [None]
    found.append(f"y was taken to go {'upwards' if up else 'downwards'}, which UNIPEN does not tell")
    return LabelledDrawings(drawings, labels, found)


def is_unipen(path: Path) -> bool:
    """True if a file holds what only UNIPEN has."""
    with path.open("rb") as file:
        return (
            re.search(rb"^\s*\.(VERSION|INCLUDE|COORD|PEN_DOWN|SEGMENT|HIERARCHY)\b", file.read(65536), re.M)
            is not None
        )


def _points(path: Path, component: PenBlock, columns: tuple[str, ...] | None, up: bool) -> Values:
    """(P, 2): x and y, upwards."""
    names = component.columns or columns or ("X", "Y")
    if "X" not in names or "Y" not in names:
        raise ValueError(f"{path}: .COORD names {' '.join(names)[:40]}, not X and Y; name them")
    places = names.index("X"), names.index("Y")
    values = [_numbers(path, line, len(names), places) for line in component.points]
    return np.array(values) * (1, 1 if up else -1)


def _numbers(path: Path, line: PenLine, count: int, places: tuple[int, int]) -> list[float]:
    said = line.rest.split()
    if len(said) < count:
        raise ValueError(f"{path}: {line.where} has {len(said)} of {count} numbers; mend it")
    try:
        pair = [float(said[place]) for place in places]
    except ValueError:
        raise ValueError(f"{path}: {line.where} holds no point; mend it") from None
    if not all(abs(value) <= FARTHEST for value in pair):
        raise ValueError(f"{path}: {line.where} has a number that no screen has; mend it")
    return pair


def _segment(line: PenLine) -> NamedPart:
    match = SEGMENT.fullmatch(line.rest)
    level, ranges, quality, label = match.groups() if match else ("", None, None, None)
    bare = None if label is None else re.sub(r"\\(.)", r"\1", label)
    return NamedPart(line.where, level.upper(), ranges or "", quality or "?", bare)


def _level(path: Path, held: Content, segments: list[NamedPart], wanted: str | None, found: list[str]) -> str:
    """The level that is wanted, or the smallest: the last in .HIERARCHY, or else the last to appear."""
    there = list(dict.fromkeys(segment.level for segment in segments))
    if wanted is not None:
        if wanted.upper() not in there:
            raise ValueError(f"{path} has no segments of level {wanted}; it has {', '.join(there)[:80] or 'none'}")
        return wanted.upper()
    ordered = [level for level in held.levels if level in there] or there
    if len(there) > 1:
        found.append(f"of the levels {', '.join(there)} the smallest, {ordered[-1]}, was taken")
    return ordered[-1] if ordered else ""


def _strokes(
    path: Path, segment: NamedPart, components: Sequence[PenBlock], parts: Sequence[Values]
) -> Iterator[Values]:
    """The parts of a segment where the pen is down; both ends of a range belong to it."""
    for one in segment.ranges.split(","):
        first, _, last = one.strip().partition("-")
        (begin, since), (end, until) = _place(path, segment, first), _place(path, segment, last or first)
        if end < begin:
            raise ValueError(f"{path}: {segment.where} goes from component {begin} back to {end}; mend it")
        if end >= len(parts):
            raise ValueError(f"{path}: {segment.where} names component {end}; the last of the file is {len(parts) - 1}")
        for number in range(begin, end + 1):
            low = since or 0 if number == begin else 0
            high = until + 1 if number == end and until is not None else len(parts[number])
            if components[number].down and len(points := parts[number][low:high]):
                yield points


def _place(path: Path, segment: NamedPart, text: str) -> tuple[int, int | None]:
    """PenBlock, and point within it if one is named."""
    component, _, point = text.partition(":")
    if max(len(component), len(point)) > LONGEST:
        raise ValueError(f"{path}: {segment.where} names a place of more than {LONGEST} digits; mend it")
    return int(component), int(point) if point else None
