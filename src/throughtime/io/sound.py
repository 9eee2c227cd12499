"""Sound files, read by soundfile (libsndfile), which knows them by their contents. Needs the extra `audio`."""

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from throughtime.features.sound import MISSING, Values, check_rate, check_samples
from throughtime.io import sphere


class Sound(NamedTuple):
    """Samples (N,) from -1 to 1, and how many there are in a second."""

    samples: Values
    rate: int


SUFFIXES = (
    ".wav",
    ".flac",
    ".ogg",
    ".oga",
    ".opus",
    ".mp3",
    ".aif",
    ".aiff",
    ".aifc",
    ".au",
    ".snd",
    ".sph",
    ".nist",
    ".caf",
    ".w64",
)
GIVES = Sound

LONGEST = 2**28  # samples in float64 are 2 GB
BLOCK = 2**16  # samples read at once: what a file promises costs nothing
ENDLESS = 0x7FFFFF00  # a size that a program wrote which did not know it yet
SIZES = re.compile(r"^\s*(?:data|SSND|Data Size|riff)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)  # libsndfile's log


def read(path: str | os.PathLike[str], channel: int | None = None) -> Sound:
    """The samples (N,) of a sound file (WAV, FLAC, OGG, NIST SPHERE, ...), from -1 to 1, and samples per second.

    channel  from 0; None: the mean of all, but in SPHERE, where they are speakers, one has to be chosen

    raises  OSError if there is no such file, ValueError if it is no sound, is cut short, has more than 2^28 samples, no such
            channel, or a rate or samples that no recording has; ImportError without the extra `audio`, which SPHERE does not need
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist or is no file; give a sound file, such as .wav")
    with Path(path).open("rb") as opened:
        packed = opened.read(len(sphere.MAGIC)) == sphere.MAGIC
    samples, rate = _sphere(Path(path), channel) if packed else _known(path, channel)
    return Sound(check_samples(samples, f"{path}: "), rate)


def _sphere(path: Path, channel: int | None) -> tuple[Values, int]:
    if path.stat().st_size > 4 * LONGEST:
        raise ValueError(f"{path} has more than {LONGEST:,} samples; cut it into shorter recordings")
    samples, rate = sphere.read(path, path.read_bytes(), channel)
    if not len(samples):
        raise ValueError(f"{path} has no samples; give a recording")
    return samples, check_rate(rate, f"{path}: ")


def _known(path: str | os.PathLike[str], channel: int | None) -> tuple[Values, int]:
    """What libsndfile reads."""
    try:
        import soundfile
    except ImportError:
        raise ImportError(MISSING) from None
    if Path(path).suffix.lower() == ".raw":
        raise ValueError(f"{path} holds samples without a header that says what they are; convert it to WAV first")
    try:
        file = soundfile.SoundFile(os.fspath(path))
    except (soundfile.SoundFileError, TypeError):  # TypeError: samples without a header, by the name
        raise ValueError(f"{path} cannot be read as sound; give a WAV, FLAC or OGG file") from None
    with file:
        check_rate(file.samplerate, f"{path}: ")
        if channel is not None and not 0 <= channel < file.channels:
            raise ValueError(f"{path} has no channel {channel}; its channels are 0 to {file.channels - 1}")
        try:
            samples = _read(file, path, channel)
        except soundfile.SoundFileError:
            raise ValueError(f"{path} is damaged or cut within its sound; copy it again") from None
        _refuse_cut(file, len(samples), path)
    return samples, int(file.samplerate)


def _read(file: Any, path: str | os.PathLike[str], channel: int | None) -> Values:
    """The channel, or the mean of all, block by block."""
    blocks, total = [np.zeros(0)], 0
    while len(block := file.read(BLOCK, always_2d=True)):
        with np.errstate(all="ignore"):  # what is not finite is named later
            blocks.append(block.mean(axis=1) if channel is None else block[:, channel])
        total += len(block)
        if total > LONGEST:
            raise ValueError(f"{path} has more than {LONGEST:,} samples; cut it into shorter recordings")
    return np.concatenate(blocks)


def _refuse_cut(file: Any, found: int, path: str | os.PathLike[str]) -> None:
    """Raise an error if the file's header promises more than is there."""
    sizes = [(int(told), int(there)) for told, there in SIZES.findall(file.extra_info)]
    short = any(there < told < ENDLESS for told, there in sizes)
    if short or found < 0.99 * file.frames or "End-Of-Stream flag" in file.extra_info:  # MP3 guesses how long it is
        long = f"{found / file.samplerate:.3g} s"
        raise ValueError(
            f"{path} is cut short: only {long} of its sound are there; copy it again, or cut it with a sound editor"
        )
    if not found:
        raise ValueError(f"{path} has no samples; give a recording")
