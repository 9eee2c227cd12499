"""What comes from files, such as the names of columns, is never markup: every command is tried with names that hurt."""

import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import throughtime as tt
from command_line import TINY, refused, run
from drawn import inside
from test_recognition import sound, taught, write
from throughtime import units
from throughtime.cli import delivery, output
from throughtime.io import files
from throughtime.reports import pictures
from throughtime.texts import literal, printable

INPUTS = ["speed [/min]", "=1*/\\a$b$ <b>x</b>\x1b]0;owned\x07\n\u202ez"]
OUTPUTS = ["level [m]", "flow [bar]", "flow [m]"]
LONG = "the temperature of the water that comes back from the heating circuit [degrees Celsius], second sensor"
REMEDY = "import that column as text"


@cache
def folder() -> Path:
    """A table whose columns have these names, and a model of it; made once."""
    made = Path(tempfile.mkdtemp())
    random = np.random.default_rng(0)
    u = random.normal(size=(200, 2))
    y = np.roll(u, 1, axis=0) @ np.ones((2, 3)) + 0.1 * random.normal(size=(200, 3))
    table = pd.DataFrame(np.hstack([u, y]), columns=[*INPUTS, *OUTPUTS])
    table.to_csv(made / "t.csv", index=False)
    table.iloc[:5].to_csv(made / "plan.csv", index=False)
    return made


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder())
    monkeypatch.setenv("COLUMNS", "400")


def columns() -> list[str]:
    return ["t.csv", "--inputs", ",".join(INPUTS), "--outputs", ",".join(OUTPUTS)]


@cache
def fitted() -> str:
    """What `fit` prints."""
    result = run("fit", *columns(), *TINY, "--out", "out")
    assert result.exit_code == 0, result.stderr
    return harmless(result.stdout + result.stderr)


def harmless(text: str) -> str:
    assert all(letter.isprintable() or letter == "\n" for letter in text), repr(text)
    return text


def test_fit_shows_names_as_they_are() -> None:
    for name in OUTPUTS:
        assert re.search(rf"{re.escape(name)} +network", fitted())
    told = json.loads(Path("out/metrics.json").read_text())
    assert list(told["network"]["free run"]["training"]) == OUTPUTS
    assert "flow [bar], validation, beside" in fitted()


