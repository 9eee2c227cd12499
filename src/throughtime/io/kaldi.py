"""Kaldi's archives (.ark), binary or text, and the tables that point into them (.scp)."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from throughtime.io.frames import Frames
from throughtime.io.kaldi_binary import matrix_at

SUFFIXES = (".ark", ".scp")
GIVES = Frames

Matrix = NDArray[np.floating]
KEY = re.compile(rb"\s*(\S+)(?: |\t|(?=[\r\n])|\Z)")
BLANK = re.compile(rb"\s*")
POINTER = re.compile(r"(.+?)(?::(\d{1,15}))?(?:\[([^\[\]]*)\])?")
RANGE = re.compile(r"(-?\d{1,15}):(-?\d{1,15})")
SLACK = 3  # rows by which a range may go beyond the end


def read(path: Path) -> Frames:
    """The matrices (T, F) of an archive or a table, by the names of their recordings; a vector is one column.

    float32 stays so. Paths in a table are looked for beside it, then from the current folder.

    raises  ValueError in one line, with the recording: what is no matrix, is cut short, is named twice; pipes, and ranges that go
            beyond the end by more than three rows
    """
    return Frames(_table(path) if path.suffix.lower() == ".scp" else _archive(path))


def _archive(path: Path) -> dict[str, Matrix]:
    data, at, made = path.read_bytes(), 0, dict[str, Matrix]()
    while BLANK.match(data, at).end() < len(data):  # type: ignore[union-attr]  # it matches anywhere
        match = KEY.match(data, at)
        if not match:
            raise ValueError(f"{path}: at byte {at} stands no name of a recording; copy it again")
        key = match[1].decode("utf-8", "replace")
        where = f"{path}, recording {key[:60]!r}"
        if key in made:
            raise ValueError(f"{where} is there twice; give each recording a name of its own")
        made[key], at = _thing(data, match.end(), where)
    if not made:
        raise ValueError(f"{path} has no recording; give an archive of features")
    return made


def _thing(data: bytes, at: int, where: str) -> tuple[Matrix, int]:
    """What stands at a place, binary or text, and where it ends."""
    if data[at : at + 2] == b"\0B":
        return matrix_at(data, at + 2, where)
    if data[at : at + 4] == b"RIFF":
        raise ValueError(f"{where} holds sound, wanted matrices; make features of it")
    line = data.find(b"\n", at)
    line = len(data) if line < 0 else line
    begin = data.find(b"[", at, line)
    if begin < 0:
        return _rows(data[at:line], where).reshape(-1, 1), line
    end = data.find(b"]", begin)
    if end < 0 or data[at:begin].strip():
        raise ValueError(f"{where} has no matrix between [ and ]; copy it again")
    return _bracketed(data[begin + 1 : end], where), end + 1


def _bracketed(data: bytes, where: str) -> Matrix:
    lines = [line for line in data.splitlines() if line.strip()]
    rows = [_rows(line, where) for line in lines]
    if len({len(row) for row in rows}) > 1:
        number = next(k for k, row in enumerate(rows) if len(row) != len(rows[0]))
        raise ValueError(
            f"{where}: row {number + 1} has {len(rows[number])} numbers, the first {len(rows[0])}; mend it"
        )
    if not rows:
        return np.zeros((0, 0), np.float32)
    vector = len(rows) == 1 and not data.lstrip(b" \t\r").startswith(b"\n")
    return np.stack(rows).T if vector else np.stack(rows)


def _rows(line: bytes, where: str) -> Matrix:
    try:
        with np.errstate(over="ignore"):
            return np.array([float(said) for said in line.split()], float).astype(np.float32)
    except (ValueError, UnicodeDecodeError):
        raise ValueError(f"{where} holds {line[:20]!r}, wanted matrices; give an archive of features") from None


def _table(path: Path) -> dict[str, Matrix]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text in UTF-8; give a table of names and places in archives") from None
    made, archives = dict[str, Matrix](), dict[Path, bytes]()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        key, _, place = line.strip().partition(" ")
        where = f"{path}: line {number}, recording {key[:60]!r}"
        place = place.strip()
        if place.endswith("|") or place.startswith("|"):
            raise ValueError(f"{where} runs a program; run it and give its output")
        if key in made:
            raise ValueError(f"{where} is there twice; give each recording a name of its own")
        match = POINTER.fullmatch(place)
        if not match:
            raise ValueError(f"{where} has no file; a line is: name file:offset")
        made[key] = _pointed(path, match, where, archives)
    if not made:
        raise ValueError(f"{path} has no recording; a line is: name file:offset")
    return made


def _pointed(path: Path, match: re.Match[str], where: str, archives: dict[Path, bytes]) -> Matrix:
    """The matrix at the place; each archive is read once."""
    try:
        file = next((one for one in (path.parent / match[1], Path(match[1])) if one.is_file()), None)
    except (OSError, ValueError):  # a name that no file can have
        file = None
    if file is None:
        raise ValueError(f"{where}: {match[1][:80]} is no file; mend its path")
    if file not in archives:
        archives.clear()
        archives[file] = file.read_bytes()
    matrix, _ = _thing(archives[file], int(match[2] or 0), where)
    if match[3] is None:
        return matrix
    for axis, text in enumerate(match[3].split(",")):
        matrix = _cut(matrix, axis, text.strip(), where)
    return matrix


def _cut(matrix: Matrix, axis: int, text: str, where: str) -> Matrix:
    """Rows or columns from the first to the last of a range, both included."""
    if text in ("", ":"):
        return matrix
    match = RANGE.fullmatch(text)
    if not match or axis > 1:
        raise ValueError(f"{where} has the range {text[:20]!r}; write first:last")
    first, last, there = int(match[1]), int(match[2]), matrix.shape[axis]
    if not 0 <= first <= last or first >= there or last - (SLACK if axis == 0 else 0) >= there:
        raise ValueError(f"{where} wants {first} to {last} of {there} {('rows', 'columns')[axis]}; mend its range")
    return matrix[first : last + 1] if axis == 0 else matrix[:, first : last + 1]
