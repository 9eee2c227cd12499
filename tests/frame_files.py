"""Files of frames, written by hand, byte by byte."""

import io
import struct
from typing import Any

import numpy as np

ROWS = np.array([[1.5, -2, 0.25], [3, 4, -5], [0, 1e-3, 7], [2, 2, 2], [9, 8, 7]], np.float32)


def htk(rows: np.ndarray = ROWS, kind: int = 6, period: int = 100_000, order: str = ">", tail: bytes = b"") -> bytes:
    """Parameters as they are, or whole numbers of two bytes."""
    size = rows.shape[1] * rows.itemsize
    head = struct.pack(f"{order}iihH", len(rows), period, size, kind)
    return head + rows.astype(rows.dtype.newbyteorder(order)).tobytes() + tail


def htk_compressed(numbers: np.ndarray, scale: np.ndarray, shift: np.ndarray, kind: int = 6 | 0o2000) -> bytes:
    head = struct.pack(">iihH", len(numbers) + 4, 100_000, 2 * numbers.shape[1], kind)
    return head + scale.astype(">f4").tobytes() + shift.astype(">f4").tobytes() + numbers.astype(">i2").tobytes()


def kaldi(token: str, rows: np.ndarray) -> bytes:
    """One thing behind its name, without compression."""
    sizes = b"".join(b"\x04" + struct.pack("<i", size) for size in rows.shape)
    kind = "<f4" if token[0] == "F" else "<f8"
    return b"\0B" + f"{token} ".encode() + sizes + rows.astype(kind).tobytes()


def netcdf(dims: dict[str, int], variables: dict[str, tuple[str, tuple[str, ...], Any]], version: int = 1) -> bytes:
    """Variables (type, dimensions, values) as scipy writes them."""
    from scipy.io import netcdf_file

    target = io.BytesIO()
    file = netcdf_file(target, "w", version=version)
    for name, size in dims.items():
        file.createDimension(name, size)
    for name, (kind, axes, values) in variables.items():
        file.createVariable(name, kind, axes)[:] = values
    file.flush()
    return target.getvalue()


def characters(*strings: str, width: int = 8) -> np.ndarray:
    return np.array([list(string.ljust(width, "\0").encode()) for string in strings], np.uint8).view("S1")


def rnnlib(version: int = 1, **changed: Any) -> bytes:
    """Two sequences of 3 and 2 steps, with strings of labels; None leaves a variable out."""
    dims = {"numSeqs": 2, "numTimesteps": 5, "size": 3, "numDims": 1, "numLabels": 2, "width": 8}
    variables: dict[str, Any] = {
        "inputs": ("f", ("numTimesteps", "size"), ROWS),
        "seqDims": ("i", ("numSeqs", "numDims"), np.array([[3], [2]])),
        "labels": ("c", ("numLabels", "width"), characters("a", "bb")),
        "targetStrings": ("c", ("numSeqs", "width"), characters("a bb a", "bb")),
        **changed,
    }
    return netcdf(dims, {name: value for name, value in variables.items() if value is not None}, version)


def sample(suffix: str) -> bytes:
    """What a whole file of that kind holds."""
    return {".htk": htk, ".ark": lambda: b"a " + kaldi("FM", ROWS) + b"b  [\n 1 2\n 3 4 ]\n", ".nc": rnnlib}[suffix]()
