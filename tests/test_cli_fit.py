"""`throughtime fit`: what it takes, what it writes, what it refuses."""

import json
import shlex
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from command_line import FILES, TINY, dated, fit_plant, fitted, plant, refused, run
from throughtime.cli.fitting import _stayed
from throughtime.cli.wiring import told
from throughtime.dynamics.delays import suggest_delays
from throughtime.dynamics.efforts import proposal
from throughtime.dynamics.linear import Linear
from throughtime.dynamics.stages import OPTIMIZERS
from throughtime.io.files import fingerprint
from throughtime.models.saving import load


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    plant().to_csv("plant.csv", index=False)
    return tmp_path


def metrics_of(out: str | Path = "out") -> dict:  # type: ignore[type-arg]
    said: dict = json.loads((Path(out) / "metrics.json").read_text())  # type: ignore[type-arg]
    return said


def test_fit_writes_everything_that_is_known() -> None:
    said = fit_plant("out", "--input-delays", "0,1", "--output-delays", "1,2")
    assert {p.name for p in Path("out").iterdir()} == FILES
    assert "free run" in said.stdout
    assert "one step" in said.stdout
    assert "linear" in said.stdout
    metrics = metrics_of()
    assert metrics["rows"] == {"training": 48, "validation": 12, "test": 0, "washout": 2}
    assert metrics["network"]["free run"]["validation"]["y"]["rows"] == 12
    assert metrics["data"] == {"table": "plant.csv", "rows": 60, "sha256": fingerprint("plant.csv")}
    assert len(metrics["members"]) == 2
    assert metrics["verdict"][0] in said.stdout
    assert metrics["seconds"] > 0
    command = "throughtime fit plant.csv --outputs y --out out --inputs u --network narx --hidden 2"
    assert metrics["settings"]["command"].startswith(command)
    assert "--input-delays 0:1" in metrics["settings"]["command"]


def test_the_command_that_is_kept_makes_the_model_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("deep").mkdir()
    plant().to_csv("deep/my plant.csv", index=False)
    given = ["--inputs", "u", "--outputs", "y", *TINY, "--skip", "--seed", "3"]
    said = run("fit", here / "deep" / "my plant.csv", *given, "--out", here / "a", "--json", "--overwrite")
    assert said.exit_code == 0, said.stderr
    kept = json.loads(said.stdout)["settings"]["command"]
    assert str(here) not in kept
    assert kept.startswith("throughtime fit 'my plant.csv' --outputs y --out a --inputs u")
    monkeypatch.chdir("deep")
    again = run(*shlex.split(kept)[1:])
    assert again.exit_code == 0, again.stderr
    one, other = (load(folder / "a/model.safetensors") for folder in (here, Path()))
    assert (one.network, one.inputs, one.settings) == (other.network, other.inputs, other.settings)
    for layer, own in one.weights.items():
        for key, values in own.items():
            np.testing.assert_array_equal(values, other.weights[layer][key])


def test_the_test_rows_are_scored_and_nothing_else() -> None:
    one, other = dated(100), dated(100)
    other.loc[80:, "y"] = 50.0
    made = []
    for out, table in (("a", one), ("b", other)):
        table.to_csv("hours.csv", index=False)
        result = run(
            "fit", "hours.csv", "--inputs", "u", "--outputs", "y", *TINY, "--test", "0.2", "--out", out, "--quiet"
        )
        assert result.exit_code == 0, result.stderr
        made.append(load(f"{out}/model.safetensors"))
    a, b = (metrics_of(out) for out in "ab")
    assert a["rows"] == {"training": 64, "validation": 16, "test": 20, "washout": 2}
    for layer, own in made[0].weights.items():
        for key, values in own.items():
            np.testing.assert_array_equal(values, made[1].weights[layer][key])
    assert a["network"]["free run"]["validation"] == b["network"]["free run"]["validation"]
    assert a["baselines"]["linear"]["free run"]["validation"] == b["baselines"]["linear"]["free run"]["validation"]
    assert a["network"]["free run"]["test"]["y"]["rmse"] < 10 < b["network"]["free run"]["test"]["y"]["rmse"]
    assert ", test, beside the linear model" in a["verdict"][0]


