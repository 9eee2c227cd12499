"""Plain JAX, as one writes these networks without a library: a scan over time under jax.grad, jitted.

The TDNN has no loop: each layer is one product with a window of what it hears.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from benchmarks.timing import Contestant
from benchmarks.works import FEEDBACK, TAPS, Arrays, Work

Step = Callable[[Arrays, Any, Array], tuple[Any, Array]]


def jax_scan(work: Work) -> Contestant:
    """The summed squared error and its gradients."""
    first = _first(work)

    def outputs(weights: Arrays, xs: Array) -> Array:
        if work.kind == "tdnn":
            return _tdnn(weights, xs)
        heard = window(xs, TAPS) if work.kind.startswith("narx") else xs
        return jax.lax.scan(lambda state, x: STEPS[work.kind](weights, state, x), first, heard)[1]

    @jax.jit
    def learn(weights: Arrays, xs: Array, targets: Array) -> Any:
        return jax.value_and_grad(lambda w: ((outputs(w, xs) - targets) ** 2).sum())(weights)

    data = jax.device_put((work.shared, work.xs, work.targets))
    name = "plain JAX" if work.kind == "tdnn" else "plain JAX scan"
    return Contestant(name, lambda: jax.block_until_ready(learn(*data)), lambda found: {"loss": found[0], **found[1]})


def _fully_recurrent(w: Arrays, a: Array, x: Array) -> tuple[Array, Array]:
    a = jnp.tanh(x @ w["hidden input"] + a @ w["hidden recurrent"] + w["hidden bias"])
    return a, a


def _elman(w: Arrays, a: Array, x: Array) -> tuple[Array, Array]:
    a = jnp.tanh(x @ w["hidden input"] + a + w["hidden bias"])
    return a, a


def _lstm(w: Arrays, state: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Array]:
    a, cell = state
    net = x @ w["hidden input"] + a @ w["hidden recurrent"] + w["hidden bias"]
    gates, new = jax.nn.sigmoid(net[:, : 3 * a.shape[1]]), jnp.tanh(net[:, 3 * a.shape[1] :])
    enter, keep, leave = jnp.split(gates, 3, axis=1)
    cell = keep * cell + enter * new
    a = leave * jnp.tanh(cell)
    return (a, cell), a


def _gru(w: Arrays, a: Array, x: Array) -> tuple[Array, Array]:
    bias, recurrent_bias = jnp.split(w["hidden bias"], [3 * a.shape[1]])
    candidate, reset, update = jnp.split(x @ w["hidden input"] + bias, 3, axis=1)
    own_reset, own_update, recurrent = jnp.split(a @ w["hidden recurrent"], 3, axis=1)
    reset, update = jax.nn.sigmoid(reset + own_reset), jax.nn.sigmoid(update + own_update)
    new = jnp.tanh(candidate + reset * (recurrent + recurrent_bias))
    a = (1 - update) * new + update * a
    return a, a


def _narx(w: Arrays, past: Array, x: Array) -> tuple[Array, Array]:
    """past: the last outputs side by side, the newest first; of a Jordan network, the last one."""
    a = jnp.tanh(x @ w["hidden input"] + past @ w["hidden output"] + w["hidden bias"])
    y = a @ w["output hidden"] + w["output bias"]
    return jnp.concatenate([y, past[:, : -y.shape[1]]], axis=1), y


def _tdnn(w: Arrays, xs: Array) -> Array:
    a = jnp.tanh(window(xs, TAPS) @ w["hidden input"] + w["hidden bias"])
    return window(a, TAPS) @ w["output hidden"] + w["output bias"]


def window(xs: Array, taps: int) -> Array:
    """x(t), x(t-1), ... side by side; 0 before the first step."""
    padded = jnp.pad(xs, ((taps - 1, 0), (0, 0), (0, 0)))
    return jnp.concatenate([padded[taps - 1 - d : len(padded) - d] for d in range(taps)], axis=-1)


def _first(work: Work) -> Any:
    """What a scan starts with: activities and cells, or past outputs, all 0."""
    size = {"jordan": 1, "narx": FEEDBACK, "narx-wide": FEEDBACK}.get(work.kind, 0) * work.targets.shape[-1]
    first = jnp.zeros((work.xs.shape[1], size or work.units), work.xs.dtype)
    return (first, first) if work.kind == "lstm" else first


STEPS: dict[str, Step] = {
    "fully-recurrent": _fully_recurrent,
    "elman": _elman,
    "jordan": _narx,
    "lstm": _lstm,
    "gru": _gru,
    "narx": _narx,
    "narx-wide": _narx,
}
