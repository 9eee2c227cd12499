"""The experiment on programs: it counts honestly, and writes a table, texts and pictures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from throughtime import turing
from throughtime.experiments import conduct
from throughtime.experiments import turing as experiment


def test_the_experiment_counts_steps_and_writes_what_it_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(experiment, "QUICK", ("beaver2", "universal"))
    monkeypatch.setattr(experiment, "MACHINES", {"beaver2": "", "universal": "a000$A0LIE"})
    monkeypatch.setattr(experiment, "ANIMATED", "beaver2")
    said = conduct("turing", True, None, tmp_path, lambda part, remark: None)
    values = {(e["network"], e["split"]): e["values"] for e in [*said["results"], *said["baselines"]]}
    assert values["rational numbers", "beaver2"] == values["float64", "beaver2"] == [6]
    assert values["rational numbers", "universal"] == values["direct simulator", "universal"]
    assert values["float64", "universal"] == [0]
    table = pd.read_csv(tmp_path / "turing.csv", index_col="machine")
    assert "precision" not in str(table.loc["beaver2", "float64 stopped"])
    assert table.loc["universal", "float64 stopped"].startswith("step 0: ")
    lines = (tmp_path / "beaver2.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 6
    assert lines[-1].split("[")[1].startswith("1]")
    assert np.ptp(imread(tmp_path / "universal.png")) > 0
    assert (tmp_path / "beaver2.gif").read_bytes()[:3] == b"GIF"


def test_the_text_shows_stacks_as_digits():
    program = turing.compile(turing.example("beaver2"))
    text = experiment.step_lines(program, [experiment.Frame(*step) for step in program.look("")])
    assert text.splitlines()[4].split()[-2:] == ["0,", "0.2.2.2"]


def test_a_disagreement_ends_the_count():
    here, there = (turing.Configuration("q", {}, head) for head in (0, 1))
    assert experiment._agreed([here, here, there], [here, here, here]) == 2
    assert experiment._agreed([here], [here, here]) == 1
