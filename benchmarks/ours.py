"""throughtime itself as a contestant."""

from typing import Any

import jax
import numpy as np

import throughtime as tt
from benchmarks.timing import Contestant
from benchmarks.works import Arrays, Work, flat


def learning(work: Work) -> Contestant:
    """`BPTT().learn` as a training step uses it: loss and gradients, in one compiled function."""
    network, learner, loss = work.network, tt.BPTT(), tt.SquaredError()
    data = jax.device_put((work.weights, learner.init(network, work.weights, work.xs.shape[1]), work.xs, work.targets))

    @jax.jit
    def step(weights: Any, carry: Any, xs: Any, targets: Any) -> Any:
        _, lesson = learner.learn(network, weights, carry, xs, targets, loss)
        return lesson.loss, lesson.gradients

    def read(found: Any) -> Arrays:
        return {"loss": np.asarray(found[0]), **flat(found[1])}

    return Contestant("BPTT()", lambda: jax.block_until_ready(step(*data)), read)


def running(work: Work) -> Contestant:
    """`run`, the forward pass alone, in one compiled function."""
    weights, xs = jax.device_put((work.weights, work.xs))
    run = jax.jit(lambda weights, xs: tt.run(work.network, weights, xs))
    return Contestant("run", lambda: jax.block_until_ready(run(weights, xs)))