SEARCH = ["--hidden", "2", "--epochs", "1", "--restarts", "1", "--folds", "2", "--workers", "0"]
MODEL = "out/model.safetensors"
COMMANDS = {
    "evaluate": [MODEL, "t.csv"],
    "simulate": [MODEL, "t.csv", "--out", "simulated.csv"],
    "predict": [MODEL, "t.csv", "--out", "predicted.csv"],
    "forecast": [MODEL, "t.csv", "--future", "plan.csv", "--level", "0.8", "--out", "ahead.csv"],
    "report": [MODEL, "t.csv", "--out", "report.html"],
    "export": [MODEL, "--out", "model.c"],
    "show": [MODEL, "--png", "wiring.svg"],
    "delays": ["t.csv", "--inputs", ",".join(INPUTS), "--outputs", ",".join(OUTPUTS), "--out", "delays.png"],
    "choose": ["t.csv", "--inputs", ",".join(INPUTS), "--outputs", ",".join(OUTPUTS), "--out", "search.jsonl", *SEARCH],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_no_more_than_letters(command: str) -> None:
    fitted()
    result = run(command, *COMMANDS[command])
    assert result.exit_code == 0, result.stderr
    harmless(result.stdout + result.stderr)
    if command == "evaluate":
        assert "flow [bar]" in result.stdout
        assert printable(INPUTS[1]) in result.stdout
        assert json.loads(run(command, MODEL, "t.csv", "--json").stdout)["free run"]["all"].keys() == set(OUTPUTS)
    if command in ("simulate", "predict", "forecast"):
        assert list(pd.read_csv(COMMANDS[command][-1]))[:3] == OUTPUTS
    if command == "report":
        tags = _Tags()
        tags.feed(harmless(Path("report.html").read_text(encoding="utf-8")))
        assert "b" not in tags.found
        assert {printable(name) for name in (*INPUTS, *OUTPUTS)} <= set(tags.texts)
    if command == "export":
        harmless(Path("model.c").read_text())
        if compiler := shutil.which("cc"):
            subprocess.run([compiler, "-std=c99", "-Wall", "-Werror", "-c", "model.c", "-o", "model.o"], check=True)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.found.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_recognise_shows_files_and_classes_as_they_are() -> None:
    model = replace(tt.load(taught()), classes=("[/b]\x1b]0;owned\x07", "=1+1"))
    tt.save("tones.safetensors", model)
    files = [write(Path(name), sound(tone)) for name, tone in (("[\x1b].wav", "low"), ("b.wav", "high"))]
    result = run("recognise", "tones.safetensors", *files, "--out", "answers.csv", "--overwrite")
    assert result.exit_code == 0, result.stderr
    assert r"[\x1b].wav" in harmless(result.stdout)
    assert r"[/b]\x1b]0;owned\x07" in result.stdout
    assert "note: '=1+1' in answers.csv is a formula to a spreadsheet" in harmless(result.stderr)
    assert list(pd.read_csv("answers.csv").answer) == list(model.classes)


def test_a_bar_shows_what_it_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with output.ProgressBar("fit [/x]", quiet=False) as bar:
        bar(0.5, "[/y]\x1b]0;owned\x07")
    said = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", capsys.readouterr().err)
    assert "fit [/x]" in said
    assert r"[/y]\x1b]0;owned\x07" in said


def test_a_table_on_a_terminal_shows_control_characters_and_holds_them_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = pd.DataFrame({"\x1b]0;x\x07": ["\x1b"]})
    for terminal, written in ((True, r"\x1b]0;x\x07 \x1b"), (False, "\x1b]0;x\x07 \x1b")):
        out = io.StringIO()
        out.isatty = lambda terminal=terminal: terminal  # type: ignore[method-assign]
        monkeypatch.setattr(sys, "stdout", out)
        delivery.write(frame, None, True)
        assert out.getvalue().split() == written.split()


def test_errors_show_no_control_characters() -> None:
    refused(run("simulate", "\x1b]0;x\x07.safetensors", "t.csv"), r"\x1b]0;x\x07.safetensors does not exist")
    refused(run("fit", "t.csv", "--outputs", "no\x1b", "--out", "o"), r"no column 'no\x1b'", printable(INPUTS[1]))


def test_wirings_show_names_as_they_are() -> None:
    network = tt.Network({"a$b$": 1}, (tt.Layer("[/x]\x1b\n<b>", 1, units.linear, ("a$b$",)),), "[/x]\x1b\n<b>")
    tt.save("named.safetensors", tt.Model(network, tt.init(network, 0)))
    result = run("show", "named.safetensors", "--png", "named.png", "--overwrite")
    assert result.exit_code == 0, result.stderr
    assert r"[/x]\x1b\n<b> · 1 linear unit" in harmless(result.stdout)


def test_pictures_show_names_letter_by_letter() -> None:
    names = [r"a$b$ _c_ \alpha^2", "_first", "温度"]
    assert [literal(name) for name in names[:2]] == [r"a\$b\$ _c_ \alpha^2", " _first"]
    values = np.random.default_rng(0).normal(size=(9, 3))
    figure = pictures.plot_step_response({"_jump": values}, names)
    drawn = Path("response.png")
    files.write_whole(drawn, figure)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [" _jump"]


@pytest.mark.parametrize("kind", ["response", "forecast", "errors"])
def test_long_names_are_not_cut_off(kind: str) -> None:
    measured, free = np.random.default_rng(0).normal(size=(2, 20, 1))
    figures: dict[str, Figure] = {
        "response": pictures.plot_response(measured, free, names=[LONG], time_name=LONG),
        "forecast": pictures.plot_forecast(measured, free, (), [LONG]),
        "errors": pictures.plot_errors({LONG: free}, [LONG]),
    }
    inside(figures[kind])


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        ({"y": [1.0, -2.0]}, None),
        ({"time": ["-5", "+3"]}, None),
        ({"@y": [1.0]}, "@y"),
        ({"class": ["a", "=1+1"]}, "=1+1"),
        ({"-y": ["a"]}, "-y"),
    ],
)
def test_what_a_spreadsheet_would_run_is_told_and_not_altered(
    frame: dict[str, list[object]], found: str | None
) -> None:
    notes = delivery.formulas(pd.DataFrame(frame), Path("t.csv"))
    assert notes == ([] if found is None else [f"note: {found!r} in t.csv is a formula to a spreadsheet: {REMEDY}"])
    assert not delivery.formulas(pd.DataFrame(frame), Path("t.parquet"))
