"""A network that hears inputs and outputs directly begins as the linear model: the same free run, before any epoch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import throughtime as tt
from command_line import dated, run
from throughtime.dynamics.beginning import as_linear, begun, direct, is_linear, linears_of
from throughtime.dynamics.linear import Linear
from throughtime.dynamics.records import Record
from throughtime.engine import init
from throughtime.models.columns import columns_of
from throughtime.models.ensemble import Ensemble
from throughtime.models.members import stack_members

RANDOM = np.random.default_rng(0)
U = RANDOM.normal(size=(90, 2))
Y = np.zeros((90, 2))
for t in range(2, 90):
    Y[t, 0] = 3 + 0.5 * Y[t - 1, 0] - 0.2 * Y[t - 2, 1] + U[t, 0] + 0.1 * U[t, 1] ** 2
    Y[t, 1] = 0.6 * Y[t - 1, 1] + 40 * U[t - 1, 1]
ASKED = np.stack([np.arange(90) < 60, np.arange(90) >= 40])
LINEAR = tt.narx(2, [], 2, (0, 1), (1, 2))
NETWORKS = {
    "linear": LINEAR,
    "skip": tt.narx(2, 3, 2, (0, 1), (1, 2), skip=True),
    "skip, increments": tt.narx(2, [3, 2], 2, (0, 1), (1, 2), skip=True, increments=True),
}


def begins(network: Any, y: Any = Y) -> Ensemble:
    """Two networks, the first of which is asked the first rows, the other the last ones."""
    inputs, outputs = columns_of(U, "ab"), columns_of(Y, "pq")
    drawn = stack_members([init(network, seed, np.float64) for seed in (0, 1)])
    together = Ensemble(network, drawn, inputs, outputs)
    seen = [Record(*together.seen(U, y))]
    found = [as_linear(network, seen, [asked]) for asked in ASKED]
    return Ensemble(network, begun(network, drawn, found), inputs, outputs)


@pytest.mark.parametrize("name", NETWORKS)
def test_before_any_epoch_it_is_the_linear_model(name: str) -> None:
    y = Y.copy()
    y[20, 1] = np.nan  # a gap costs the steps that hear it
    known = np.where(np.arange(90)[:, None] < 2, Y, np.nan)
    ys = begins(NETWORKS[name], y).each(U, known)
    for own, asked in zip(ys, ASKED, strict=True):
        linear = Linear.fit([(U, np.where(asked[:, None], y, np.nan))], (0, 1), (1, 2))
        np.testing.assert_allclose(own[2:], linear.free_run(U, known)[2:], rtol=1e-6, atol=1e-6)
    assert np.abs(ys[0] - ys[1]).max() > 1e-3


def test_without_a_step_whose_past_is_known_it_begins_as_it_was_drawn() -> None:
    network, y = NETWORKS["skip"], np.where(np.arange(90)[:, None] % 2, Y, np.nan)
    weights = begins(network, y).weights
    assert all(np.abs(weights["output"][c.key]).min() > 0 for c in direct(network))


def test_what_begins_so_is_told_by_its_wiring() -> None:
    plain = tt.narx(2, 3, 2), tt.gru(2, 3, 2), tt.narx(2, 3, 2, skip=True, g=tt.narx(1, 1, 1).by_name["hidden"].unit)
    assert [bool(direct(network)) for network in plain] == [False] * 3
    assert [is_linear(network) for network in NETWORKS.values()] == [True, False, False]


def test_a_linear_network_says_its_coefficients() -> None:
    for linear, asked in zip(linears_of(begins(LINEAR)), ASKED, strict=True):
        wanted = Linear.fit([(U, np.where(asked[:, None], Y, np.nan))], (0, 1), (1, 2))
        np.testing.assert_allclose(linear.coefficients, wanted.coefficients, rtol=1e-6, atol=1e-6)
    with pytest.raises(ValueError, match="this is not the linear model"):
        linears_of(begins(NETWORKS["skip"]))


UNEVEN = [
    *(tt.Connection("a", (0, 2)), tt.Connection("b", 1), tt.Connection("y", (1, 3))),
    tt.Connection("y", 2, "identity", name="kept"),
]


@pytest.mark.parametrize(
    "network",
    [
        tt.narx(2, [], 2, (0, 1), (1, 2), increments=True),
        tt.Network([("a", 1), ("b", 1)], [tt.Layer("y", 2, "linear", UNEVEN)], "y"),
    ],
)
def test_the_coefficients_run_as_the_network_does(network: tt.Network) -> None:
    """With fixed connections, which have no weights, and with inputs that are heard with delays of their own."""
    together = begins(network)
    known = np.where(np.arange(90)[:, None] < 3, Y, np.nan)
    for own, linear in zip(together.each(U, known), linears_of(together), strict=True):
        np.testing.assert_allclose(linear.free_run(U, known)[3:], own[3:], rtol=1e-6, atol=1e-6)


def test_training_never_leaves_it_worse_on_what_is_held_out() -> None:
    wild = tt.Teaching(epochs=1, look=1, rate=1e3, clip=None)
    model = tt.DynamicModel(LINEAR, wild, restarts=1, horizon=0, random_state=0).fit(U, Y)
    assert [member["epoch"] for member in model.members_] == [0]
    drawn = tt.DynamicModel(LINEAR, wild, restarts=1, horizon=0, first=init).fit(U, Y)
    assert drawn.members_ != model.members_


def test_the_command_line_fits_shows_exports_and_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    dated().to_csv("hours.csv", index=False)
    given = ["--inputs", "u", "--outputs", "y", "--network", "linear", "--input-delays", "1", "--output-delays", "1"]
    assert run("fit", "hours.csv", *given, "--loop", "open", "--validation", "0", "--out", "out").exit_code == 0
    shown = run("show", "out/model.safetensors").stdout
    table = dated()
    (equation,) = Linear.fit([(table[["u"]].to_numpy(), table[["y"]].to_numpy())], (1,), (1,)).equations("u", "y")
    assert equation in shown
    assert ": a free run settles" in shown
    for command in (["simulate"], ["export", "--out", "linear.c"]):
        told = run(command[0], "out/model.safetensors", *(["hours.csv"] if command[1:] == [] else command[1:]))
        assert told.exit_code == 0, told.stderr
    again = run("fit", "hours.csv", *given, "--hidden", "3", "--out", "again")
    assert again.exit_code == 2
    assert "--hidden is not for --network linear, which has no hidden layer; leave it out" in again.stderr