def test_the_linear_model_is_fitted_where_the_network_is() -> None:
    table, said = dated(), metrics_of(fitted() / "out")
    u, y = table[["u"]].to_numpy(), table[["y"]].to_numpy()
    training, total = said["rows"]["training"], said["rows"]["training"] + said["rows"]["validation"]
    linear = Linear.fit([(u[:training], y[:training])], (1,), (1,))
    known = np.where(np.arange(len(y))[:, None] < training, y, np.nan)
    for mode, ys in (("free run", linear.free_run(u, known)), ("one step", linear.one_step(u, y))):
        rmse = np.sqrt(np.mean((ys - y)[training:total] ** 2))
        assert said["baselines"]["linear"][mode]["validation"]["y"]["rmse"] == pytest.approx(rmse, rel=1e-9)
    assert "better in free run" in said["verdict"][0]
    assert "NOT" not in said["verdict"][0]


def test_a_network_that_is_no_better_than_the_linear_model_is_told_so() -> None:
    said = fit_plant("out", "--learning-rate", "1e-6")
    assert "NOT better in free run" in said.stdout
    assert "or take the linear model" in said.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["--network", "elman", "--learner", "rtrl:5", "--inputs", "u,v", "--outputs", "y,z"],
        ["--network", "jordan", "--loop", "open-closed", "--inputs", "u", "--outputs", "y"],
        ["--network", "focused", "--learner", "focused", "--inputs", "u", "--outputs", "y"],
        ["--network", "tdnn", "--delays", "0:2/0,2", "--learner", "backprop", "--inputs", "u", "--outputs", "y"],
        ["--network", "narx", "--loop", "open", "--validation", "0", "--inputs", "u", "--outputs", "y"],
        ["--network", "narx", "--loop", "closed", "--learned-start", "--inputs", "u", "--outputs", "y"],
        ["--network", "window", "--width", "3", "--activation", "logistic", "--inputs", "u", "--outputs", "y"],
        ["--network", "narx", "--increments", "--skip", "--inputs", "u,v", "--outputs", "y,z", "--high", "none,2"],
        ["--network", "ntm", "--slots", "4", "--width", "3", "--inputs", "u,v", "--outputs", "y,z"],
    ],
    ids=lambda options: " ".join(options[1:4]),
)
def test_fit_takes_every_kind_of_network_and_learner(options: list[str]) -> None:
    result = run("fit", "plant.csv", *TINY, *options, "--out", "out", "--json")
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    stages = len(said["settings"]["loop"].split("-"))
    assert said["settings"]["epochs_done"] == 2 * stages
    assert said["settings"]["optimizer"] == "adam"
    assert said == metrics_of()
    assert run("evaluate", "out/model.safetensors", "plant.csv").exit_code == 0


def test_a_network_that_runs_backward_too() -> None:
    tiny = ["--hidden", "2", "--epochs", "2", "--look", "1", "--restarts", "2"]
    given = ["--network", "gru", "--bidirectional", "--inputs", "u", "--outputs", "y", "--optimizer", "adam"]
    result = run("fit", "plant.csv", *given, *tiny, "--out", "out")
    assert result.exit_code == 0, result.stderr
    assert metrics_of()["settings"]["every"] is None
    plant().drop(columns="y").to_csv("to come.csv", index=False)
    model = "out/model.safetensors"
    refused(run("forecast", model, "plant.csv", "--future", "to come.csv"), "backward", "cannot go on")
    assert run("report", model, "plant.csv", "--out", "report.html").exit_code == 0
    refused(
        run("fit", "plant.csv", *given, *tiny, "--every", "20", "--out", "again"),
        "--every",
        "backward layers need whole",
    )


@pytest.mark.parametrize("optimizer", ["lm", "br"])
def test_levenberg_marquardt(optimizer: str) -> None:
    given = ["--inputs", "u", "--outputs", "y", "--hidden", "2", "--epochs", "3", "--restarts", "2", "--skip"]
    result = run("fit", "plant.csv", *given, "--optimizer", optimizer, "--out", "out")
    assert result.exit_code == 0, result.stderr
    settings = metrics_of()["settings"]
    assert (settings["optimizer"], settings["every"], settings["epochs"]) == (optimizer, None, [3, 3])
    assert metrics_of()["network"]["one step"]["training"]["y"]["fit_percent"] > 80
    for option, value in (("--every", "20"), ("--learner", "rtrl"), ("--clip", "1"), ("--learning-rate", "0.1")):
        refused(
            run("fit", "plant.csv", *given, "--optimizer", optimizer, option, value, "--out", "o"),
            option,
            "whole steps",
        )


