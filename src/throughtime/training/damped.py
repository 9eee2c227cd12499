"""Levenberg-Marquardt as epochs of the training loop."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg  # noqa: F401  # loads the BLAS that JAX uses, so that its threads can be found
from threadpoolctl import ThreadpoolController

from throughtime.engine import Weights
from throughtime.engine.door import native
from throughtime.network import Network
from throughtime.sequences import Bucket
from throughtime.training import levenberg_marquardt as lm
from throughtime.training.epochs import State
from throughtime.training.levenberg_marquardt import LevenbergMarquardt
from throughtime.training.levenberg_marquardt.sums import refuse_rounded


def begin(optimizer: LevenbergMarquardt, weights: Weights, members: int | None, progress: Any) -> State:
    """Before the first epoch; `progress`: the optimizer state of an earlier report, or None."""
    shape = () if members is None else (members,)
    refuse_rounded(progress, "Levenberg-Marquardt")
    fresh = lm.begin(optimizer, weights, members) if progress is None else native(progress)
    return State(weights, fresh, jnp.ones(shape, bool), jnp.zeros(shape, int))


def damped_steps(
    network: Network, loss: Any, optimizer: LevenbergMarquardt, lessons: list[Bucket], state: State, epochs: range
) -> tuple[State, Any, Any]:
    """A step for each epoch: the state, with weights in their own type; the squared error after them, and the number asked."""
    with _threads().limit(limits=1, user_api="blas"):  # the matrices are small: threads would wait for each other
        progress = lm.epoch(network, loss, optimizer, state.optimizer, lessons, len(epochs))
        told = jax.device_get((progress.squares, progress.asked, progress.ended, progress.steps))
    squares, asked, reason, steps = told
    healthy = jnp.asarray(reason != lm.BROKEN)
    return State(lm.weights_in(progress, state.weights), progress, healthy, jnp.asarray(steps)), squares, asked


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def ended(state: State) -> bool:
    """True if no network goes on."""
    return bool(np.all(jax.device_get(state.optimizer.ended) != lm.GOING))
