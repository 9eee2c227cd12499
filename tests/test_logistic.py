"""The logistic function in float32 where it is small: in a run of either engine, in single steps, as C and as ONNX."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import engines
import throughtime as tt
from exported import c_run, exported, needs_compiler
from throughtime import Model, units

FAR = np.linspace(-5, -87, 165, dtype=np.float32)  # down to the smallest normal number
BEYOND = np.array([-88, -90, -110, -1e30, -np.inf], np.float32)
SMALLEST = float(np.finfo(np.float32).tiny)
ULPS = 4


def network(unit: tt.Unit) -> tt.Network:
    """y = logistic(x), also as the output gate of an LSTM whose cell is open."""
    return tt.feedforward(1, 1, 1, f=unit, g=units.linear)


def weights(unit: tt.Unit) -> Any:
    """1 from x to the logistic function, and from that to y."""
    found = tt.init(network(unit), 0, jnp.float32)
    one = jnp.zeros_like(found["hidden"]["input"]).at[:, :, 2 if unit is units.lstm else 0].set(1)
    bias = jnp.full_like(found["hidden"]["bias"], 50.0).at[2].set(0) if unit is units.lstm else jnp.zeros((1, 1))
    hidden = {"input": one, "bias": bias.astype(jnp.float32)}
    return found | {
        "hidden": hidden,
        "output": {"hidden": jnp.ones((1, 1, 1, 1), jnp.float32), "bias": jnp.zeros((1, 1), "f4")},
    }


def true(unit: tt.Unit, x: Any) -> Any:
    """In float64; an LSTM's cell is 1 after its only step."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x.astype(float))) * (np.tanh(1.0) if unit is units.lstm else 1)


def by_run(engine: str) -> Any:
    def of(unit: tt.Unit, x: Any) -> Any:
        with tt.using_engine(engine):  # every x a sequence of its own; a second step makes it worth the native engine
            return tt.run(network(unit), weights(unit), jnp.stack([x[:, None]] * 2))[0][0, :, 0]

    return of


def by_step(unit: tt.Unit, x: Any) -> Any:
    history = tt.start(network(unit), weights(unit), len(x))
    return tt.step(network(unit), weights(unit), history, x[:, None])[0][:, 0]


def by_c(unit: tt.Unit, x: Any, folder: Path) -> Any:
    model = Model(network(unit), weights(unit))
    return c_run(model, folder, x[:, None].astype(float), flags=("-DM_FLOAT", "-Wdouble-promotion")).ravel()


def by_onnx(unit: tt.Unit, x: Any, folder: Path) -> Any:
    return exported(Model(network(unit), weights(unit)), folder / "m.onnx", x[None, :, None]).ys[0, :, 0]


WAYS = {
    "xla": by_run("xla"),
    "native": by_run("native"),
    "step": by_step,
}


def far_off(found: Any, wanted: Any) -> float:
    """The largest error in units of the last place, which may be lost below the smallest normal number."""
    found = np.asarray(found, float)
    assert np.all(found[wanted < SMALLEST] >= 0)
    assert np.all(found[wanted < SMALLEST] <= 2 * SMALLEST)
    seen = wanted >= SMALLEST
    return float(np.max(np.abs(found - wanted)[seen] / np.spacing(wanted[seen].astype(np.float32))))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("unit", [units.logistic, units.lstm], ids=["logistic", "lstm"])
def test_small_numbers_keep_their_figures(unit: tt.Unit, way: str) -> None:
    if way == "native" and not engines.HERE:
        pytest.skip("there is no native engine")
    x = np.append(FAR, BEYOND) if unit is units.logistic else FAR[:160]
    assert far_off(WAYS[way](unit, x), true(unit, x)) < ULPS


@needs_compiler
@pytest.mark.parametrize("way", [by_c, by_onnx])
def test_small_numbers_keep_their_figures_elsewhere(way: Any, tmp_path: Path) -> None:
    assert far_off(way(units.logistic, FAR, tmp_path), true(units.logistic, FAR)) < ULPS


@needs_compiler
def test_c_keeps_figures_below_the_normal_numbers(tmp_path: Path) -> None:
    x = np.linspace(-88, -100, 25, dtype=np.float32)
    wanted = true(units.logistic, x)
    found = by_c(units.logistic, x, tmp_path)
    assert np.all(np.abs(found - wanted) <= ULPS * np.spacing(wanted.astype(np.float32)))


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("engine", ["xla", "native"])
def test_slopes_too(engine: str, steps: int) -> None:
    if engine == "native" and not engines.HERE:
        pytest.skip("there is no native engine")
    net, own = network(units.logistic), weights(units.logistic)
    xs, wanted = jnp.stack([FAR[:, None]] * steps), true(units.logistic, FAR)
    with tt.using_engine(engine):
        slope = jax.grad(lambda x: tt.run(net, own, x)[0].sum())(xs)[0, :, 0]
        delta = tt.deltas(net, own, xs, jnp.zeros_like(xs), lambda ys, _: ys[..., 0])["hidden"][0, :, 0, 0]
    assert far_off(slope, wanted * (1 - wanted)) < ULPS
    assert far_off(delta, wanted * (1 - wanted)) < ULPS


def test_what_is_not_a_number_stays() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0], np.float32)
    np.testing.assert_array_equal(by_step(units.logistic, x), np.array([np.nan, 1, 0, 0.5], np.float32))
