"""Data sets: the yearly sunspot numbers are part of the package, the others are found in a folder of yours.

The environment variable THROUGHTIME_DATA names that folder; each data set is a folder in it, under its name here.
"""

import lzma
import os
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from throughtime.io import readers
from throughtime.io.tables import Table

VARIABLE = "THROUGHTIME_DATA"

Values = NDArray[Any]


class DatasetMissing(FileNotFoundError):
    """A data set that is not on this machine; the message tells where it comes from and where to put it."""


@dataclass(frozen=True)
class Dataset:
    """What a data set is, where it comes from, and under which licence; `files[0]` is the main one."""

    about: str
    source: str
    licence: str
    files: tuple[str, ...]


DATASETS = {
    "an4": Dataset(
        "AN4 census speech, MFCC features with phone and word timings",
        "CMU's an4 cepstra, as in github.com/cphazen/Machine-Learning-Project-ASR, timings by forced alignment",
        "BSD-style, free for any purpose, keep the notice",
        ("an4.npz",),
    ),
    "cascaded_tanks": Dataset(
        "Cascaded tanks with overflow, a measured plant: pump voltage to water level",
        "doi.org/10.4121/12960104.v1 (Schoukens, Mattsson, Wigren, Noel)",
        "CC BY-SA 4.0",
        ("dataBenchmark.csv",),
    ),
    "festvox_ru": Dataset(
        "One Russian speaker, 620 read sentences, phone-timed, MFCC features",
        "Debian package festvox-ru 0.5+dfsg-6, audio turned into MFCC",
        "BSD-like, keep the notice, mark modifications",
        ("festvox_ru_mfcc13.npz",),
    ),
    "fsdd": Dataset(
        "Free Spoken Digit Dataset, 3000 recordings, MFCC features and audio",
        "github.com/Jakobovski/free-spoken-digit-dataset",
        "CC BY-SA 4.0",
        ("fsdd_mfcc13_8khz.npz", "fsdd_audio_int16.npy.xz"),
    ),
    "japanese_vowels": Dataset(
        "Japanese Vowels: which of nine speakers, from 12 LPC cepstra",
        "UCI Machine Learning Repository 128 (Kudo, Toyama, Shimbo), also in the package aeon 1.6.0",
        "CC BY 4.0",
        ("japanese_vowels.npz",),
    ),
    "pendigits": Dataset(
        "Pen-based digits, eight points each",
        "UCI Machine Learning Repository 81 (Alpaydin, Alimoglu)",
        "CC BY 4.0",
        ("pendigits.npz",),
    ),
    "unipen": Dataset(
        "UNIPEN online handwriting: digits, lower-case letters, words",
        "doi.org/10.5281/zenodo.1195803 (Unipen Foundation), as in github.com/GreenCappuccino/train_r01_v07",
        "CC BY 4.0",
        ("digits.npz", "lower.npz", "words.npz"),
    ),
}


def sunspots() -> tuple[Values, Values]:
    """Years 1700 to 2008 and the mean sunspot number of each (309 values); public domain, NOAA NGDC.

    >>> years, numbers = sunspots()
    >>> int(years[0]), float(numbers[0])
    (1700, 5.0)
    """
    with as_file(files("throughtime") / "data" / "sunspots.csv") as path:
        columns = _columns(path)
    return columns["YEAR"].astype(int), columns["SUNACTIVITY"]


def dataset_folder(name: str) -> Path:
    """The folder of a data set; `DatasetMissing` tells where to get it if it is not there."""
    if name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}; known: {', '.join(DATASETS)}")
    known, place = DATASETS[name], os.environ.get(VARIABLE)
    path = Path(place or f"${VARIABLE}") / name
    missing = [file for file in known.files if not (place and (path / file).is_file())]
    if missing:
        unset = "" if place else f", and set {VARIABLE} to a folder"
        raise DatasetMissing(
            f"data set {name!r} is not on this machine: make it from {known.source} (licence: {known.licence}) and "
            f"put {', '.join(missing)} into {path}{unset}"
        )
    return path


def load_dataset(name: str, file: str | None = None) -> dict[str, Values]:
    """The arrays in a file of a data set (its main file), by their names; of a CSV table, its columns.

    A raw array (.npy.xz) is called "values".
    """
    path = dataset_folder(name) / (file or DATASETS[name].files[0])
    if not path.is_file():
        raise ValueError(f"data set {name!r} has no file {file!r}; it has {', '.join(DATASETS[name].files)}")
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    if path.suffix == ".xz":
        with lzma.open(path) as stream:
            return {"values": np.load(stream, allow_pickle=False)}
    return _columns(path)


def _columns(path: Path) -> dict[str, Values]:
    """The columns of a table, empty cells as NaN."""
    table = readers.read(path, Table)
    return dict(zip(table.columns, table.numbers(table.columns, gaps=True).T, strict=True))
