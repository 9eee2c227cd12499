"""Elements of MATLAB's files of versions 4 and 5 to 7, each checked against what is there before it is read.

Sources: MathWorks, "MAT-File Format". scipy reads these files too, but damaged ones may end its process.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from throughtime.io.matlab_tables import Other, Tree

TYPES = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
    16: "u1",
    17: "u2",
    18: "u4",
}
MATRIX, COMPRESSED = 14, 15
CELL, STRUCT, OBJECT, CHAR, SPARSE, FUNCTION, OPAQUE = 1, 2, 3, 4, 5, 16, 17
COMPLEX = 0x800
V4_TYPES = ("f8", "f4", "i4", "i2", "u2", "u1")
LARGEST = 2**27  # numbers of one variable: 1 GB in float64
DEEPEST = 20


class Damaged(ValueError):
    """What is wrong with the bytes."""


class Element(NamedTuple):
    """What stands behind a tag."""

    kind: int
    data: memoryview


class Elements(NamedTuple):
    """The order of bytes, "<" or ">"; everything is read with it."""

    order: str

    def elements(self, data: memoryview) -> Iterator[Element]:
        """The elements one behind the other."""
        at = 0
        while len(data) - at >= 8:
            first, size = struct.unpack_from(f"{self.order}II", data, at)
            kind, start, step = first, at + 8, 0
            if first >> 16:  # up to four bytes stand in the tag
                kind, size, start, step = first & 0xFFFF, first >> 16, at + 4, 8
            if size > len(data) - start or (step and size > 4):
                raise Damaged("is cut short")
            yield Element(kind, data[start : start + size])
            at = at + step if step else start + size + (0 if kind == COMPRESSED else -size % 8)

    def variables(self, data: memoryview) -> dict[str, Tree]:
        """The variables of a file of version 5 to 7, behind its header."""
        found: dict[str, Tree] = {}
        for kind, inside in self.elements(data):
            elements = self.elements(_unpacked(inside)) if kind == COMPRESSED else iter([Element(kind, inside)])
            for one in elements:
                if one.kind == MATRIX:
                    name, value = self.matrix(one.data)
                    found[name if name not in found else f"{name}.{len(found)}"] = value
        return found

    def matrix(self, data: memoryview, depth: int = 0) -> tuple[str, Tree]:
        """An array with its name."""
        if not len(data):
            return "", Other("nothing")
        parts = self.elements(data)
        flags = self.numbers(_next(parts))
        if depth > DEEPEST or len(flags) < 1:
            raise Damaged("has structs within structs without end, or an array without a class")
        kind = int(flags[0]) & 0xFF
        if kind == OPAQUE:
            name, _, said = (_text(_next(parts)) for _ in range(3))
            return name or "None", Other(said or "an object")
        shape, name = [int(n) for n in self.numbers(_next(parts))], _text(_next(parts))
        count = counted(shape)
        if kind in (CELL, STRUCT, OBJECT):
            said = _text(_next(parts)) if kind == OBJECT else ""
            return name, self._inside(parts, kind, said, count, depth)
        if kind in (CHAR, SPARSE, FUNCTION):
            return name, Other({CHAR: "text", SPARSE: "a sparse matrix", FUNCTION: "a function"}[kind])
        if int(flags[0]) & COMPLEX:
            return name, Other("complex numbers")
        values = self.numbers(_next(parts))
        if len(values) != count:
            raise Damaged(f"has {len(values)} numbers in {name!r}, where its size says {count}")
        return name, values.reshape(shape, order="F")

    def _inside(self, parts: Iterator[Element], kind: int, said: str, count: int, depth: int) -> Tree:
        if kind == CELL:
            return [self.matrix(_next(parts).data, depth + 1)[1] for _ in range(count)]
        longest, names = self.numbers(_next(parts)), bytes(_next(parts).data)
        width = int(longest[0]) if len(longest) else 0
        if width < 1 or len(names) % width:
            raise Damaged("has a struct whose names do not come out")
        fields = [names[k : k + width].split(b"\0")[0].decode(errors="replace") for k in range(0, len(names), width)]
        rows = [{field: self.matrix(_next(parts).data, depth + 1)[1] for field in fields} for _ in range(count)]
        if kind == OBJECT:
            return _object(said, rows)
        return rows[0] if count == 1 else rows

    def numbers(self, element: Element) -> np.ndarray:
        """Numbers as float64, whatever they were kept as."""
        if element.kind not in TYPES:
            raise Damaged(f"has numbers of an unknown type, {element.kind}")
        size = np.dtype(TYPES[element.kind]).itemsize
        whole = element.data[: len(element.data) // size * size]
        return np.frombuffer(whole, f"{self.order}{TYPES[element.kind]}").astype(np.float64)

    def of_version_4(self, data: memoryview) -> dict[str, Tree]:
        """The variables of a file of version 4."""
        found: dict[str, Tree] = {}
        while len(data):
            if len(data) < 20:
                raise Damaged("is cut short")
            kind, rows, columns, imaginary, long = struct.unpack_from(f"{self.order}5i", data)
            type_, what = kind // 10 % 10, kind % 10
            if not (0 <= kind < 5000 and type_ < len(V4_TYPES) and what < 3 and imaginary in (0, 1) and long > 0):
                raise Damaged("has a head of a variable that is none")
            dtype = np.dtype(f"{self.order}{V4_TYPES[type_]}")
            size = counted([rows, columns]) * dtype.itemsize
            start, end = 20 + long, 20 + long + size * (1 + imaginary)
            if end > len(data):
                raise Damaged("is cut short")
            name = bytes(data[20 : start - 1]).decode("latin-1")
            values = np.frombuffer(data[start : start + size], dtype).astype(np.float64)
            plain = what == 0 and not imaginary
            found[name] = values.reshape((rows, columns), order="F") if plain else Other("no plain numbers")
            data = data[end:]
        return found


def _next(parts: Iterator[Element]) -> Element:
    found = next(parts, None)
    if found is None:
        raise Damaged("is cut short")
    return found


def _text(element: Element) -> str:
    return bytes(element.data).decode(errors="replace")


def counted(shape: list[int]) -> int:
    count = 1
    for size in shape:
        count *= size
        if size < 0 or count > LARGEST:
            raise Damaged(f"has a variable of a size below 0 or of more than {LARGEST:,} numbers")
    return count


def _unpacked(data: memoryview) -> memoryview:
    opened = zlib.decompressobj()
    try:
        made = opened.decompress(data, 8 * LARGEST)
    except zlib.error:
        raise Damaged("is damaged within what is compressed") from None
    if opened.unconsumed_tail:
        raise Damaged(f"has a variable of more than {LARGEST:,} numbers")
    return memoryview(made)


def _object(said: str, rows: list[dict[str, Tree]]) -> Tree:
    """Of an object of one of the older classes the fields are there; those of `iddata` are a record."""
    if said == "iddata" and len(rows) == 1 and {"InputData", "OutputData"} <= set(rows[0]):
        return {"u": rows[0]["InputData"], "y": rows[0]["OutputData"]}
    return Other(said or "an object")
