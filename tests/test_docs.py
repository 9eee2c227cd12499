"""What the pages in docs/ show is what happens: all their commands and all their Python, in order, in an empty folder."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = ["from-a-table-to-a-forecast.md"]
CHAPTER = {  # the pages on what recurrent networks can represent, and what their Python says
    "counting.md": ["[10, 20, 30]"],
    "learned-delays.md": ["(4, 11)"],
    "learning-algorithms.md": ["[[0. 0.]\n [2. 0.]\n [2. 0.]]"],
    "neural-turing-machine.md": ["memory · 20 ntm-128 units", "controller · 64 lstm units", "(7, 1, 2, 128)"],
    "programs.md": [
        "go {0: '1', 1: '1', 2: '1', 3: '0'} 1",
        "end {0: '1', 1: '0', 2: '0', 3: '1'} 4",
        "step 26: unit configuration stack left needs 51 bits; ",
        "\nTrue\n",
    ],
}

RANGES = {  # what results of a page's small experiment must lie in: (network, split), at least, at most
    "learned-delays.md": [
        (("learned delays", "white inputs, found"), 0.85, 1.0),
        (("learned delays", "white inputs, error"), 0.0, 0.15),
        (("known delays", "white inputs, error"), 0.0, 0.01),
        (("random delays", "white inputs, found"), 0.0, 0.3),
        (("random delays", "white inputs, error"), 0.5, 2.0),
    ],
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_followed(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = follow(page, tmp_path)
    assert names["error"] < 0.1 * names["table"]["level"].std()
    forecast = names["pd"].read_csv("forecast.csv")
    truth = names["pd"].read_csv("truth.csv")
    assert forecast["time"].tolist() == truth["time"].tolist()
    wrong = (forecast["level"] - truth["level"]).abs()
    assert wrong.max() < 0.3 * names["table"]["level"].std()
    inside = (truth["level"] >= forecast["level low"]) & (truth["level"] <= forecast["level high"])
    assert inside.mean() >= 0.75  # sixty steps that hang together, of an interval for 95 of 100


def test_recordings_become_a_labeller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    follow("from-recordings-to-a-labeller.md", tmp_path)
    assert json.loads(Path("learned/results.json").read_text())["accuracy"] >= 0.75
    assert capsys.readouterr().out.startswith("fast ")


def test_a_mat_file_becomes_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = follow("from-a-mat-file-to-a-model.md", tmp_path)
    assert np.abs(names["error"]).mean() < 0.05 * names["y"].std()
    assert Path("plant.csv").read_text().startswith("u,y\n")


@pytest.mark.parametrize("page", CHAPTER)
def test_a_page_on_the_chapter_can_be_followed(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the small version of every experiment, from one seed; each leaves the pictures that the page names."""
    monkeypatch.chdir(tmp_path)
    follow(page, tmp_path, ["--quick", "--seeds", "1"])
    said = capsys.readouterr().out
    for words in CHAPTER[page]:
        assert words in said
    left = {path.name for path in tmp_path.rglob("*")}
    assert left >= set(re.findall(r"`([\w-]+\.(?:png|gif|csv))`", (DOCS / page).read_text())) | {"results.json"}
    for key, least, most in RANGES.get(page, []):
        assert all(least <= value <= most for value in results(tmp_path)[key]), key


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_what_a_page_points_at_is_there(page: str) -> None:
    text = (DOCS / page).read_text()
    for path in re.findall(r"\]\(((?!http)[^)#]+)\)", text):
        assert (DOCS / path).is_file(), path
    for path in re.findall(r"`((?:\w+/)+\w+\.\w+)`", text):
        assert (ROOT / path).is_file() or (ROOT / "src" / path).is_file(), path


def results(folder: Path) -> dict[tuple[str, str], list[float]]:
    """What the experiments that were run in a folder found, by network and split."""
    told = [made for file in folder.rglob("results.json") for made in json.loads(file.read_text())["results"]]
    return {(made["network"], made["split"]): made["values"] for made in told}


def follow(page: str, folder: Path, small: Sequence[str] = ()) -> dict[str, Any]:
    """Run all commands of a page, experiments with the options `small`, and all its Python; the names it leaves."""
    names: dict[str, Any] = {}
    for language, block in re.findall(r"```(python|sh)\n(.*?)```", (DOCS / page).read_text(), re.DOTALL):
        if language == "python":
            exec(compile(block, page, "exec"), names)
        else:
            for line in block.strip().splitlines():
                options = [o for o in small if "experiment" in line and (o != "--quick" or o not in line)]
                _run(shlex.join([*shlex.split(line), *options]), folder)
    return names


def as_a_reader() -> dict[str, str]:
    """The environment without what tests compile with: float64, and programs that are not optimised."""
    return {name: value for name, value in os.environ.items() if name not in ("XLA_FLAGS", "JAX_ENABLE_X64")}


def _run(line: str, folder: Path) -> None:
    program, *words = shlex.split(line)
    assert program == "throughtime"
    command = [sys.executable, "-m", "throughtime", *words]
    done = subprocess.run(command, cwd=folder, env=as_a_reader(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}\n{done.stderr}"
