"""Models of dynamic systems: what they promise holds, whatever goes in; small systems whose answers are known."""

import pickle
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import throughtime as tt
from throughtime.dynamics.linear import Linear
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.teaching import Teaching
from throughtime.models import ensemble
from zoo import open_then_closed

DRAWN = np.random.default_rng(0)
LINEAR = tt.narx(1, 2, 1, (0, 1), (1, 2), skip=True)
QUICK = [Teaching(epochs=50, look=10)]
UNDELAYED = tt.Network(
    1,
    (
        tt.Layer("hidden", 2, tt.units.tanh, ("input", "output")),
        tt.Layer("output", 1, tt.units.linear, (tt.Connection("hidden", delays=1),)),
    ),
    "output",
)


def system(u: Any, limit: float = np.inf) -> Any:
    """A damped second-order system, stable, whose sensor may have a limit."""
    y = np.zeros_like(u)
    for t in range(len(u)):
        past = (y[t - 1] if t else 0.0), (y[t - 2] if t > 1 else 0.0)
        y[t] = 1.2 * past[0] - 0.5 * past[1] + 0.3 * u[t] + 0.1 * (u[t - 1] if t else 0.0)
    return np.minimum(y, limit)


U = np.repeat(DRAWN.normal(size=60), 5)
Y = system(U)


@pytest.fixture(scope="module")
def fitted() -> DynamicModel:
    stages = open_then_closed(epochs=300, rate=0.02)
    return DynamicModel(LINEAR, stages, restarts=3, horizon=10, random_state=0).fit(U, Y)


def test_it_simulates_a_system_it_has_learned(fitted: DynamicModel) -> None:
    u = np.repeat(DRAWN.normal(size=20), 5)
    found = fitted.evaluate(u, system(u))
    assert found["free run"]["y"]["relative_variance"] < 0.01
    assert found["one step"]["y"]["relative_variance"] < 0.01
    assert fitted.score(u, system(u)) > 0.99


def test_the_free_run_goes_on_from_a_measured_history(fitted: DynamicModel) -> None:
    whole = fitted.simulate(U[100:140], history=(U[:100], Y[:100]))
    told = np.where(np.arange(140) < 100, Y[:140], np.nan)
    np.testing.assert_allclose(whole, fitted.predict(U[:140], told)[100:], atol=1e-10)
    np.testing.assert_allclose(whole[0], fitted.predict(U[:101], Y[:101])[-1], atol=1e-10)
    assert np.abs(whole - fitted.simulate(U[100:140])).max() > 1e-2


def test_a_forecast_goes_on_after_the_record(fitted: DynamicModel) -> None:
    ahead = fitted.forecast(7, u_future=U[:7])
    np.testing.assert_allclose(ahead, fitted.forecast(7, U[:7], history=(U, Y)), atol=1e-10)
    np.testing.assert_allclose(ahead, fitted.simulate(U[:7], history=(U, Y)), atol=1e-10)
    forecast, low, high = fitted.forecast(7, U[:7], level=0.8)
    np.testing.assert_allclose(forecast, ahead, atol=1e-10)
    assert (low < forecast).all()
    assert (forecast < high).all()


def test_a_stream_is_the_simulation_and_the_prediction(fitted: DynamicModel) -> None:
    fitted.start()
    np.testing.assert_allclose([fitted.step(x) for x in U[:9]], fitted.simulate(U[:9]), atol=1e-10)
    fitted.start()
    led = [fitted.step(x, None if t == 0 else Y[t - 1]) for t, x in enumerate(U[:9])]
    np.testing.assert_allclose(led, fitted.predict(U[:9], Y[:9]), atol=1e-10)
    fitted.start(history=(U[:50], Y[:50]))
    ahead = [fitted.step(x) for x in U[50:55]]
    np.testing.assert_allclose(ahead, fitted.simulate(U[50:55], history=(U[:50], Y[:50])), atol=1e-10)


