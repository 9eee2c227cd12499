"""One connection at work: taps of the source in, net inputs out; its adjoint and its weight gradient beside it.

Shapes: taps (..., D, S), net inputs and deltas (..., k, N) for the k nets that the connection feeds.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from throughtime.network import Connection, Layer


def taps(full: Array, depth: int, delays: Sequence[int]) -> Array:
    """The activities a(t-d) for every step and delay: `full` (depth + T, B, S) -> (T, B, D, S)."""
    steps = full.shape[0] - depth
    if len(delays) == 1:
        return full[depth - delays[0] : depth - delays[0] + steps, :, None]
    if len(delays) <= 8:
        return jnp.stack([full[depth - d : depth - d + steps] for d in delays], axis=2)
    rows = depth - jnp.asarray(delays) + jnp.arange(steps)[:, None]
    return jnp.moveaxis(full[rows], 1, 2)  # one gather: a slice per delay compiles slowly


def untaps(pulled: Array, depth: int, delays: Sequence[int]) -> Array:
    """Adjoint of `taps` for rows K: (T, K, B, D, S) -> (depth + T, K, B, S)."""
    steps, rest = pulled.shape[0], pulled.shape[1:3]
    if len(delays) <= 8:
        parts = [jnp.pad(pulled[:, :, :, i], ((depth - d, d), (0, 0), (0, 0), (0, 0))) for i, d in enumerate(delays)]
        return sum(parts[1:], parts[0])
    rows = depth - jnp.asarray(delays) + jnp.arange(steps)[:, None]
    empty = jnp.zeros((depth + steps, *rest, pulled.shape[-1]), pulled.dtype)
    return empty.at[rows].add(jnp.moveaxis(pulled, 3, 1))


def dropped(tapped: Array, mask: Array | None) -> Array:
    """Taps, or errors at them, (..., B, D, S), where a dropout mask (B, S) lets them through; its own adjoint."""
    return tapped if mask is None else tapped * mask[:, None, :]


def product(connection: Connection, weight: Any, tapped: Array, nets: int) -> Array:
    """sum over delays of W_d^T a(t-d): (..., D, S) -> (..., k, N)."""
    lead = tapped.shape[:-2]
    if connection.weight == "identity":
        copied = tapped.sum(-2)[..., None, :]
        return jnp.broadcast_to(copied, (*lead, nets, tapped.shape[-1]))
    if connection.weight == "diagonal":
        return sum(tapped[..., d, None, :] * weight[d] for d in range(weight.shape[0]))
    d, s, k, n = weight.shape
    flat = tapped.reshape(math.prod(lead), d * s) @ weight.reshape(d * s, k * n)
    return flat.reshape(*lead, k, n)


def turned(connection: Connection, weight: Any) -> Any:
    """The weight as `product_back` wants it; made once, outside the sweep."""
    return weight if connection.one_to_one else weight.transpose(2, 3, 0, 1)


def product_back(connection: Connection, turned_weight: Any, delta: Array) -> Array:
    """Adjoint of `product`, delta W_d^T for every delay: (..., k, N) -> (..., D, S)."""
    lead = delta.shape[:-2]
    if connection.weight == "identity":
        once = delta.sum(-2)[..., None, :]
        return jnp.broadcast_to(once, (*lead, len(connection.delays), delta.shape[-1]))
    if connection.weight == "diagonal":
        return jnp.stack([(delta * w).sum(-2) for w in turned_weight], axis=-2)
    k, n, d, s = turned_weight.shape
    flat = delta.reshape(math.prod(lead), k * n) @ turned_weight.reshape(k * n, d * s)
    return flat.reshape(*lead, d, s)


def gradient(connection: Connection, tapped: Array, delta: Array) -> Array:
    """dL/dW_d = sum over steps and sequences of a(t-d) delta(t)^T, as one product; (T, B, D, S), (T, B, k, N)."""
    (d, s), (k, n) = tapped.shape[-2:], delta.shape[-2:]
    if connection.weight == "diagonal":
        return jnp.einsum("tbdn,tbkn->dkn", tapped, delta)
    count = math.prod(tapped.shape[:2])
    return (tapped.reshape(count, d * s).T @ delta.reshape(count, k * n)).reshape(d, s, k, n)


def spread(layer: Layer, connection: Connection, fed: Array) -> Array:
    """What a connection feeds, (..., k, N), among all net inputs of the layer, (..., nets, N)."""
    places, total = layer.fed(connection.nets), len(layer.nets)
    if len(places) == total:
        return fed if places == tuple(range(total)) else fed[..., [places.index(i) for i in range(total)], :]
    if places == tuple(range(places[0], places[-1] + 1)):
        edge = [(0, 0, 0)] * (fed.ndim - 2) + [(places[0], total - 1 - places[-1], 0), (0, 0, 0)]
        return lax.pad(fed, jnp.zeros((), fed.dtype), edge)
    blank = jnp.zeros_like(fed[..., 0, :])
    return jnp.stack([fed[..., places.index(i), :] if i in places else blank for i in range(total)], axis=-2)


def pick(layer: Layer, connection: Connection, delta: Array) -> Array:
    """Adjoint of `spread`: the deltas of the net inputs that the connection feeds."""
    places = layer.fed(connection.nets)
    if places == tuple(range(places[0], places[-1] + 1)):
        return delta[..., places[0] : places[-1] + 1, :]
    return jnp.stack([delta[..., i, :] for i in places], axis=-2)
