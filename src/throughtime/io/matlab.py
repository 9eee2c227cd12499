"""MATLAB's files: v4 to v7, and v7.3 by h5py (the extra `files`)."""

from pathlib import Path
from typing import Any

import numpy as np

from throughtime.io.matlab_elements import DEEPEST, Damaged, Elements, counted
from throughtime.io.matlab_tables import Other, Tree, table_of
from throughtime.io.tables import Table, checked

SUFFIXES = (".mat",)
GIVES = Table

HDF5 = b"\x89HDF\r\n\x1a\n"
ORDERS = {b"IM": "<", b"MI": ">"}
HEADER = 128
SAVE = "save it in MATLAB or Octave with: save -v7 FILE.mat u y"


def read(path: Path) -> Table:
    """The variables of a .mat file as columns: vectors by their names, columns of matrices numbered, fields after a point.

    Variables of one number of rows make the table; others are left out, and `found` says which. The elements of cells and of
    struct arrays are records, one below the other, numbered in the column "record".

    raises  ValueError if it is no such file, is damaged, or holds no numbers; ImportError for v7.3 without the extra `files`
    """
    data = path.read_bytes()
    try:
        tree = _stored_in(path) if HDF5 in (data[:8], data[512:520]) else _elements(memoryview(data))
    except Damaged as error:
        raise ValueError(f"{path} cannot be read as a MATLAB file: it {error}; {SAVE}") from None
    return checked(table_of(path, tree))


def _elements(data: memoryview) -> dict[str, Tree]:
    order = ORDERS.get(bytes(data[126:HEADER]))
    if order is not None:
        return Elements(order).variables(data[HEADER:])
    if 0 not in data[:4]:
        raise Damaged("begins as none does")
    return Elements("<" if int.from_bytes(data[:4], "little") < 5000 else ">").of_version_4(data)


def _stored_in(path: Path) -> dict[str, Tree]:
    try:
        import h5py
    except ImportError:
        raise ImportError(
            f"{path} is a MATLAB file of version 7.3, which the extra `files` reads: pip install 'throughtime[files]', or {SAVE}"
        ) from None
    try:
        with h5py.File(path, "r") as file:
            return {str(name): _stored(file, file[name]) for name in file if not str(name).startswith("#")}
    except Damaged:
        raise
    except Exception:  # h5py raises what HDF5 happens to meet in damaged bytes
        raise Damaged("is damaged") from None


def _stored(file: Any, item: Any, depth: int = 0) -> Tree:
    """A variable of a v7.3 file, whose axes MATLAB writes the other way round."""
    if depth > DEEPEST:
        raise Damaged("has structs within structs without end")
    told = item.attrs.get("MATLAB_class", b"")
    kind = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
    if hasattr(item, "keys"):  # a group: a struct, whose fields are references where it is an array
        return Other(kind) if kind not in ("", "struct") else {str(k): _stored(file, item[k], depth + 1) for k in item}
    if kind == "char" or "MATLAB_empty" in item.attrs:
        return Other("text" if kind == "char" else "nothing")
    if "MATLAB_object_decode" in item.attrs:
        return Other(kind or "an object")
    counted(list(item.shape))
    if item.dtype.kind == "O":
        return [_stored(file, file[one], depth + 1) for one in np.asarray(item[()]).T.ravel()]
    if item.dtype.kind not in "biuf":
        return Other("complex numbers" if item.dtype.names else "no numbers")
    return np.asarray(item[()], np.float64).T
