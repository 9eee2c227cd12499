"""HTK parameter files: a matrix of frames behind twelve bytes; compressed (_C) and with a checksum (_K) too."""

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from throughtime.io.frames import Frames

SUFFIXES = (".htk", ".mfc", ".mfcc", ".plp", ".fea", ".fbank")
GIVES = Frames

HEAD = 12
COMPRESSED, CHECKED = 0o2000, 0o10000
WAVEFORM, IREFC, DISCRETE = 0, 5, 10
UNIT = 1e-7  # seconds of HTK's periods


class HtkHead(NamedTuple):
    """Frames, their period in 100 ns, bytes of each, and their kind with its qualifiers; > or < is the byte order."""

    frames: int
    period: int
    size: int
    kind: int
    order: str

    @property
    def bytes(self) -> int:
        """How long the file must be."""
        return HEAD + self.frames * self.size + (2 if self.kind & CHECKED else 0)


def read(path: Path) -> Frames:
    """The frames (T, F) of a file, under its name, and seconds from one to the next; a waveform has one column, from -1 to 1.

    raises  ValueError in one line: a length that is not what the header says, discrete symbols, a period of 0
    """
    data = path.read_bytes()
    if len(data) < HEAD:
        raise ValueError(f"{path} has {len(data)} bytes, less than HTK's header of {HEAD}; copy it again")
    big, little = (HtkHead._make((*struct.unpack(f"{order}iihH", data[:HEAD]), order)) for order in "><")
    header = little if little.bytes == len(data) and big.bytes != len(data) else big
    count, period, size, kind, order = header
    if count < 0 or size <= 0 or header.bytes != len(data):
        raise ValueError(f"{path} says {count} frames of {size} bytes, has {len(data)} bytes; copy it again")
    base = kind & 0o77
    if base == DISCRETE:
        raise ValueError(f"{path} holds discrete symbols, wanted numbers; give the parameters that they were made of")
    if period <= 0:
        raise ValueError(f"{path} says a period of {period}; its frames need a time between them")
    found = [] if order == ">" else ["the byte order is little-endian, which HTK's own files are not"]
    return Frames({path.stem: _values(path, data[HEAD : HEAD + count * size], header)}, period * UNIT, found=found)


def _values(path: Path, data: bytes, header: HtkHead) -> NDArray[np.floating]:
    base, whole = header.kind & 0o77, f"{header.order}i2"
    if base in (WAVEFORM, IREFC) or header.kind & COMPRESSED:
        if header.size % 2:
            raise ValueError(f"{path} says frames of {header.size} bytes, of numbers of 2; copy it again")
        numbers = np.frombuffer(data, whole)
        if base in (WAVEFORM, IREFC):
            return (numbers.reshape(-1, header.size // 2) / (32768 if base == WAVEFORM else 32767)).astype(np.float32)
        return _uncompressed(path, data, header)
    if header.size % 4:
        raise ValueError(f"{path} says frames of {header.size} bytes, of numbers of 4; copy it again")
    return np.frombuffer(data, f"{header.order}f4").reshape(-1, header.size // 4).astype(np.float32)


def _uncompressed(path: Path, data: bytes, header: HtkHead) -> NDArray[np.floating]:
    """x = (number + B) / A of each column; A, then B, take the place of the first four frames."""
    columns = header.size // 2
    if header.frames < 4:
        raise ValueError(f"{path} says {header.frames} frames and compression, which takes four; copy it again")
    scale, shift = np.frombuffer(data[: 8 * columns], f"{header.order}f4").reshape(2, columns).astype(np.float32)
    if not scale.all():
        raise ValueError(f"{path} has a scale of 0 in column {int(np.argmin(scale != 0))}; copy it again")
    numbers = np.frombuffer(data[8 * columns :], f"{header.order}i2").reshape(-1, columns)
    with np.errstate(all="ignore"):  # numbers that are not finite are the file's
        return (numbers + shift) / scale
