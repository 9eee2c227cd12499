"""The command line as its users meet it: tables and models that do not fit, help, the program in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from command_line import FILES, TINY, fit_plant, fitted, plant, refused, run
from throughtime import __file__ as package
from throughtime import engine_info


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    plant().to_csv("plant.csv", index=False)
    return tmp_path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", ["plant.csv", "empty"]),
        ("u,y\n", ["plant.csv", "no rows"]),
        ("u;y\n1;2\n", ["too short"]),
        ("a,y\n1,2\n", ["no column 'u'", "a, y"]),
        ("1,2\n1,2\n", ["no column 'u'", "first line must name the columns"]),
        ("u,y\n1,2\n3,oops\n", ["column 'y', row 2 (line 3)", "'oops' is not a number"]),
        ("u,y\n1,2\n,4\n", ["column 'u', row 2 (line 3)", "empty"]),
        ("u,y\n1,2\nNaN,4\n", ["column 'u', row 2 (line 3)", "NaN"]),
        ("u,y\n1,2\n1,2\ninf,4\n", ["column 'u', row 3 (line 4)", "infinite"]),
        ("u,y\n1,-inf\n1,2\n", ["column 'y', row 1 (line 2)", "infinite"]),
        ("u,y\n1,2\n3,4,5\n", ["cannot be read as CSV", "line 3"]),
        ("u,u,y\n1,2,3\n", ["two columns are called 'u'"]),
        ("u,y\n" + "1,2\n" * 5, ["5 rows", "too short", "delays up to 20"]),
        ("u,y\n" + "1,\n" * 60, ["column 'y' is empty"]),
    ],
)
def test_a_bad_table_is_refused_in_one_line_and_nothing_is_written(content: str, said: list[str]) -> None:
    Path("plant.csv").write_text(content)
    result = run(
        "fit", "plant.csv", "--inputs", "u", "--outputs", "y", "--output-delays", "1,20", *TINY, "--out", "out/deep"
    )
    refused(result, *said)
    assert [p.name for p in Path().iterdir()] == ["plant.csv"]
    assert Path("plant.csv").read_text() == content


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (
            ["2026-01-01", "soon", "2026-01-03"],
            ["column 'at', row 2 (line 3)", "'soon' is neither a number nor a date"],
        ),
        (["2026-01-01", "2026-01-03", "2026-01-02"], ["column 'at', row 3 (line 4)", "is not after 2026-01-03"]),
        ([1, 2, 2], ["column 'at', row 3 (line 4)", "2 is not after 2"]),
        ([1, "", 3], ["column 'at', row 2 (line 3)", "neither a number nor a date"]),
    ],
)
def test_times_that_cannot_be_are_refused(times: list[object], said: list[str]) -> None:
    table = plant(3)
    table["at"] = times
    table.to_csv("plant.csv", index=False)
    refused(run("fit", "plant.csv", "--outputs", "y", "--time", "at", "--out", "out"), *said)


def test_output_folders_are_never_lost() -> None:
    fit_plant("out")
    Path("out/mine.txt").write_text("mine")
    before = {p.name: p.read_bytes() for p in Path("out").iterdir()}
    arguments = ["fit", "plant.csv", "--inputs", "u", "--outputs", "y", *TINY, "--seed", "5", "--out", "out"]
    refused(run(*arguments), "out is not empty", "--overwrite")
    Path("plant.csv").write_text("u,y\n1,2\n")
    refused(run(*arguments, "--overwrite"), "too short")
    assert {p.name: p.read_bytes() for p in Path("out").iterdir()} == before
    plant().to_csv("plant.csv", index=False)
    assert run(*arguments, "--overwrite").exit_code == 0
    assert Path("out/mine.txt").read_text() == "mine"
    assert Path("out/model.safetensors").read_bytes() != before["model.safetensors"]
    refused(run(*arguments[:-1], "plant.csv"), "plant.csv is a file")


def test_an_unwritable_folder_is_refused_before_training() -> None:
    Path("locked").mkdir(mode=0o500)
    place = "/proc/nowhere" if os.access("locked/x/..", os.W_OK) or os.getuid() == 0 else "locked/out"
    result = run("fit", "plant.csv", "--inputs", "u", "--outputs", "y", *TINY, "--out", place)
    refused(result, place, "cannot be written")


def test_models_and_tables_that_do_not_fit_are_refused() -> None:
    model = fitted() / "out/model.safetensors"
    refused(run("simulate", "nowhere.safetensors", "plant.csv"), "nowhere.safetensors", "does not exist")
    refused(run("simulate", ".", "plant.csv"), "folder")
    refused(run("simulate", "plant.csv", "plant.csv"), "not a .safetensors file")
    refused(run("simulate", model, "nowhere.csv"), "nowhere.csv: no such file")
    refused(run("simulate", model, "."), "folder")
    refused(run("show", "nowhere"), "neither a file nor a network")
    Path("cut.safetensors").write_bytes(model.read_bytes()[:-10])
    refused(run("simulate", "cut.safetensors", "plant.csv"), "bytes")
    plant()[["v", "y"]].to_csv("less.csv", index=False)
    refused(run("simulate", model, "less.csv"), "no column 'u'", "v, y")
    refused(run("simulate", model, "plant.csv", "--time", "hour"), "no column 'hour'")
    plant()[["u"]].to_csv("blind.csv", index=False)
    assert run("simulate", model, "blind.csv").exit_code == 0
    refused(run("predict", model, "blind.csv"), "no column 'y'")
    refused(run("evaluate", model, "blind.csv"), "no column 'y'")
    plant(1).to_csv("short.csv", index=False)
    refused(run("simulate", model, "short.csv"), "1 rows", "too few")
    Path("bad.parquet").write_text("no")
    refused(run("simulate", model, "bad.parquet"), "bad.parquet cannot be read as Parquet")
    refused(run("simulate", model, "plant.csv", "--out", "plant.csv"), "plant.csv exists")
    refused(run("simulate", model, "plant.csv", "--out", "no/where.csv"), "no folder no")
    refused(run("simulate", model, "plant.csv", "--out", "free.xlsx"), "must end in .csv")
    empty = plant()
    empty["y"] = ""
    empty.to_csv("empty.csv", index=False)
    refused(run("evaluate", model, "empty.csv"), "column 'y' is empty in all rows that count")
    refused(run("evaluate", model, "plant.csv", "--start-rows", "60"), "60 rows", "do not count")


def test_show_draws() -> None:
    shown = run(
        "show", "narx", "--input-delays", "0:2", "--output-delays", "1:2", "--hidden", "4,3", "--png", "narx.png"
    )
    assert shown.exit_code == 0, shown.stderr
    assert "↺ output    t-1, t-2" in shown.stdout
    assert Path("narx.png").read_bytes().startswith(b"\x89PNG")
    refused(run("show", "narx", "--png", "narx.png"), "exists")
    refused(run("show", "narx", "--png", "narx.docx"), ".png")
    assert "increment" in run("show", "narx", "--increments", "--skip").stdout
    feedforward = run("show", "ntm", "--slots", "5", "--width", "4", "--activation", "relu", "--hidden", "3").stdout
    assert "controller · 3 relu units" in feedforward
    assert "memory · 4 ntm-5 units" in feedforward
    refused(run("show", "lstm", "--slots", "5"), "--slots is not for --network lstm")
    refused(run("show", "ntm", "--hidden", "3,2"), "layer 'controller': size must be a whole number")
    assert "hidden · 3 tanh units" in run("show", fitted() / "out/model.safetensors").stdout


def test_help_and_version() -> None:
    number, engine = run("--version").stdout.splitlines()
    assert number[0].isdigit()
    assert engine == str(engine_info())
    assert "130" in run("--help").stdout
    commands = (
        "fit",
        "evaluate",
        "simulate",
        "predict",
        "forecast",
        "report",
        "export",
        "show",
        "recognise",
        "experiment",
        "demo",
    )
    for command in commands:
        assert command in run("--help").stdout
        helped = run(command, "--help")
        assert helped.exit_code == 0
        assert "Usage" in helped.stdout
    refused(run("nonsense"), "nonsense")
    refused(run("experiment", "nonsense"), "nonsense", "temporal-generalization")


def program(*arguments: object, out: Any = subprocess.PIPE, **rest: object) -> "subprocess.Popen[str]":
    """The true program in a process of its own."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a job in the background, which hands that on
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = "from throughtime.cli import main; main()"
    source = str(Path(package).parents[1])
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": source} | rest,  # type: ignore[operator]
    )


