"""What `train` is asked with, looked at before any work: natural mistakes get one line that names the remedy."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from throughtime.checks import quoted
from throughtime.layers import an_instance
from throughtime.losses import named, traits_of
from throughtime.network import a_network
from throughtime.training.kalman_filter import Estimate, KalmanFilter
from throughtime.training.levenberg_marquardt import LevenbergMarquardt, Progress


def check_judged(network: Any, weights: Any, loss: Any) -> None:
    """A network, its weights, and a loss that takes what its output layer says."""
    a_network(network)
    if not isinstance(weights, Mapping):
        raise ValueError(f"weights must be as init(network, seed) gives them, not {quoted(weights)}")
    if not callable(an_instance(loss, "the loss")):
        raise ValueError(
            f"the loss must be one such as SquaredError(), or a function (ys, targets), not {quoted(loss)}"
        )
    unit, output = traits_of(loss).unit, network.by_name[network.output]
    if unit is not None and output.unit == unit:
        raise ValueError(
            f"{named(loss)} takes net inputs and puts the {unit.name} function on them, which the output layer "
            f"{output.name!r} has too, so it would act twice: make that layer linear, g=units.linear"
        )


def check_learner(learner: Any) -> None:
    """Something that obeys the contract of learners."""
    an_instance(learner, "the learner")
    if not all(hasattr(learner, part) for part in ("init", "learn")):
        raise ValueError(f"the learner must be one such as BPTT() or RTRL(), not {quoted(learner)}")
    _hashable(learner, "the learner")


def _hashable(value: Any, what: str) -> None:
    try:
        hash(value)
    except TypeError:
        told = f"{what} {quoted(value)} has no hash, so compiled code cannot be kept for it"
        raise ValueError(f"{told}: make it a @dataclass(frozen=True) of values that do not change") from None


def check_optimizer(optimizer: Any) -> None:
    """An optimizer of optax, or one of ours."""
    an_instance(optimizer, "the optimizer")
    if isinstance(optimizer, (LevenbergMarquardt, KalmanFilter)):
        return
    if not all(hasattr(optimizer, part) for part in ("init", "update")):
        name = getattr(optimizer, "__name__", None) if callable(optimizer) else None
        what = (
            quoted(optimizer) if name is None else f"the function {name}: call it with a step size, as in {name}(0.01)"
        )
        raise ValueError(f"the optimizer must be one such as optax.adam(0.01) or LevenbergMarquardt(), not {what}")


def check_state(optimizer: Any, weights: Any, members: int | None, state: Any) -> None:
    """An optimizer state of this optimizer and these weights."""
    if isinstance(optimizer, (LevenbergMarquardt, KalmanFilter)):
        own = Progress if isinstance(optimizer, LevenbergMarquardt) else Estimate
        fits = isinstance(state, own) and _shapes(state.weights) == _shapes(weights)
    else:
        fresh = optimizer.init if members is None else jax.vmap(optimizer.init)
        wanted = jax.eval_shape(fresh, weights)
        fits = _shapes(state) == _shapes(wanted)
    if not fits:
        raise ValueError(
            "optimizer_state is of another optimizer or another network; give that of a report of the same, or None to begin"
        )


_shapes = partial(jax.tree.map, jnp.shape)
