"""RNNLIB's NetCDF files (classic): sequences one after the other, with a string of labels or one for each frame."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from throughtime.io.frames import Frames

SUFFIXES = (".nc",)
GIVES = Frames

Arrays = dict[str, NDArray[Any]]


def read(path: Path) -> Frames:
    """The sequences (T, F) of a file, by their tags, or numbers from 1; labels are strings, or one for each frame.

    raises  ValueError in one line: no classic NetCDF, lengths whose sum is not that of the inputs, a label that is not in the list
    """
    arrays = _arrays(path)
    if "inputs" not in arrays or not {"seqLengths", "seqDims"} & arrays.keys():
        raise ValueError(f"{path} lacks inputs, or seqLengths and seqDims; give a file that RNNLIB reads")
    inputs = arrays["inputs"]
    if inputs.dtype.kind not in "fiu" or inputs.ndim not in (1, 2):
        raise ValueError(f"{path}: its inputs are no matrix of numbers; give a file that RNNLIB reads")
    inputs = inputs.reshape(len(inputs), -1)
    lengths = _lengths(path, arrays)
    if lengths.min(initial=0) < 0 or sum(lengths.tolist()) != len(inputs):
        raise ValueError(f"{path}: its lengths come to {sum(lengths.tolist()):,} steps, its inputs to {len(inputs):,}")
    names = _names(arrays, len(lengths))
    cuts = np.cumsum(lengths)[:-1]
    matrices = dict(zip(names, np.split(inputs, cuts), strict=True))
    return Frames(matrices, labels=_labels(path, arrays, names, cuts))


def _arrays(path: Path) -> Arrays:
    """The variables, in native byte order."""
    from scipy.io import netcdf_file  # here, since it takes long to import

    data = path.read_bytes()
    if data.startswith(b"\x89HDF"):
        raise ValueError(f"{path} is NetCDF-4; convert it first, as with: nccopy -k classic IN.nc OUT.nc")
    if not data.startswith((b"CDF\x01", b"CDF\x02")):
        raise ValueError(f"{path} is no NetCDF file; give a classic one")
    try:
        with netcdf_file(io.BytesIO(data), mmap=False) as file:
            return {name: _native(np.array(variable[:])) for name, variable in file.variables.items()}
    except Exception as error:  # scipy raises whatever the wrong bytes lead to
        raise ValueError(f"{path} is damaged: {' '.join(str(error).split())[:80]}; copy it again") from None


def _native(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(array.dtype.newbyteorder("="))


def _lengths(path: Path, arrays: Arrays) -> NDArray[np.int64]:
    """Steps of each sequence: the product of its dimensions."""
    said = arrays["seqLengths"] if "seqLengths" in arrays else arrays["seqDims"]
    if said.dtype.kind not in "iu" or said.ndim not in (1, 2) or not said.size:
        raise ValueError(f"{path}: its lengths are no whole numbers; give a file that RNNLIB reads")
    rows = said.reshape(len(said), -1).tolist()
    products = [int(np.prod(row, dtype=object)) for row in rows]
    if max(map(abs, products)) > 2**40:
        raise ValueError(f"{path}: its lengths are beyond any file; copy it again")
    return np.array(products)


def _strings(array: NDArray[Any]) -> list[str]:
    """Rows of characters, cut at NUL."""
    rows = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
    return [row.astype("S1").tobytes().partition(b"\0")[0].decode("utf-8", "replace").strip() for row in rows]


def _names(arrays: Arrays, count: int) -> list[str]:
    tags = _strings(arrays["seqTags"]) if "seqTags" in arrays else []
    return tags if len(tags) == len(set(tags)) == count else [str(k + 1) for k in range(count)]


def _labels(path: Path, arrays: Arrays, names: list[str], cuts: NDArray[Any]) -> dict[str, list[str]]:
    """A string of labels, or the label of each frame; below 0 there is none."""
    known = _strings(arrays["labels"]) if "labels" in arrays else None
    if "targetStrings" in arrays:
        strings = [string.split() for string in _strings(arrays["targetStrings"])]
        if len(strings) != len(names):
            raise ValueError(f"{path} has {len(strings)} strings of labels for {len(names)} sequences")
        for name, string in zip(names, strings, strict=True):
            strange = [label for label in string if known is not None and label not in known]
            if strange:
                raise ValueError(f"{path}: {strange[0][:40]!r} in sequence {name[:40]} is none of its labels; mend it")
        return dict(zip(names, strings, strict=True))
    if "targetClasses" not in arrays:
        return {}
    classes = arrays["targetClasses"].reshape(-1)
    if classes.dtype.kind not in "iu" or (known is not None and classes.max(initial=-1) >= len(known)):
        raise ValueError(f"{path}: its targetClasses are no numbers of its labels; mend them")
    if len(classes) == len(names):
        cuts = np.arange(1, len(names))
    elif len(classes) != sum(len(part) for part in np.split(arrays["inputs"], cuts)):
        raise ValueError(f"{path} has {len(classes)} classes, neither one for each sequence nor for each step")
    said = ["" if k < 0 else known[k] if known is not None else str(k) for k in classes.tolist()]
    bounds = [0, *cuts.tolist(), len(said)]
    return {name: said[a:b] for name, a, b in zip(names, bounds, bounds[1:], strict=False)}
