"""Arrays as they come in: in another byte order, in a type that JAX does not compute in."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import pytest

import throughtime as tt
import zoo
from throughtime.exchange import initial_history

NETWORK = zoo.FORWARD["lstm start"]
LENGTHS = np.array([4, 6], np.int32)


def arrays() -> Any:
    """Weights, inputs, targets, history and lengths in numpy's arrays of this machine's byte order."""
    weights = zoo.weights_of(NETWORK)
    _, history = tt.run(NETWORK, weights, zoo.inputs_for(NETWORK, seed=7))
    given = weights, zoo.inputs_for(NETWORK), zoo.targets_for(NETWORK), history, LENGTHS
    return jax.tree.map(np.asarray, given)


def carried(learner: Any, weights: Any, history: Any) -> Any:
    return learner.init(NETWORK, weights, zoo.BATCH)._replace(history=history)


def taught(weights: Any, xs: Any, targets: Any) -> Any:
    sequences = [(xs[:, b], targets[:, b]) for b in range(zoo.BATCH)]
    *_, last = tt.train(NETWORK, weights, tt.BPTT(), tt.SquaredError(), optax.sgd(0.1), sequences, epochs=2)
    return last.weights, last.loss, tt.evaluate(NETWORK, weights, tt.SquaredError(), sequences)


ERROR = tt.SquaredError()
WAYS: dict[str, Any] = {
    "run": lambda w, x, t, h, n: tt.run(NETWORK, w, x, h, n),
    "step": lambda w, x, t, h, n: tt.step(NETWORK, w, h, x[0]),
    "start": lambda w, x, t, h, n: tt.start(NETWORK, w, 3),
    "trace": lambda w, x, t, h, n: tt.trace(NETWORK, w, x, h, n),
    "deltas": lambda w, x, t, h, n: tt.deltas(NETWORK, w, x, t, ERROR, h, n),
    "jacobians": lambda w, x, t, h, n: tt.jacobians(NETWORK, w, x, h, n),
    "train": lambda w, x, t, h, n: taught(w, x, t),
    **{
        rule: lambda w, x, t, h, n, learner=learner: learner.learn(
            NETWORK, w, carried(learner, w, h), x, t, ERROR, lengths=n
        )
        for rule, learner in zoo.LEARNERS.items()
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_another_byte_order_gives_the_same_numbers(way: str) -> None:
    """A function compiled for this machine's order would read the other as if it were the same, and say nothing."""
    given = arrays()
    wanted = WAYS[way](*given)
    turned = jax.tree.map(lambda a: a.astype(a.dtype.newbyteorder()), given)
    assert not any(a.dtype.isnative for a in jax.tree.leaves(turned))
    jax.tree.map(np.testing.assert_array_equal, WAYS[way](*turned), wanted)


def test_the_weights_of_a_model_too(tmp_path: Path) -> None:
    network = tt.narx(1, 3, 1, (0, 1), (1, 2))
    weights = jax.tree.map(np.asarray, zoo.weights_of(network))
    columns = (tt.Column("u"),), (tt.Column("y"),)
    u, y = np.random.default_rng(0).normal(size=(2, 9))

    def of(weights: Any) -> Any:
        model = tt.Model(network, weights, *columns)
        return tt.DynamicModel.from_model(model).simulate(u), initial_history(model, u, y)

    wanted = of(weights)
    turned = jax.tree.map(lambda a: a.astype(a.dtype.newbyteorder()), weights)
    jax.tree.map(np.testing.assert_array_equal, of(turned), wanted)
    tt.save(tmp_path / "turned.safetensors", tt.Model(network, turned, *columns))
    jax.tree.map(np.testing.assert_array_equal, tt.load(tmp_path / "turned.safetensors").weights, weights)


@pytest.mark.parametrize("way", WAYS)
def test_float64_weights_where_float64_was_switched_off(way: str) -> None:
    weights, xs, targets, history, lengths = arrays()
    wide = jax.tree.map(jax.numpy.asarray, weights)
    single = jax.tree.map(lambda a: a.astype(np.float32), (xs, targets, history))
    with jax.enable_x64(False):
        with pytest.raises(ValueError, match="the weights are float64, but JAX's float64 is switched off: ") as error:
            WAYS[way](wide, *single, lengths)
        assert "\n" not in str(error.value)


def test_whole_numbers_are_no_weights() -> None:
    weights, xs, *_ = arrays()
    whole = jax.tree.map(lambda a: a.astype(np.int32), weights)
    with pytest.raises(ValueError, match="the weights are int32; a network computes with floating-point numbers"):
        tt.run(NETWORK, whole, xs)


@pytest.mark.parametrize("optimizer", [tt.LevenbergMarquardt(), tt.KalmanFilter()], ids=["damped", "filter"])
def test_a_state_that_was_rounded_is_not_gone_on_with(optimizer: Any) -> None:
    """What computes in float64 keeps its state in it; jnp.asarray makes it float32 where JAX's float64 is off."""
    network = tt.jordan(1, 2, 1)
    echo = [(np.ones((4, 1)), np.ones((4, 1)))]
    with jax.enable_x64(False):
        given = network, tt.init(network, 0), tt.RTRL(), ERROR, optimizer, echo
        (report,) = tt.train(*given, epochs=1, every=None)
        kept = [
            tt.train(*given, epochs=1, optimizer_state=state)
            for state in (report.optimizer_state, jax.device_get(report.optimizer_state))
        ]
        (one,), (other,) = kept
        assert one.loss == other.loss
        rounded = jax.tree.map(jax.numpy.asarray, jax.device_get(report.optimizer_state))
        with pytest.raises(
            ValueError, match=r"the state of .* is float64, and was given as float32: hand over"
        ) as error:
            tt.train(*given, epochs=1, optimizer_state=rounded)
        assert "\n" not in str(error.value)
