"""Who learns beside the network that has learned to learn."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from throughtime import engine
from throughtime.architectures import feedforward
from throughtime.experiments.learning_families import NEW, POINTS, UNITS, Family, Functions
from throughtime.learners import Backprop
from throughtime.losses import SquaredError
from throughtime.network import Network

Values = NDArray[np.floating[Any]]

DECISIVE, SHARE = 35, 0.1
SIZES: dict[str, list[int]] = {"64 units": [UNITS], "as many weights": [130, 130], "16 units": [16]}
RATES = (0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1)


def query_error(said: Any, functions: Functions) -> float:
    """The mean squared error over all functions and points."""
    return float(np.mean((np.asarray(said) - functions.answers) ** 2))


@partial(jax.jit, static_argnames="network")
def backpropagation(network: Network, rate: Any, weights: Any, functions: Functions) -> Array:
    """Mean squared errors (T,) after 0, 1, ... T-1 examples, an update after each; `weights` have a leading axis F."""
    learner, loss = Backprop(), SquaredError()

    def one(weights: Any, functions: Functions) -> Array:
        def example(weights: Any, pair: tuple[Array, Array]) -> tuple[Any, Array]:
            said, _ = engine.run(network, weights, functions.asked[None])
            x, y = (part[None, None] for part in pair)
            carry = learner.init(network, weights, 1)
            _, lesson = learner.learn(network, weights, carry, x, y, loss)
            weights = jax.tree.map(lambda w, g: w - rate * g, weights, lesson.gradients)
            return weights, jnp.mean((said[0] - functions.answers) ** 2)

        return jax.lax.scan(example, weights, (functions.x, functions.y))[1]

    return jax.vmap(one)(weights, functions).mean(0)


def several(network: Network, count: int, seed: int) -> Any:
    """First weights of `count` networks, with a leading axis."""
    made = [engine.init(network, seed * count + number) for number in range(count)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *made)


def best_rate(network: Network, others: Functions) -> float:
    """The learning rate with the lowest error after 35 examples; what diverges is no candidate."""
    weights = several(network, len(others.x), seed=1000)
    errors = [float(backpropagation(network, rate, weights, others)[DECISIVE]) for rate in RATES]
    return RATES[int(np.argmin(np.nan_to_num(errors, nan=np.inf)))]


def mean_so_far(_: Family, functions: Functions, count: int) -> Values:
    """The mean of the targets seen, whatever is asked."""
    return np.mean(functions.y[:, :count], axis=1, keepdims=True)


def least_squares_answers(family: Family, functions: Functions, count: int) -> Values:
    """The smallest coefficients that fit all examples seen, on the features of the family."""
    seen, asked = (family.features(part.astype(np.float64)) for part in (functions.x[:, :count], functions.asked))
    return np.asarray(asked @ np.linalg.pinv(seen, rcond=1e-9) @ functions.y[:, :count])


def backpropagations(
    family: Family, new: Functions, others: Functions, seeds: int
) -> tuple[dict[str, dict[int, list[float]]], dict[str, float]]:
    """{network: {examples: errors by seed}}, and the rates that were best on other functions."""
    found, rates = {}, {}
    for size, hidden in SIZES.items():
        network, name = feedforward(family.inputs, hidden, 1), f"backprop, {size}"
        rates[name] = best_rate(network, others)
        runs = [backpropagation(network, rates[name], several(network, NEW, seed), new) for seed in range(seeds)]
        found[name] = {n: [float(errors[n]) for errors in runs] for n in POINTS}
    return found, rates
