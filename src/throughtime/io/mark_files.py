"""Marks line by line: TIMIT's .phn and .wrd in samples, HTK's labels and master label files in 100 ns, CTM in seconds."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from throughtime.io.marks import Mark, Marks
from throughtime.io.text_files import decoded

GIVES = Marks
SUFFIXES = (".phn", ".wrd", ".lab", ".mlf", ".ctm")
TIMIT, HTK, MASTER, CTM = (".phn", ".wrd"), (".lab",), (".mlf",), (".ctm",)
UNIT = 1e-7  # seconds of HTK's times
RATE = 16000  # of TIMIT's sound
OCTAL = re.compile(r"\\(\d{3})")
TIME = re.compile(r"-?\d+(?:\.\d*)?")


class Line(NamedTuple):
    """A line that holds anything, and its number."""

    number: int
    text: str


def read(path: Path, rate: int = RATE) -> Marks:
    """The marks of a file, in one tier; of a master label file and CTM in one for each recording.

    rate  samples per second of the sound, for TIMIT's marks, which count samples

    raises  ValueError in one line with the line's number: times that go back, or that are seconds where samples are wanted
    """
    lines = [Line(k, one.strip()) for k, one in enumerate(decoded(path).splitlines(), start=1) if one.strip()]
    suffix = path.suffix.lower()
    if suffix in MASTER or (lines and lines[0].text == "#!MLF!#"):
        return Marks(_master(path, lines))
    if suffix in CTM:
        return Marks(_ctm(path, lines))
    if suffix in TIMIT:
        return Marks({path.stem: [_timit(path, line, rate) for line in lines]})
    return Marks({path.stem: [_label(path, line) for line in _plain(lines)]})


def _timit(path: Path, line: Line, rate: int) -> Mark:
    start, end, label = (*line.text.split(None, 2), "", "", "")[:3]
    for time in (start, end):
        if TIME.fullmatch(time) and "." in time:
            raise ValueError(
                f"{path}: line {line.number} has {time}; TIMIT's marks are numbers of samples, not seconds"
            )
    if not (start.isdecimal() and end.isdecimal()):
        return Mark(None, None, line.text)
    if int(end) <= int(start):
        raise ValueError(f"{path}: line {line.number} ends at {end}, not after its start at {start}; mend it")
    return Mark(int(start) / rate, int(end) / rate, label.split(None, 1)[0] if label else "")


def _plain(lines: Sequence[Line]) -> list[Line]:
    """The first of alternatives, between which /// stands."""
    alternatives = [k for k, line in enumerate(lines) if line.text == "///"]
    return list(lines[: alternatives[0]] if alternatives else lines)


def _label(path: Path, line: Line) -> Mark:
    """label | start label | start end label [score ...]"""
    parts = line.text.split()
    times = [part for part in parts[:2] if TIME.fullmatch(part)]
    if len(times) == len(parts):
        times = times[:-1]  # a label that is a number
    label = _unquoted(parts[len(times)])
    start, end = ([float(time) * UNIT for time in times] + [None, None])[:2]
    if start is not None and end is not None and end < start:
        raise ValueError(f"{path}: line {line.number} ends before it begins; mend its times")
    return Mark(start, end, label)


def _unquoted(label: str) -> str:
    """Without quotes, and with what stands for other letters."""
    bare = label[1:-1] if len(label) > 1 and label[0] == label[-1] and label[0] in "\"'" else label
    octets = OCTAL.sub(lambda match: chr(int(match[1], 8) & 255), bare)
    try:
        return octets.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return octets


def _master(path: Path, lines: Sequence[Line]) -> dict[str, list[Mark]]:
    tiers, inside = dict[str, list[Mark]](), list[Line]()
    name: str | None = None
    for line in [*lines, Line(0, ".")]:
        if line.text == "#!MLF!#":
            continue
        if line.text == "." or (name is not None and line.text[0] == '"' and line.text.endswith(('.lab"', '.rec"'))):
            if name is not None:
                tiers[name] = [_label(path, one) for one in _plain(inside)]
            name, inside = (None, []) if line.text == "." else (_recording(line.text), [])
        elif name is None:
            name = _recording(line.text)
        else:
            inside.append(line)
    return tiers


def _recording(pattern: str) -> str:
    """The name of a recording in its pattern, such as "*/a.lab"."""
    return Path(pattern.strip("\"'").replace("\\", "/")).stem


def _ctm(path: Path, lines: Sequence[Line]) -> dict[str, list[Mark]]:
    tiers = dict[str, list[Mark]]()
    for line in lines:
        if line.text.startswith(";;"):
            continue
        parts = line.text.split()
        if len(parts) < 5 or not (TIME.fullmatch(parts[2]) and TIME.fullmatch(parts[3])):
            raise ValueError(f"{path}: line {line.number} is none of: recording channel start duration word; mend it")
        start, long = float(parts[2]), float(parts[3])
        tiers.setdefault(f"{parts[0]} {parts[1]}", []).append(Mark(start, start + long, parts[4]))
    return tiers