def test_a_model_file_gives_the_same_numbers(fitted: DynamicModel, tmp_path: Path) -> None:
    tt.save(tmp_path / "model.safetensors", fitted.to_model())
    again = DynamicModel.from_model(tt.load(tmp_path / "model.safetensors"))
    for model in (again, pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(model.simulate(U), fitted.simulate(U))
        for one, other in zip(
            model.forecast(5, U[:5], (U, Y), 0.95), fitted.forecast(5, U[:5], (U, Y), 0.95), strict=True
        ):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="does not hold its record; give history="):
        again.forecast(5, U[:5])


def test_its_members_are_the_best_of_their_folds() -> None:
    model = DynamicModel(LINEAR, QUICK, restarts=3, folds=2, random_state=1).fit(U, Y)
    kept = DynamicModel(LINEAR, QUICK, restarts=3, folds=2, keep=1, random_state=1).fit(U, Y)
    assert [m["fold"] for m in model.members_] == [0, 0, 0, 1, 1, 1]
    best = [min((m for m in model.members_ if m["fold"] == f), key=lambda m: m["error"]) for f in (0, 1)]
    assert kept.members_ == best
    ys = [DynamicModel.from_model(_one(model, k)).simulate(U) for k in range(6)]
    np.testing.assert_allclose(model.simulate(U), np.mean(ys, axis=0), atol=1e-10)


def _one(model: DynamicModel, k: int) -> tt.Model:
    weights = {layer: {key: w[k] for key, w in own.items()} for layer, own in model.weights_.items()}
    return tt.Model(model.network_, weights, model.inputs_, model.outputs_)


def test_the_held_out_error_is_that_of_a_free_run_on_what_was_held_out() -> None:
    model = DynamicModel(LINEAR, [Teaching(loop="open", epochs=20, look=20)], restarts=2, random_state=0).fit(U, Y)
    held = np.arange(300) >= 300 - round(0.2 * (300 - model.used_))
    for k, member in enumerate(model.members_):
        free = DynamicModel.from_model(_one(model, k)).predict(U, np.where(np.arange(300) < model.used_, Y, np.nan))
        error = np.sqrt(np.mean((free - Y)[held] ** 2)) / model.outputs_[0].scale
        assert member["error"] == pytest.approx(error, rel=1e-9)


def test_held_out_outputs_are_not_heard_of() -> None:
    """In closed loop nothing depends on them but the choice of the epoch."""
    one, other = Y.copy(), Y.copy()
    other[-30:] = 99.0
    settings: Any = {"teaching": [Teaching(epochs=10, look=10)], "restarts": 2, "random_state": 0}
    made = [DynamicModel(LINEAR, **settings).fit(U, y) for y in (one, other)]
    np.testing.assert_allclose(made[0].simulate(U), made[1].simulate(U), atol=1e-10)


def test_the_same_seed_gives_the_same_numbers() -> None:
    bent = np.tanh(Y)  # what is linear is found without a training
    one, two, other = (DynamicModel(LINEAR, QUICK, restarts=2, random_state=s).fit(U, bent) for s in (3, 3, 4))
    np.testing.assert_array_equal(one.simulate(U), two.simulate(U))
    assert np.abs(one.simulate(U) - other.simulate(U)).max() > 1e-6
    assert clone(one).get_params()["random_state"] == 3


def test_records_of_unequal_length_with_gaps_and_several_outputs() -> None:
    us = [DRAWN.normal(size=(n, 2)) for n in (80, 50)]
    ys = [np.stack([system(u[:, 0]), system(u[:, 1])], axis=1) for u in us]
    ys[0][20:24, 0] = np.nan
    network = tt.narx(2, 4, 2, (0, 1), (1, 2), skip=True)
    model = DynamicModel(network, open_then_closed(epochs=100), restarts=2, random_state=0).fit(us, ys)
    assert [y.shape for y in model.simulate(us)] == [(80, 2), (50, 2)]
    assert [y.shape for y in model.predict(us, ys)] == [(80, 2), (50, 2)]
    found = model.evaluate(us, ys)
    assert [found["free run"][name]["rows"] for name in ("y1", "y2")] == [130 - 4 - 4, 130 - 4]


