"""Gradient descent as a network: equal to the explicit algorithm at every step, with nothing in it that changes but activities."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import throughtime as tt
from throughtime import descent

STEPS = 9
numbers = st.floats(-1, 1, width=32)


def explicit(x: np.ndarray, y: np.ndarray, rate: float, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predictions (T,) and weights (T, I) before each step, by the algorithm as it is written."""
    predictions, weights = [], []
    for inputs, target in zip(x, y, strict=True):
        predictions.append(w @ inputs)
        weights.append(w)
        w = w + rate * (target - w @ inputs) * inputs
    return np.array(predictions), np.array(weights)


def fed(x: np.ndarray, y: np.ndarray) -> dict[str, jnp.ndarray]:
    """What the network is shown: x(t), and the target of the step before."""
    previous = np.concatenate([[0.0], y[:-1]])
    return {"x": jnp.asarray(x)[:, None], "previous target": jnp.asarray(previous)[:, None, None]}


def stream(inputs: int, seed: int = 0, steps: int = STEPS) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.uniform(-1, 1, (steps, inputs)), random.uniform(-1, 1, steps)


@st.composite
def streams(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    inputs = draw(st.integers(1, 4))
    shapes = (STEPS, inputs), STEPS, inputs
    x, y, w = (draw(arrays(np.float64, shape, elements=numbers)) for shape in shapes)
    return x, y, w


@given(streams(), st.floats(0, 0.5))
def test_every_prediction_and_every_weight_is_that_of_the_algorithm(
    drawn: tuple[np.ndarray, np.ndarray, np.ndarray], rate: float
) -> None:
    x, y, first = drawn
    network, weights = tt.gradient_descent(x.shape[1], rate)
    history = tt.start(network, weights, batch=1)
    history["a"]["weights"] = jnp.asarray(first)[None, None]
    seen = tt.trace(network, weights, fed(x, y), history)["activities"]
    predictions, learned = explicit(x, y, rate, first)
    np.testing.assert_allclose(seen["output"][:, 0, 0], predictions, rtol=0, atol=1e-12)
    np.testing.assert_allclose(seen["weights"][:, 0], learned, rtol=0, atol=1e-12)


def test_it_begins_with_nothing_learned_and_can_be_cut_anywhere() -> None:
    network, weights = tt.gradient_descent(3, 0.3)
    x, y = stream(3)
    shown, history, made = fed(x, y), None, []
    for piece in (slice(0, 1), slice(1, 5), slice(5, None)):
        ys, history = tt.run(network, weights, {name: part[piece] for name, part in shown.items()}, history)
        made.append(ys)
    np.testing.assert_allclose(jnp.concatenate(made)[:, 0, 0], explicit(x, y, 0.3, np.zeros(3))[0], rtol=0, atol=1e-12)


def test_another_rate_is_another_algorithm() -> None:
    x, y = stream(3)
    ys, _ = tt.run(*tt.gradient_descent(3, 0.3), fed(x, y))
    assert np.abs(np.asarray(ys[:, 0, 0]) - explicit(x, y, 0.31, np.zeros(3))[0]).max() > 1e-3


def test_it_finds_a_linear_function() -> None:
    x, _ = stream(3, steps=400)
    truth = np.array([0.5, -2.0, 1.0])
    seen = tt.trace(*tt.gradient_descent(3, 0.5), fed(x, x @ truth))["activities"]
    np.testing.assert_allclose(seen["weights"][-1, 0], truth, atol=1e-8)


@pytest.mark.parametrize("learner", [tt.BPTT(), tt.RTRL()], ids=str)
def test_errors_flow_through_it_back_to_the_rate(learner: tt.BPTT | tt.RTRL) -> None:
    """Learning to learn: the gradient of the summed squared errors with respect to the learning rate."""
    x, y = stream(2)
    network, weights = tt.gradient_descent(2, 0.3)
    carry = learner.init(network, weights, batch=1)
    _, lesson = learner.learn(network, weights, carry, fed(x, y), jnp.asarray(y)[:, None, None], tt.SquaredError())

    def cost(rate: float) -> jnp.ndarray:
        w, total = jnp.zeros(2), jnp.zeros(())
        for inputs, target in zip(x, y, strict=True):
            error = target - w @ inputs
            total, w = total + error**2, w + rate * error * inputs
        return total

    assert float(lesson.gradients["step"]["error"].sum()) == pytest.approx(float(jax.grad(cost)(0.3)), rel=1e-10)
    assert abs(float(jax.grad(cost)(0.3))) > 1e-3


def test_it_is_data() -> None:
    network, _ = tt.gradient_descent(2, 0.1)
    assert tt.from_json(network.to_json(), units=[descent.product]) == network
    assert "product" in tt.show(network)


@pytest.mark.parametrize(("inputs", "rate", "said"), [(0, 0.1, "inputs"), (2, float("nan"), "rate")])
def test_bad_input(inputs: int, rate: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tt.gradient_descent(inputs, rate)
