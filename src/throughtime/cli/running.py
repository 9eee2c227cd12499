"""Running a trained network over a record: free, or with measured outputs one step behind it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

from throughtime.cli.wiring import MEASURED, feedback, is_open
from throughtime.engine import run, start, step
from throughtime.network import Network
from throughtime.sequences import dtype_of

Values = NDArray[Any]
Advance = Callable[[float], None]
CHUNK = 4096


def outputs(
    network: Network,
    weights: Any,
    inputs: Values,
    measured: Values | None = None,
    advance: Advance | None = None,
) -> Values:
    """The outputs (T, O) for standardised inputs (T, I), from the start.

    measured  (T, O): where it is a number it takes the place of the network's own output in what the network hears
              of past outputs; where it is NaN the own output stays. None, or all NaN: free run.
    advance   is told how far the work has come, 0 to 1
    """
    if any(layer.backward for layer in network.layers):
        return np.asarray(_whole(network, weights, jnp.asarray(inputs, dtype_of(weights))))
    total, history, made = len(inputs), start(network, weights, 1), []
    if measured is None:
        measured = np.full((total, network.size_of(network.output)), np.nan)
    size = min(CHUNK, max(total, 1))
    for begin in range(0, total, size):
        rows = slice(begin, begin + size)
        x = _filled(inputs[rows], size, 0.0, dtype_of(weights))
        known = _filled(measured[rows], size, np.nan, dtype_of(weights))
        ys, history = _stretch(network, weights, history, x, known)
        made.append(np.asarray(ys)[: total - begin])
        if advance:
            advance(min(1.0, (begin + size) / total))
    return np.concatenate(made) if made else measured


def _filled(values: Values, size: int, filling: float, dtype: Any) -> Array:
    """The last stretch is filled up, so that one length is compiled."""
    missing = size - len(values)
    return jnp.asarray(np.pad(values, ((0, missing), (0, 0)), constant_values=filling), dtype)


@partial(jax.jit, static_argnames="network")
def _whole(network: Network, weights: Any, inputs: Array) -> Array:
    ys: Array = run(network, weights, inputs[:, None])[0][:, 0]
    return ys


@partial(jax.jit, static_argnames="network")
def _stretch(network: Network, weights: Any, history: Any, inputs: Array, measured: Array) -> tuple[Array, Any]:
    heard = feedback(network)
    if heard is None:
        ys, history = run(network, weights, inputs[:, None], history)
        return ys[:, 0], history

    def one(history: Any, row: tuple[Array, Array]) -> tuple[Any, Array]:
        x, known = row
        xs = dict(_named(network, x[None]))
        if is_open(network):
            xs[MEASURED] = jnp.zeros_like(known[None])
        y, history = step(network, weights, history, xs)
        past = history["a"][heard]
        told = past.at[-1].set(jnp.where(jnp.isnan(known), y, known))
        return history | {"a": history["a"] | {heard: told}}, y[0]

    history, ys = lax.scan(one, history, (inputs, measured))
    return ys, history


def _named(network: Network, x: Array) -> list[tuple[str, Array]]:
    return [(name, x) for name, _ in network.inputs if name != MEASURED]
