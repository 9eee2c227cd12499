"""One binary thing of a Kaldi archive: matrices and vectors of numbers, and matrices that are compressed."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FULL = {b"FM ": ("<f4", 2), b"DM ": ("<f8", 2), b"FV ": ("<f4", 1), b"DV ": ("<f8", 1)}
PACKED = {b"CM ", b"CM2", b"CM3"}
WHOLE = 4  # bytes of the whole numbers


class Taken(NamedTuple):
    """A matrix, and where what follows it begins."""

    matrix: NDArray[np.floating]
    end: int


def matrix_at(data: bytes, at: int, where: str) -> Taken:
    """The matrix (T, F) at a place, behind the two bytes that say that it is binary; a vector is one column.

    raises  ValueError for something else, and for what is cut short
    """
    token = data[at : at + 3]
    if token in FULL:
        kind, axes = FULL[token]
        rows, at = _whole(data, at + 3, where)
        columns, at = _whole(data, at, where) if axes == 2 else (1, at)
        values, end = _numbers(data, at, rows * columns, kind, where)
        made: NDArray[Any] = values.astype(np.float32 if kind == "<f4" else np.float64)
        return Taken(made.reshape(rows, columns), end)
    if token in PACKED:
        with np.errstate(all="ignore"):  # numbers that are not finite are the file's
            return _packed(data, at + 3 + (token != b"CM "), token, where)
    if data[at : at + 1] == bytes([WHOLE]) and data[at + 1 : at + 1 + WHOLE]:
        rows, at = _whole(data, at, where)
        values, end = _numbers(data, at, rows, "<i4", where)
        return Taken(values.astype(np.float64).reshape(-1, 1), end)
    raise ValueError(f"{where} holds {token!r}, wanted matrices; give an archive of features")


def _packed(data: bytes, at: int, token: bytes, where: str) -> Taken:
    """CM: bytes between four points of each column; CM2: two bytes, CM3: one byte between the least and the largest."""
    head, at = _numbers(data, at, 2, "<f4", where)
    low, reach = (float(value) for value in head)
    shape, at = _numbers(data, at, 2, "<i4", where)
    rows, columns = (int(value) for value in shape)
    if token != b"CM ":
        kind, most = ("<u2", 65535) if token == b"CM2" else ("u1", 255)
        values, end = _numbers(data, at, _size(rows, columns, where), kind, where)
        return Taken((low + reach / most * values).astype(np.float32).reshape(rows, columns), end)
    points, at = _numbers(data, at, 4 * _size(1, columns, where), "<u2", where)
    corners = low + reach / 65535 * points.reshape(columns, 4).astype(np.float64)
    values, end = _numbers(data, at, _size(rows, columns, where), "u1", where)
    if not columns:
        return Taken(np.zeros((rows, 0), np.float32), end)
    codes = values.reshape(columns, rows)
    made = [np.interp(own, [0, 64, 192, 255], line) for own, line in zip(codes, corners, strict=True)]
    return Taken(np.stack(made, axis=1).astype(np.float32), end)


def _size(rows: int, columns: int, where: str) -> int:
    if rows < 0 or columns < 0:
        raise ValueError(f"{where} has {rows} rows of {columns}; copy it again")
    return rows * columns


def _whole(data: bytes, at: int, where: str) -> tuple[int, int]:
    """A number of four bytes behind the byte that says so."""
    value, end = _numbers(data, at + 1, 1, "<i4", where)
    if data[at] != WHOLE or value[0] < 0:
        raise ValueError(f"{where} has no size where one is due; copy it again")
    return int(value[0]), end


def _numbers(data: bytes, at: int, count: int, kind: str, where: str) -> tuple[NDArray[Any], int]:
    end = at + count * np.dtype(kind).itemsize
    if end > len(data):
        raise ValueError(f"{where} is cut short: it needs {end - len(data):,} bytes more; copy it again")
    return np.frombuffer(data[at:end], kind), end
