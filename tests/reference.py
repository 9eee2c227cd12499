"""The naive reference: a network as the recursive definition it is, straight from the two lines of the chapter.

    net_l(t) = b_l + sum over connections c into l, over delays d of c:  W_c,d^T a_source(c)(t - d)
    a_l(t), m_l(t) = activate(net_l(t), m_l(t - 1))

One sequence, one time step, one delay at a time: a layer asks for the activities it hears, and these ask in turn.
Nothing here is shared with the engine; the gradients are those of `jax.grad`. A backward layer counts its own time
from the end of the sequence, so "d steps earlier" is t + d for it.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.lax import stop_gradient

from throughtime import Connection, Layer, LearnedDelays, Network

Tree = dict[str, Any]


def delay_of(network: Network, name: str) -> int:
    """The largest delay with which layers of its own direction hear this layer."""
    backward = network.by_name[name].backward
    listening = [c for layer in network.layers if layer.backward == backward for c in layer.connections]
    return max((d for c in listening if c.source == name for d in c.delays), default=0)


def shapes(network: Network) -> Tree:
    """The shape of every weight array."""
    return {layer.name: _layer_shapes(network, layer) for layer in network.layers}


def _layer_shapes(network: Network, layer: Layer) -> Tree:
    made: Tree = {}
    for c in layer.connections:
        s, k, d, n = network.size_of(c.source), len(_fed(layer, c)), len(c.delays), layer.size
        if c.weight == "dense":
            made[c.key] = (d, s, k, n)
        elif c.weight == "diagonal":
            made[c.key] = (d, k, n)
        elif isinstance(c.weight, LearnedDelays):
            made[c.key] = {"weight": (s, k, n), "delay": (d, s, n)}
    if layer.biased:
        made["bias"] = (len(layer.biased), layer.size)
    if layer.start == "learned":
        rows = {"activity": delay_of(network, layer.name), "memory": layer.memory}
        made["start"] = {name: (count, layer.size) for name, count in rows.items() if count}
    return made


def _fed(layer: Layer, connection: Connection) -> list[int]:
    return [layer.nets.index(net) for net in connection.nets or layer.nets]


def upstream(network: Network, name: str) -> set[str]:
    """Every layer from which a path of at least one connection leads to this one."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for c in network.by_name[waiting.pop()].connections:
            if c.source in network.by_name and c.source not in found:
                found.add(c.source)
                waiting.append(c.source)
    return found


def in_one_loop(network: Network, a: str, b: str) -> bool:
    """True if a path leads from layer a to layer b and back."""
    return a in network.by_name and a in upstream(network, b) and b in upstream(network, a)


def effective(connection: Connection, weight: Any) -> Any:
    """The weight of each delay: (D, S, nets, N) or, unit by unit, (D, nets, N)."""
    if connection.weight == "identity":
        return jnp.ones((len(connection.delays), 1, 1))
    if isinstance(connection.weight, LearnedDelays):
        chosen = jnp.exp(weight["delay"] / connection.weight.temperature)
        chosen = chosen / chosen.sum(axis=0)
        return chosen[:, :, None, :] * weight["weight"]
    return weight


def unroll(
    network: Network,
    weights: Tree,
    xs: dict[str, Array],
    since: Any = None,
    around: bool = True,
    masks: Tree | None = None,
    nudges: Tree | None = None,
) -> Tree:
    """All nets, activities and memories of one sequence; xs {input: (T, I)}.

    since   weights used before this step, and rows of a(0) before it, count as constants; None: none do
    around  False: delayed connections inside loops, and memories, carry no error (Backprop)
    masks   {layer: {connection: (S,)}}, dropout
    nudges  {layer: (T, nets, N)}, added to the net inputs, to differentiate by them
    """
    steps = len(next(iter(xs.values())))
    maps = {m.name: {c.key: effective(c, weights[m.name].get(c.key)) for c in m.connections} for m in network.layers}

    def taught(value: Array, time: int) -> Array:
        return value if since is None else jnp.where(time >= since, value, stop_gradient(value))

    def own_time(layer: Layer, t: int) -> int:
        return steps + 1 - t if layer.backward else t

    def before_the_first(source: Layer, time: int) -> Array:
        """The activity of a layer at own time 0, -1, ..."""
        if source.start != "learned":
            return jnp.zeros(source.size)
        rows = weights[source.name]["start"]["activity"]
        return taught(rows[len(rows) - 1 + time], time)

    def heard(layer: Layer, source: str, t: int) -> Array:
        """What the layer hears of its source at step t, which may lie outside the sequence."""
        if 1 <= t <= steps:
            return xs[source][t - 1] if source in xs else step(source, t)[1]
        if source in xs or network.by_name[source].backward != layer.backward:
            return jnp.zeros(network.size_of(source))
        return before_the_first(network.by_name[source], own_time(layer, t))

    def first_memory(layer: Layer) -> Array:
        if layer.start == "learned" and layer.memory:
            return taught(weights[layer.name]["start"]["memory"], 0)
        return jnp.full((layer.memory, layer.size), layer.unit.start)

    @cache
    def step(name: str, t: int) -> tuple[Array, Array, Array]:
        """(net, activity, memory) of a layer at step t."""
        layer = network.by_name[name]
        net = jnp.zeros((len(layer.nets), layer.size))
        if layer.biased:
            net = net.at[jnp.array(layer.biased)].add(taught(weights[name]["bias"], t))
        for c in layer.connections:
            for d, weight in zip(c.delays, maps[name][c.key], strict=True):
                a = heard(layer, c.source, t + d if layer.backward else t - d)
                if not around and d > 0 and in_one_loop(network, c.source, name):
                    a = stop_gradient(a)
                if masks and c.key in masks.get(name, {}):
                    a = a * masks[name][c.key]
                w = taught(weight, t)
                share = w * a if c.one_to_one else jnp.tensordot(a, w, 1)
                net = net.at[jnp.array(_fed(layer, c))].add(share)
        if nudges is not None:
            net = net + nudges[name][t - 1]
        previous = t + 1 if layer.backward else t - 1
        memory = step(name, previous)[2] if 1 <= previous <= steps else first_memory(layer)
        return net, *layer.unit.activate(net, memory if around else stop_gradient(memory))

    made = {layer.name: [step(layer.name, t) for t in range(1, steps + 1)] for layer in network.layers}
    column = {name: [jnp.stack(c) for c in zip(*rows, strict=True)] for name, rows in made.items()}
    return {
        "nets": {name: c[0] for name, c in column.items()},
        "activities": xs | {name: c[1] for name, c in column.items()},
        "memories": {name: c[2] for name, c in column.items() if network.by_name[name].memory},
    }