def test_without_a_word_on_the_wiring_it_begins_as_the_linear_model_with_delays_that_are_found() -> None:
    table = dated(120)
    table.to_csv("hours.csv", index=False)
    said = run(
        "fit", "hours.csv", "--inputs", "u", "--outputs", "y", "--effort", "quick", "--epochs", "1", "--out", "out"
    )
    assert said.exit_code == 0, said.stderr
    study, metrics = json.loads(Path("out/study.json").read_text()), metrics_of()
    found = suggest_delays(table[["u"]], table[["y"]])
    wanted = {"input_delays": list(found.inputs), "output_delays": list(found.outputs), "skip": True}
    assert study["wiring"] == {"name": "narx", "hidden": [10], "options": wanted}
    assert (study["parts"]["folds"], study["restarts"], study["keep"]) == (3, 2, 1)
    assert [stage["decay"] for stage in study["stages"]] == [[0.0, 1e-3]] * 2
    assert "--decay 0.0,0.001" in metrics["settings"]["command"]
    assert (
        "validation is of the same rows as training, each run over by the networks that it was held out from"
        in said.stdout
    )
    assert load("out/model.safetensors").settings["single_output"] is True
    assert [member["fold"] for member in metrics["members"]] == [0, 1, 2]
    ends = [study["wiring"]["options"][key] for key in ("input_delays", "output_delays")]
    assert (
        f"note: the network hears --input-delays {told(tuple(ends[0]))} --output-delays {told(tuple(ends[1]))};"
        in said.stderr
    )
    steady = table.assign(valve=1.0)  # what stands still has no delays, and takes none from the others
    assert proposal(steady[["u", "valve"]], steady[["y"]]) == proposal(table[["u"]], table[["y"]])
    for ends in ((0, 70, 120), (0, 60, 120)):  # records, of other lengths and of the same, are no columns
        us, ys = ([table[[name]].to_numpy()[a:b] for a, b in pairwise(ends)] for name in "uy")
        apart = suggest_delays(us, ys)
        options = proposal(us, ys).options
        assert (options["input_delays"], options["output_delays"]) == (apart.inputs, apart.outputs)
    own, linear = (
        who["free run"]["validation"]["y"]["rmse"] for who in (metrics["network"], metrics["baselines"]["linear"])
    )
    assert own <= linear * (1 + 1e-6)


def test_networks_that_stay_the_linear_model_are_told() -> None:
    assert _stayed([{"epoch": 3}]) == []
    assert _stayed([{"epoch": 3}, {"epoch": 0}])[0].startswith("1 of the 2 networks is the linear model, where")
    assert _stayed([{"epoch": 0}, {"epoch": 0}])[0].startswith("the linear model is the answer: no training was better")


def test_without_options_of_adam_small_networks_are_taught_by_bayesian_regularisation() -> None:
    assert metrics_of(fitted() / "out")["settings"]["optimizer"] == "br"
    assert list(OPTIMIZERS) == ["adam", "lm", "br"]


def test_folds_and_what_is_kept_of_them() -> None:
    fit_plant("out", "--folds", "2", "--restarts", "3", "--keep", "1", "--test", "0.2")
    said = metrics_of()
    assert said["rows"] == {"training": 48, "validation": 46, "test": 12, "washout": 2}
    assert [m["fold"] for m in said["members"]] == [0, 1]
    assert said["network"]["free run"]["validation"]["y"]["rows"] == 46
    assert run("report", "out/model.safetensors", "plant.csv", "--out", "report.html").exit_code == 0
    refused(run("fit", "plant.csv", "--inputs", "u", "--outputs", "y", *TINY, "--folds", "1", "--out", "o"), "--folds")


