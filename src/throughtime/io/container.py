"""The container of a model, or of a tree: arrays and texts in one file of the safetensors format, with a checksum over all of it.

8 bytes  the length of the header
header   {"__metadata__": {"checksum": ..., and the texts}, array: {"dtype": ..., "shape": ..., "data_offsets": ...}, ...}
arrays   one behind the other, in the order of their names

The checksum is the SHA-256 of the whole file with zeros in the checksum's own place, so that no bit can change unseen. The
same arrays and texts make the same bytes. Files from before there was a checksum have none, and are read.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import prod
from typing import Any, BinaryIO, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from throughtime.checks import one_line

HEADER_LIMIT = 100_000_000  # bytes, as the safetensors format has it
MOST_PARTS = 400_000  # of the header and its texts: in memory each is many times as long as in the file
MOST_AXES = 8  # of an array
FLOATS = {
    name: jnp.dtype(word)
    for name, word in (("F64", "float64"), ("F32", "float32"), ("F16", "float16"), ("BF16", "bfloat16"))
}
WHOLE = {
    f"{letter}{bits}": np.dtype(f"{word}{bits}")
    for letter, word in (("I", "int"), ("U", "uint"))
    for bits in (64, 32, 16, 8)
}
KINDS = FLOATS | WHOLE | {"BOOL": np.dtype(bool)}
BEGINNING = b'{"__metadata__":{'
CHECKSUM = "checksum"
ZEROS = "0" * 64

Values = NDArray[Any]


class FileContentError(ValueError):
    """A file that does not hold what it should, a model, progress or a tree; one line, of a thousand characters at most."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


@dataclass(frozen=True, eq=False)
class Container:
    """What a file holds: texts, and arrays that are views of its bytes."""

    texts: Mapping[str, str]
    arrays: Mapping[str, Values]


def pack(texts: Mapping[str, str], arrays: Mapping[str, Values], kinds: Mapping[str, Any] = FLOATS) -> bytes:
    """The bytes of a file that holds them.

    raises  ValueError for an array of another kind; those of a model are floating-point numbers
    """
    header: dict[str, Any] = {"__metadata__": {CHECKSUM: ZEROS, **texts}}
    names, end = {kind: name for name, kind in kinds.items()}, 0
    for name, array in sorted(arrays.items()):
        if array.dtype not in names:
            raise ValueError(f"the array {name!r} holds {array.dtype}; weights are floating-point numbers")
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": names[array.dtype], "shape": array.shape, "data_offsets": (begin, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join([len(text).to_bytes(8, "little"), text, *(a.tobytes() for _, a in sorted(arrays.items()))])
    return data.replace(ZEROS.encode(), sha256(data).hexdigest().encode(), 1)


def opened(path: str | os.PathLike[str]) -> BinaryIO:
    """The file to read from; an `OSError` in one line where there is none."""
    if os.path.isdir(path):
        raise IsADirectoryError(f"{os.fspath(path)} is a folder, not a file; name the .safetensors file in it")
    if not os.path.exists(path):
        raise FileNotFoundError(f"{os.fspath(path)} does not exist; give the .safetensors file that was saved")
    return open(path, "rb")


def read(file: BinaryIO, name: Any, kinds: Mapping[str, Any] = FLOATS) -> Container:
    """What is in a file, which is called `name`; of one that is none of ours only the first bytes are read.

    kinds  of arrays that may be in it

    raises  FileContentError if it is no such file, or not whole
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    first = file.read(8 + len(BEGINNING))
    length = _length(first, size, name)
    header = _header(first[8:] + file.read(length - len(BEGINNING)), name)
    texts = header.pop("__metadata__")
    arrays = {array: _entry(entry, size, f"{name}: the array {array!r}", kinds) for array, entry in header.items()}
    promised = 8 + length + _end(arrays.values(), name)
    if size != promised:
        raise FileContentError(f"{name} has {size} bytes where its header promises {promised}; copy it again")
    file.seek(0)
    data = file.read()
    _check_sum(data, texts.pop(CHECKSUM, None), name)
    return Container(texts, {array: entry.of(data, 8 + length) for array, entry in arrays.items()})


class _Entry(NamedTuple):
    kind: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int

    def of(self, data: bytes, start: int) -> Values:
        """The array, a view of the data."""
        return np.frombuffer(data, self.kind, prod(self.shape), start + self.begin).reshape(self.shape)


def _length(first: bytes, size: int, name: Any) -> int:
    """How long the header is."""
    length = int.from_bytes(first[:8], "little")
    if len(first) < 8 or length > HEADER_LIMIT or first[8:9] not in (b"{", b""):
        raise FileContentError(f"{name} is not a .safetensors file; give a file written by throughtime")
    if size < 8 + length:
        raise FileContentError(f"{name} is cut short within its header, at {size} bytes; copy it again")
    if length < len(BEGINNING) or first[8:] != BEGINNING:
        raise FileContentError(f"{name} is a .safetensors file, but not a model of throughtime")
    return length


def _header(text: bytes, name: Any) -> dict[str, Any]:
    """The header, whose texts are texts; every other value is for `_entry` to look at."""
    if text.count(b",") + text.count(b"{") + text.count(b"[") > MOST_PARTS:
        raise FileContentError(f"{name} has a header of more than {MOST_PARTS} parts, which no model has")
    try:
        header: dict[str, Any] = json.loads(text.decode("ascii"))
    except (ValueError, RecursionError):
        raise FileContentError(f"{name} is not a .safetensors file: its header is not readable") from None
    texts = header.get("__metadata__")
    if not isinstance(texts, dict) or not all(isinstance(value, str) for value in texts.values()):
        raise FileContentError(f"{name} is not a .safetensors file: its metadata are not texts")
    return header


def _entry(entry: Any, size: int, what: str, kinds: Mapping[str, Any]) -> _Entry:
    """What the header says of an array, where it can be in a file of that size."""
    try:
        kind, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        possible = len(shape) <= MOST_AXES and all(type(n) is int and 0 <= n <= size for n in (*shape, begin, end))
    except (LookupError, TypeError, ValueError):
        possible = False
    if not possible:
        raise FileContentError(f"{what} is not described as the .safetensors format has it; the file is damaged")
    if not isinstance(kind, str) or kind not in kinds:
        raise FileContentError(f"{what} holds {kind!r}; weights are floating-point numbers")
    if end - begin != prod(shape) * kinds[kind].itemsize:
        raise FileContentError(f"{what} has {end - begin} bytes, which are not {shape} numbers; the file is damaged")
    return _Entry(kinds[kind], tuple(shape), begin, end)


def _end(entries: Iterable[_Entry], name: Any) -> int:
    """Where the last array ends, if each begins where one before it has ended."""
    end = 0
    for entry in sorted(entries, key=lambda e: (e.begin, e.end)):
        if entry.begin != end:
            raise FileContentError(f"{name}: its arrays overlap, or leave a gap; the file is damaged")
        end = entry.end
    return end


def _check_sum(data: bytes, told: str | None, name: Any) -> None:
    if told is None:
        return
    at, whole = data.find(told.encode("ascii", "replace")), memoryview(data)
    found = sha256(whole[:at])
    found.update(ZEROS.encode())
    found.update(whole[at + len(ZEROS) :])
    if found.hexdigest() != told:
        raise FileContentError(f"{name} is damaged: what it holds does not make its checksum; copy it again")
