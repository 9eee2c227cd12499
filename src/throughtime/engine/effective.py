"""The only maker of weights: from trained arrays to the weights that act at every step.

Whatever makes a weight (a softmax over delays, a fixed identity, a bias that some nets lack) happens here, outside time,
so that its gradient is one vjp after the sweep.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from throughtime.engine.schedule import start_rows
from throughtime.network import Connection, Layer, LearnedDelays, Network

Weights = dict[str, dict[str, Any]]


def init(network: Network, seed: int | Array, dtype: Any = None) -> Weights:
    """First weights, drawn at random: {layer: {connection: array, "bias": ..., "start": ...}}.

    Dense weights are uniform with variance 1/(fan-in) over all that feeds a net input; a dense self-connection at delay 1
    is orthogonal, which keeps the norm of activities and errors; diagonal weights lie in 0.5..0.95 shared by their
    delays; biases are 0 but for those the unit names (the LSTM's forget gate: 1).

    network  the wiring
    seed     a whole number or a jax random key; the same seed gives the same weights
    dtype    float32 unless JAX's float64 is switched on or another is named

    returns  dense (D, S, nets, N), diagonal (D, nets, N), learned delays {"weight": (S, nets, N), "delay": (D, S, N)},
             "bias" (nets with a bias, N), "start" {"activity": (D, N), "memory": (M, N)}; identity connections have none

    >>> import throughtime as tt
    >>> tt.init(tt.elman(2, 3, 1), seed=0)["hidden"]["input"].shape
    (1, 2, 1, 3)
    """
    key = jax.random.key(seed) if isinstance(seed, int) else seed
    kind = jnp.zeros((), dtype).dtype
    weights: Weights = {}
    for layer in network.layers:
        made: dict[str, Any] = {}
        for connection in layer.connections:
            key, mine = jax.random.split(key)
            if connection.weight != "identity":
                made[connection.key] = _drawn(network, layer, connection, mine, kind)
        if layer.biased:
            made["bias"] = _first_bias(layer, kind)
        if layer.start == "learned":
            made["start"] = _first_start(network, layer, kind)
        weights[layer.name] = made
    return weights


def _drawn(network: Network, layer: Layer, connection: Connection, key: Array, dtype: Any) -> Any:
    nets, size = len(layer.fed(connection.nets)), network.size_of(connection.source)
    count = len(connection.delays)
    if connection.weight == "diagonal":
        return jax.random.uniform(key, (count, nets, layer.size), dtype, 0.5, 0.95) / count
    if connection.source == layer.name and connection.delays == (1,) and connection.weight == "dense":
        turn = jax.random.orthogonal(key, size, (nets,), dtype)
        return jnp.moveaxis(turn, 0, 1)[None]
    if isinstance(connection.weight, LearnedDelays):
        limit = (3.0 / _fan_in(network, layer, connection)) ** 0.5
        draw, late = jax.random.split(key)
        return {
            "weight": jax.random.uniform(draw, (size, nets, layer.size), dtype, -limit, limit),
            "delay": 0.1 * jax.random.normal(late, (count, size, layer.size), dtype),
        }
    limit = (3.0 / _fan_in(network, layer, connection)) ** 0.5
    return jax.random.uniform(key, (count, size, nets, layer.size), dtype, -limit, limit)


def _fan_in(network: Network, layer: Layer, connection: Connection) -> int:
    """How many weights feed a net input together with this connection (one-to-one ones aside)."""
    mine = set(layer.fed(connection.nets))

    def count(c: Connection) -> int:
        taps = 1 if isinstance(c.weight, LearnedDelays) else len(c.delays)
        return taps * network.size_of(c.source)

    return sum(count(c) for c in layer.connections if not c.one_to_one and mine & set(layer.fed(c.nets)))


def _first_bias(layer: Layer, dtype: Any) -> Array:
    first = dict(layer.unit.bias)
    values = [first.get(layer.nets[index], 0.0) for index in layer.biased]
    return jnp.broadcast_to(jnp.asarray(values, dtype)[:, None], (len(values), layer.size))


def _first_start(network: Network, layer: Layer, dtype: Any) -> dict[str, Array]:
    rows = start_rows(network, layer)
    made = {"activity": jnp.zeros((rows, layer.size), dtype)} if rows else {}
    if layer.memory:
        made["memory"] = jnp.full((layer.memory, layer.size), layer.unit.start, dtype)
    return made


def effective(network: Network, weights: Weights) -> Weights:
    """The weights that act at every step: dense (D, S, nets, N), diagonal (D, nets, N), bias (all nets, N), start.

    An identity connection has no weight to learn and no entry.
    """
    made: Weights = {}
    for layer in network.layers:
        own = weights[layer.name]
        learned = (c for c in layer.connections if c.weight != "identity")
        acting: dict[str, Any] = {c.key: _acting(c, own[c.key]) for c in learned}
        if layer.biased:
            acting["bias"] = _all_nets(layer, own["bias"])
        if layer.start == "learned":
            acting["start"] = own["start"]
        made[layer.name] = acting
    return made


def _acting(connection: Connection, weight: Any) -> Array:
    if isinstance(connection.weight, LearnedDelays):
        chosen = jax.nn.softmax(weight["delay"] / connection.weight.temperature, axis=0)
        return chosen[:, :, None, :] * weight["weight"]
    return jnp.asarray(weight)


def _all_nets(layer: Layer, bias: Array) -> Array:
    """The bias with zeros for the nets that have none."""
    rows = [
        bias[layer.biased.index(i)] if i in layer.biased else jnp.zeros_like(bias[0]) for i in range(len(layer.nets))
    ]
    return jnp.stack(rows)


def check(network: Network, weights: Weights) -> None:
    """Refuse weights that were made for another wiring, naming the first part that does not fit."""
    expected = jax.eval_shape(lambda: init(network, 0))
    for name, parts in expected.items():
        if name not in weights:
            raise ValueError(f"the weights have no layer {name!r}; make them with init(network, seed)")
        for key, part in parts.items():
            if key not in weights[name]:
                raise ValueError(f"the weights of layer {name!r} have no {key!r}; make them with init(network, seed)")
            wanted = jax.tree.map(lambda a: a.shape, part)
            found = jax.tree.map(jnp.shape, weights[name][key])
            if wanted != found:
                raise ValueError(
                    f"the weights of layer {name!r}, {key!r}, have shape {found}; the wiring needs {wanted}"
                )
