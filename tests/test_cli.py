"""The command line as its users meet it: what it writes, what it says, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from throughtime import __file__ as package
from throughtime.cli import app, running
from throughtime.storage import load, restore, standardise

FILES = {"model.safetensors", "metrics.json", "wiring.png", "training.png", "prediction.png"}
TINY = ["--hidden", "2", "--epochs", "2", "--every", "40"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def plant(rows: int = 60) -> pd.DataFrame:
    """y(t) = 0.8 y(t-1) + 0.5 u(t-1)."""
    u, y = np.sin(np.arange(rows) * 0.7), np.zeros(rows)
    for t in range(1, rows):
        y[t] = 0.8 * y[t - 1] + 0.5 * u[t - 1]
    return pd.DataFrame({"u": u, "v": np.cos(u), "y": 3 + 2 * y, "z": y**2})


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    plant().to_csv("plant.csv", index=False)
    return tmp_path


def fit_plant(out: str = "out", *more: object) -> Result:
    result = run("fit", "plant.csv", "--inputs", "u", "--outputs", "y", *TINY, "--out", out, *more)
    assert result.exit_code == 0, result.stderr
    return result


def refused(result: Result, *parts: str, code: int = 2) -> None:
    """One line on standard error that says all this, and nothing else."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    lines = result.stderr.strip().split("\n")
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]


def test_fit_writes_everything_and_what_it_wrote_can_be_used() -> None:
    said = fit_plant("out", "--input-delays", "0:2", "--output-delays", "1,2")
    assert {p.name for p in Path("out").iterdir()} == FILES
    assert "free run" in said.stdout
    metrics = json.loads(Path("out/metrics.json").read_text())
    assert metrics["rows"] == {"training": 48, "validation": 12, "washout": 2}
    assert metrics["network"]["free run"]["validation"]["y"]["rows"] == 12

    free = run("simulate", "out/model.safetensors", "plant.csv", "--out", "free.parquet")
    assert free.exit_code == 0, free.stderr
    ahead = run("predict", "out/model.safetensors", "plant.csv", "--quiet")
    assert ahead.exit_code == 0, ahead.stderr
    assert ahead.stdout.startswith("y\n")
    assert len(ahead.stdout.strip().split("\n")) == 61

    scores = json.loads(run("evaluate", "out/model.safetensors", "plant.csv", "--json").stdout)
    measured = pd.read_csv("plant.csv")["y"].to_numpy()[2:]
    for mode, predicted in (
        ("free run", pd.read_parquet("free.parquet")["y"].to_numpy()),
        ("one step", np.array(ahead.stdout.split("\n")[1:61], float)),
    ):
        rmse = np.sqrt(np.mean((predicted[2:] - measured) ** 2))
        assert scores[mode]["all"]["y"]["rmse"] == pytest.approx(rmse, rel=1e-4)
    assert "one step" in run("evaluate", "out/model.safetensors", "plant.csv").stdout
    assert "hidden · 2 tanh units" in run("show", "out/model.safetensors").stdout

    told = run("simulate", "out/model.safetensors", "plant.csv", "--start-rows", "10", "--json")
    led = np.array(json.loads(told.stdout)["outputs"]["y"])
    later = json.loads(run("evaluate", "out/model.safetensors", "plant.csv", "--start-rows", "10", "--json").stdout)
    rmse = np.sqrt(np.mean((led[10:] - measured[8:]) ** 2))
    assert later["free run"]["all"]["y"]["rmse"] == pytest.approx(rmse, rel=1e-4)
    assert not np.allclose(led[10:12], pd.read_parquet("free.parquet")["y"].to_numpy()[10:12])
    refused(run("simulate", "out/model.safetensors", "plant.csv", "--out", "free.xlsx"), "must end in .csv")


