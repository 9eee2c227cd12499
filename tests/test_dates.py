"""Columns of times as tables have them: `io/dates.py`, and what the commands say of them."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import throughtime as tt
from command_line import dated, refused, run
from throughtime.io import readers
from throughtime.io.dates import Reading, times_of
from throughtime.io.tables import Table
from throughtime.models.saving import load

BERLIN = "Europe/Berlin"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def times(cells: Any, like: Reading | None = None) -> tuple[pd.Index, Reading]:
    return times_of(Table(Path("t.csv"), pd.DataFrame({"at": cells}), 2 + np.arange(len(cells))), "at", like)


def saved(inputs: int) -> str:
    network = tt.narx(inputs, 1, 1, 0, (1, 2)) if inputs else tt.narx(0, 1, 1, output_delays=(1, 2))
    heard = (tt.Column("u"),) if inputs else ()
    tt.save("s.safetensors", tt.Model(network, tt.init(network, 0), heard, (tt.Column("y"),)))
    return "s.safetensors"


WHEN = {
    "days": pd.date_range("2026-02-01", periods=12),
    "more days": pd.date_range("2026-01-20", periods=40),
    "working days": pd.date_range("2026-02-02", periods=9, freq="B"),
    "hours": pd.date_range("2026-03-04", periods=60, freq="h"),
    "months": pd.date_range("2025-01-01", periods=20, freq="MS"),
    "two rows": pd.date_range("2026-02-03", periods=2),
}


FORMS = [
    "%d.%m.%Y",
    "%d.%m.%y",
    "%d/%m/%Y",
    "%d-%m-%Y",
    "%d/%m/%y",
    "%m/%d/%Y",
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d %b %Y",
    "%Y%m%d",
]


@pytest.mark.parametrize("name", WHEN)
def test_dates_are_read_in_every_form(name: str) -> None:
    for form in FORMS:
        whole = WHEN[name]
        hours = " %H:%M" if name == "hours" and form != "%Y%m%d" else "%H%M" if name == "hours" else ""
        if (name, form) == ("two rows", "%m/%d/%Y"):
            continue  # 02/03/2026 and 02/04/2026: as good as two days a month apart, were it not for the shorter step
        made, reading = times(whole.strftime(form + hours))
        assert made.tolist() == whole.tolist(), form
        placed = form[1] in "dm" and form[4] in "dm" and "b" not in form
        assert reading.day_first == ((form[1] == "d") if placed else None)
        told = reading.note is not None
        assert told == (form == "%Y%m%d" or reading.day_first is True or (placed and name != "more days")), form


@pytest.mark.parametrize(
    ("cells", "like", "expected", "note"),
    [
        (["1/2/2026"], None, ["2026-01-02"], "read month first: 1/2/2026 is 2026-01-02 00:00:00; write dates as"),
        (["1/2/2026", "1/3/2026"], Reading(day_first=True), ["2026-02-01", "2026-03-01"], "read day first"),
        (["1/13/2026", "1/14/2026"], Reading(day_first=True), ["2026-01-13", "2026-01-14"], None),
        (["12.31.2025", "01.01.2026"], None, ["2025-12-31", "2026-01-01"], None),
        (
            ["01.02.2026", "2026-02-02", "3.2.26 12:00"],
            None,
            ["2026-02-01", "2026-02-02", "2026-02-03 12:00"],
            "read day first",
        ),
        (["1/1/2026 1:00 PM", "1/1/2026 2:30 PM"], None, ["2026-01-01 13:00", "2026-01-01 14:30"], None),
        ([202611, 202612, 202701], None, ["2026-11-01", "2026-12-01", "2027-01-01"], "202611 is 2026-11-01"),
        ([202702, 202703], Reading(form="%Y%m"), ["2027-02-01", "2027-03-01"], "read as dates"),
        ([20260131.0, 20260201.0], None, ["2026-01-31", "2026-02-01"], "read as dates: 20260131 is 2026-01-31"),
        (["2026013123", "2026020100"], None, ["2026-01-31 23:00", "2026-02-01"], "read as dates"),
        (["20260131235959", "20260201000000"], None, ["2026-01-31 23:59:59", "2026-02-01"], "read as dates"),
        ([date(2026, 1, 1), date(2026, 1, 2)], None, ["2026-01-01", "2026-01-02"], None),
        (pd.Series(["2026-01-01", "2026-01-02"], dtype="category"), None, ["2026-01-01", "2026-01-02"], None),
        (pd.Series(pd.date_range("2026-01-01", periods=2), dtype="category"), None, ["2026-01-01", "2026-01-02"], None),
        (pd.period_range("2026-01", periods=2, freq="M"), None, ["2026-01-01", "2026-02-01"], None),
    ],
)
def test_a_column_is_read_as_a_whole(cells: Any, like: Reading | None, expected: list[str], note: str | None) -> None:
    made, reading = times(cells, like)
    assert made.tolist() == [pd.Timestamp(at) for at in expected]
    assert (reading.note or "") == "" if note is None else note in str(reading.note)


@pytest.mark.parametrize(
    "cells", [[1700000000, 1700003600], [20261301, 20261302], [200101, 200102, 200104], [1700, 1701], [0.5, 1.0]]
)
def test_other_numbers_stay_numbers(cells: list[float]) -> None:
    made, reading = times(cells)
    assert (made.tolist(), reading) == (cells, Reading())


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["13/1/2026", "", "15/1/2026"], "row 2 (line 3): '' is neither a number nor a date"),
        (["1.2.2026", "x"], "row 2 (line 3): 'x' is neither a number nor a date"),
        (["20260101", "", "20260103"], "row 2 (line 3): '' is neither"),
        ([1.0, np.inf], "row 2 (line 3): 'inf' is neither"),
        (
            ["13/1/2026", "12/1/2026"],
            "2026-01-12 00:00:00 is not after 2026-01-13 00:00:00, the row before (read day first); sort",
        ),
        (
            ["2026-01-01", "2026-01-01"],
            "row 2 (line 3): 2026-01-01 00:00:00 is not after 2026-01-01 00:00:00, the row before; keep",
        ),
        (["2026-10-25T02:00:00+02:00", "2026-10-25T03:00:00"], "row 2 (line 3): '2026-10-25T03:00:00' has none, but"),
        (
            ["2026-10-25 02:00", "2026-10-25 03:00+01"],
            "has one, but '2026-10-25 02:00' in row 1 has no offset from UTC; give all",
        ),
        (["08:00", "09:00"], "row 1 (line 2): '08:00' is a part of a date; give all of it, such as 2026-01-31 12:00"),
        (["5 May", "6 May"], "row 1 (line 2): '5 May' is a part of a date"),
        (["2026-01-01T00:00", "2026-01-01T01:00+0:00"], "row 2 (line 3): '2026-01-01T01:00+0:00' has one, but"),
        (["2026-01-01T00+01", "2026-01-01T02+02"], "row 1 (line 2): '2026-01-01T00+01' is neither a number nor"),
        (["2026-01-31", "today"], "row 2 (line 3): 'today' is a part of a date"),
    ],
)
def test_times_that_cannot_be_are_refused(cells: list[Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        times(cells)
    assert str(caught.value).startswith("t.csv: column 'at', row ")


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S%z", "%d.%m.%Y %H:%M%z"])
def test_offsets_are_heeded_also_where_they_change(form: str) -> None:
    night = pd.date_range("2026-10-24 23:00", periods=6, freq="h", tz=BERLIN)
    made, reading = times(night.strftime(form))
    assert made.tolist() == night.tolist()
    assert str(made.tz) == "UTC"  # type: ignore[attr-defined]
    steady, quiet = times(night[:2].strftime("%Y-%m-%d %H:%M:%S%z"))
    assert str(steady[0]) == "2026-10-24 23:00:00+02:00"
    assert quiet == Reading()
    assert "read day first" in str(reading.note) if form[1] == "d" else "change (+0200, +0100)" in str(reading.note)


def asked(when: Any, *options: object) -> Any:
    pd.DataFrame({"when": when, "y": np.sin(np.arange(len(when)))}).to_csv("s.csv", index=False)
    return run("forecast", saved(0), "s.csv", "--time", "when", "--horizon", "2", *options)


def test_forecasts_go_on_in_the_dates_of_the_table() -> None:
    for form, note in (
        ("%Y%m%d", "is read as dates"),
        ("%d.%m.%Y", "is read day first"),
        ("%d/%m/%Y", "is read day first"),
    ):
        said = asked(pd.date_range("2026-01-01", "2026-01-31").strftime(form))
        assert said.exit_code == 0, said.stderr
        assert [row.split(",")[0] for row in said.stdout.split()] == ["when", "2026-02-01", "2026-02-02"]
        assert [note in line for line in said.stderr.splitlines()] == [True]
        assert asked(["01.02.2026", "02.02.2026", "03.02.2026"], "--quiet").stderr == ""
    hours = pd.date_range("2026-01-01", periods=40, freq="h").delete(38)
    said = asked(hours)
    assert said.stdout.split("\n")[1].startswith("2026-01-02 16:00:00")
    assert "(1 such gap)" in said.stderr
    assert run("report", "s.safetensors", "s.csv", "--time", "when", "--out", "s.html").exit_code == 0
    assert "(1 such gap)" in Path("s.html").read_text()


def test_a_plan_is_read_as_the_table_is() -> None:
    model, u = saved(1), np.zeros(12)
    pd.DataFrame({"t": pd.date_range("2026-02-01", periods=12).strftime("%d/%m/%Y"), "u": u, "y": u}).to_csv(
        "a.csv", index=False
    )
    pd.DataFrame({"t": ["13/02/2026"], "u": [1.0]}).to_csv("b.csv", index=False)
    said = run("forecast", model, "a.csv", "--time", "t", "--future", "b.csv")
    assert said.stdout.split()[1].startswith("2026-02-13,")
    pd.DataFrame({"t": ["03/04/2026"], "u": [1.0]}).to_csv("b.csv", index=False)
    refused(
        run("forecast", model, "a.csv", "--time", "t", "--future", "b.csv", "--quiet"),
        "b.csv begins at 2026-04-03 00:00:00, but a.csv ends at 2026-02-12 00:00:00",
    )


def test_local_times_and_offsets_are_told_apart() -> None:
    t, model, zeros = pd.date_range("2026-10-24 20:00", periods=12, freq="h", tz=BERLIN), saved(1), np.zeros(12)
    pd.DataFrame({"t": t[:4].strftime("%Y-%m-%d %H:%M"), "u": zeros[:4], "y": zeros[:4]}).to_csv("a.csv", index=False)
    pd.DataFrame({"t": [x.isoformat() for x in t[4:6]], "u": zeros[:2]}).to_csv("b.csv", index=False)
    said = run("forecast", model, "a.csv", "--time", "t", "--future", "b.csv")
    refused(said, "times of b.csv have offsets from UTC, those of a.csv have none")
    pd.DataFrame({"t": t.strftime("%Y-%m-%d %H:%M"), "u": zeros, "y": zeros}).to_csv("c.csv", index=False)
    said = run("simulate", model, "c.csv", "--time", "t")
    refused(
        said,
        "row 8 (line 9)",
        "the hour that comes twice when summer time ends; give times in UTC, or with their offsets",
    )
    pd.DataFrame({"t": [x.isoformat() for x in t], "u": zeros, "y": zeros}).to_csv("d.csv", index=False)
    said = run("forecast", model, "d.csv", "--time", "t", "--future", "b.csv", "--quiet")
    refused(said, "b.csv begins at 2026-10-24 22:00:00+00:00, but the last row of d.csv is 2026-10-25 05:00:00+00:00")
    said = run("simulate", model, "d.csv", "--time", "t")
    assert said.exit_code == 0, said.stderr
    assert "note: offsets of column 't' change (+02:00, +01:00): its times are told in UTC" in said.stderr
    assert "uneven" not in said.stderr


def test_finer_sampling_is_told_by_every_command_that_reads_times() -> None:
    table = dated(120)
    half = pd.date_range(table["hour"].iloc[-1] + pd.Timedelta("30min"), periods=100, freq="30min")
    pd.concat([table, dated(100).assign(hour=half)]).to_csv("u.csv", index=False)
    given = ["--inputs", "u", "--outputs", "y", "--hidden", "1", "--restarts", "1", "--epochs", "1", "--out", "made"]
    tt.save("m.safetensors", replace(load(saved(1)), settings={"time": "hour"}))
    asks: list[list[object]] = [[command, "m.safetensors", "u.csv"] for command in ("predict", "simulate")]
    for command in [*asks, ["fit", "u.csv", "--time", "hour", *given]]:
        said = run(*command)
        assert said.exit_code == 0, said.stderr
        assert "note: column 'hour' is uneven: 2026-01-05 23:30:00 follows 2026-01-05 23:00:00" in said.stderr, command
        assert (
            "usually 1 h apart (100 such finer steps); the network takes all rows as evenly spaced: bring"
            in said.stderr
        )
    assert run(*asks[1], "--quiet").stderr == ""


def test_the_index_of_a_parquet_file_is_a_column() -> None:
    table = dated(40)
    for frame, name in ((table.set_index("hour"), "hour"), (table.set_index("hour").rename_axis(None), "index")):
        frame.to_parquet("t.parquet")
        made = run("forecast", saved(0), "t.parquet", "--time", name, "--horizon", "1")
        assert made.exit_code == 0, made.stderr
        assert made.stdout.split("\n")[1].startswith("2026-01-02 16:00:00,")
    table[table.index != 3].to_parquet("t.parquet")
    assert readers.read(Path("t.parquet"), Table).columns == ["hour", "u", "y"]
    table.tail(2).set_index("u", drop=False).to_parquet("t.parquet")
    assert readers.read(Path("t.parquet"), Table).columns == ["hour", "u", "y"]
    table.tail(2).set_index(["hour", "u"]).to_parquet("t.parquet")
    assert readers.read(Path("t.parquet"), Table).columns == ["hour", "u", "y"]


def test_one_row_shows_no_step() -> None:
    refused(asked(["2026-01-01"]), "1 rows, too few")
    network = tt.lstm(1, 2, 1)
    tt.save("l.safetensors", tt.Model(network, tt.init(network, 0), (tt.Column("u"),), (tt.Column("y"),)))
    pd.DataFrame({"t": ["2026-01-01"], "u": [0.0], "y": [0.0]}).to_csv("a.csv", index=False)
    pd.DataFrame({"u": [0.0]}).to_csv("b.csv", index=False)
    refused(
        run("forecast", "l.safetensors", "a.csv", "--time", "t", "--future", "b.csv"),
        "a.csv has one row, which shows no step",
    )
    pd.DataFrame({"t": ["2026-01-02"], "u": [0.0]}).to_csv("b.csv", index=False)
    assert (
        run("forecast", "l.safetensors", "a.csv", "--time", "t", "--future", "b.csv")
        .stdout.split()[1]
        .startswith("2026-01-02,")
    )


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%y%m%d", "%d%m%Y", "%Y", "%d. %b %Y", "%Y-%m-%dT%H:%M%z"])
def test_times_are_read_as_it_is_said_that_they_are_written(form: str) -> None:
    dates = pd.date_range(
        "2026-02-01", periods=12, freq="D" if form != "%Y" else "YS", tz="UTC" if "%z" in form else None
    )
    if form == "%Y":
        dates = dates - pd.offsets.YearBegin()
    said, texts = Reading(written=form), pd.Series(dates.strftime(form))
    assert list(times(texts, said)[0]) == list(dates)
    if texts.str.isdigit().all():  # as a CSV reader gives them: 01022026 has lost its first zero
        assert list(times(texts.astype(int), said)[0]) == list(dates)


def test_offsets_that_change_are_told_in_utc_where_their_form_is_said() -> None:
    hours = pd.date_range("2026-10-24 22:00", periods=8, freq="h", tz=BERLIN)
    made = times([at.strftime("%d.%m.%Y %H:%M%z") for at in hours], Reading(written="%d.%m.%Y %H:%M%z"))[0]
    assert list(made) == list(hours.tz_convert("UTC"))


def test_a_cell_that_is_written_otherwise_is_refused_with_its_row() -> None:
    with pytest.raises(ValueError, match=r"row 2 \(line 3\): '13/02/2026' is not written as %m/%d/%Y"):
        times(["12/02/2026", "13/02/2026"], Reading(written="%m/%d/%Y"))


def test_time_format_settles_doubts_in_every_command() -> None:
    days = pd.date_range("2026-02-01", periods=10)
    written = {"day": days.strftime("%d/%m/%Y"), "month": days.strftime("%m/%d/%Y")}
    y = np.sin(np.arange(10.0))
    for order, at in written.items():
        pd.DataFrame({"at": at, "y": y}).to_csv(f"{order}.csv", index=False)
    table, form = ["day.csv", "--time", "at"], ["--time-format", "%d/%m/%Y"]
    wrong = ["--time-format", "%m/%d/%Y"]
    for command in (["simulate", saved(0)], ["predict", saved(0)], ["forecast", saved(0), "--horizon", 2]):
        shown = run(command[0], command[1], *table, *form, *command[2:])
        assert shown.exit_code == 0, shown.stderr
        assert shown.stdout.splitlines()[-1].startswith("2026-02-1")
    asked = [["simulate", saved(0)], ["predict", saved(0)], ["evaluate", saved(0)], ["report", saved(0)]]
    asked += [["fit"], ["choose"], ["delays"], ["forecast", saved(0)]]
    more = {
        "fit": ["--out", "o"],
        "choose": ["--out", "o"],
        "report": ["--out", "o.html"],
        "forecast": ["--horizon", 2],
    }
    for command in asked:
        outputs = ["--outputs", "y"] if len(command) == 1 else []
        shown = run(
            *command, "month.csv", "--time", "at", "--time-format", "%Y.%m.%d", *outputs, *more.get(command[0], [])
        )
        refused(shown, "month.csv: column 'at', row 1 (line 2): '02/01/2026' is not written as %Y.%m.%d")
    refused(run("simulate", saved(0), *table[:1], *wrong), "--time-format says how times are written", "--time")
    refused(run("delays", *table, "--outputs", "y", "--time-format", "%H:%M"), "--time-format '%H:%M' names no year")


def test_a_model_reads_times_as_they_were_written_in_its_fit() -> None:
    """1 January to 1 December, or 1 to 12 January: both are in order and even."""
    months = pd.date_range("2026-01-01", periods=12, freq="MS")
    pd.DataFrame({"at": months.strftime("%m/%d/%Y"), "y": np.sin(np.arange(12.0))}).to_csv("at.csv", index=False)
    for form, coming in (("%m/%d/%Y", "2027-01-01"), ("%d/%m/%Y", "2026-01-13")):
        tt.save("f.safetensors", replace(load(saved(0)), settings={"time": "at", "time_format": form}))
        shown = run("forecast", "f.safetensors", "at.csv", "--horizon", 1)
        assert shown.stdout.splitlines()[-1].startswith(coming), shown.output
