"""NARMA-10 and Mackey-Glass: the series obey their equations, the bars are met, the rival runs as in its own library."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from threadpoolctl import threadpool_limits

from throughtime.experiments import mackey_glass as mg
from throughtime.experiments import narma10 as narma
from throughtime.experiments.ledger import Ledger

SMALL = mg.Schooling(units=8, opened=40, closed=2, restarts=2)


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    x = mg.mackey_glass(mg.TOTAL)
    return (x - x[: mg.TRAINED].mean()) / x[: mg.TRAINED].std()


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """As the command line does: threads of a small Cholesky decomposition wait for each other on a busy machine."""
    with threadpool_limits(1, user_api="blas"):
        yield


def silent(done: float, remark: str) -> None:
    assert 0 <= done <= 1, remark


def test_narma10_obeys_its_equation() -> None:
    u, y = narma.narma10(60, 4)
    for t in range(9, 59):
        wanted = 0.3 * y[t] + 0.05 * y[t] * sum(y[t - k] for k in range(10)) + 1.5 * u[t - 9] * u[t] + 0.1
        assert y[t + 1] == pytest.approx(wanted, rel=1e-12)
    assert (u.min() >= 0, u.max() < 0.5) == (True, True)


def test_narma10_draws_again_what_explodes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert np.isinf(narma._answer(np.full(300, 0.5))[-1])
    answers, real = [], narma._answer
    monkeypatch.setattr(narma, "_answer", lambda u: answers.append(u) or (real(u) if len(answers) > 1 else u + 11))
    u, _ = narma.narma10(20, 0, dropped=0)
    np.testing.assert_array_equal(u, np.random.default_rng((0, 1)).uniform(0, 0.5, 20))


def test_narma10_is_scaled_by_the_training_sequence_alone() -> None:
    known = narma.records()
    assert {name: len(record.y) for name, record in known.items()} == narma.STEPS
    assert (known["training"].u.mean(), known["training"].y.std()) == pytest.approx((0, 1), abs=1e-12)
    assert abs(known["test"].y.std() - 1) > 1e-3


def test_quick_narma10_reaches_the_bars_and_arx_does_not(tmp_path: Path) -> None:
    said = narma.run(True, 1, tmp_path, silent).to_dict()
    assert json.loads(json.dumps(said)) == said
    found = {(e["network"], e["split"]): e["values"] for e in [*said["results"], *said["baselines"]]}
    for mode, bar in narma.BARS.items():
        assert max(found["NARX", mode]) <= bar
        assert min(found["ARX", mode]) > 0.3
    assert {p.name for p in tmp_path.iterdir()} == {"narma10.csv", "narma10.png", "training"}


def test_mackey_glass_is_the_closed_form_and_then_what_another_solver_finds() -> None:
    def known(t: float) -> float:
        """x on [0, 17], where the delayed value is constant."""
        rest = 2 * 1.2 / (1 + 1.2**10)
        return rest + (1.2 - rest) * np.exp(-0.1 * t)

    def slope(t: float, x: np.ndarray) -> np.ndarray:
        return 0.2 * known(t - 17) / (1 + known(t - 17) ** 10) - 0.1 * x

    times = np.arange(35)
    then = solve_ivp(slope, (17, 34), [known(17)], t_eval=times[17:], rtol=1e-11, atol=1e-12).y[0]
    wanted = np.concatenate([[known(t) for t in times[:17]], then])
    np.testing.assert_allclose(mg.mackey_glass(35, dropped=0), wanted, atol=1e-8)


def test_mackey_glass_is_of_fourth_order() -> None:
    fine = mg.mackey_glass(300, 0.01, dropped=0)
    coarse, usual = (np.abs(mg.mackey_glass(300, every, dropped=0) - fine).max() for every in (0.2, 0.1))
    assert usual < 1e-8
    assert 10 < coarse / usual < 25


def test_forecasts_of_one_step_are_the_one_step_predictions(samples: np.ndarray, tmp_path: Path) -> None:
    origins = np.arange(mg.VALIDATED, mg.VALIDATED + 300, 7)
    shares: list[float] = []
    forced, closed = mg.trained_forecaster(SMALL, samples, 0, shares.append, Ledger(tmp_path, "mackey-glass"))
    assert shares[-1] == 1.0
    for weights in (forced, closed):
        one, free = mg.forecast_errors(SMALL.network, weights, samples, origins)
        assert free.shape == (len(origins), mg.AHEAD)
        np.testing.assert_allclose(free[:, 0], one[origins - mg.VALIDATED], rtol=1e-9, atol=1e-12)
        assert mg.rms(free)[-1] > mg.rms(free)[0]


def test_mackey_glass_runs_without_its_rival_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mg, "QUICK", SMALL)
    monkeypatch.setattr(mg, "find_spec", lambda name: None)
    said = mg.run(True, 1, tmp_path, silent).to_dict()
    assert json.loads(json.dumps(said)) == said
    assert (said["notes"], said["baselines"], len(said["bars"])) == ([mg.MISSING], [], 1)
    near = next(e for e in said["results"] if (e["network"], e["split"]) == ("NARX", "one step ahead"))
    assert max(near["values"]) <= said["bars"][0]["at_most"]
    assert {p.name for p in tmp_path.iterdir()} == {"mackey-glass.csv", "mackey-glass.png", "training"}


@pytest.mark.peers
def test_free_runs_side_by_side_are_those_of_reservoirpy_itself(samples: np.ndarray) -> None:
    nodes = pytest.importorskip("reservoirpy.nodes")
    echo, origin = replace(mg.ECHOES["ESN, README"], units=40), mg.VALIDATED + 5
    one, free = mg.echo_state(echo, samples, 3, np.array([origin, origin + 40]))
    low, high = samples[: mg.TRAINED].min(), samples[: mg.TRAINED].max()
    z = (2 * (samples - low) / (high - low) - 1)[:, None]
    settings = {"lr": 0.3, "sr": 1.25, "input_scaling": 1.0, "input_connectivity": 0.1, "rc_connectivity": 0.1}
    model = nodes.Reservoir(40, seed=3, **settings) >> nodes.Ridge(ridge=1e-5)
    model.fit(z[: mg.TRAINED - 1], z[1 : mg.TRAINED], warmup=100)
    model.reset()
    y, own = model.run(z[:origin])[-1], []
    for _ in range(mg.AHEAD):
        own.append(float(np.ravel(y)[0]))
        y = model(np.ravel(y))
    wanted = (np.array(own) - z[origin : origin + mg.AHEAD, 0]) * (high - low) / 2
    np.testing.assert_allclose(free[0], wanted, rtol=1e-7, atol=1e-9)
    assert one[origin - mg.VALIDATED] == pytest.approx(wanted[0], rel=1e-7)
