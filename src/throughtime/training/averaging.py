"""Adam with weights averaged over its updates."""

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from throughtime.engine import Weights


@cache
def averaged_adam(rate: float, clip: float, warm_up: float, average: int, updates: int) -> Any:
    """One object for all seeds: compiled code belongs to it."""
    warm = round(warm_up * updates)
    planned = optax.warmup_cosine_decay_schedule(0.0 if warm else rate, rate, warm, max(updates, warm + 1))
    averaging = optax.GradientTransformation(_begin_average, Averaging(1 - 1 / average))
    return optax.chain(optax.clip_by_global_norm(clip), optax.adam(planned), averaging)


class AverageState(NamedTuple):
    """The average of the weights over updates, and how many there were."""

    weights: Weights
    updates: Array


def _begin_average(weights: Weights) -> AverageState:
    return AverageState(jax.tree.map(jnp.array, weights), jnp.zeros((), jnp.int32))


@dataclass(frozen=True)
class Averaging:
    """The last stage of an optax optimizer: averages the weights that its steps lead to, and leaves the steps as they are."""

    decay: float

    def __call__(
        self, steps: Weights, state: AverageState, weights: Weights | None = None
    ) -> tuple[Weights, AverageState]:
        n = state.updates.astype(jnp.float32)
        decay = jnp.minimum(self.decay, (1 + n) / (10 + n))

        def mixed(before: Array, weight: Array, step: Array) -> Array:
            d = decay.astype(before.dtype)
            return d * before + (1 - d) * (weight + step)

        return steps, AverageState(jax.tree.map(mixed, state.weights, weights, steps), state.updates + 1)
