"""What a model hears or says beyond what it has learned from is told: which column, in which rows, how far."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest

import throughtime as tt
from command_line import fitted, run
from throughtime import units
from throughtime.dynamics import model as dynamic
from throughtime.dynamics.ranges import Ranges
from throughtime.dynamics.records import Record
from throughtime.dynamics.trying_out import run_away
from throughtime.models.ensemble import Ensemble

TEACHING = tt.Teaching(epochs=1, look=1)
RANGES = Ranges(((0.0, 1.0), (5.0, 5.0)), ((-5.0, 5.0),))


def test_they_are_those_of_all_rows_but_for_gaps() -> None:
    records = [
        Record(np.array([[0.0, 5.0], [1.0, 5.0]]), np.array([[-5.0], [np.nan]])),
        Record(np.array([[0.5, 5.0]]), np.array([[5.0]])),
    ]
    assert Ranges.of(records) == RANGES
    assert Ranges.of([Record(np.zeros((2, 0)), np.ones((2, 1)))]) == Ranges((), ((1.0, 1.0),))
    assert Ranges.from_dict(json.loads(json.dumps(RANGES.to_dict())), 2, 1) == RANGES


def test_within_them_nothing_is_told() -> None:
    u, y = np.array([[0.0, 5.0], [1.0, 5.0]]), np.array([[5.9], [np.nan]])
    assert RANGES.sentences(u, y, ["a", "b"], ["y"]) == []


def test_beyond_them_column_rows_and_distance_are_told() -> None:
    u, y = np.array([[0.0, 5.0], [-0.5, 5.0], [1.2, 5.1]]), np.array([[0.0], [-9.0], [6.1]])
    a, b, out = RANGES.sentences(u, y, ["a", "b"], ["y"])
    assert (
        a == "input 'a' leaves what was learned from, 0 to 1, in 2 of 3 rows, first in row 2; it comes to -0.5 in row 2"
    )
    assert (
        b == "input 'b' leaves what was learned from, 5 to 5, in 1 of 3 rows, first in row 3; it comes to 5.1 in row 3"
    )
    assert (
        out
        == "output 'y' leaves what was learned from, -5 to 5, in 2 of 3 rows, first in row 2; it comes to -9 in row 2"
    )


WRONG: list[Any] = [[], [[1, 0]], [[0]], [["a", 1]], [3], 3]


@pytest.mark.parametrize(
    "plain", [{}, [], {"inputs": [[0, 1], [5, 5]]}, *(RANGES.to_dict() | {"outputs": one} for one in WRONG)]
)
def test_what_cannot_have_been_written_is_refused(plain: Any) -> None:
    with pytest.raises(ValueError, match="do not fit it; fit it again"):
        Ranges.from_dict(plain, 2, 1)


def test_simulate_and_forecast_tell_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = fitted()
    table = pd.read_csv(here / "hours.csv")
    table["u"] = np.where(table.index == 7, 50.0, table["u"])
    table.to_csv("far.csv", index=False)
    said = run("simulate", here / "out/model.safetensors", "far.csv", "--out", "s.csv")
    assert said.exit_code == 0, said.stderr
    assert "note: input 'u' leaves what was learned from, " in said.stderr
    assert "in 1 of 240 rows, first in row 8; it comes to 50 in row 8" in said.stderr
    later = table.assign(hour=pd.date_range("2026-01-11", periods=240, freq="h"))
    later[["hour", "u"]].to_csv("later.csv", index=False)
    for steps, told in (("5", False), ("9", True)):
        said = run(
            "forecast", here / "out/model.safetensors", here / "hours.csv", "--future", "later.csv", "--horizon", steps
        )
        assert said.exit_code == 0, said.stderr
        assert ("input 'u' leaves what was learned from" in said.stderr) == told


def test_a_run_that_is_no_longer_finite_is_warned_of_in_python() -> None:
    network = tt.narx(1, 1, 1, 0, 1, f=units.linear)
    weights = jax.tree.map(lambda w: 1e30 * np.ones_like(w), tt.init(network, 0))
    model = tt.DynamicModel.from_model(tt.Model(network, weights, (tt.Column("u"),), (tt.Column("y"),)))
    assert model.ranges_ is None
    with pytest.warns(
        RuntimeWarning, match=r"simulate: the outputs are not finite from step \d+ on: the network ran away; check"
    ):
        model.simulate(np.ones(30))
    with pytest.warns(RuntimeWarning, match="forecast: the outputs are not finite from step"):
        model.forecast(30, np.ones(30), history=(np.ones(3), np.ones(3)))


def test_a_network_that_runs_away_on_inputs_in_another_order_is_found() -> None:
    network = tt.narx(1, [], 1, 0, 1)
    fed = {
        "input": np.ones((3, 1, 1, 1, 1)),
        "output": np.array([0.5, 1.2, 0.9]).reshape(3, 1, 1, 1, 1),
        "bias": np.zeros((3, 1, 1)),
    }
    together = Ensemble(network, {"output": fed}, (tt.Column("u"),), (tt.Column("y"),))
    u = np.random.default_rng(0).normal(size=(60, 1))
    y = together.each(u)[0]  # of the first, which is the system
    assert run_away(together, [Record(u, y)], Ranges.of([Record(u, y)])).tolist() == [False, True, True]
    assert not run_away(together, [Record(0 * u, y)], Ranges.of([Record(u, y)])).any()
    began = together.members([0, 2, 2])  # what swings as far as the linear model does has not run away
    assert run_away(together, [Record(u, y)], Ranges.of([Record(u, y)]), began).tolist() == [False, True, False]


def test_a_network_that_runs_away_is_the_linear_model_again(monkeypatch: pytest.MonkeyPatch) -> None:
    u = np.random.default_rng(0).normal(size=90)
    y = np.tanh(np.convolve(u, 0.5 ** np.arange(9))[:90])
    teaching = tt.Teaching(epochs=4, look=2, optimizer=tt.LevenbergMarquardt())

    def members(*wild: bool) -> list[dict[str, Any]]:
        monkeypatch.setattr(dynamic, "run_away", lambda *_: np.array(wild))
        network = tt.narx(1, 2, 1, 0, 1, skip=True)
        return tt.DynamicModel(network, teaching, restarts=2, keep=1, horizon=0).fit(u, y).members_

    (best,), (second,), (linear,) = members(False, False), members(True, False), members(True, True)
    if second == best:
        (second,) = members(False, True)
    assert best["error"] <= second["error"] <= linear["error"]
    assert linear["epoch"] == 0 < best["epoch"]


def test_of_the_networks_of_a_block_one_that_runs_away_is_kept_last(monkeypatch: pytest.MonkeyPatch) -> None:
    u = np.random.default_rng(0).normal(size=60)
    y = np.convolve(u, 0.5 ** np.arange(9))[:60]

    def kept(*wild: bool) -> int:
        monkeypatch.setattr(dynamic, "run_away", lambda *_: np.array(wild))
        model = tt.DynamicModel(tt.narx(1, [], 1, 0, 1), TEACHING, restarts=2, keep=1, first=tt.init, horizon=0).fit(
            u, y
        )
        (member,) = model.members_
        return int(member["seed"])

    best, second, first = kept(False, False), kept(True, False), kept(False, True)
    assert first < second  # seeds, in the order of the networks
    assert best in (first, second)
    assert kept(True, True) == best
