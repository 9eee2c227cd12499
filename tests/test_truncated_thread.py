"""The three-step example of a long thread on truncated BPTT, and the recipe that gets it wrong.

x(t) = w x(t-1), x(0) = 0.9, w = 0.2: dx(3)/dw = 3 w^2 x(0) = 0.108. A recipe copied into many projects walks back over
detached states and hands each state's stored gradient on; the states keep the gradients of earlier losses, so they are
handed on again, and the answer is 0.288.

Source: https://discuss.pytorch.org/t/implementing-truncated-backpropagation-through-time/15500, second page.
"""

from typing import Any

import jax.numpy as jnp
import pytest
from jax import Array

import reference
import throughtime as tt
import zoo
from throughtime import Connection, Layer, Network, units

W, X0, STEPS = 0.2, 0.9, 3
NETWORK = Network(
    {"nothing": 1},
    [Layer("x", 1, units.linear, ["nothing", Connection("x", 1, name="w")], bias=False, start="learned")],
    "x",
)
WEIGHTS = {
    "x": {
        "nothing": jnp.zeros((1, 1, 1, 1)),
        "w": jnp.full((1, 1, 1, 1), W),
        "start": {"activity": jnp.full((1, 1), X0)},
    }
}
NOTHING = jnp.zeros((STEPS, 1, 1))


def value(ys: Array, targets: Array) -> Array:
    """The loss is x(t) itself, at the steps that are asked (targets 1)."""
    return (ys * targets)[..., 0]


def taught(learner: Any, asked: list[float], stretches: tuple[int, ...] = (STEPS,)) -> float:
    """dL/dw, L the sum of x(t) over the steps asked."""
    wanted = jnp.array(asked).reshape(STEPS, 1, 1)
    return float(
        zoo.lessons(NETWORK, learner, WEIGHTS, NOTHING, wanted, value, stretches).gradients["x"]["w"][0, 0, 0, 0]
    )


def recipe(steps: int, horizon: int) -> list[float]:
    """What the recipe adds to dL/dw at each step: states detached, their gradients stored and never cleared."""
    x = [X0 * W**t for t in range(steps)]
    stored, answers = [0.0] * steps, []
    for last in range(steps):
        answer, error = 0.0, 1.0
        for t in range(last, max(last - horizon, -1), -1):
            answer += error * x[t]
            stored[t] += error * W
            error = stored[t]
        answers.append(answer)
    return answers


LEARNERS = [tt.BPTT(), tt.BPTT(3), tt.BPTT(9), tt.RTRL(), tt.RTRL(2), tt.Focused()]


@pytest.mark.parametrize("learner", LEARNERS, ids=repr)
def test_the_third_step(learner: Any) -> None:
    assert taught(learner, [0, 0, 1]) == pytest.approx(0.108, abs=1e-15)
    assert taught(learner, [1, 1, 1]) == pytest.approx(0.9 + 0.36 + 0.108, abs=1e-15)
    if learner != tt.BPTT():
        assert taught(learner, [0, 0, 1], (1, 2)) == pytest.approx(0.108, abs=1e-15)


def test_a_shorter_horizon_leaves_out_what_lies_behind_it() -> None:
    """dx(3)/dw, one term for each step the error reaches: x(2), + w x(1), + w^2 x(0), each 0.036."""
    assert [taught(tt.BPTT(h), [0, 0, 1]) for h in (1, 2, 3)] == pytest.approx([0.036, 0.072, 0.108], abs=1e-15)


def test_the_recipe_is_right_for_two_steps_and_wrong_from_the_third() -> None:
    assert recipe(3, 3) == pytest.approx([0.9, 0.36, 0.288], abs=1e-15)


def test_the_reference_agrees() -> None:
    asked = jnp.array([0.0, 0, 1]).reshape(STEPS, 1, 1)
    gradients = reference.learn(NETWORK, WEIGHTS, NOTHING, asked, value).gradients
    assert float(gradients["x"]["w"][0, 0, 0, 0]) == pytest.approx(0.108, abs=1e-15)
