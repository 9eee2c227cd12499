"""Sound files, read by soundfile (libsndfile), which knows them by their contents. Needs the extra `audio`."""

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from throughtime.features.sound import MISSING, Values, check_rate, check_samples


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
    ".caf",
    ".w64",
)
GIVES = Sound

LONGEST = 2**28  # samples in float64 are 2 GB
BLOCK = 2**16  # samples read at once: what a file promises costs nothing
ENDLESS = 0x7FFFFF00  # a size that a program wrote which did not know it yet
SIZES = re.compile(r"^\s*(?:data|SSND|Data Size|riff)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)  # libsndfile's log


def read(path: str | os.PathLike[str]) -> Sound:
    """The samples (N,) of a sound file (WAV, FLAC, OGG, ...), from -1 to 1, and samples per second; channels are averaged.

    raises  OSError if there is no such file, ValueError if it is no sound, is cut short, has more than 2^28 samples, or a rate
            or samples that no recording has; ImportError without the extra `audio`
    """
    try:
        import soundfile
    except ImportError:
        raise ImportError(MISSING) from None
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist or is no file; give a sound file, such as .wav")
    _refuse_packed(path)
    try:
        file = soundfile.SoundFile(os.fspath(path))
    except (soundfile.SoundFileError, TypeError):  # TypeError: samples without a header, by the name
        raise ValueError(f"{path} cannot be read as sound; give a WAV, FLAC or OGG file") from None
    with file:
        check_rate(file.samplerate, f"{path}: ")
        try:
            samples = _read(file, path)
        except soundfile.SoundFileError:
            raise ValueError(f"{path} is damaged or cut within its sound; copy it again") from None
        _refuse_cut(file, len(samples), path)
    return Sound(check_samples(samples, f"{path}: "), int(file.samplerate))


def _refuse_packed(path: str | os.PathLike[str]) -> None:
    with Path(path).open("rb") as file:
        head = file.read(1024)
    if head.startswith(b"NIST_1A") and b"shorten" in head:
        raise ValueError(
            f"{path} is compressed with shorten; decompress it first, as with: sph2pipe -f wav IN.sph OUT.wav"
        )
    if Path(path).suffix.lower() == ".raw":
        raise ValueError(f"{path} holds samples without a header that says what they are; convert it to WAV first")


def _read(file: Any, path: str | os.PathLike[str]) -> Values:
    """The mean of the channels, block by block."""
    blocks, total = [np.zeros(0)], 0
    while len(block := file.read(BLOCK, always_2d=True)):
        with np.errstate(all="ignore"):  # what is not finite is named later
            blocks.append(block.mean(axis=1))
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
