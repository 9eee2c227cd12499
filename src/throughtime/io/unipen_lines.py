"""UNIPEN files line by line, over all that they include: the components of the pen, and what the segments say of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from throughtime.io.text_files import decoded

KEYWORD = re.compile(r"\.([A-Z_]+)(?:\s+(.*))?")
MOST_FILES = 4096  # of includes in includes


class PenLine(NamedTuple):
    """A line and where it stands; keyword is empty where there is none."""

    where: str
    keyword: str
    rest: str


@dataclass
class PenBlock:
    """A block of points with the pen down or up; columns are those that .COORD named when it began."""

    down: bool
    columns: tuple[str, ...] | None
    points: list[PenLine] = field(default_factory=list)


@dataclass
class Content:
    """Components in order, of which an empty one is none; segments; levels from the page down to the smallest."""

    components: list[PenBlock] = field(default_factory=list)
    segments: list[PenLine] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)
    columns: tuple[str, ...] | None = None
    found: list[str] = field(default_factory=list)


def content(path: Path, root: Path | None) -> Content:
    """What a file and its includes hold.

    raises  ValueError for an include that leaves the root, and for includes in a circle or without end
    """
    held, pen = Content(), False
    for line in _lines(path, root, (), held.found, [0]):
        if line.keyword in ("PEN_DOWN", "PEN_UP"):
            held.components.append(PenBlock(line.keyword == "PEN_DOWN", held.columns))
            pen = True
            if line.rest:
                held.components[-1].points.append(line)
        elif not line.keyword:
            if pen:
                held.components[-1].points.append(line)
        else:
            pen = False
            if line.keyword == "COORD":
                held.columns = tuple(line.rest.upper().split())
            elif line.keyword == "HIERARCHY":
                held.levels = line.rest.upper().split()
            elif line.keyword == "SEGMENT":
                held.segments.append(line)
    held.components = [component for component in held.components if component.points]
    return held


def _lines(
    path: Path, root: Path | None, within: tuple[Path, ...], found: list[str], count: list[int]
) -> Iterator[PenLine]:
    """Every line that holds anything, with those of an included file in the place of its .INCLUDE."""
    count[0] += 1
    if count[0] > MOST_FILES:
        raise ValueError(f"{within[0]} includes more than {MOST_FILES:,} files; include less")
    for number, text in enumerate(decoded(path).splitlines(), start=1):
        stripped = text.strip()
        match = KEYWORD.fullmatch(stripped)
        line = PenLine(f"line {number} of {path}", match[1] if match else "", (match[2] or "") if match else stripped)
        if line.keyword == "INCLUDE":
            yield line
            yield from _included(path, line, root, (*within, path), found, count)
        elif stripped:
            yield line


def _included(
    path: Path, line: PenLine, root: Path | None, within: tuple[Path, ...], found: list[str], count: list[int]
) -> Iterator[PenLine]:
    name = Path(line.rest.strip().strip('"'))
    if name.is_absolute() or ".." in name.parts or "\0" in str(name):
        raise ValueError(f"{within[0]}: {line.where} includes a file outside its root; write its name from the root on")
    roots = [root] if root else list(path.resolve().parents)
    places = [place / name for above in roots for place in (above, above / "include")]
    there = next((place for place in places if _is_file(place)), None)
    if there is None:
        found.append(f"{line.where}: {name} is not there, so what it holds is missing")
        return
    if any(there.resolve() == outer.resolve() for outer in within):
        raise ValueError(f"{within[0]}: {line.where} includes a file that includes it; break the circle")
    yield from _lines(there, root, within, found, count)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False
