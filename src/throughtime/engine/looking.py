"""Looking inside: all activities, the chapter's deltas, and its Jacobians."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from throughtime.engine import wires
from throughtime.engine.door import AnyArray, own_order
from throughtime.engine.effective import Weights, effective
from throughtime.engine.elsewhere import found_by_platform
from throughtime.engine.first import check
from throughtime.engine.forward import forward
from throughtime.engine.running import as_history, as_inputs, as_lengths, outputs
from throughtime.engine.schedule import depths
from throughtime.engine.slopes import local
from throughtime.engine.sweep import sweep
from throughtime.engine.tape import Arrays, History, Tape, turn_round, within
from throughtime.layers import an_instance
from throughtime.network import Connection, Layer, Network


def _taped(network: Network, weights: Weights, xs: Any, history: Any, lengths: Any) -> tuple[Any, ...]:
    weights, xs, history, lengths = own_order((weights, xs, history, lengths))
    inputs = as_inputs(network, weights, xs)
    steps, batch, _ = next(iter(inputs.values())).shape
    if not steps:
        raise ValueError("there is no time step to look at: T must be at least 1")
    check(network, weights)
    return weights, inputs, as_history(network, weights, history, batch), as_lengths(lengths, steps, batch)


def _real(layer: Layer, values: Array, lengths: Array | None) -> Array:
    return turn_round(values, lengths) if layer.backward else values


def trace(
    network: Network,
    weights: Weights,
    xs: Float[AnyArray, "T B I"] | Mapping[str, AnyArray],
    history: History | None = None,
    lengths: Int[AnyArray, "B"] | None = None,
) -> dict[str, Arrays]:
    """Run the network and keep everything, in real time.

    returns  {"nets": {layer: (T, B, nets, N)}, "activities": {source: (T, B, S)}, "memories": {layer: (T, B, M, N)}},
             memories as they are after each step; 0 beyond each sequence's length
    raises, cost  as `run`

    >>> import jax.numpy as jnp, throughtime as tt
    >>> network = tt.lstm(1, 3, 1)
    >>> tt.trace(network, tt.init(network, 0), jnp.ones((5, 1, 1)))["nets"]["hidden"].shape
    (5, 1, 4, 3)
    """
    return _trace(network, *_taped(network, weights, xs, history, lengths))


@partial(jax.jit, static_argnames="network")
def _trace(network: Network, weights: Weights, xs: Arrays, *rest: Any) -> Any:
    return found_by_platform(_steps(xs), partial(_traced, network), weights, xs, *rest)


def _steps(xs: Arrays) -> int:
    return len(next(iter(xs.values())))


def _traced(
    network: Network, weights: Weights, xs: Arrays, history: History, lengths: Array | None
) -> dict[str, Arrays]:
    acting = effective(network, weights)
    tape, _ = forward(network, acting, xs, history, lengths)
    steps = next(iter(xs.values())).shape[0]
    valid = within(lengths, steps)

    def blank(values: Array) -> Array:
        return values if valid is None else jnp.where(valid[:, :, None, None], values, 0)

    memories = {}
    for name, before in tape.before.items():
        layer = network.by_name[name]
        after = layer.unit.activate(tape.nets[name], before)[1]
        memories[name] = blank(_real(layer, after, lengths))
    return {
        "nets": {n: blank(_real(network.by_name[n], net, lengths)) for n, net in tape.nets.items()},
        "activities": {source: full[depths(network)[source] :] for source, full in tape.full.items()},
        "memories": memories,
    }


def deltas(
    network: Network,
    weights: Weights,
    xs: Float[AnyArray, "T B I"] | Mapping[str, AnyArray],
    targets: Any,
    loss: Callable[[Array, Any], Array],
    history: History | None = None,
    lengths: Int[AnyArray, "B"] | None = None,
) -> dict[str, Float[Array, "T B nets N"]]:
    """The error signal delta(t) = dL/dnet(t) of every layer at every step, L the sum of all losses.

    delta^(i-1) = delta^i J^i, delta a row vector. Slides often write J^i = W^i D^i with D^i = diag(f'(net^i)); with
    net^i = W^(i-1) a^(i-1) the indices are those of layer i-1, and that is what holds here (see `jacobians`).

    returns  {layer: (T, B, nets, N)} in real time
    raises   as `run`
    cost     as BPTT: twice `run` in time

    >>> import jax.numpy as jnp, throughtime as tt
    >>> network = tt.fully_recurrent(1, 3, 1)
    >>> found = tt.deltas(network, tt.init(network, 0), jnp.ones((5, 1, 1)), jnp.ones((5, 1, 1)), tt.SquaredError())
    >>> found["hidden"].shape
    (5, 1, 1, 3)
    """
    return _deltas(network, loss, *_taped(network, weights, xs, history, lengths), own_order(targets))


@partial(jax.jit, static_argnames=("network", "loss"))
def _deltas(network: Network, loss: Callable[[Array, Any], Array], weights: Weights, xs: Arrays, *rest: Any) -> Any:
    return found_by_platform(_steps(xs), partial(_swept, network, loss), weights, xs, *rest)


def _swept(
    network: Network,
    loss: Callable[[Array, Any], Array],
    weights: Weights,
    xs: Arrays,
    history: History,
    lengths: Array | None,
    targets: Any,
) -> Arrays:
    acting = effective(network, weights)
    tape, _ = forward(network, acting, xs, history, lengths)
    seed, _ = errors(loss, outputs(network, tape, lengths), targets, lengths)
    found = sweep(network, acting, tape, {network.output: seed[:, None]}, lengths=lengths)
    return {name: _real(network.by_name[name], delta[:, 0], lengths) for name, delta in found.deltas.items()}


def errors(loss: Callable[[Array, Any], Array], ys: Array, targets: Any, lengths: Array | None) -> tuple[Array, Array]:
    """dL/dy (T, B, O) and L: the sum of the losses that lie within the sequences."""
    valid = within(lengths, ys.shape[0])
    an_instance(loss, "the loss")

    def total(outputs: Array) -> Array:
        each = loss(outputs, targets)
        if valid is not None:
            each = jnp.where(valid if each.ndim == 2 else valid.any(0), each, 0)
        return each.sum()

    value, seed = jax.value_and_grad(total)(ys)
    return (seed if valid is None else jnp.where(valid[:, :, None], seed, 0)), value


def jacobians(
    network: Network,
    weights: Weights,
    xs: Float[AnyArray, "T B I"] | Mapping[str, AnyArray],
    history: History | None = None,
    lengths: Int[AnyArray, "B"] | None = None,
) -> dict[tuple[str, str], Float[Array, "D T B netsL NL netsS NS"]]:
    """J = dnet_l(t)/dnet_s(t-d) through each connection from a layer s into a layer l, for each of its delays d.

    J_c,d(t) = W_c,d^T diag(f'(net_s(t-d))): a row index for the net inputs of l, a column index for those of s, so that
    errors are sent back by delta_s(t-d) = delta_l(t) J_c,d(t), summed over all that listens to s. The index of f' is
    that of the source, where slides often write the listener's. A memory (LSTM) is a further path, not in J.

    returns  {(layer, connection): (D, T, B, nets of l, N of l, nets of s, N of s)}, t in real time (a
             backward layer's t-d counts in its own time); 0 where the source's step lies outside the sequence
    raises   ValueError as `run`
    cost     O(T B D units^2) in time and memory: for small networks and short stretches, to look at

    >>> import jax.numpy as jnp, throughtime as tt
    >>> network = tt.fully_recurrent(1, 3, 1)
    >>> tt.jacobians(network, tt.init(network, 0), jnp.ones((5, 1, 1)))["hidden", "recurrent"].shape
    (1, 5, 1, 1, 3, 1, 3)
    """
    return _jacobians(network, *_taped(network, weights, xs, history, lengths))


@partial(jax.jit, static_argnames="network")
def _jacobians(network: Network, weights: Weights, xs: Arrays, *rest: Any) -> Any:
    return found_by_platform(_steps(xs), partial(_through_connections, network), weights, xs, *rest)


def _through_connections(
    network: Network, weights: Weights, xs: Arrays, history: History, lengths: Array | None
) -> dict[tuple[str, str], Array]:
    acting = effective(network, weights)
    tape, _ = forward(network, acting, xs, history, lengths)
    return {
        (layer.name, c.key): _jacobian(network, acting, tape, layer, c, lengths)
        for layer in network.layers
        for c in layer.connections
        if c.source in network.by_name
    }


def _jacobian(
    network: Network, acting: Weights, tape: Tape, layer: Layer, connection: Connection, lengths: Array | None
) -> Array:
    source = network.by_name[connection.source]
    net = tape.nets[source.name]
    before = tape.before.get(source.name, net[:, :, :0])
    steps, batch, kinds, units = net.shape
    rows = jnp.broadcast_to(jnp.eye(units, dtype=net.dtype)[None, :, None], (steps, units, batch, units))
    silent = jnp.zeros((steps, units, batch, *before.shape[2:]), net.dtype)
    slope = local(source, net, before, rows, silent)[0]  # (T, N_s as activity, B, nets_s, N_s)
    valid = within(lengths, steps)
    slope = slope if valid is None else jnp.where(valid[:, None, :, None, None], slope, 0)
    mask = tape.dropout.get(layer.name, {}).get(connection.key)
    slope = slope if mask is None else slope * mask.T[:, :, None, None]
    if source.backward != layer.backward:
        slope = jax.vmap(lambda s: turn_round(s, lengths), in_axes=1, out_axes=1)(slope)
    every = jnp.eye(len(layer.nets) * layer.size, dtype=net.dtype).reshape(-1, len(layer.nets), layer.size)
    weight = wires.turned(connection, acting[layer.name].get(connection.key))
    back = wires.product_back(connection, weight, wires.pick(layer, connection, every))  # (nets_l N_l, D, S)
    found = []
    for index, delay in enumerate(connection.delays):
        late = jnp.concatenate([jnp.zeros_like(slope[:delay]), slope])[:steps]
        j = jnp.einsum("rs,tsbkn->tbrkn", back[:, index], late)
        found.append(j.reshape(steps, batch, len(layer.nets), layer.size, kinds, units))
    made = jnp.stack(found)
    return jax.vmap(lambda j: turn_round(j, lengths))(made) if layer.backward else made