def test_a_series_is_learned_from_its_past_and_continued() -> None:
    given = ["--outputs", "y", "--output-delays", "1:3", *TINY]
    result = run("fit", "plant.csv", *given, "--out", "out")
    assert result.exit_code == 0, result.stderr
    assert metrics_of()["settings"]["loop"] == "open-closed"
    assert metrics_of()["settings"]["horizon"] == 20
    table = pd.read_csv("plant.csv")
    table.loc[30:, "y"] = np.nan
    table[["v", "y"]].to_csv("past.csv", index=False)
    told = run("simulate", "out/model.safetensors", "past.csv", "--start-rows", "30", "--out", "told.csv")
    assert told.exit_code == 0, told.stderr
    free = run("predict", "out/model.safetensors", "past.csv", "--out", "free.csv")
    assert free.exit_code == 0, free.stderr
    table[:30][["y"]].to_csv("known.csv", index=False)
    further = run("forecast", "out/model.safetensors", "known.csv", "--horizon", "30", "--out", "further.csv")
    assert further.exit_code == 0, further.stderr
    ahead, along = pd.read_csv("told.csv")["y"], pd.read_csv("free.csv")["y"]
    np.testing.assert_allclose(ahead, along)
    np.testing.assert_allclose(ahead[30:], pd.read_csv("further.csv")["y"])
    assert np.isfinite(ahead).all()
    refused(run("fit", "plant.csv", *given, "--input-delays", "0", "--out", "o"), "--input-delays needs --inputs")
    refused(run("fit", "plant.csv", "--outputs", "y", *TINY, "--network", "lstm", "--out", "o"), "needs --inputs")


def test_the_same_seed_gives_the_same_model_and_another_another() -> None:
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        fit_plant(out, "--seed", seed)
    a, b, c = (load(f"{out}/model.safetensors").weights["hidden"]["input"] for out in "abc")
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)


def test_gaps_in_outputs_ask_nothing_and_quiet_is_quiet() -> None:
    table = plant()
    table.loc[10:15, "y"] = np.nan
    table.to_csv("plant.csv", index=False)
    result = fit_plant("out", "--quiet")
    assert result.output == ""
    assert metrics_of()["network"]["free run"]["training"]["y"]["rows"] == 48 - 2 - 6


def test_gaps_that_leave_a_linear_model_nothing_leave_it_out() -> None:
    table = plant()
    table.loc[::2, "y"] = np.nan
    table.to_csv("plant.csv", index=False)
    result = fit_plant("out", "--loop", "closed")
    assert result.exit_code == 0, result.stderr
    assert "linear" not in metrics_of()["baselines"]
    assert np.isfinite(metrics_of()["network"]["free run"]["training"]["y"]["rmse"])


def test_parquet_and_csv_give_the_same() -> None:
    fit_plant("a")
    plant().to_parquet("plant.parquet")
    fit = run("fit", "plant.parquet", "--inputs", "u", "--outputs", "y", *TINY, "--out", "b")
    assert fit.exit_code == 0, fit.stderr
    assert metrics_of("a")["network"] == metrics_of("b")["network"]


