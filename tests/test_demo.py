"""The demo, in its small version: the linear model's known figures, the form of what it says, and what it writes."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from throughtime.cli import app
from throughtime.datasets import sunspots
from throughtime.experiments import EXPERIMENTS
from throughtime.experiments.sunspots import autoregression

FILES = {"model.safetensors", "sunspots.csv", "wiring.png", "training.png", "prediction.png"}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_linear_model_has_its_published_errors() -> None:
    years, numbers = sunspots()
    guess = autoregression(numbers, years <= 1920, False)
    for first, last, error in ((1712, 1920, 0.128), (1921, 1955, 0.126), (1956, 1979, 0.358)):
        rows = (years >= first) & (years <= last)
        assert np.mean((guess - numbers)[rows] ** 2) / 1535 == pytest.approx(error, abs=5e-4)


def test_quick_demo_says_and_writes_what_it_promises() -> None:
    done = CliRunner().invoke(app, ["demo", "--quick", "--seeds", "3", "--out", "out", "--json"])
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert {"experiment", "quick", "seconds", "results", "baselines"} <= said.keys()
    assert {p.name for p in Path("out").iterdir()} == FILES
    table = pd.read_csv("out/sunspots.csv").set_index("YEAR")
    for entry in said["results"]:
        assert len(entry["values"]) == 3
        assert all(0.05 < value < 1.5 for value in entry["values"])
    entry = next(e for e in said["results"] if (e["network"], e["split"]) == ("committee", "1921-1955"))
    wrong = table["committee, seed 2"] - table["SUNACTIVITY"]
    assert entry["values"][2] == pytest.approx(np.mean(wrong.loc[1921:1955] ** 2) / 1535, rel=1e-4)
    baselines = {(e["network"], e["split"]): e["values"] for e in said["baselines"]}
    assert baselines["AR(12)", "1956-1979"] == [pytest.approx(0.358, abs=5e-4)]

    again = CliRunner().invoke(app, ["predict", "out/model.safetensors", "out/sunspots.csv"])
    assert again.exit_code == 0, again.stderr
    told = np.array(again.stdout.split("\n")[1:-1], float)
    np.testing.assert_allclose(told[12:], table["one NARX, seed 0"].to_numpy()[12:], rtol=1e-3, atol=1e-2)


def test_results_of_an_experiment_are_never_overwritten_unasked() -> None:
    Path("throughtime-sunspots").mkdir()
    quick = ["demo", "--quick", "--seeds", "1"]
    done = CliRunner().invoke(app, quick)
    assert done.exit_code == 0, done.stderr
    assert "AR(12)" in done.stdout
    assert Path("throughtime-sunspots-2/model.safetensors").exists()
    refused = CliRunner().invoke(app, [*quick, "--out", "throughtime-sunspots-2"])
    assert (refused.exit_code, "is not empty" in refused.stderr) == (2, True)


def test_experiments_are_files_of_this_package() -> None:
    for place in EXPERIMENTS.values():
        assert place.startswith("throughtime.experiments.")
