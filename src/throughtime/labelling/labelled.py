"""Recordings with a class each: a .ts file, a folder with a sub-folder for each class, or a table with a column of classes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from throughtime.features.heard import sound_input
from throughtime.features.pen import PenFeatures, pen_input
from throughtime.features.series import KIND, series_input
from throughtime.features.speech import SpeechFeatures
from throughtime.io import readers
from throughtime.io.dates import times_of
from throughtime.io.pen import Drawing
from throughtime.io.series import Series
from throughtime.io.sound import Sound
from throughtime.io.tables import Table

Values = NDArray[Any]
RATE = 16_000  # samples per second that are heard at most
STEPS, MOST = 40, 8  # that series have when several are heard as one; heard as one


@dataclass(frozen=True, eq=False)
class Labelled:
    """Recordings as a network hears them, each with its class.

    xs        (T, I) each
    labels    their classes
    names     of their files, or of the file and the case in it
    features  how they were made of recordings, as a model's settings say it
    """

    xs: Sequence[Values]
    labels: Sequence[str]
    names: Sequence[str]
    features: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.xs)

    def part(self, chosen: Sequence[int]) -> "Labelled":
        """Some of them."""
        return Labelled(
            [self.xs[k] for k in chosen],
            [self.labels[k] for k in chosen],
            [self.names[k] for k in chosen],
            self.features,
        )


@dataclass(frozen=True)
class LabelColumns:
    """How DATA is to be read.

    label    the column of a table with the class of each row's record
    record   its column that tells records apart; None: rows of one class, one behind the other, are one
    deltas   orders of differences beside what was measured
    frames   steps heard as one; None: of series so many that they have about `STEPS`, of sound two
    """

    label: str | None = None
    record: str | None = None
    deltas: int = 1
    frames: int | None = None


def read(path: Path, asked: LabelColumns, like: Mapping[str, Any] | None = None) -> Labelled:
    """The recordings and their classes. Of tables dates, and columns that only count the steps, are not heard.

    like  features of another set, which these are to have; None: the usual ones of their kind

    raises  FileNotFoundError, and ValueError in one line, with what DATA can be
    """
    if path.is_dir():
        found = list(_of_folder(path))
    else:
        thing = readers.any_of(path)
        if isinstance(thing, Series):
            found = list(_of_series(path, thing))
        elif isinstance(thing, Table):
            found = list(_of_table(thing, asked))
        else:
            raise ValueError(f"{path} is one recording; give a folder with a sub-folder of recordings for each class")
    names, labels, recordings = ([one[k] for one in found] for k in range(3))
    features = _features(path, recordings, names, asked) if like is None else like
    heard = hearing(features)
    xs = []
    for name, recording in zip(names, recordings, strict=True):
        try:
            xs.append(heard(recording))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return Labelled(xs, labels, names, features)


def hearing(features: Mapping[str, Any]) -> Callable[[Any], Values]:
    """What makes of a recording what a network hears."""
    if features["kind"] == "mfcc":
        return lambda sound: sound_input(sound.samples, sound.rate, features)
    if features["kind"] == "pen":
        return lambda drawing: pen_input(drawing.points, features, None)
    return lambda case: series_input(case[features["columns"]] if isinstance(case, pd.DataFrame) else case, features)


def _features(path: Path, recordings: Sequence[Any], names: Sequence[str], asked: LabelColumns) -> dict[str, Any]:
    """The usual features of such recordings."""
    kinds = {type(recording) for recording in recordings}
    if kinds == {Sound}:
        rate = min([RATE, *(sound.rate for sound in recordings)])
        return SpeechFeatures(deltas=max(asked.deltas, 1), frames=asked.frames or 2).settings(rate=rate)
    if kinds == {Drawing}:
        return PenFeatures().settings
    if kinds <= {np.ndarray, pd.DataFrame}:
        lengths = [len(case) for case in recordings]
        usual = min(MOST, max(1, round(float(np.median(lengths)) / STEPS)))
        heard = SpeechFeatures(asked.deltas, normalised=False, frames=min(asked.frames or usual, min(lengths)))
        if kinds == {np.ndarray}:
            return heard.settings(KIND, recordings[0].shape[1])
        columns = heard_columns(recordings, names)
        return heard.settings(KIND, len(columns), columns=columns)
    raise ValueError(f"{path} holds recordings of several kinds; give sounds, tables or drawings alone")


def measured(table: Table, besides: Sequence[str] = ()) -> pd.DataFrame:
    """The columns that hold numbers; those of dates are left out, what else is no number is refused."""
    kept = {}
    for name in table.columns:
        if name in besides:
            continue
        try:
            kept[name] = table.numbers([name], gaps=True)[:, 0]
        except ValueError:
            try:
                times_of(table, name)
            except ValueError:
                kept[name] = table.numbers([name], gaps=True)[:, 0]
    return pd.DataFrame(kept)


def heard_columns(recordings: Sequence[pd.DataFrame], names: Sequence[str]) -> list[str]:
    """The columns that all have, but for those that only count the steps: when and how long is not what was measured."""
    columns = list(recordings[0].columns)
    for name, one in zip(names, recordings, strict=True):
        if lacking := [column for column in columns if column not in one]:
            raise ValueError(f"{name} has no column {lacking[0]!r}, which {names[0]} has; give all the same ones")
    return [column for column in columns if not all(_counts(one[column]) for one in recordings)] or columns


def _counts(values: "pd.Series[float]") -> bool:
    """True if each value is as much above the last one as all are."""
    steps = np.diff(values.to_numpy())
    return len(steps) < 2 or bool((steps > 0).all() and np.ptp(steps) <= 0.01 * steps.mean())


def _of_series(path: Path, series: Series) -> Iterator[tuple[str, str, Any]]:
    if series.labels is None or not isinstance(series.labels, list):
        raise ValueError(f"{path} has no classes (@classLabel true); a labeller needs one for each case")
    for number, (case, label) in enumerate(zip(series.cases, series.labels, strict=True), start=1):
        yield f"{path.name} case {number}", label, case


def _of_folder(path: Path) -> Iterator[tuple[str, str, Any]]:
    """The recordings in the sub-folders, each of the class that its folder is named after."""
    folders = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(folders) < 2:
        raise ValueError(
            f"{path} has {len(folders)} sub-folders; give one for each class, two at least, with its recordings"
        )
    for folder in folders:
        files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
        if not files:
            raise ValueError(f"{folder} is empty; put the recordings of class {folder.name!r} in it")
        for file in files:
            thing = readers.any_of(file)
            if isinstance(thing, Table):
                thing = measured(thing)
            yield f"{folder.name}/{file.name}", folder.name, thing


def _of_table(table: Table, asked: LabelColumns) -> Iterator[tuple[str, str, Any]]:
    """Records by the value of their column, wherever their rows stand; without one, rows of a class behind each other."""
    if asked.label is None:
        raise ValueError(
            f"{table.path} is a table: name the column with the classes, --label; it has {', '.join(table.columns)}"
        )
    table.require([name for name in (asked.label, asked.record) if name is not None])
    values = measured(table, [name for name in (asked.label, asked.record) if name is not None])
    labels = table.frame[asked.label].astype(str).str.strip()
    changes = (labels != labels.shift()).cumsum()
    records = changes if asked.record is None else table.frame[asked.record].astype(str)
    for name, rows in values.groupby(records.to_numpy(), sort=False).indices.items():
        own = labels.iloc[rows]
        if own.nunique() > 1:
            other = int(rows[int(np.argmax(own.to_numpy() != own.iloc[0]))])
            raise ValueError(
                f"{table.where(other, asked.label)}: a record has two classes; name the column that tells them apart"
            )
        yield f"{table.path.name} record {name}", str(own.iloc[0]), values.iloc[rows]