def _cost(
    weights: Tree,
    nudges: Tree,
    network: Network,
    loss: Callable[..., Array],
    around: bool,
    xs: dict[str, Array],
    targets: Any,
    horizon: Any,
    masks: Tree | None,
) -> tuple[Array, Tree]:
    """The summed losses of one sequence; with a horizon h, the loss at s is taught by the steps after s - h."""
    tape = unroll(network, weights, xs, None, around, masks, nudges)
    outputs = tape["activities"][network.output]
    if horizon is None:
        return loss(outputs[:, None], targets).sum(), tape

    def at(s: Array) -> Array:
        ys = unroll(network, weights, xs, s - horizon + 1, around, masks, nudges)["activities"][network.output]
        return loss(ys[:, None], targets)[s - 1, 0]

    return jax.vmap(at)(jnp.arange(1, len(outputs) + 1)).sum(), tape


_learn = jax.jit(jax.value_and_grad(_cost, argnums=(0, 1), has_aux=True), static_argnums=(2, 3, 4))


class Known(NamedTuple):
    """What the reference knows of a batch: summed losses and gradients; deltas and tape of (T, B, ...) arrays."""

    loss: float
    gradients: Tree
    deltas: Tree
    tape: Tree


def learn(
    network: Network,
    weights: Tree,
    xs: Any,
    targets: Any,
    loss: Callable[..., Array],
    lengths: Any = None,
    horizon: int | None = None,
    around: bool = True,
    masks: Tree | None = None,
) -> Known:
    """Run and differentiate the sequences of a batch, one by one, each cut to its length."""
    inputs = inputs_of(network, xs)
    steps, batch = next(iter(inputs.values())).shape[:2]
    total, gradients, tapes = 0.0, jax.tree.map(jnp.zeros_like, weights), []
    for b in range(batch):
        length = steps if lengths is None else int(lengths[b])
        tapes.append({})
        if length:
            still = {m.name: jnp.zeros((length, len(m.nets), m.size)) for m in network.layers}
            x = {name: values[:length, b] for name, values in inputs.items()}
            own = jax.tree.map(lambda mask, b=b: mask[b], masks)
            given = (network, loss, around, x, _of(targets, b, length), horizon, own)
            (cost, tape), (gradient, delta) = _learn(weights, still, *given)
            total, gradients = total + float(cost), jax.tree.map(jnp.add, gradients, gradient)
            tapes[b] = tape | {"deltas": delta}
    tape = _batch(network, tapes, steps)
    return Known(total, gradients, tape.pop("deltas"), tape)


def inputs_of(network: Network, xs: Any) -> dict[str, Array]:
    """xs as {input: (T, B, I)}."""
    given = xs if isinstance(xs, dict) else {network.inputs[0][0]: xs}
    return {name: jnp.asarray(x) for name, x in given.items()}


def _of(targets: Any, b: int, length: int) -> Any:
    """The targets of one sequence; those of CTC are a pair whose first axis is the batch."""
    return tuple(t[b : b + 1] for t in targets) if isinstance(targets, tuple) else targets[:length, b : b + 1]


def _batch(network: Network, tapes: list[Tree], steps: int) -> Tree:
    """The tapes of several sequences as one, time first, batch second, zeros beyond each sequence."""
    nets = {m.name: (len(m.nets), m.size) for m in network.layers}
    like = {
        "nets": nets,
        "deltas": nets,
        "activities": {name: (size,) for name, size in network.sizes.items()},
        "memories": {m.name: (m.memory, m.size) for m in network.layers if m.memory},
    }

    def column(kind: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
        full = np.zeros((steps, len(tapes), *shape))
        for b, tape in enumerate(tapes):
            if tape:
                rows = np.asarray(tape[kind][name])
                full[: len(rows), b] = rows
        return full

    return {kind: {name: column(kind, name, shape) for name, shape in parts.items()} for kind, parts in like.items()}
