"""Reading files: every reader keeps the contract, whatever bytes it is given, and a new format is one module more."""

import csv
import json
import random
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import frame_files as frames
from command_line import refused, run
from throughtime import datasets
from throughtime.io import readers, sound, writers
from throughtime.io.dates import times_of
from throughtime.io.formats import Reader
from throughtime.io.pen import Drawing, LabelledDrawings
from throughtime.io.sound import Sound
from throughtime.io.tables import Table

soundfile = pytest.importorskip("soundfile")

KINDS = sorted({reader.GIVES for reader in readers.READERS}, key=lambda kind: kind.__name__)
NAMES = {reader: reader.__name__.rsplit(".", 1)[1] for reader in readers.READERS}  # type: ignore[attr-defined]
TABLES = [
    "u,y\n1,2\n3,4\n5,\n",
    "# a logger\nt;u;y\n01.02.2026 10:00;1,5;2\n01.02.2026 11:00;2,5;3\n",
    'sep=;\n"flow\n[m]";y\n1;2\n3;4\n',
    "t,u,y\n2026-01-01T00:00+01:00,1,2\n2026-01-01T01:00+01:00,3,\n# pause\n2026-01-01T02:00+01:00,5,6\n",
]
BITS = [
    b",",
    b";",
    b"\n",
    b"\r",
    b'"',
    b"#",
    b".",
    b"\x00",
    b"\xff",
    b"nan",
    b"1e999",
    b"=",
    b"-",
    b"\t",
    b"sep=",
    b"  ",
]
DRAWN = "[[[0, 0], [1, 5]], [[0, 2], [2, 2]]]"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def mutant(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one to four cuts, copies, strange bits put in, or bytes changed."""
    for _ in range(rng.randint(1, 4)):
        at, to = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        bit = rng.choice([*BITS, data[at:to][:40], bytes([rng.randrange(256)])])
        data = rng.choice([data[:at] + data[to:], data[:at] + bit + data[at:], data[:at] + bit + data[at + len(bit) :]])
        data = data or b" "
    return data


def told(begun: str, ask: Callable[[], Any]) -> Any:
    """What comes of it, or None where it is refused as it must be: in one line that begins so."""
    try:
        return ask()
    except ValueError as error:
        said = str(error)
    assert said.startswith(begun), said
    assert "\n" not in said.replace("flow\n[m]", ""), said
    return None


def sample(kind: type[Any], suffix: str) -> bytes:
    """What a whole file of that kind holds."""
    path = Path(f"sample{suffix}")
    if kind is Drawing and suffix == ".json":
        return DRAWN.encode()
    if kind is Sound:
        soundfile.write(path, np.sin(np.arange(4000) / 9) / 2, 8000)
    elif suffix == ".mat":
        pytest.importorskip("scipy.io").savemat(path, {"x": np.arange(4.0), "y": {"up": np.ones((4, 2))}})
    elif suffix == ".xlsx":
        pd.DataFrame({"x": [0.0, 1.0], "y": [2.0, 5.0]}).to_excel(path, index=False)
    elif suffix == ".textgrid":
        path.write_text('"ooTextFile" "TextGrid" 0 1 <exists> 1 "IntervalTier" "words" 0 1 1 0 1 "a b"')
    elif suffix == ".ts":
        path.write_text("@classLabel true a b\n@data\n1,2:3,4:a\n5,6,7:8,9,?:b\n")
    elif suffix == ".transcription":
        path.write_text("<s> GO NINE </s> (a)\nb (c)\n")
    elif suffix == ".phn":
        path.write_text("0 1600 h#\n1600 3200 q\n")
    elif suffix in (".htk", ".ark", ".nc"):
        return frames.sample(suffix)
    elif suffix == ".inkml":
        path.write_text("<ink><trace>1 2, 3 4</trace><trace>5 6</trace></ink>")
    elif kind is LabelledDrawings:
        path.write_text('.COORD X Y\n.PEN_DOWN\n1 2\n3 4\n.PEN_UP\n.PEN_DOWN\n5 6\n.SEGMENT DIGIT 0-1 OK "7"\n')
    elif suffix == ".dat":
        path.write_text("x y\n0 2\n1 5\n")
    else:
        frame = pd.DataFrame({"x": [0.0, 1.0], "y": [2.0, 5.0], "end-of-stroke": [0, 1]})
        writers.write(frame, path)
    return path.read_bytes()


def test_every_reader_says_what_it_reads_and_gives_and_no_two_the_same() -> None:
    pairs = [(suffix, reader.GIVES) for reader in readers.READERS for suffix in reader.SUFFIXES]
    assert len(set(pairs)) == len(pairs)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix, _ in pairs)
    assert set(readers.WORDS) == set(KINDS)


@pytest.mark.parametrize("reader", readers.READERS, ids=NAMES.get)
def test_what_is_no_such_file_is_refused_in_one_line_that_names_it(reader: Reader) -> None:
    suffix, rng = reader.SUFFIXES[0], random.Random(0)
    whole = sample(reader.GIVES, suffix)
    path = Path(f"some{suffix}")
    path.write_bytes(whole)
    assert isinstance(readers.read(path, reader.GIVES), reader.GIVES)
    refusals = 0
    for data in [rng.randbytes(300), whole[: len(whole) // 2], *(mutant(whole, rng) for _ in range(40))]:
        path.write_bytes(data)
        with warnings.catch_warnings(action="ignore"):  # of numbers that pyarrow makes of wrong bytes
            refusals += told(path.name, lambda: readers.read(path, reader.GIVES)) is None
    assert refusals
    path.unlink()
    with pytest.raises(FileNotFoundError, match=f"^some{suffix}: no such file$"):
        readers.read(path, reader.GIVES)


@pytest.mark.parametrize("wanted", KINDS, ids=lambda kind: kind.__name__)
def test_folders_empty_files_and_those_that_hold_another_thing_are_refused(wanted: type[Any]) -> None:
    other = {Table: "a.wav", Sound: "a.csv", Drawing: "a.flac"}.get(wanted, "a.csv")
    Path("folder.csv").mkdir()
    Path("empty").touch()
    Path(other).write_text("x,y,end-of-stroke\n1,2,1\n")
    words = readers.WORDS[wanted]
    for name, said in (("folder.csv", "is a folder"), ("empty", "the file is empty"), (other, words.wrong)):
        with pytest.raises(ValueError, match=f"^{name}.*{said}.*;"):
            readers.read(Path(name), wanted)


def test_a_csv_changed_in_any_way_is_a_table_or_a_line() -> None:
    rng, path, tried = random.Random(1), Path("m.csv"), Counter[str]()
    for number in range(500):
        path.write_bytes(mutant(TABLES[number % len(TABLES)].encode(), rng))
        table = told("m.csv", lambda: readers.read(path, Table))
        tried["refused" if table is None else "read"] += 1
        for name in [] if table is None else table.columns:
            numbers = told("m.csv: column", partial(table.numbers, [name], gaps=True))
            times = told("m.csv: column", partial(times_of, table, name))
            tried += Counter(numbers=numbers is not None, times=times is not None)
    assert min(tried.values()) > 50, tried  # both sides


@pytest.mark.parametrize("suffix", writers.WRITERS)
def test_what_is_written_is_read_again(suffix: str) -> None:
    frame = pd.DataFrame({"u": [1.5, -2.25, 1e-7], "an y": [3, 4, 5], "gap": [np.nan, 1, 2]})
    writers.write(frame, Path(f"t{suffix}"))
    table = readers.read(Path(f"t{suffix}"), Table)
    assert table.columns == list(frame)
    np.testing.assert_array_equal(table.numbers(table.columns, gaps=True), frame)
    with pytest.raises(ValueError, match=r"t.odd must end in .csv, .txt, .parquet or .pq: other kinds"):
        writers.write(frame, Path("t.odd"))


def test_a_drawing_is_the_same_from_a_table_and_from_strokes() -> None:
    Path("d.json").write_text(DRAWN)
    points = readers.read(Path("d.json"), Drawing).points
    assert points.tolist() == [[0, 0, 0], [1, 5, 1], [0, 2, 0], [2, 2, 1]]
    frame = pd.DataFrame(points, columns=["x", "y", "end-of-stroke"]).assign(pressure=9)
    for name in ("d.CSV", "d.pq", "d.dat"):  # an ending of nobody's is tried as text
        frame.to_parquet(name) if name.endswith("pq") else frame.to_csv(name, index=False)
        np.testing.assert_array_equal(readers.read(Path(name), Drawing).points, points)


def test_a_sound_is_what_read_audio_gives() -> None:
    data = sample(Sound, ".flac")
    Path("sound").write_bytes(data)  # known by what it holds
    for name in ("sound", "sample.flac"):
        heard = readers.read(Path(name), Sound)
        samples, rate = sound.read(name)
        assert heard.rate == rate == 8000
        np.testing.assert_array_equal(heard.samples, samples)
        np.testing.assert_allclose(samples, np.sin(np.arange(4000) / 9) / 2, atol=1e-4)


def test_a_new_format_is_one_module(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path) -> Table:
        return Table(path, pd.DataFrame(json.loads(path.read_text())))

    Path("t.rows").write_text(
        json.dumps({"u": np.sin(np.arange(90.0)).tolist(), "y": np.cos(np.arange(90.0)).tolist()})
    )
    ask = ("delays", "t.rows", "--inputs", "u", "--outputs", "y", "--lags", "3")
    refused(run(*ask), "t.rows")  # as text it is no table
    monkeypatch.setattr(
        readers, "READERS", (*readers.READERS, SimpleNamespace(SUFFIXES=(".rows",), GIVES=Table, read=read))
    )
    assert run(*ask).exit_code == 0, run(*ask).stderr
    with pytest.raises(ValueError, match=r"^t.rows holds no sound; give a WAV"):
        readers.read(Path("t.rows"), Sound)


def test_data_sets_are_read_as_a_plain_reader_reads_them() -> None:
    with as_file(files("throughtime") / "data" / "sunspots.csv") as path, path.open(newline="") as stream:
        names, *rows = csv.reader(stream)
    years, numbers = datasets.sunspots()
    assert names == ["YEAR", "SUNACTIVITY"]
    assert [[float(year), float(number)] for year, number in rows] == np.column_stack([years, numbers]).tolist()
