"""`predict` with a saved classifier, or a model of one answer for a sequence: classes and probabilities, not net inputs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import throughtime as tt
from command_line import refused, run

RNG = np.random.default_rng(0)
TABLES = [pd.DataFrame(RNG.normal(size=(6, 2)), columns=["flow", "level"]) for _ in range(4)]
ONE, STEPS = ["up", "down", "up", "up"], [np.where(table["flow"] > 0, "up", "down") for table in TABLES]
CHANCES = ["probability of down", "probability of up"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    dates = pd.date_range("2026-01-01", periods=6, freq="h")
    TABLES[1].assign(hour=dates).to_csv("table.csv", index=False)
    return tmp_path


@pytest.mark.parametrize(("y", "answer"), [(STEPS, "auto"), (ONE, "last"), (ONE, "mean")])
def test_a_classifier_says_classes_and_probabilities(y: Any, answer: str, folder: Path) -> None:
    model = tt.SequenceClassifier("elman", hidden=2, epochs=2, answer=answer).fit(TABLES, y)
    tt.save("model.safetensors", model.to_model())
    assert run("predict", "model.safetensors", "table.csv", "--out", "said.csv", "--time", "hour").exit_code == 0
    said = pd.read_csv(folder / "said.csv")
    (chances,) = map(np.atleast_2d, model.predict_proba(TABLES[1:2]))
    assert said.columns.tolist() == ["hour", "class", *CHANCES]
    assert said["hour"].tolist()[-1] == "2026-01-01 05:00:00"
    assert said["class"].tolist() == np.ravel(model.predict(TABLES[1:2])).tolist()
    np.testing.assert_allclose(said[CHANCES], chances, rtol=1e-5)
    told = json.loads(run("predict", "model.safetensors", "table.csv", "--json").stdout)
    assert told["rows"] == len(chances)
    assert told["outputs"]["class"] == said["class"].tolist()
    np.testing.assert_allclose(told["outputs"]["probability of up"], chances[:, 1], rtol=1e-5)


@pytest.mark.usefixtures("folder")
def test_classes_that_are_numbers_stay_numbers() -> None:
    model = tt.SequenceClassifier("elman", hidden=2, epochs=1).fit(TABLES, [3, 1, 3, 1])
    tt.save("model.safetensors", model.to_model())
    told = json.loads(run("predict", "model.safetensors", "table.csv", "--json").stdout)
    assert told["outputs"]["class"] == model.predict(TABLES[1:2]).tolist()


@pytest.mark.usefixtures("folder")
def test_numbers_of_a_whole_sequence_are_one_row() -> None:
    model = tt.SequenceRegressor("elman", hidden=2, epochs=1).fit(TABLES, RNG.normal(size=(4, 2)))
    tt.save("model.safetensors", model.to_model())
    assert run("predict", "model.safetensors", "table.csv", "--out", "said.csv").exit_code == 0
    np.testing.assert_allclose(pd.read_csv("said.csv"), model.predict(TABLES[1:2]), rtol=1e-5)


def test_a_model_without_names_hears_columns_of_their_usual_names(
    folder: Path, recwarn: pytest.WarningsRecorder
) -> None:
    bare = [table.to_numpy() for table in TABLES]
    model = tt.SequenceClassifier("elman", hidden=2, epochs=2).fit(bare, ONE)
    tt.save("model.safetensors", model.to_model())
    table = TABLES[1].set_axis(["x0", "x1"], axis=1).assign(hour=pd.date_range("2026-01-01", periods=6, freq="h"))
    (folder / "gap.csv").write_text("# by hand\n" + table.drop(index=2).to_csv(index=False))
    said = run("predict", "model.safetensors", "gap.csv", "--time", "hour")
    assert said.exit_code == 0
    assert not [str(w.message) for w in recwarn]
    assert "1 comment line above the names left out" in said.stderr
    assert "column 'hour' is uneven" in said.stderr
    assert not run("predict", "model.safetensors", "gap.csv", "--time", "hour", "--quiet").stderr
    refused(run("predict", "model.safetensors", "table.csv"), "taught arrays, whose columns it calls x0, x1")
    refused(run("predict", "model.safetensors", "gap.csv", "--ahead", "3"), "--ahead is for models of a system")


@pytest.mark.usefixtures("folder")
def test_what_is_no_question_for_it_is_refused() -> None:
    model = tt.SequenceClassifier("elman", hidden=2, epochs=1).fit(TABLES, ONE)
    with pytest.raises(ValueError, match=r"the model gives classes: read it with SequenceClassifier\.from_model"):
        tt.SequenceRegressor.from_model(model.to_model())
    with pytest.raises(ValueError, match=r"the model gives numbers: read it with SequenceRegressor\.from_model"):
        tt.SequenceClassifier.from_model(
            tt.SequenceRegressor("elman", hidden=2, epochs=1).fit(TABLES, TABLES).to_model()
        )
    tt.save("model.safetensors", model.to_model())
    tt.save("heard.safetensors", model.to_model(features={"kind": "pen"}))
    TABLES[0][["flow"]].to_csv("few.csv", index=False)
    for command in (["simulate"], ["evaluate"], ["forecast", "--horizon", 3]):
        words = "the model gives classes, it is none of a dynamic system: use `throughtime predict`"
        refused(run(command[0], "model.safetensors", "table.csv", *command[1:]), words)
    refused(run("predict", "model.safetensors", "few.csv"), "there is no column 'level'")
    refused(
        run("predict", "heard.safetensors", "table.csv"), "hears recordings, not a table: use `throughtime recognise`"
    )
    one = tt.SequenceRegressor("elman", hidden=2, epochs=1).fit(TABLES, [1.0] * 4).to_model()
    with pytest.raises(ValueError, match=r"the model gives one answer, .*SequenceRegressor\.from_model"):
        tt.DynamicModel.from_model(one)