def test_gaps_and_short_records_leave_intervals_standing() -> None:
    """They are those of the errors where something is known, whatever else is not."""
    y, settings = Y.copy(), {"teaching": QUICK, "restarts": 1, "horizon": 8}
    y[::7] = np.nan  # a gap in every window
    gappy = DynamicModel(LINEAR, **settings).fit(U, y).intervals_  # type: ignore[arg-type]
    assert gappy is not None
    assert np.isfinite(gappy.widths).all()
    both = DynamicModel(LINEAR, **settings).fit([U, U[:20]], [Y, Y[:20]]).intervals_  # type: ignore[arg-type]
    assert both is not None
    assert len(both.widths[0]) == 8


def test_tables_come_back_as_tables_with_their_time() -> None:
    days = pd.date_range("2026-01-01", periods=300, freq="h")
    u, y = pd.Series(U, index=days, name="valve"), pd.Series(Y, index=days, name="level")
    model = DynamicModel(LINEAR, QUICK, restarts=2, random_state=0).fit(u, y)
    ahead = model.forecast(3, u_future=U[:3])
    assert isinstance(ahead, pd.Series)
    assert ahead.name == "level"
    assert ahead.index.equals(pd.date_range("2026-01-13 12:00", periods=3, freq="h"))
    assert model.simulate(u).index.equals(days)
    assert [c.name for c in (*model.inputs_, *model.outputs_)] == ["valve", "level"]


def test_columns_of_tables_are_found_by_their_names() -> None:
    u = pd.DataFrame(np.random.default_rng(2).normal(size=(100, 2)), columns=["heat", "fan"])
    y = pd.DataFrame({"warmth": system(u["heat"].to_numpy()), "wind": system(u["fan"].to_numpy())})
    model = DynamicModel(tt.narx(2, 3, 2, (0, 1), (1, 2)), QUICK, restarts=1).fit(u, y)
    turned, more = u[["fan", "heat"]], u.assign(other=1.0)
    for table in (turned, more):
        pd.testing.assert_frame_equal(model.simulate(table), model.simulate(u))
        pd.testing.assert_frame_equal(model.predict(table, y[["wind", "warmth"]]), model.predict(u, y))
        pd.testing.assert_frame_equal(model.forecast(5, table[:5]), model.forecast(5, u[:5]))
    np.testing.assert_allclose(model.simulate(u.to_numpy()), model.simulate(u).to_numpy())
    with pytest.raises(ValueError, match="there is no column 'fan'; the model knows heat, fan"):
        model.simulate(u[["heat"]])
    with pytest.raises(ValueError, match="u has 1 numbers, where the model has 2: heat, fan"):
        model.step([1.0])
    with pytest.raises(ValueError, match="the model hears heat, fan: give the inputs to come, u_future=, 5 steps"):
        model.forecast(5)


def test_a_series_without_inputs_is_forecast_from_its_past() -> None:
    wave = np.sin(0.3 * np.arange(200))
    network = tt.narx(0, 4, 1, output_delays=(1, 2), skip=True)
    model = DynamicModel(network, open_then_closed(epochs=400, horizon=20), restarts=2, random_state=0).fit(None, wave)
    np.testing.assert_allclose(model.forecast(20), np.sin(0.3 * np.arange(200, 220)), atol=0.1)
    np.testing.assert_allclose(model.forecast(5), model.simulate(None, (None, wave), steps=5), atol=1e-10)


@pytest.mark.parametrize("folds", [0, 2])
def test_a_series_is_examined_from_the_measured_past_before_what_is_held_out(folds: int) -> None:
    wave = np.sin(0.3 * np.arange(120)) + 0.1 * np.random.default_rng(1).normal(size=120)
    network = tt.narx(0, 3, 1, output_delays=(1, 2))
    model = DynamicModel(network, QUICK, restarts=2, folds=folds, random_state=0).fit(None, wave)
    blocks = [(96, 120)] if not folds else [(2, 61), (61, 120)]
    for k, member in enumerate(model.members_):
        first, last = blocks[member["fold"]]
        told = np.where(np.arange(last) < first, wave[:last], np.nan)[first - 2 :]  # its history alone
        free = DynamicModel.from_model(_one(model, k)).predict(None, told)[2:]
        error = np.sqrt(np.mean((free - wave[first:last]) ** 2)) / model.outputs_[0].scale
        assert member["error"] == pytest.approx(error, rel=1e-6)


