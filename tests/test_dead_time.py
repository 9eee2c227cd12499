"""A model with a dead time is the model without, on inputs that come so much later."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import throughtime as tt
from command_line import TINY, plant, refused, run
from throughtime.dynamics.dead_time import with_dead_time

DEAD, STEPS = 3, 40
NETWORKS = {
    "narx": tt.narx(2, 3, 1, (0, 1), (1, 2), skip=True),
    "learned delays": tt.tdnn(2, 3, 1, [tt.LearnedDelays(4), 0]),
    "two layers": tt.lstm(2, [3, 2], 1),
    "learned start": tt.gru(2, 3, 1, start="learned"),
}


def late_by_hand(u: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.concatenate([np.tile(first, (DEAD, 1)), u[:-DEAD]])


@pytest.fixture(scope="module")
def record() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    u, y = 5 + random.normal(size=(STEPS, 2)), np.zeros((STEPS, 1))
    for t in range(DEAD, STEPS):
        y[t] = 0.6 * y[t - 1] + u[t - DEAD, :1]
    return u, y


@pytest.fixture(scope="module")
def pair(record: tuple[np.ndarray, np.ndarray]) -> tuple[tt.DynamicModel, tt.DynamicModel]:
    """A model with a dead time, and one of the same weights without."""
    late = tt.DynamicModel(NETWORKS["narx"], [tt.Teaching(epochs=2)], 2, validation=0.2, dead_time=DEAD).fit(*record)
    return late, tt.DynamicModel.from_model(replace(late.to_model(), network=NETWORKS["narx"]))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_with_a_dead_time_hears_inputs_late_by_hand(name: str) -> None:
    network, u = NETWORKS[name], np.random.default_rng(1).normal(size=(STEPS, 2))
    weights = tt.init(network, 0)
    late, _ = tt.run(with_dead_time(network, DEAD), weights, u[:, None])
    hand, _ = tt.run(network, weights, late_by_hand(u, np.zeros(2))[:, None])
    np.testing.assert_allclose(late, hand, atol=1e-6)
    now, _ = tt.run(network, weights, u[:, None])
    assert np.abs(late - now).max() > 1e-3


def test_what_a_model_says_is_what_one_without_says_of_late_inputs(
    pair: tuple[tt.DynamicModel, tt.DynamicModel], record: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    late, plain = pair
    (u, y), at = record, 30
    by_hand = late_by_hand(u, np.array([column.mean for column in late.inputs_]))
    tt.save(tmp_path / "late.safetensors", late.to_model())
    again = tt.DynamicModel.from_model(tt.load(tmp_path / "late.safetensors"))
    for model in (late, again):
        for ahead in (1, 4):
            np.testing.assert_allclose(model.predict(u, y, ahead), plain.predict(by_hand, y, ahead), rtol=1e-4)
        np.testing.assert_allclose(model.simulate(u), plain.simulate(by_hand), rtol=1e-4)
        past, hand = (u[:at], y[:at]), (by_hand[:at], y[:at])
        np.testing.assert_allclose(
            model.forecast(5, u[at : at + 5], past), plain.forecast(5, by_hand[at : at + 5], hand), rtol=1e-4
        )
        stream = model.start(past)
        plain.start(hand)
        np.testing.assert_allclose(
            [stream.step(row) for row in u[at:]], [plain.step(row) for row in by_hand[at:]], rtol=1e-4
        )


def test_no_later_input_is_heard(
    pair: tuple[tt.DynamicModel, tt.DynamicModel], record: tuple[np.ndarray, np.ndarray]
) -> None:
    (u, _), other = record, record[0].copy()
    other[20:] += 1
    changed = np.flatnonzero((pair[0].simulate(other) != pair[0].simulate(u)).any(axis=1))
    assert changed[0] == 20 + DEAD


def test_the_command_line_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plant().to_csv("plant.csv", index=False)
    asked = ["fit", "plant.csv", "--outputs", "y", "--out", "out"]
    heard = ["--inputs", "u", *TINY, "--input-delays", "0:1", "--output-delays", 1]
    assert run(*asked, *heard, "--dead-time", 2, "--quiet").exit_code == 0
    assert json.loads(Path("out/study.json").read_text())["dead_time"] == 2
    model = tt.load("out/model.safetensors")
    (delays,) = (c.delays for c in model.network.by_name["hidden"].connections if c.source == "input")
    assert (delays, model.settings["dead_time"]) == ((2, 3), 2)
    refused(run(*asked, "--inputs", "u", "--dead-time", 2), "--dead-time is for a --network that is given")
    refused(run(*asked, *TINY, "--dead-time", 2), "--dead-time needs --inputs")


def test_what_has_no_dead_time_is_refused() -> None:
    y = np.sin(np.arange(30.0))
    with pytest.raises(ValueError, match="runs backward from the end"):
        with_dead_time(tt.gru(1, 2, 1, bidirectional=True), 1)
    with pytest.raises(ValueError, match="dead_time needs inputs"):
        tt.DynamicModel(tt.narx(0, 2, 1, output_delays=1), dead_time=1).fit(None, y)
    with pytest.raises(ValueError, match="delays that are found hold the dead time"):
        tt.DynamicModel(dead_time=1).fit(y, y)