def test_uneven_times_are_noted() -> None:
    table = dated(60).drop(index=[30])
    table.to_csv("hours.csv", index=False)
    given = ["--inputs", "u", "--outputs", "y", "--time", "hour", *TINY, "--out", "out"]
    said = run("fit", "hours.csv", *given)
    assert said.exit_code == 0, said.stderr
    assert "note: column 'hour' is uneven: 2026-01-02 07:00:00 follows 2026-01-02 05:00:00" in said.stderr
    assert "1 h apart" in said.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--output-delays", "2:1"], ["delays '2:1'"]),
        (["--output-delays", "0:1"], ["begin with 1"]),
        (["--hidden", "ten"], ["--hidden 'ten'"]),
        (["--network", "rnn"], ["'rnn' is not known", "narx"]),
        (["--network", "tdnn"], ["needs --delays"]),
        (
            ["--network", "lstm", "--output-delays", "1"],
            ["--output-delays is not for --network lstm", "--bidirectional"],
        ),
        (["--network", "lstm", "--skip"], ["--skip is not for --network lstm"]),
        (["--network", "gru", "--loop", "open"], ["--loop is for networks that hear past outputs"]),
        (["--network", "gru", "--horizon", "5"], ["what layer 'hidden' remembers is not measured"]),
        (["--learner", "magic"], ["--learner 'magic'", "rtrl:BLOCK"]),
        (["--learner", "bptt:x"], ["'x' must be a whole number"]),
        (["--loop", "ajar"], ["--loop 'ajar'"]),
        (["--loop", "open", "--learned-start"], ["--loop open", "--learned-start"]),
        (["--loop", "open", "--horizon", "5"], ["--horizon is for training in closed loop"]),
        (["--optimizer", "sgd"], ["--optimizer 'sgd'", "adam, lm, br"]),
        (["--validation", "1"], ["--validation"]),
        (["--test", "-0.1"], ["--test"]),
        (["--test", "0.95"], ["too short"]),
        (["--learning-rate", "-1"], ["--learning-rate"]),
        (["--decay", "-1"], ["--decay"]),
        (["--decay", "0,much"], ["--decay", "write a number, or several"]),
        (["--decay", "0,0.1", "--optimizer", "adam"], ["--decay may be several for --optimizer lm and br only"]),
        (["--high", "ten"], ["--high 'ten'", "0,none"]),
        (["--high", "1,2"], ["2 numbers for 1 outputs"]),
        (["--high", "1", "--low", "2"], ["--low 2 is not below --high 1"]),
        (["--low", "inf"], ["column 'y': --low inf is no limit"]),
        (["--high", "nan"], ["--high 'nan' cannot be read"]),
        (["--time", "y"], ["column 'y' cannot be both the time of the rows and an output"]),
        (["--hidden", "1000000000"], ["training 2 x 7e+09 weights needs", "GB and this machine has", "--hidden"]),
        (["--hidden", "9" * 600], ["GB and this machine has"]),
        (["--network", "ntm", "--width", "5", "--slots", "1000000000"], ["GB and this machine has", "--slots"]),
        (["--optimizer", "lm", "--hidden", "300000"], ["GB and this machine has"]),
        (["--restarts", "9" * 30], ["GB and this machine has", "--restarts"]),
        (["--input-delays", "0:999999999999"], ["'0:999999999999': 1e+12 delays", "4e+03 GB for each unit"]),
        (["--input-delays", "0,999999999999"], ["too short for delays up to 999999999999"]),
        (["--network", "window", "--width", "1000000000"], ["--width 1000000000: 1e+09 delays"]),
        (["--time", "when"], ["no column 'when'"]),
        (["--outputs", "u"], ["--outputs is given twice; name all columns in one"]),
        (["--epochs", "many"], ["--epochs", "throughtime fit --help"]),
        (["--washout", "100"], ["too short", "washout of 100"]),
        (["--activation", "softplus"], ["softplus", "tanh"]),
    ],
    ids=lambda part: " ".join(part) if part[0].startswith("--") else "",
)
def test_bad_options_are_refused_in_one_line(options: list[str], said: list[str]) -> None:
    tiny = [word for word in TINY if word not in ("--every", "40")]
    refused(run("fit", "plant.csv", "--inputs", "u", "--outputs", "y", *tiny, "--out", "out", *options), *said)
    assert not Path("out").exists()


def test_a_column_named_twice_is_refused() -> None:
    refused(run("fit", "plant.csv", "--inputs", "u", "--outputs", "u", *TINY, "--out", "out"), "'u' is named twice")


def test_too_few_rows_for_so_many_weights_are_noted() -> None:
    plant()[:30].to_csv("few.csv", index=False)
    said = run("fit", "few.csv", "--inputs", "u", "--outputs", "y", *TINY, "--hidden", "9", "--out", "out")
    assert said.exit_code == 0, said.stderr
    assert "rows are learned from, for" in said.stderr


def test_a_diverging_run_keeps_the_last_good_weights() -> None:
    given = [
        "--network",
        "narx",
        "--activation",
        "linear",
        "--restarts",
        "1",
        "--loop",
        "closed",
        "--epochs",
        "50",
        "--look",
        "1",
    ]
    wild = ["--learning-rate", "3", "--clip", "0", "--every", "20"]
    result = run("fit", "plant.csv", "--inputs", "u", "--outputs", "y", *given, *wild, "--out", "out", "--quiet")
    refused(result, "diverged in epoch", "learning rate", "saved in out", code=1)
    assert {p.name for p in Path("out").iterdir()} == FILES
    assert metrics_of()["settings"]["ended"] == "diverged"
    assert run("evaluate", "out/model.safetensors", "plant.csv").exit_code == 0
    at_once = ["--learning-rate", "1e30", "--clip", "0"]
    result = run("fit", "plant.csv", "--inputs", "u", "--outputs", "y", *given, *at_once, "--out", "none", "--quiet")
    refused(result, "diverged", "nothing is written", code=1)
    assert not Path("none").exists()