def test_a_limit_of_the_sensor_is_shown_but_not_fed_back() -> None:
    y = system(U, limit=0.5)
    stages = open_then_closed(epochs=300, rate=0.02)
    network = tt.fully_recurrent(1, 4, 1)
    aware = DynamicModel(network, stages[1:], restarts=3, high=0.5, random_state=0).fit(U, y)
    assert aware.simulate(U).max() <= 0.5
    blind = DynamicModel(network, stages[1:], restarts=3, random_state=0).fit(U, y)
    below = Y < 0.5
    assert np.mean((aware.simulate(U) - y)[below] ** 2) < np.mean((blind.simulate(U) - y)[below] ** 2)


def test_an_output_may_have_no_limit_where_another_has_one() -> None:
    network, both = tt.narx(1, 2, 2, (0, 1), 1), np.stack([Y, Y], axis=1)
    model = DynamicModel(network, QUICK, restarts=1, low=[None, 0.0], high=2.5).fit(U, both)
    assert [(c.low, c.high) for c in model.outputs_] == [(None, 2.5), (0.0, 2.5)]
    low = model.simulate(U).min(axis=0)
    assert low[0] < 0 <= low[1]


def test_the_state_after_a_record_holds_no_outputs(fitted: DynamicModel, monkeypatch: pytest.MonkeyPatch) -> None:
    followed, follow = [], ensemble.follow
    monkeypatch.setattr(ensemble, "follow", lambda *a, **k: followed.append(follow(*a, **k)) or followed[-1])
    fitted.forecast(5, U[:5], history=(U, Y))
    assert followed[0].outputs.size == 0  # of the record; what comes then is the forecast
    assert followed[1].outputs.shape == (5, 1)


def test_a_settled_model_starts_where_the_record_does() -> None:
    network = tt.gru(1, 3, 1, start="learned")
    model = DynamicModel(network, [Teaching(epochs=300, rate=0.03, look=50)], restarts=2, random_state=0).fit(U, Y)
    u = np.append(np.full(40, 2.0), np.repeat(np.random.default_rng(7).normal(size=16), 5))
    u, y = u[40:], system(u)[40:]  # a record that begins in the middle, far from where the first one began
    settled = model.settle(u[:30], y[:30])
    error, before = (np.mean((m.simulate(u) - y)[:30] ** 2) for m in (settled, model))
    assert error < 0.5 * before
    whole, blind = (m.evaluate(u, y, 0)["free run"]["y"]["rmse"] for m in (settled, model))
    assert whole < 0.7 * blind  # type: ignore[operator]
    for layer, own in settled.weights_.items():
        for key, values in own.items():
            if key == "start":
                assert np.abs(values["activity"]).max() <= 1
            else:
                np.testing.assert_array_equal(values, model.weights_[layer][key])
    with pytest.raises(ValueError, match="no layer has start='learned'"):
        DynamicModel(LINEAR, QUICK, restarts=1).fit(U, Y).settle(U, Y)


def test_a_refitted_model_a_part_of_one_and_a_settled_one_remember_nothing_of_the_old() -> None:
    network = tt.narx(1, 2, 1, (0, 1), (1, 2), start="learned")
    model = DynamicModel(network, QUICK, restarts=2, folds=2, horizon=5, random_state=0).fit(U, Y)
    model.start(history=(U, Y))
    for made in (model.of_fold(1), model.settle(U[:20], Y[:20], steps=2)):
        np.testing.assert_allclose([made.step(x) for x in U[:9]], made.simulate(U[:9]), atol=1e-10)
        with pytest.raises(ValueError, match="this model does not hold its record; give history="):
            made.forecast(3, U[:3])
        with pytest.raises(ValueError, match=r"the model has no forecast intervals: .* or settled"):
            made.forecast(3, U[:3], (U, Y), level=0.8)
    assert model.intervals_ is not None
    assert np.isfinite(model.forecast(3, U[:3])).all()
    model.fit(U[:150], Y[:150])
    np.testing.assert_allclose([model.step(x) for x in U[:9]], model.simulate(U[:9]), atol=1e-10)


