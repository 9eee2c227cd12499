"""`throughtime simulate`, `predict`, `evaluate`, `forecast`, `report` and `export`: a saved model on a table."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import throughtime as tt
from command_line import dated, fit_plant, fitted, plant, refused, run
from throughtime import blocks, exchange
from throughtime.dynamics.model import DynamicModel
from throughtime.io.files import fingerprint
from throughtime.models import rollout
from throughtime.models.columns import restore, standardise
from throughtime.models.saving import load

MODEL, TABLE = "out/model.safetensors", "hours.csv"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    shutil.copytree(fitted(), folder)
    monkeypatch.chdir(folder)
    return folder


def test_the_command_line_says_what_the_library_says() -> None:
    model, table = DynamicModel.from_model(load(MODEL)), dated().set_index("hour")
    u, y = table[["u"]], table[["y"]]
    known = y.where(np.arange(240)[:, None] < 30).to_numpy()
    led = model.follow(u.to_numpy(), known)
    for options, expected in (
        (["simulate"], model.simulate(u)),
        (["simulate", "--start-rows", "30"], led),
        (["predict"], model.predict(u, y)),
        (["predict", "--ahead", "4"], model.predict(u, y, ahead=4)),
    ):
        command, *more = options
        said = run(command, MODEL, TABLE, *more, "--out", "made.csv", "--overwrite")
        assert said.exit_code == 0, said.stderr
        assert "240 rows written to made.csv" in said.stderr
        found = pd.read_csv("made.csv")
        assert list(found.columns) == ["hour", "y"]
        assert found["hour"][1] == "2026-01-01 01:00:00"
        np.testing.assert_allclose(found["y"], np.ravel(expected), rtol=1e-6)
    for start in (None, 30):
        said = json.loads(
            run("evaluate", MODEL, TABLE, "--json", *([] if start is None else ["--start-rows", start])).stdout
        )
        for mode, found in model.evaluate(u, y, start).items():
            assert said[mode]["all"]["y"]["rmse"] == pytest.approx(found["y"]["rmse"], rel=1e-6)
    assert not np.allclose(led[30:], model.simulate(u)[30:], atol=1e-9)


def test_one_step_and_free_run_are_the_open_and_the_closed_loop() -> None:
    plant().to_csv("plant.csv", index=False)
    fit_plant("third", "--output-delays", "1,3")
    model, table = load("third/model.safetensors"), pd.read_csv("plant.csv")
    x = jnp.asarray(standardise(table[["u"]].to_numpy(), model.inputs))[:, None]
    y = jnp.asarray(standardise(table[["y"]].to_numpy(), model.outputs))[:, None]
    closed = jax.vmap(lambda w: tt.run(model.network, w, x)[0])(model.weights)
    opened = jax.vmap(lambda w: tt.run(model.network.open_loop(), w, {"input": x, "measured output": y})[0])(
        model.weights
    )
    for command, expected in (("simulate", closed), ("predict", opened)):
        run(command, "third/model.safetensors", "plant.csv", "--out", f"{command}.csv")
        found = pd.read_csv(f"{command}.csv")[["y"]].to_numpy()
        np.testing.assert_allclose(found, restore(np.asarray(expected)[:, :, 0], model.outputs).mean(axis=0), atol=1e-4)
    assert not np.allclose(closed, opened, atol=1e-2)


def test_long_tables_are_run_in_stretches_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    run("simulate", MODEL, TABLE, "--out", "whole.csv")
    monkeypatch.setattr(blocks, "STEPS", (10, 25))
    monkeypatch.setattr(rollout, "STEPS", (10, 25))
    run("simulate", MODEL, TABLE, "--out", "pieces.csv")
    np.testing.assert_allclose(pd.read_csv("whole.csv")["y"], pd.read_csv("pieces.csv")["y"], atol=1e-5)


def test_errors_of_predictions_ahead_stand_beside_one_step_and_free_run() -> None:
    model, table = DynamicModel.from_model(load(MODEL)), dated().set_index("hour")
    said = json.loads(run("evaluate", MODEL, TABLE, "--ahead", "4", "--start-rows", "10", "--json").stdout)
    for mode, found in model.evaluate(table[["u"]], table[["y"]], 10, ahead=4).items():
        assert said[mode]["all"]["y"]["rmse"] == pytest.approx(found["y"]["rmse"], rel=1e-6)
    baselines, y = said["baselines"], table["y"].to_numpy()
    assert list(baselines["linear"]) == list(baselines["mean"]) == ["free run", "one step", "4 steps"]
    assert list(baselines["last value"]) == ["one step", "4 steps"]
    held = np.sqrt(np.mean((y[10:] - y[6:-4]) ** 2))
    assert baselines["last value"]["4 steps"]["all"]["y"]["rmse"] == pytest.approx(held, rel=1e-6)
    late = model.used_ + 3  # where the first rows that fill the delays are four steps back
    whole = model.evaluate(table[["u"]], table[["y"]], ahead=4)["4 steps"]["y"]
    errors = y[late:] - np.ravel(model.predict(table[["u"]], table[["y"]], ahead=4))[late:]
    assert whole["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-6)
    said = json.loads(run("evaluate", MODEL, TABLE, "--ahead", "4", "--json").stdout)["4 steps"]["all"]["y"]
    assert said["rmse"] == pytest.approx(whole["rmse"], rel=1e-6)
    assert said["rows"] == len(y) - late
    assert "4 steps" in run("evaluate", MODEL, TABLE, "--ahead", "4").stdout
    endless = json.loads(run("evaluate", MODEL, TABLE, "--ahead", str(10**14), "--json").stdout)["baselines"]
    assert endless["last value"][f"{10**14} steps"]["all"]["y"]["rows"] == 0  # nothing is measured so long before
    assert run("evaluate", MODEL, TABLE, "--ahead", str(10**14)).exit_code == 0
    assert "steps" not in run("evaluate", MODEL, TABLE).stdout.splitlines()[1]
    refused(run("predict", MODEL, TABLE, "--ahead", "0"), "--ahead")


def test_evaluate_says_what_can_be_believed() -> None:
    said = run("evaluate", MODEL, TABLE).stdout
    for part in ("free run", "one step", "network", "linear", "better in free run", "one step, residual of y: "):
        assert part in said
    assert "u and residual of y" in said
    assert "forecast intervals of 80 % held" in said
    assert "of the rows after 192 (" in said
    assert "the first 192 rows of this table; they are no test" in said
    assert run("evaluate", MODEL, TABLE, "--quiet").output == ""
    new = dated()[120:].reset_index(drop=True)
    new.to_csv("new.csv", index=False)
    found = json.loads(run("evaluate", MODEL, "new.csv", "--json").stdout)
    assert (found["learned_rows"], found["start_rows"]) == (0, 1)
    assert [c["level"] for c in found["coverage"]] == [0.8, 0.95]
    assert "they are no test" not in run("evaluate", MODEL, "new.csv").stdout


def test_a_wrong_model_is_found_out() -> None:
    wrong = dated()
    wrong["y"] += 3 * wrong["u"].shift(5, fill_value=0.0)
    wrong.to_csv("wrong.csv", index=False)
    said = run("evaluate", MODEL, "wrong.csv").stdout
    assert "free run, u and residual of y: lags 3 to 7 clearly outside: the model misses what u does" in said
    assert "these rows are unlike the held-out ones" in said


def test_a_forecast_goes_on_in_time() -> None:
    to_come = pd.DataFrame({"hour": pd.date_range("2026-01-11", periods=30, freq="h"), "u": np.linspace(-1, 1, 30)})
    to_come.to_csv("to come.csv", index=False)
    model, table = DynamicModel.from_model(load(MODEL)), dated()
    expected = model.forecast(20, to_come["u"][:20], (table["u"], table["y"]), 0.8)
    said = run(
        "forecast", MODEL, TABLE, "--future", "to come.csv", "--horizon", "20", "--level", "0.8", "--out", "f.csv"
    )
    assert said.exit_code == 0, said.stderr
    found = pd.read_csv("f.csv")
    assert list(found.columns) == ["hour", "y", "y low", "y high"]
    assert found["hour"].tolist() == [str(t) for t in to_come["hour"][:20]]
    np.testing.assert_allclose(found.to_numpy()[:, 1:].astype(float).T, np.array(expected), rtol=1e-6)
    to_come[["u"]].to_csv("no times.csv", index=False)
    untimed = json.loads(run("forecast", MODEL, TABLE, "--future", "no times.csv", "--json").stdout)
    assert untimed["time"] == [str(t) for t in to_come["hour"]]
    np.testing.assert_allclose(untimed["outputs"]["y"][:20], found["y"], rtol=1e-6)


def test_inputs_to_come_must_follow_on_the_table_in_time() -> None:
    def planned(first: str, freq: str = "h", source: str = "plan.csv") -> pd.DataFrame:
        plan = pd.DataFrame({"hour": pd.date_range(first, periods=5, freq=freq), "u": 0.5})
        plan.to_csv(source, index=False)
        return plan

    planned("2026-01-12")
    said = run("forecast", MODEL, TABLE, "--future", "plan.csv")
    refused(said, "plan.csv begins at 2026-01-12 00:00:00", "ends at 2026-01-10 23:00:00", "its rows are 1 h apart")
    planned("2026-01-11", "D")
    refused(run("forecast", MODEL, TABLE, "--future", "plan.csv"), "rows of plan.csv are 1 d apart", "hours.csv 1 h")
    planned("2026-01-11").drop(index=2).to_csv("plan.csv", index=False)
    said = run("forecast", MODEL, TABLE, "--future", "plan.csv")
    assert said.exit_code == 0, said.stderr
    assert "note: plan.csv, column 'hour' is uneven" in said.stderr
    dated().drop(index=range(100, 125)).to_csv("gap.csv", index=False)
    planned("2026-01-12")
    said = run("forecast", MODEL, "gap.csv", "--future", "plan.csv")
    assert said.exit_code == 0, said.stderr
    assert "note: plan.csv begins at 2026-01-12 00:00:00, but gap.csv ends at" in said.stderr
    assert "note: column 'hour' is uneven" in said.stderr
    planned("2026-01-19")
    refused(run("forecast", MODEL, "gap.csv", "--future", "plan.csv", "--quiet"), "its rows are 1 h apart")


def test_a_forecast_says_that_its_intervals_held_too_few() -> None:
    pd.DataFrame({"u": np.zeros(5)}).to_csv("plan.csv", index=False)
    wrong = dated()
    wrong["y"] += 3 * wrong["u"].shift(5, fill_value=0.0)
    wrong.to_csv("wrong.csv", index=False)
    asked = ["--future", "plan.csv", "--level", "0.95"]
    said = run("forecast", MODEL, "wrong.csv", *asked)
    assert "note: forecast intervals of 95 % held" in said.stderr
    assert "of the rows of wrong.csv that were not learned from" in said.stderr
    assert "too few, these rows are unlike the held-out ones" in said.stderr
    assert "intervals" not in run("forecast", MODEL, TABLE, *asked).stderr
    assert run("forecast", MODEL, "wrong.csv", *asked, "--quiet").stderr == ""


def test_what_is_not_finite_is_null_in_json() -> None:
    model = load(MODEL)
    known = model.settings["intervals"]
    widths = [[[None if h == 1 else w for w in step] for h, step in enumerate(own)] for own in known["widths"]]
    about = model.settings | {"intervals": known | {"widths": widths}}
    tt.save("sparse.safetensors", replace(model, settings=about))
    pd.DataFrame({"u": np.zeros(3)}).to_csv("plan.csv", index=False)
    said = run("forecast", "sparse.safetensors", TABLE, "--future", "plan.csv", "--level", "0.8", "--json")
    assert said.exit_code == 0, said.stderr
    assert "note: intervals are infinite where too few" in said.stderr
    low = json.loads(said.stdout)["outputs"]["y low"]
    assert [end is None for end in low] == [False, True, False]


def test_forecasts_that_cannot_be_are_refused() -> None:
    refused(run("forecast", MODEL, TABLE, "--horizon", "5"), "hears u", "--future FILE")
    refused(run("forecast", MODEL, TABLE, "--future", TABLE), "begins at 2026-01-01", "the rows after it")
    dated()[["u"]][:4].to_csv("four.csv", index=False)
    refused(run("forecast", MODEL, TABLE, "--future", "four.csv", "--horizon", "5"), "4 rows", "needs 5")
    refused(run("forecast", MODEL, TABLE, "--future", "four.csv", "--level", "0.5"), "0.8 or 0.95")
    refused(run("forecast", MODEL, TABLE, "--future", "nowhere.csv"), "no such file")
    dated()[["y"]].to_csv("no inputs.csv", index=False)
    refused(run("forecast", MODEL, TABLE, "--future", "no inputs.csv"), "no column 'u'")
    numbered = dated()[:4].assign(hour=range(1000, 1004))
    numbered.to_csv("numbered.csv", index=False)
    refused(run("forecast", MODEL, TABLE, "--future", "numbered.csv"), "dates in one", "numbers in the other")
    plant().to_csv("plant.csv", index=False)
    tiny = ["--hidden", "2", "--epochs", "2", "--every", "40", "--restarts", "1"]
    done = run("fit", "plant.csv", "--outputs", "y", *tiny, "--validation", "0", "--out", "series")
    assert done.exit_code == 0, done.stderr
    series = "series/model.safetensors"
    refused(run("forecast", series, "plant.csv"), "--horizon N")
    refused(run("forecast", series, "plant.csv", "--future", "plant.csv"), "leave --future out")
    refused(run("forecast", series, "plant.csv", "--horizon", "3", "--level", "0.8"), "no forecast intervals")
    assert len(run("forecast", series, "plant.csv", "--horizon", "3").stdout.split()) == 4


def test_a_report_holds_what_there_is_to_know() -> None:
    done = run("report", MODEL, TABLE, "--out", "report.html")
    assert done.exit_code == 0, done.stderr
    text = Path("report.html").read_text()
    assert text.count("<img") == 6  # response, step response, forecast, two of residuals, errors
    metrics = json.loads(Path("out/metrics.json").read_text())
    assert f"{metrics['network']['free run']['test']['y']['rmse']:.4g}" in text
    assert fingerprint(TABLE) in text
    assert "throughtime fit hours.csv" in text
    assert "80.0 %" in text
    for part in ("training", "validation", "test", "linear", "one step, residual of y"):
        assert part in text
    assert "http" not in text.replace("http-equiv", "")
    refused(run("report", MODEL, TABLE, "--out", "report.html"), "exists")
    refused(run("report", MODEL, TABLE, "--out", "report.pdf"), ".html")
    refused(run("report", MODEL, TABLE, "--out", "r.html", "--held-out", "240"), "leaves no other rows")
    assert {p.name for p in Path().iterdir()} == {"hours.csv", "out", "report.html"}


def test_a_report_on_other_rows() -> None:
    dated()[100:].to_csv("new.csv", index=False)
    for options, parts, absent in (
        (["--held-out", "50", "--start-rows", "10"], ("held out", "rest"), ("new data", "validation")),
        ([], ("new data",), ("training", "validation")),
    ):
        done = run("report", MODEL, "new.csv", *options, "--out", "new.html", "--overwrite")
        assert done.exit_code == 0, done.stderr
        table = Path("new.html").read_text().split("Settings")[0]
        assert all(f'colspan="3">{part}<' in table for part in parts)
        assert not any(f'colspan="3">{part}<' in table for part in absent)


def test_exports() -> None:
    for name in ("tank.c", "tank.onnx"):
        done = run("export", MODEL, "--out", name)
        assert done.exit_code == 0, done.stderr
        assert Path(name).stat().st_size > 1000
    assert "void tank_step(" in Path("tank.c").read_text()
    refused(run("export", MODEL, "--out", "tank.c"), "exists")
    refused(run("export", MODEL, "--out", "tank.py"), ".onnx or .c")
    refused(run("export", "nowhere", "--out", "other.c"), "does not exist")


def test_onnx_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'onnx'", name="onnx")

    monkeypatch.setitem(exchange.WRITERS, ".onnx", missing)
    refused(run("export", MODEL, "--out", "tank.onnx"), "pip install 'throughtime[onnx]'")
    assert not Path("tank.onnx").exists()


def test_a_file_that_is_read_is_not_written(here: Path) -> None:
    before = (here / TABLE).read_bytes()
    for command in ("simulate", "predict", "forecast"):
        refused(run(command, MODEL, TABLE, "--out", f"../{here.name}/{TABLE}", "--overwrite"), "is a file that is read")
    (here / "plan.csv").write_text("u\n1\n")
    said = run("forecast", MODEL, TABLE, "--future", "plan.csv", "--out", "plan.csv", "--overwrite")
    refused(said, "--out plan.csv is a file that is read; choose another name")
    assert (here / TABLE).read_bytes() == before