def test_one_step_and_free_run_are_the_open_and_the_closed_loop() -> None:

    import throughtime as tt

    fit_plant("out", "--output-delays", "1,3")
    model, table = load("out/model.safetensors"), pd.read_csv("plant.csv")
    x = jnp.asarray(standardise(table[["u"]].to_numpy(), model.inputs))[:, None]
    y = jnp.asarray(standardise(table[["y"]].to_numpy(), model.outputs))[:, None]
    closed, _ = tt.run(model.network, model.weights, x)
    opened, _ = tt.run(model.network.open_loop(), model.weights, {"input": x, "measured output": y})
    for command, expected in (("simulate", closed), ("predict", opened)):
        run(command, "out/model.safetensors", "plant.csv", "--out", f"{command}.csv")
        found = pd.read_csv(f"{command}.csv")[["y"]].to_numpy()
        np.testing.assert_allclose(found, restore(np.asarray(expected)[:, 0], model.outputs), atol=1e-4)
    assert not np.allclose(closed, opened, atol=1e-2)


def test_long_tables_are_run_in_stretches_without_a_seam(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for network in ("narx", "gru"):
        fit_plant(network, "--network", network)
        run("simulate", f"{network}/model.safetensors", "plant.csv", "--out", "whole.csv", "--overwrite")
        monkeypatch.setattr(running, "CHUNK", 25)
        run("simulate", f"{network}/model.safetensors", "plant.csv", "--out", "pieces.csv", "--overwrite")
        monkeypatch.undo()
        monkeypatch.chdir(here)
        np.testing.assert_allclose(pd.read_csv("whole.csv"), pd.read_csv("pieces.csv"), atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        ["--network", "elman", "--learner", "rtrl:5", "--inputs", "u,v", "--outputs", "y,z"],
        ["--network", "jordan", "--loop", "open-closed", "--inputs", "u", "--outputs", "y"],
        ["--network", "focused", "--learner", "focused", "--inputs", "u", "--outputs", "y"],
        ["--network", "lstm", "--bidirectional", "--inputs", "u", "--outputs", "y"],
        ["--network", "tdnn", "--delays", "0:2/0,2", "--learner", "backprop", "--inputs", "u", "--outputs", "y"],
        ["--network", "narx", "--loop", "open", "--validation", "0", "--inputs", "u", "--outputs", "y"],
        ["--network", "window", "--width", "3", "--activation", "logistic", "--inputs", "u", "--outputs", "y"],
    ],
    ids=lambda options: options[1],
)
def test_fit_takes_every_kind_of_network_and_learner(options: list[str]) -> None:
    result = run("fit", "plant.csv", *options, *TINY, "--out", "out", "--json")
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    assert said["settings"]["epochs_done"] == 2
    assert said == json.loads(Path("out/metrics.json").read_text())
    assert run("evaluate", "out/model.safetensors", "plant.csv").exit_code == 0


def test_a_series_is_learned_from_its_past_and_continued() -> None:
    result = run("fit", "plant.csv", "--outputs", "y", "--output-delays", "1:3", *TINY, "--out", "out")
    assert result.exit_code == 0, result.stderr
    table = pd.read_csv("plant.csv")
    table.loc[30:, "y"] = np.nan
    table[["y"]].to_csv("past.csv", index=False)
    told = run("simulate", "out/model.safetensors", "past.csv", "--start-rows", "30", "--out", "told.csv")
    assert told.exit_code == 0, told.stderr
    free = run("predict", "out/model.safetensors", "past.csv", "--out", "free.csv")
    assert free.exit_code == 0, free.stderr
    ahead, along = pd.read_csv("told.csv")["y"], pd.read_csv("free.csv")["y"]
    np.testing.assert_allclose(ahead, along)
    assert np.isfinite(ahead).all()
    refused(
        run("fit", "plant.csv", "--outputs", "y", "--loop", "closed", *TINY, "--out", "o"),
        "--loop closed needs --inputs",
    )
    refused(run("fit", "plant.csv", "--outputs", "y", "--network", "lstm", *TINY, "--out", "o"), "needs --inputs")


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
    scores = json.loads(Path("out/metrics.json").read_text())["network"]["free run"]["training"]["y"]
    assert scores["rows"] == 48 - 2 - 6


