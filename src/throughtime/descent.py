"""A learning algorithm inside a recurrent network: gradient descent for a linear unit, with all weights of the network frozen.

The recurrent network does not learn that way of learning; it is built for it, and every term of the equation has a layer:

    e(t) = y(t-1) - y^(t-1)           "error"    the previous target, minus the network's own output one step back
    d(t) = rate e(t) x(t-1)           "step"     a product; the rate is the weight from "error"
    w(t) = w(t-1) + d(t)              "weights"  activities that hear themselves: what the linear unit has learned so far
    p(t) = w(t) x(t)                  "terms"    a product, input by input
    y^(t) = sum over inputs of p(t)   "output"

So what changes while it learns are activities; what is called a weight of the network stays. A product of two activities
is a unit of its own, as in second-order networks.
"""

import math
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from throughtime.engine.effective import Weights
from throughtime.layers import Connection, Layer, Weight, whole_number
from throughtime.network import Network
from throughtime.units import Unit, linear

INPUT, TEACHER = "x", "previous target"


@dataclass(frozen=True)
class Product:
    """a = left * right."""

    def __call__(self, net: Array, memory: Array) -> tuple[Array, Array]:
        return net[..., 0, :] * net[..., 1, :], memory


product = Unit("product", ("left", "right"), 0, Product())


def gradient_descent(inputs: int, rate: float) -> tuple[Network, Weights]:
    """A recurrent network that learns by gradient descent: fed x(t) and the target of the step before, it predicts.

        y^(t) = w(t) x(t),   w(t+1) = w(t) + rate (y(t) - y^(t)) x(t),   w(1) = 0

    This is online gradient descent on the half squared error of a linear unit (the delta rule of Widrow & Hoff), step by step.
    For a bias, feed a 1 as one more input.

    inputs  I, the numbers in x(t)
    rate    the learning rate: the weight from "error" to "step", once for each input; all others are 1 or -1. Errors flow
            through the network like any other, so BPTT finds the gradient of the rate

    returns  (network with inputs "x" (I) and "previous target" (1), its weights); the activities of layer "weights" are w(t),
             and a history whose row "weights" is w begins there instead of at 0. Its file is read with
             `tt.from_json(text, units=[descent.product])`
    raises   ValueError if there are no inputs, or the rate is not a finite number
    cost     O(I) time per step, 3 I + 2 units

    >>> import jax.numpy as jnp, throughtime as tt
    >>> network, weights = tt.gradient_descent(inputs=2, rate=0.5)
    >>> x = jnp.array([[1.0, 0.0], [1.0, 2.0], [1.0, 0.0]])
    >>> previous = jnp.array([[0.0], [4.0], [2.0]])  # y(1) = 4, y(2) = 2
    >>> ys, _ = tt.run(network, weights, {"x": x[:, None], "previous target": previous[:, None]})
    >>> ys[:, 0, 0].tolist()  # w is (0, 0), then (2, 0): right for (1, 2), so it stays
    [0.0, 2.0, 2.0]
    """
    size = whole_number(inputs, "inputs", 1)
    if not math.isfinite(rate):
        raise ValueError(f"rate must be a finite number, not {rate}")
    layers = (
        Layer("error", 1, linear, (_one_to_one(TEACHER), _one_to_one("output", 1, weight="diagonal")), bias=False),
        Layer("step", size, product, (Connection("error", nets=("left",)), _one_to_one(INPUT, 1, "right")), bias=False),
        Layer("weights", size, linear, (_one_to_one("weights", 1, name="kept"), _one_to_one("step")), bias=False),
        Layer(
            "terms", size, product, (_one_to_one("weights", net="left"), _one_to_one(INPUT, net="right")), bias=False
        ),
        Layer("output", 1, linear, ("terms",), bias=False),
    )
    weights = {
        "error": {"output": jnp.full((1, 1, 1), -1.0)},
        "step": {"error": jnp.full((1, 1, 1, size), float(rate))},
        "weights": {},
        "terms": {},
        "output": {"terms": jnp.ones((1, size, 1, 1))},
    }
    return Network(((INPUT, size), (TEACHER, 1)), layers, "output"), weights


def _one_to_one(
    source: str, delay: int = 0, net: str | None = None, weight: Weight = "identity", name: str | None = None
) -> Connection:
    return Connection(source, (delay,), weight, None if net is None else (net,), name=name)