def test_networks_that_diverged_are_not_kept_where_nothing_is_held_out() -> None:
    """Also if they were finite for some epochs."""

    def first(network: tt.Network, seed: int) -> Any:
        return jax.tree.map(lambda w: 10 * w if seed % 2 else w, tt.init(network, seed))

    network = tt.narx(1, 2, 1, (0, 1), (1, 2), f=tt.units.linear)
    steep = Teaching("open", epochs=20, rate=0.05, optimizer=optax.sgd, clip=None, look=1)
    model = DynamicModel(network, [steep], restarts=4, validation=0.0, first=first, random_state=0).fit(U, Y)
    assert np.isfinite(model.losses_[0][1]).all()
    assert np.isinf(model.losses_[0][-1]).sum() == 2
    assert [m["seed"] % 2 for m in model.members_] == [0, 0]
    assert np.isfinite(model.simulate(U)).all()


def test_first_weights_may_be_given() -> None:
    given = tt.init(LINEAR, 5)
    model = DynamicModel(LINEAR, [Teaching(epochs=1, rate=1e-12, look=1)], restarts=2, first=lambda *_: given).fit(U, Y)
    np.testing.assert_allclose(model.weights_["hidden"]["input"][1], given["hidden"]["input"], atol=1e-9)


def test_each_network_stands_behind_the_mean(fitted: DynamicModel) -> None:
    alone = fitted.each(U[:, None], Y[:, None])
    assert alone.shape == (3, 300, 1)
    np.testing.assert_allclose(alone.mean(axis=0)[:, 0], fitted.predict(U, Y), atol=1e-12)


def test_networks_that_do_not_hear_outputs_run_the_same_in_both_modes() -> None:
    model = DynamicModel(tt.window(1, 4, 1, width=5), QUICK, restarts=2, random_state=0).fit(U, Y)
    np.testing.assert_array_equal(model.simulate(U), model.predict(U, Y))
    assert model.used_ == 4


@pytest.mark.parametrize("learner", [tt.RTRL(block=8), tt.BPTT(horizon=20)], ids=str)
def test_other_learners_teach_it_too(learner: Any) -> None:
    stages = [Teaching(loop="open", epochs=50), Teaching(epochs=50, learner=learner)]
    model = DynamicModel(LINEAR, stages, restarts=2, random_state=0).fit(U, Y)
    assert model.score(U, Y) > 0.5


def test_stopping_early_leaves_a_fitted_model() -> None:
    model = DynamicModel(LINEAR, QUICK, restarts=2, random_state=0)
    next(model.lessons(U, Y))
    assert np.isfinite(model.simulate(U)).all()