@pytest.mark.parametrize(
    ("optimizer", "number", "code"), [("adam", signal.SIGINT, 130), ("br", signal.SIGTERM, 143)], ids=["adam", "br"]
)
def test_interrupted_training_keeps_the_best_weights(optimizer: str, number: signal.Signals, code: int) -> None:
    table = plant(300)
    table["y"] += pd.Series(range(300)) % 7  # nothing that Levenberg-Marquardt could finish early
    table.to_csv("plant.csv", index=False)
    arguments = ["fit", "plant.csv", "--inputs", "u", "--outputs", "y", "--hidden", "2", "--epochs", 10**6]
    arguments += ["--optimizer", optimizer, "--look", 5, "--restarts", 2, "--time", "at"]
    table.assign(at=range(300)).to_csv("plant.csv", index=False)
    with program(*arguments, "--patience", 10**6, "--out", "out", FORCE_COLOR="1", COLUMNS="200") as process:
        assert process.stderr is not None
        said = ""
        while "held out" not in said:
            said += process.stderr.read(1)
        process.send_signal(number)
        _, rest = process.communicate(timeout=60)
    assert process.returncode == code
    assert "the best weights so far" in rest
    assert {p.name for p in Path("out").iterdir()} == FILES | {"progress.safetensors"}  # from which --resume goes on
    ahead = run("simulate", "out/model.safetensors", "plant.csv", "--quiet")
    assert ahead.exit_code == 0
    assert ahead.stdout.startswith("at,y\n0,")


def test_the_program_in_a_process_of_its_own() -> None:
    with program("show", "jordan") as process:
        shown, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")
    assert "hidden" in shown
    with program("simulate", "nothing", "nowhere") as process:
        shown, said = process.communicate(timeout=60)
    assert (process.returncode, shown) == (2, "")
    assert said == "error: nothing does not exist; give the .safetensors file that was saved\n"
