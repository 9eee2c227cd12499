"""Natural mistakes on the command line and in Python are told in one line, with the way out."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import throughtime as tt
from command_line import dated, fitted, plant, refused, run
from throughtime.dynamics.standing import Standing, load_standing, save_standing
from throughtime.dynamics.study import Study
from throughtime.dynamics.table import Columns
from throughtime.dynamics.teaching import Teaching
from throughtime.dynamics.wirings import Wiring

STUDY = Study(Wiring("narx", (2,)), Columns(("u",), ("y",)), (Teaching(epochs=1),))


@pytest.fixture(autouse=True, scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path_factory.mktemp("told"))
        dated(40).to_csv("hours.csv", index=False)
        yield


def test_an_output_is_not_heard_before_it_is_computed() -> None:
    for network, delays in (("narx", "0:2"), ("narx", "0")):
        said = run("fit", "hours.csv", "--outputs", "y", "--network", network, "--output-delays", delays, "--out", "x")
        refused(said, "--output-delays 0", "an output is not known before it is computed; begin with 1")
    with pytest.raises(ValueError, match=r"^output_delays 0,1: .* begin with 1$"):
        Wiring("narx", (2,), {"output_delays": (0, 1)})


@pytest.mark.parametrize("command", [["fit", "--out", "x"], ["choose", "--out", "x.jsonl"], ["delays"]], ids=" ".join)
def test_dates_are_no_input_but_times(command: list[str]) -> None:
    words = [command[0], "hours.csv", "--outputs", "y", *command[1:]]
    refused(run(*words, "--inputs", "u,hour"), "column 'hour' holds dates", "name it with --time hour")
    refused(run(*words, "--inputs", "hour", "--time", "hour"), "column 'hour' holds dates", "leave it out")
    refused(run(*words, "--inputs", "u", "--time", "y"), "column 'y' cannot be both the time of the rows and an output")


def test_only_dates_are_taken_for_dates() -> None:
    frame = plant().assign(u=[f"{value:.3f}".replace(".", ",") for value in plant()["u"]])
    frame.to_csv("commas.csv", index=False, sep=";")
    assert run("delays", "commas.csv", "--outputs", "y", "--inputs", "u", "--lags", "5").exit_code == 0
    frame.assign(u="high").to_csv("words.csv", index=False, sep=";")
    refused(run("delays", "words.csv", "--outputs", "y", "--inputs", "u"), "row 1 (line 2): 'high' is not a number")


def test_delays_and_choose_know_the_times_of_rows() -> None:
    said = run("delays", "hours.csv", "--outputs", "y", "--inputs", "u", "--time", "hour", "--lags", "5")
    assert said.exit_code == 0, said.stderr
    assert said.stderr == ""
    late = dated(40)
    late["hour"] = late["hour"].where(late.index < 20, late["hour"] + pd.Timedelta("1D"))
    late.to_csv("late.csv", index=False)
    said = run("delays", "late.csv", "--outputs", "y", "--inputs", "u", "--time", "hour", "--lags", "5")
    assert "column 'hour' is uneven" in said.stderr
    assert "uneven" not in run("delays", "late.csv", "--outputs", "y", "--inputs", "u", "--lags", "5").stderr


def test_progress_is_no_model_and_a_model_no_progress() -> None:
    save_standing("progress.safetensors", Standing(STUDY))
    wanted = r"^progress\.safetensors holds progress of a fit .* no model; .* of a fit it is model\.safetensors$"
    with pytest.raises(ValueError, match=wanted):
        tt.load("progress.safetensors")
    refused(run("evaluate", "progress.safetensors", "hours.csv"), "holds progress of a fit", "it is model.safetensors")
    network = tt.elman(1, 1, 1)
    tt.save("model.safetensors", tt.Model(network, tt.init(network, 0)))
    for read in (tt.load_progress, load_standing):
        with pytest.raises(
            ValueError, match=r"^model\.safetensors holds something else where progress of a .* that holds it$"
        ):
            read("model.safetensors")
    with pytest.raises(
        ValueError, match=r"^progress\.safetensors holds progress of a fit .* where progress of a training"
    ):
        tt.load_progress("progress.safetensors")


@pytest.mark.parametrize("read", [tt.load, tt.load_progress, load_standing])
def test_a_file_that_is_not_there_is_told_with_what_to_give(read: Any) -> None:
    with pytest.raises(FileNotFoundError, match=r"^gone does not exist; give the \.safetensors file that was saved$"):
        read("gone")
    Path("folder").mkdir(exist_ok=True)
    with pytest.raises(IsADirectoryError, match=r"^folder is a folder, not a file; name the \.safetensors file in it$"):
        read(Path("folder"))


def test_a_run_that_begins_far_from_what_was_measured_says_so() -> None:
    hours, model = pd.read_csv(fitted() / "hours.csv"), fitted() / "out/model.safetensors"
    hours[int((hours["y"] - hours["y"].mean()).abs().argmax()) :].to_csv("far.csv", index=False)
    hours.drop(columns="y").to_csv("unmeasured.csv", index=False)
    hours.assign(y="unknown").to_csv("text.csv", index=False)
    said = run("simulate", model, "far.csv").stderr
    assert said.startswith("note: the run begins with 'y' at ")
    assert said.endswith("let measured outputs lead: --start-rows 1\n")
    runs = (
        ["far.csv", "--start-rows", "1"],
        ["far.csv", "--quiet"],
        ["unmeasured.csv"],
        ["text.csv"],
        [fitted() / "hours.csv"],
    )
    for words in runs:
        quiet = run("simulate", model, *words)
        assert (quiet.exit_code, quiet.stderr) == (0, ""), words


def test_a_model_shows_its_columns() -> None:
    said = run("show", fitted() / "out/model.safetensors").stdout
    assert "1 value: u\n" in said
    assert "1 linear unit: y " in said
