"""The logistic function in float32, at every magnitude: in runs of both engines, in single steps, as C, as ONNX; its kin, too."""

from collections.abc import Callable
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

SMALLEST = float(np.finfo(np.float32).tiny)
TINY = np.geomspace(1.5e-45, 1, 90)  # from the smallest number there is, by those that are not normal
ALL = np.concatenate([np.linspace(-104, 104, 417), TINY, -TINY, [-1e30, -np.inf, 1e30, np.inf]]).astype(np.float32)
FAR = ALL[(ALL <= 0) & (ALL >= -87)]  # where it is a normal number, and no nearer to 1 than to 0
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


def by_members(unit: tt.Unit, x: Any) -> Any:
    """Every x a member of its own."""
    return jax.vmap(lambda one: tt.run(network(unit), weights(unit), jnp.stack([one[None, None]] * 2))[0][0, 0, 0])(x)


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
    "members": by_members,
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
def test_figures_at_every_magnitude(unit: tt.Unit, way: str) -> None:
    if way == "native" and not engines.HERE:
        pytest.skip("there is no native engine")
    x = ALL if unit is units.logistic else ALL[np.abs(ALL) < 85]
    assert far_off(WAYS[way](unit, x), true(unit, x)) < ULPS


def test_by_way_of_tanh_the_small_ones_have_none() -> None:
    x = np.array([-12, -16.7], np.float32)
    assert far_off(0.5 * np.tanh(0.5 * x) + np.float32(0.5), true(units.logistic, x)) > 1e4


@needs_compiler
@pytest.mark.parametrize("way", [by_c, by_onnx])
def test_figures_at_every_magnitude_elsewhere(way: Any, tmp_path: Path) -> None:
    x = ALL[np.abs(ALL) <= 87]
    assert far_off(way(units.logistic, x, tmp_path), true(units.logistic, x)) < ULPS


@needs_compiler
def test_c_keeps_figures_below_the_normal_numbers(tmp_path: Path) -> None:
    x = np.linspace(-88, -100, 25, dtype=np.float32)
    wanted = true(units.logistic, x)
    found = by_c(units.logistic, x, tmp_path)
    assert np.all(np.abs(found - wanted) <= ULPS * np.spacing(wanted.astype(np.float32)))


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("engine", ["xla", "native"])
def test_slopes_too(engine: str, steps: int) -> None:
    """They are told from the activity: near 1 they have the figures that are left of its distance to 1."""
    if engine == "native" and not engines.HERE:
        pytest.skip("there is no native engine")
    x = ALL[np.isfinite(ALL)]
    net, own, xs = network(units.logistic), weights(units.logistic), jnp.stack([x[:, None]] * steps)
    wanted = true(units.logistic, x) * true(units.logistic, -x)
    with tt.using_engine(engine):
        slope = jax.grad(lambda x: tt.run(net, own, x)[0].sum())(xs)[0, :, 0]
        delta = tt.deltas(net, own, xs, jnp.zeros_like(xs), lambda ys, _: ys[..., 0])["hidden"][0, :, 0, 0]
    for found in map(np.asarray, (slope, delta)):
        assert far_off(found[x <= 0], wanted[x <= 0]) < ULPS
        assert np.all(np.abs(found - wanted) < ULPS * np.finfo(np.float32).epsneg)


# name: (in float32 as JAX computes it, in float64)
KIN: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "tanh": (jnp.tanh, np.tanh),
    "softmax": (lambda x: jax.nn.softmax(jnp.stack([x, 0 * x]), 0)[0], lambda x: 1 / (1 + np.exp(-x))),
    "cross-entropy of 0": (lambda y: entropy(y, 0.0), lambda y: np.logaddexp(0, y)),
    "cross-entropy of 1": (lambda y: entropy(y, 1.0), lambda y: np.logaddexp(0, -y)),
    "its slope at 0": (lambda y: jax.vmap(jax.grad(lambda y: entropy(y, 0.0)))(y), lambda y: 1 / (1 + np.exp(-y))),
    "its slope at 1": (lambda y: -jax.vmap(jax.grad(lambda y: entropy(y, 1.0)))(y), lambda y: 1 / (1 + np.exp(y))),
}


def entropy(logit: Any, target: float) -> Any:
    """The binary cross-entropy of one output."""
    return tt.BinaryCrossEntropy()(logit[..., None], jnp.full_like(logit, target)[..., None])


@pytest.mark.parametrize("name", KIN)
def test_kin(name: str) -> None:
    single, double = KIN[name]
    x = ALL[np.abs(ALL) < (np.inf if name == "tanh" else 87)]
    found, wanted = np.asarray(jax.jit(single)(x)), double(x.astype(float))
    sign = np.sign(wanted)
    assert far_off(sign * found, sign * wanted) < (2 * ULPS if "slope" in name else ULPS)


def test_cross_entropy_by_a_difference_has_no_small_numbers() -> None:
    y = np.array([20, 30], np.float32)
    assert far_off(jax.nn.softplus(y) - y, np.logaddexp(0, -y.astype(float))) > 1e4


def test_what_is_not_a_number_stays() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0], np.float32)
    np.testing.assert_array_equal(by_step(units.logistic, x), np.array([np.nan, 1, 0, 0.5], np.float32))
