"""The extended Kalman filter as epochs of the training loop."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from throughtime.engine import Weights
from throughtime.engine.door import native
from throughtime.learners.lesson import refuse_backward
from throughtime.network import Network
from throughtime.sequences import Bucket
from throughtime.training import kalman_filter
from throughtime.training.epochs import State, gradient_steps
from throughtime.training.kalman_filter import KalmanFilter
from throughtime.training.levenberg_marquardt.sums import refuse_other, refuse_rounded


def refuse(network: Network, loss: Any, clip: float | None) -> None:
    """What the filter cannot do."""
    refuse_other(network, loss, "the Kalman filter")
    refuse_backward(network, "the Kalman filter")
    if clip is not None:
        raise ValueError("the Kalman filter has no gradient to clip: leave clip=None, or raise measurement_noise")


def begin(optimizer: KalmanFilter, weights: Weights, members: int | None, estimate: Any) -> State:
    """Before the first epoch; `estimate`: the optimizer state of an earlier report, or None."""
    refuse_rounded(estimate, "the Kalman filter")
    shape = () if members is None else (members,)
    with jax.enable_x64(True):
        if estimate is None:
            wide = jax.tree.map(lambda w: jnp.asarray(w, jnp.float64), weights)
            first = partial(kalman_filter.begin, optimizer)
            estimate = first(wide) if members is None else jax.vmap(first)(wide)
        return State(weights, native(estimate), jnp.ones(shape, bool), jnp.zeros(shape, int))


def in_float64(lessons: list[Bucket]) -> list[Bucket]:
    """The sequences as the filter takes them."""
    with jax.enable_x64(True):
        return jax.tree.map(lambda v: v.astype(jnp.float64) if jnp.issubdtype(v.dtype, jnp.floating) else v, lessons)


def filtered_steps(
    teach: Callable[..., tuple[State, tuple[Array, Array]]],
    lessons: list[Bucket],
    batch: int,
    seed: int,
    state: State,
    epochs: range,
) -> tuple[State, Any, Any]:
    """Epochs in float64: the state, with weights in their own type; the summed loss and the number asked of the last one."""
    with jax.enable_x64(True):
        wide = state._replace(weights=state.optimizer.weights)
        after, total, asked = gradient_steps(teach, lessons, batch, seed, wide, epochs)
        own = jax.tree.map(lambda w, like: w.astype(like.dtype), after.weights, state.weights)
        return after._replace(weights=own), total, asked
