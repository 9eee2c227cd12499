"""The demo, in its small version: the linear model's known figures, the form of what it says, and what it writes."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from throughtime import DynamicModel, load
from throughtime.cli import program
from throughtime.datasets import sunspots
from throughtime.experiments import EXPERIMENTS
from throughtime.experiments.sunspots import ENSEMBLE, SINGLE
from throughtime.experiments.sunspots_fitting import CHOSEN, autoregression, errors_before_1920, selections

APP = program()
FILES = {"model.safetensors", "sunspots.csv", "results.json", "wiring.png", "training.png", "prediction.png"}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_linear_model_has_its_published_errors() -> None:
    years, numbers = sunspots()
    guess = autoregression(numbers, years <= 1920, False)
    for first, last, error in ((1712, 1920, 0.128), (1921, 1955, 0.126), (1956, 1979, 0.358)):
        rows = (years >= first) & (years <= last)
        assert np.mean((guess - numbers)[rows] ** 2) / 1535 == pytest.approx(error, abs=5e-4)


def test_the_linear_models_were_judged_before_1920_as_the_docstring_says() -> None:
    found = errors_before_1920(designs=()).round(3)
    assert found.loc["AR(12)"].to_list() == [0.172, 0.163, 0.336, 0.286]
    assert found.loc["AR(12) of roots"].to_list() == [0.144, 0.145, 0.304, 0.298]


def test_a_design_is_judged_on_years_it_has_not_learned_from() -> None:
    years = sunspots()[0]
    for pairs in selections(years[years <= 1920]).values():
        for used, asked in pairs:
            assert not (used & asked).any()
            assert min(used.sum(), asked.sum()) > 20
    found = errors_before_1920(designs=[CHOSEN], count=2, epochs=2).loc[str(CHOSEN)]
    assert found.between(0.1, 5).all()


def test_quick_demo_says_and_writes_what_it_promises() -> None:
    done = CliRunner().invoke(APP, ["demo", "--quick", "--seeds", "2", "--out", "out", "--json"])
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert json.loads(Path("out/results.json").read_text()) == said
    assert {p.name for p in Path("out").iterdir()} == FILES
    found = {(e["network"], e["split"]): e["values"] for e in [*said["results"], *said["baselines"]]}
    assert {len(values) for (name, _), values in found.items() if name == SINGLE} == {20}
    assert found["AR(12)", "1956-1979"] == [pytest.approx(0.358, abs=5e-4)]
    for span in ("1921-1955", "1956-1979"):
        assert max(found[ENSEMBLE, span]) < found["AR(12)", span][0]
    table = pd.read_csv("out/sunspots.csv").set_index("YEAR")
    wrong = table["ensemble, seed 1"] - table["SUNACTIVITY"]
    assert found[ENSEMBLE, "1921-1955"][1] == pytest.approx(np.mean(wrong.loc[1921:1955] ** 2) / 1535, rel=1e-4)


def test_the_model_file_predicts_as_the_table_says_and_forecasts() -> None:
    assert CliRunner().invoke(APP, ["demo", "--quick", "--seeds", "1", "--out", "out"]).exit_code == 0
    table = pd.read_csv("out/sunspots.csv").set_index("YEAR")
    model = DynamicModel.from_model(load("out/model.safetensors"))
    roots = table["sqrt(SUNACTIVITY)"]
    wanted = table["model.safetensors, of roots"].to_numpy()
    np.testing.assert_allclose(model.predict(None, roots)[12:], wanted[12:], rtol=1e-3, atol=1e-2)
    ahead = model.forecast(11, history=(None, roots))
    assert (len(ahead), bool(np.all((ahead > 0) & (ahead < 16)))) == (11, True)
    again = CliRunner().invoke(APP, ["predict", "out/model.safetensors", "out/sunspots.csv"])
    assert again.exit_code == 0, again.stderr
    told = pd.read_csv(StringIO(again.stdout)).iloc[:, -1]
    np.testing.assert_allclose(told[12:], wanted[12:], rtol=1e-3, atol=1e-2)


def test_results_of_an_experiment_are_never_overwritten_unasked() -> None:
    Path("throughtime-sunspots").mkdir()
    quick = ["demo", "--quick", "--seeds", "1"]
    done = CliRunner().invoke(APP, quick)
    assert done.exit_code == 0, done.stderr
    assert "at most 0.358 (AR(12)) in 1 of 1" in done.stdout
    assert Path("throughtime-sunspots-2/model.safetensors").exists()
    refused = CliRunner().invoke(APP, [*quick, "--out", "throughtime-sunspots-2"])
    assert (refused.exit_code, "is not empty" in refused.stderr) == (2, True)


def test_experiments_are_files_of_this_package() -> None:
    for place in EXPERIMENTS.values():
        assert place.startswith("throughtime.experiments.")