def test_parquet_and_csv_give_the_same() -> None:
    fit_plant("a")
    plant().to_parquet("plant.parquet")
    fit = run("fit", "plant.parquet", "--inputs", "u", "--outputs", "y", *TINY, "--out", "b")
    assert fit.exit_code == 0, fit.stderr
    a, b = (json.loads(Path(f"{out}/metrics.json").read_text())["network"] for out in "ab")
    assert a == b


def text(rows: str) -> None:
    Path("plant.csv").write_text(rows)


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
    text(content)
    result = run(
        "fit", "plant.csv", "--inputs", "u", "--outputs", "y", "--output-delays", "1,20", *TINY, "--out", "out/deep"
    )
    refused(result, *said)
    assert [p.name for p in Path().iterdir()] == ["plant.csv"]
    assert Path("plant.csv").read_text() == content


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--output-delays", "2:1"], ["delays '2:1'"]),
        (["--output-delays", "0:1"], ["no delay"]),
        (["--hidden", "ten"], ["--hidden 'ten'"]),
        (["--network", "rnn"], ["'rnn' is not known", "narx"]),
        (["--network", "tdnn"], ["needs --delays"]),
        (
            ["--network", "lstm", "--output-delays", "1"],
            ["--output-delays is not for --network lstm", "--bidirectional"],
        ),
        (["--network", "gru", "--loop", "open"], ["--loop is for networks that hear past outputs"]),
        (["--learner", "magic"], ["--learner 'magic'", "rtrl:BLOCK"]),
        (["--learner", "bptt:x"], ["'x' must be a whole number"]),
        (["--loop", "ajar"], ["--loop 'ajar'"]),
        (["--validation", "1"], ["--validation"]),
        (["--learning-rate", "-1"], ["--learning-rate"]),
        (["--outputs", "u"], ["'u' is named twice"]),
        (["--epochs", "many"], ["--epochs", "throughtime fit --help"]),
        (["--washout", "100"], ["too short", "washout of 100"]),
        (["--activation", "softplus"], ["softplus", "tanh"]),
    ],
)
def test_bad_options_are_refused_in_one_line(options: list[str], said: list[str]) -> None:
    arguments = ["fit", "plant.csv", "--inputs", "u", "--outputs", "y", *TINY, "--out", "out", *options]
    result = CliRunner().invoke(app, arguments, prog_name="throughtime")
    refused(result, *said)
    assert not Path("out").exists()


def test_a_gap_cannot_be_fed_to_an_open_loop() -> None:
    table = plant()
    table.loc[10, "y"] = np.nan
    table.to_csv("plant.csv", index=False)
    result = run("fit", "plant.csv", "--inputs", "u", "--outputs", "y", "--loop", "open", *TINY, "--out", "out")
    refused(result, "column 'y', row 11 (line 12)", "--loop open")


def test_output_folders_are_never_lost() -> None:
    fit_plant("out")
    Path("out/mine.txt").write_text("mine")
    before = {p.name: p.read_bytes() for p in Path("out").iterdir()}
    arguments = ["fit", "plant.csv", "--inputs", "u", "--outputs", "y", *TINY, "--seed", "5", "--out", "out"]
    refused(run(*arguments), "out is not empty", "--overwrite")
    text("u,y\n1,2\n")
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
    fit_plant("out")
    model = Path("out/model.safetensors")
    refused(run("simulate", "nowhere.safetensors", "plant.csv"), "nowhere.safetensors", "does not exist")
    refused(run("simulate", "out", "plant.csv"), "folder")
    refused(run("simulate", "plant.csv", "plant.csv"), "not a .safetensors file")
    refused(run("simulate", model, "nowhere.csv"), "nowhere.csv: no such file")
    refused(run("simulate", model, "."), "folder")
    refused(run("show", "nowhere"), "neither a file nor a network")
    Path("cut.safetensors").write_bytes(model.read_bytes()[:-10])
    refused(run("simulate", "cut.safetensors", "plant.csv"), "bytes")
    plant()[["v", "y"]].to_csv("less.csv", index=False)
    refused(run("simulate", model, "less.csv"), "no column 'u'", "v, y")
    plant()[["u"]].to_csv("blind.csv", index=False)
    assert run("simulate", model, "blind.csv").exit_code == 0
    refused(run("predict", model, "blind.csv"), "no column 'y'")
    refused(run("evaluate", model, "blind.csv"), "no column 'y'")
    plant(2).to_csv("short.csv", index=False)
    refused(run("simulate", model, "short.csv"), "2 rows", "too few")
    Path("bad.parquet").write_text("no")
    refused(run("simulate", model, "bad.parquet"), "bad.parquet cannot be read as Parquet")
    refused(run("simulate", model, "plant.csv", "--out", "plant.csv"), "plant.csv exists")
    refused(run("simulate", model, "plant.csv", "--out", "no/where.csv"), "no folder no")


