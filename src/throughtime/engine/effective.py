"""The only maker of weights: from trained arrays to the weights that act at every step.

Whatever makes a weight (a softmax over delays, a fixed identity, a bias that some nets lack) happens here, outside time,
so that its gradient is one vjp after the sweep.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from throughtime.engine.door import own_order
from throughtime.network import Connection, Layer, LearnedDelays, Network

Weights = dict[str, dict[str, Any]]


def effective(network: Network, weights: Weights) -> Weights:
    """The weights that act at every step: dense (D, S, nets, N), diagonal (D, nets, N), bias (all nets, N), start.

    An identity connection has no weight to learn and no entry. All are of one type, the widest that was given.
    """
    made: Weights = {}
    weights = own_order(weights)
    for layer in network.layers:
        own = weights[layer.name]
        learned = (c for c in layer.connections if c.weight != "identity")
        acting: dict[str, Any] = {c.key: _acting(c, own[c.key]) for c in learned}
        if layer.biased:
            acting["bias"] = _all_nets(layer, own["bias"])
        if layer.start == "learned":
            acting["start"] = own["start"]
        made[layer.name] = acting
    dtypes = {leaf.dtype for leaf in jax.tree.leaves(made)}
    if len(dtypes) < 2:
        return made
    return jax.tree.map(lambda leaf: leaf.astype(jnp.result_type(*dtypes)), made)


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