@pytest.mark.parametrize(
    ("settings", "u", "y", "words"),
    [
        ({"folds": 1}, U, Y, "folds must be 0"),
        ({"network": LINEAR.open_loop()}, U, Y, "give the network in closed loop"),
        ({"network": UNDELAYED}, U, Y, "layer 'hidden' hears the output with delay 0, in whose place"),
        ({}, U, np.full(300, np.nan), "measured nowhere"),
        (
            {},
            np.stack([U, U], 1),
            Y,
            "the records have 2 inputs and 1 output, but the network takes 1 and gives 1: give",
        ),
        ({}, U[:-1], Y, "inputs have 299 steps, but outputs 300: give both of the same steps"),
        ({}, U[:2], Y[:2], "record 0 has 2 steps, but the network hears 2 steps back"),
        ({}, pd.date_range("2026-01-01", periods=300), Y, "inputs u holds dates"),
        ({}, pd.DataFrame({"a": U, "span": pd.to_timedelta(U, "h")}), Y, "inputs u, column 'span' holds time spans"),
        ({}, U, Y + 1j, "outputs y holds complex numbers"),
        ({}, U, pd.Series(Y * 1e-170, name="flux"), "column 'flux' varies by .*e-170"),
        ({"low": np.inf}, U, Y, "column 'y': low inf is no limit; give a number, or none"),
        ({"low": 2.0, "high": 1.0}, U, Y, "column 'y': low 2 is not below high 1"),
        ({"teaching": [Teaching(horizon=5)], "network": tt.gru(1, 2, 1)}, U, Y, "what layer 'hidden' remembers"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(settings: Any, u: Any, y: Any, words: str) -> None:
    model = DynamicModel(**({"network": LINEAR, "teaching": QUICK, "restarts": 2} | settings))
    with pytest.raises(ValueError, match=words) as error:
        model.fit(u, y)
    assert "\n" not in str(error.value)


def test_numbers_beyond_float32_are_refused_when_they_are_learned_from_and_when_they_are_heard() -> None:
    model = DynamicModel(LINEAR, QUICK, restarts=1)
    with jax.enable_x64(False):
        for u, words in (
            (U * 1e39, "inputs u: row 10, column 0 is .*; networks compute in float32"),
            (U * 1e-47, "column 'u' varies by .*e-47 about .*, beyond what float32 holds: give it in another unit"),
        ):
            with pytest.raises(ValueError, match=words):
                model.fit(u, Y)
        model.fit(U * 1e-30, Y)
        with pytest.raises(ValueError, match=r"column 'u' holds 1e\+30, which is too far from its mean"):
            model.simulate(np.full(3, 1e30))


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.predict(U, Y),
        lambda model: model.simulate(U),
        lambda model: model.simulate(None, steps=3),
        lambda model: model.forecast(3, U[:3]),
        lambda model: model.step(0.0),
        lambda model: model.start(),
        lambda model: model.start((U, Y)),
        lambda model: model.evaluate(U, Y),
        lambda model: model.score(U, Y),
        lambda model: model.settle(U, Y),
        lambda model: model.coverage(U, Y),
        lambda model: model.to_model(),
        lambda model: model.weights_,
    ],
)
def test_a_model_that_has_not_learned_says_to_fit_it_first(ask: Any) -> None:
    model = DynamicModel(LINEAR, QUICK)
    with pytest.raises(NotFittedError, match="fit"):
        ask(model)
    assert not hasattr(model, "weights_")
    with pytest.raises(AttributeError, match="has no attribute 'wieghts'"):
        _ = model.wieghts


def test_questions_to_a_model_that_do_not_fit_are_refused(fitted: DynamicModel) -> None:
    with pytest.raises(ValueError, match="u_future has 3 steps; a forecast of 5 needs 5"):
        fitted.forecast(5, U[:3])
    with pytest.raises(
        ValueError, match="the record has 2 inputs and 1 output; the model 1 and 1: give its own columns"
    ):
        fitted.predict(np.stack([U, U], 1), Y)
    with pytest.raises(ValueError, match="give that connection a delay of at least 1"):
        DynamicModel.from_model(tt.Model(UNDELAYED, tt.init(UNDELAYED, 0)))
    with pytest.raises(ValueError, match="loop must be 'open' or 'closed'"):
        Teaching(loop="half")
    with pytest.raises(ValueError, match="rate must be above 0"):
        Teaching(rate=0.0)


def test_the_linear_model_finds_a_linear_system() -> None:
    model = Linear.fit([(U[:, None], Y[:, None])], (0, 1), (1, 2))
    np.testing.assert_allclose(model.coefficients[:, 0], [0.3, 0.1, 1.2, -0.5, 0.0], atol=1e-9)
    told = np.where(np.arange(300) < 2, Y, np.nan)[:, None]
    np.testing.assert_allclose(model.free_run(U[:, None], told)[2:, 0], Y[2:], atol=1e-9)
    np.testing.assert_allclose(model.one_step(U[:, None], Y[:, None])[2:, 0], Y[2:], atol=1e-9)


@pytest.mark.parametrize("gaps", [[], [7, 8, 12]])
def test_the_linear_model_predicts_ahead_as_it_runs_free_from_there(gaps: list[int]) -> None:
    model, u, y = Linear.fit([(U[:, None], Y[:, None])], (0, 1), (1, 3)), U[:20, None], Y[:20, None].copy()
    y[gaps] = np.nan
    for ahead in (1, 2, 5, 40):
        found = model.ahead(u, y, ahead)
        for t in range(20):
            known = np.where(np.arange(20)[:, None] <= t - ahead, y, np.nan)
            np.testing.assert_allclose(found[t], model.free_run(u, known)[t], atol=1e-12)
