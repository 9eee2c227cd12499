"""What a unit does to errors at one step: slopes f'(net), and the vjp of `activate` for K rows."""

import jax
import jax.numpy as jnp
from jax import Array

from throughtime.engine.schedule import depths
from throughtime.engine.tape import Tape
from throughtime.network import Layer, Network
from throughtime.units import Activation


def elementwise(layer: Layer) -> bool:
    """True if a unit's activity depends on its own present net inputs only, so that f'(net) is a plain factor."""
    return not layer.unit.coupled and not layer.memory


def tells(layer: Layer) -> bool:
    """Whether the activity tells the slope, so that the nets need not be kept."""
    return isinstance(layer.unit.activate, Activation)


def slopes(network: Network, tape: Tape, layer: Layer) -> Array:
    """f'(net) = da_n/dnet_kn of an elementwise layer, (T, B, nets, N), in its own time."""
    if not tells(layer):
        return of_nets(layer, tape.nets[layer.name])
    depth = depths(network, layer.backward)[layer.name]
    return of_activity(layer, tape.heard(layer.backward)[layer.name][depth:])


def of_nets(layer: Layer, net: Array) -> Array:
    """f'(net) of an elementwise layer."""
    activity, pull = jax.vjp(lambda n: layer.unit.activate(n, n[..., :0, :])[0], net)
    (slope,) = pull(jnp.ones_like(activity))
    return slope


def of_activity(layer: Layer, activity: Array) -> Array:
    """f'(net) from a = f(net): (..., 1, N)."""
    assert isinstance(layer.unit.activate, Activation)
    return layer.unit.activate.slope(activity)[..., None, :]


def local(layer: Layer, net: Array, before: Array, activity: Array, memory: Array) -> tuple[Array, Array]:
    """vjp of `activate` for K rows: errors (..., K, B, N) and (..., K, B, M, N) at nets (..., B, nets, N)."""
    axis = net.ndim - 3
    _, pull = jax.vjp(layer.unit.activate, net, before)
    if activity.shape[axis] == 1:  # where units are coupled, an axis of size 1 makes products slow
        deltas, sooner = pull((activity.squeeze(axis), memory.squeeze(axis)))
        return jnp.expand_dims(deltas, axis), jnp.expand_dims(sooner, axis)
    return jax.vmap(lambda a, m: pull((a, m)), in_axes=(axis, axis), out_axes=axis)(activity, memory)
