"""NIST SPHERE, in which corpora of speech are kept: header read line by line, PCM of one to four bytes, u-law and A-law."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAGIC = b"NIST_1A"
FIELD = re.compile(rb"([^\s]+) +-([irs])(\d*) +")
PACKED = ("shorten", "wavpack", "shortpack")
CODINGS = {"pcm": "pcm", "pcm-1": "pcm", "pcm-2": "pcm", "ulaw": "ulaw", "mu-law": "ulaw", "alaw": "alaw"}
REMEDY = "decompress it first, as with: sph2pipe -f wav IN.sph OUT.wav"


class Header(NamedTuple):
    """Fields by their names, and where the samples begin."""

    fields: dict[str, str]
    size: int


def read(path: Path, data: bytes, channel: int | None = None) -> tuple[NDArray[np.float64], int]:
    """The samples (N,) from -1 to 1 of one channel, and how many there are in a second.

    channel  from 0; None: there is but one

    raises  ValueError for packed samples, a header that does not come out, and several channels of which none is chosen
    """
    fields, size = header(path, data)
    coding = _coding(path, fields)
    rate, channels = _whole(path, fields, "sample_rate", 0), _whole(path, fields, "channel_count", 1)
    if rate <= 0 or channels < 1:
        raise ValueError(f"{path}: its header tells no sample_rate or no channels; copy it again")
    _refuse_apart(path, fields, channels)
    if channel is None and channels > 1:
        raise ValueError(
            f"{path} has {channels} channels, which are so many speakers as a rule; choose one: channel=0 in Python, "
            "or: sox IN.sph OUT.wav remix 1"
        )
    if channel is not None and not 0 <= channel < channels:
        raise ValueError(f"{path} has no channel {channel}; its channels are 0 to {channels - 1}")
    values = _samples(path, fields, coding, data[size:])
    count = len(values) // channels
    said = _whole(path, fields, "sample_count", 0)
    count = min(count, said) if said > 0 else count
    return values[: count * channels].reshape(count, channels)[:, channel or 0], rate


def header(path: Path, data: bytes) -> Header:
    """The fields of the header, each by its whole name.

    raises  ValueError if it does not end, or was changed by a copy in text mode
    """
    first, _, rest = data.partition(b"\n")
    if first.endswith(b"\r"):
        raise ValueError(f"{path} was damaged by a copy in text mode, and so were its samples; copy it again as binary")
    second = rest[:16].partition(b"\n")[0].strip()
    size = int(second) if second.isdigit() else 0
    at, fields = data.find(b"\n", data.find(b"\n") + 1) + 1, dict[str, str]()
    if not size or size % 1024:
        raise ValueError(f"{path}: its second line is no length of a header; copy it again")
    while not data.startswith(b"end_head", at):
        line = data.find(b"\n", at)
        if line < 0 or line >= size:
            raise ValueError(f"{path}: its header of {size} bytes does not end; copy it again")
        match = FIELD.match(data, at)
        if match:
            end = match.end() + int(match[3]) if match[2] == b"s" and match[3] else line
            fields[match[1].decode("latin-1")] = data[match.end() : end].decode("latin-1").strip()
            line = max(line, data.find(b"\n", end))
        at = line + 1
    return Header(fields, size)


def _coding(path: Path, fields: dict[str, str]) -> str:
    said = fields.get("sample_coding", "pcm").lower()
    for packed in PACKED:
        if packed in said:
            raise ValueError(f"{path} is compressed with {packed}; {REMEDY}")
    if said not in CODINGS:
        raise ValueError(f"{path} holds {said!r}, no samples that are known; convert it to WAV first")
    return CODINGS[said]


def _whole(path: Path, fields: dict[str, str], name: str, missing: int) -> int:
    try:
        return int(float(fields.get(name, missing)))
    except (ValueError, OverflowError):
        raise ValueError(f"{path}: its {name} is {fields[name]!r}, no number; copy it again") from None


def _refuse_apart(path: Path, fields: dict[str, str], channels: int) -> None:
    if channels > 1 and fields.get("channels_interleaved", "TRUE").upper() == "FALSE":
        raise ValueError(f"{path} has its channels one behind the other; convert it to WAV first")


def _samples(path: Path, fields: dict[str, str], coding: str, data: bytes) -> NDArray[np.float64]:
    order = fields.get("sample_byte_format", "")
    width = _whole(path, fields, "sample_n_bytes", len(order) if order.isdigit() and len(order) > 1 else 2)
    if coding != "pcm":
        return (ULAW if coding == "ulaw" else ALAW)[np.frombuffer(data, np.uint8)]
    if not 1 <= width <= 4:
        raise ValueError(f"{path} has samples of {width} bytes; convert it to WAV first")
    least_first = order in ("", "1") or order.startswith("0")
    raw = np.frombuffer(data[: len(data) // width * width], np.uint8).reshape(-1, width)
    raw = raw if least_first else raw[:, ::-1]
    wide = np.zeros((len(raw), 4), np.uint8)
    wide[:, 4 - width :] = raw  # as the upper bytes of 32 bits, so that the sign is right
    return wide.view("<i4")[:, 0] / 2.0**31


def _ulaw() -> NDArray[Any]:
    """G.711: a sign, three bits of a segment and four of a step, all turned over."""
    code = ~np.arange(256, dtype=np.uint8)
    segment, step = (code >> 4 & 7).astype(int), (code & 15).astype(int)
    return np.where(code & 128, -1, 1) * (((step * 2 + 33) << segment) - 33) / 8192.0


def _alaw() -> NDArray[Any]:
    """G.711: as above, with every other bit turned over."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    segment, step = (code >> 4 & 7).astype(int), (code & 15).astype(int)
    size = np.where(segment == 0, 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0))
    return np.where(code & 128, 1, -1) * size / 4096.0


ULAW, ALAW = _ulaw(), _alaw()
