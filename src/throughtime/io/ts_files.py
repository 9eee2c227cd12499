"""The .ts files of the UEA and UCR archives: a head of @keys, then a case a line, its dimensions between colons."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from throughtime.io.series import Series
from throughtime.texts import printable

SUFFIXES = (".ts",)
GIVES = Series

MISSING = ("", "?", "nan", "na")
COLON, COMMA = (re.compile(rf"{sign}(?![^()]*\))") for sign in ":,")  # not within brackets
PAIR = re.compile(r"\((.*),([^,()]*)\)", re.DOTALL)


@dataclass
class Keys:
    """What the keys say; None: nothing.

    classes  what follows @classLabel true, as it stands there
    """

    said: dict[str, str] = field(default_factory=dict)

    def says(self, key: str) -> bool:
        """True if a key says true."""
        return self.said.get(key, "").split(" ")[0].lower() == "true"

    @property
    def has_labels(self) -> bool:
        """True if the last part of a line is a class, or a number to predict."""
        return self.says("classlabel") or self.says("targetlabel")

    @property
    def classes(self) -> str | None:
        """The names of the classes, between blanks; None: any will do."""
        names = self.said.get("classlabel", "").partition(" ")[2].strip() if self.says("classlabel") else ""
        return f" {' '.join(names.split())} " if names else None


def read(path: Path) -> Series:
    """The cases of an archive, each (T, C), with their classes, their targets, or neither; missing values are NaN.

    raises  ValueError in one line with the line's number: other dimensions than the first case has, dimensions of other lengths,
            a class that the head does not name, a length that is not as it says, a value that is no number
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file in UTF-8; give a .ts file of the UEA or UCR archive") from None
    lines = [(k, line.strip()) for k, line in enumerate(text.splitlines(), start=1)]
    kept = iter([(k, line) for k, line in lines if line and line[0] not in "#%"])
    keys = _keys(path, kept)
    cases, labels = list[NDArray[np.float64]](), list[str]()
    for number, line in kept:
        case, label = _case(f"{path}: line {number}", line, keys)
        if cases and case.shape[1] != cases[0].shape[1]:
            raise ValueError(
                f"{path}: line {number} has {case.shape[1]} dimensions, where the first has {cases[0].shape[1]}; mend the line"
            )
        cases.append(case)
        labels.append(label)
    if not cases:
        raise ValueError(f"{path} has no cases below @data; give a .ts file of the UEA or UCR archive")
    found = ["the times of steps are left out"] if keys.says("timestamps") else []
    return Series(cases, _labels(path, labels, keys), found=found)


def _keys(path: Path, lines: Iterator[tuple[int, str]]) -> Keys:
    keys = Keys()
    for number, line in lines:
        key, _, value = line.replace("\t", " ").partition(" ")
        if key.lower() == "@data":
            return keys
        if not key.startswith("@"):
            raise ValueError(f"{path}: line {number} stands above @data and is no @key; give a .ts file of an archive")
        keys.said[key[1:].lower()] = value.strip()
    raise ValueError(f"{path} has no line @data; give a .ts file of the UEA or UCR archive")


def _case(where: str, line: str, keys: Keys) -> tuple[NDArray[np.float64], str]:
    parts = COLON.split(line)
    label = parts.pop().strip() if keys.has_labels else ""
    if not parts:
        raise ValueError(f"{where} has a label and no series; mend the line")
    dimensions = [_values(where, part) for part in parts]
    lengths = {len(values) for values in dimensions}
    if len(lengths) > 1:
        raise ValueError(f"{where} has dimensions of {min(lengths)} and {max(lengths)} steps; mend the line")
    said = keys.said.get("serieslength", "")
    if said.isdecimal() and int(said) != len(dimensions[0]) and keys.said.get("equallength", "true").lower() == "true":
        raise ValueError(
            f"{where} has {len(dimensions[0])} steps, where @seriesLength says {said}; mend the one or the other"
        )
    if keys.classes is not None and f" {' '.join(label.split())} " not in keys.classes:
        raise ValueError(
            f"{where} is of class {printable(label)[:40]!r}, which @classLabel does not name; mend the one or the other"
        )
    return np.stack(dimensions, axis=1), label


def _values(where: str, part: str) -> NDArray[np.float64]:
    cells = [cell.strip() for cell in COMMA.split(part)] if part.strip() else []
    values = [match[2].strip() if (match := PAIR.fullmatch(cell)) else cell for cell in cells]
    made = np.full(len(values), np.nan)
    for k, value in enumerate(values):
        if value.lower() not in MISSING:
            try:
                made[k] = float(value)
            except ValueError:
                raise ValueError(f"{where}: {printable(value)[:40]!r} is no number; mend the line") from None
    return made


def _labels(path: Path, labels: Sequence[str], keys: Keys) -> list[str] | NDArray[np.float64] | None:
    if not keys.has_labels:
        return None
    if keys.says("classlabel"):
        return list(labels)
    try:
        return np.array([float(label) for label in labels])
    except ValueError:
        raise ValueError(
            f"{path} says @targetLabel true, but has targets that are no numbers; say @classLabel"
        ) from None
