"""Every reader of files, and which of them reads this one.

A reader is a module: what its files' names end in, which of the things below it gives, and `read`, which raises a ValueError in one
line, with the file, the place in it and what to do, where it cannot. A new format is one more of them (of tables: in `formats`).
"""

import os
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from throughtime.io import (
    htk,
    inkml,
    kaldi,
    mark_files,
    netcdf,
    pen_json,
    pen_tables,
    sound,
    textgrid,
    transcripts,
    ts_files,
    unipen,
)
from throughtime.io.formats import TABLES, Reader, reader_of
from throughtime.io.frames import Frames
from throughtime.io.marks import Marks
from throughtime.io.pen import COLUMNS, Drawing, LabelledDrawings
from throughtime.io.series import Series
from throughtime.io.sound import Sound
from throughtime.io.tables import Table

Thing = TypeVar("Thing", Table, Sound, Drawing, LabelledDrawings, Marks, Series, Frames)


class Words(NamedTuple):
    """What to say of a file that holds something else, and of one that holds nothing."""

    wrong: str
    remedy: str
    empty: str


DRAWN: tuple[Reader, ...] = (pen_tables, pen_json, unipen, inkml)
HEARD: tuple[Reader, ...] = (sound, textgrid, mark_files, htk, kaldi, netcdf, transcripts)
READERS: tuple[Reader, ...] = (*TABLES, *DRAWN, *HEARD, ts_files)
WORDS: dict[type[Any], Words] = {
    Table: Words(
        "is no table",
        "give a CSV, Parquet, Excel or MATLAB file",
        "it needs a line with the names of the columns, and rows of numbers",
    ),
    Sound: Words("holds no sound", "give a WAV, FLAC or OGG file", "give a recording"),
    Drawing: Words(
        "is no table of pen points",
        f"give CSV with the columns {', '.join(COLUMNS)}, or JSON",
        "it needs the points of a stroke at least",
    ),
    LabelledDrawings: Words(
        "holds no drawings with labels", "give a UNIPEN or InkML file", "it needs a point at least"
    ),
    Frames: Words(
        "holds no frames of features",
        "give HTK's parameter file, Kaldi's .ark or .scp, or RNNLIB's .nc",
        "it needs a frame at least",
    ),
    Marks: Words(
        "holds no marks",
        "give a TextGrid, TIMIT's .phn or .wrd, HTK's .lab or .mlf, CTM, or a transcript",
        "it needs a label at least",
    ),
    Series: Words("holds no labelled series", "give a .ts file of the UEA or UCR archive", "it needs a case at least"),
}


def any_of(path: str | os.PathLike[str]) -> Any:
    r"""What a file holds, whatever it is: the ending of its name says which reader takes it.

    path  of a table (.csv, .txt, .tsv, .parquet, .xlsx, .mat, .dat: a `Table`, whose `frame` pandas knows and whose `found` says
          what was unusual), a sound (.wav, .flac, .ogg, .sph, ...: a `Sound` of samples and rate), a drawing (.json: a
          `Drawing` of points), marks in a recording (.TextGrid, .phn, .wrd, .lab, .mlf, .ctm, and transcripts, .trn
          and .transcription: `Marks`, whose `tiers` hold (start, end, label) in seconds), frames of features (HTK's .mfc and
          others, Kaldi's .ark and .scp, RNNLIB's .nc: `Frames`, whose `matrices` are (T, F)), labelled series (.ts: `Series`
          of cases (T, C) with labels), or labelled drawings (.inkml, and UNIPEN's .dat, known by what it holds:
          `LabelledDrawings`)

    raises  FileNotFoundError; ValueError in one line, with the place in the file and what to do, where it cannot be read;
            ImportError where a format wants an extra
    cost    the whole file is held in memory

    >>> import tempfile, pathlib, throughtime as tt
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "record.csv"
    >>> _ = file.write_text("u,y\n1,2\n3,4\n")
    >>> tt.read(file).columns
    ['u', 'y']
    """
    path = Path(path)
    able = [reader for reader in READERS if path.suffix.lower() in reader.SUFFIXES]
    if not able and path.is_file():
        known = ", ".join(dict.fromkeys(suffix for reader in READERS for suffix in reader.SUFFIXES))
        raise ValueError(f"{path}: no format is known by this ending; known are {known}")
    if unipen in able and path.is_file() and unipen.is_unipen(path):
        return read(path, LabelledDrawings)
    return read(path, able[0].GIVES if able else Table)


def read(path: Path, wanted: type[Thing]) -> Thing:
    """What a file holds, by the reader of its ending; of an ending that is no format's, by the first that gives what is wanted.

    raises  FileNotFoundError, and what a reader raises; ValueError for a folder, an empty file, and one that holds something else
    """
    words = WORDS[wanted]
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; {words.remedy}")
    if not path.stat().st_size:
        raise ValueError(f"{path}: the file is empty; {words.empty}")
    if holds_another(path, wanted):
        raise ValueError(f"{path} {words.wrong}; {words.remedy}")
    able = tuple(reader for reader in READERS if reader.GIVES is wanted)
    found: Thing = reader_of(path, able).read(path)
    return found


def holds_another(path: Path, wanted: type[Any]) -> bool:
    """True if the ending of a file's name is that of formats which give something else."""
    given = [reader.GIVES for reader in READERS if path.suffix.lower() in reader.SUFFIXES]
    return bool(given) and wanted not in given