def test_a_diverging_run_keeps_the_last_good_weights() -> None:
    arguments = ["fit", "plant.csv", "--inputs", "u", "--outputs", "y", "--network", "narx", "--activation", "linear"]
    result = run(
        *arguments,
        "--hidden",
        "2",
        "--epochs",
        "50",
        "--learning-rate",
        "1e30",
        "--clip",
        "0",
        "--out",
        "out",
        "--quiet",
    )
    refused(result, "diverged in epoch", "learning rate", "saved in out", code=1)
    assert {p.name for p in Path("out").iterdir()} == FILES
    assert json.loads(Path("out/metrics.json").read_text())["settings"]["ended"] == "diverged"
    assert run("evaluate", "out/model.safetensors", "plant.csv").exit_code == 0


def test_show_draws() -> None:
    shown = run(
        "show", "narx", "--input-delays", "0:2", "--output-delays", "1:2", "--hidden", "4,3", "--png", "narx.png"
    )
    assert shown.exit_code == 0, shown.stderr
    assert "↺ output    t-1, t-2" in shown.stdout
    assert Path("narx.png").read_bytes().startswith(b"\x89PNG")
    refused(run("show", "narx", "--png", "narx.png"), "exists")
    refused(run("show", "narx", "--png", "narx.docx"), ".png")


def test_help_and_version() -> None:
    assert run("--version").stdout.strip()
    assert "130" in run("--help").stdout
    for command in ("fit", "simulate", "predict", "evaluate", "show", "experiment", "demo"):
        helped = run(command, "--help")
        assert helped.exit_code == 0
        assert "Usage" in helped.stdout
    refused(run("nonsense"), "nonsense")
    refused(run("experiment", "nonsense"), "nonsense", "temporal-generalization")


def program(*arguments: object, **rest: object) -> "subprocess.Popen[str]":
    """The true program in a process of its own."""
    code = "from throughtime.cli import main; main()"
    source = str(Path(package).parents[1])
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": source} | rest,  # type: ignore[operator]
    )


def test_interrupted_training_keeps_the_best_weights() -> None:
    arguments = ["fit", "plant.csv", "--inputs", "u", "--outputs", "y", "--hidden", "2", "--epochs", 10**7]
    with program(*arguments, "--patience", 10**7, "--out", "out", FORCE_COLOR="1", COLUMNS="200") as process:
        assert process.stderr is not None
        said = ""
        while "epoch" not in said:
            said += process.stderr.read(1)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the best weights so far" in rest
    assert {p.name for p in Path("out").iterdir()} == FILES
    assert json.loads(Path("out/metrics.json").read_text())["settings"]["ended"] == "interrupted"


def test_the_program_in_a_process_of_its_own() -> None:
    with program("show", "jordan") as process:
        shown, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")
    assert "hidden" in shown
    with program("simulate", "nothing", "nowhere") as process:
        shown, said = process.communicate(timeout=60)
    assert (process.returncode, shown) == (2, "")
    assert said == "error: nothing does not exist; give the .safetensors file that was saved\n"
