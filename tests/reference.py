"""The naive reference: a network as the recursive definition it is, straight from the two lines of the chapter.

    net_l(t) = b_l + sum over connections c into l, over delays d of c:  W_c,d^T a_source(c)(t - d)
    a_l(t), m_l(t) = activate(net_l(t), m_l(t - 1))

One sequence, one time step, one delay at a time: a layer asks for the activities it hears, and these ask in turn.
Nothing here is shared with the engine; the gradients are those of `jax.grad`. A backward layer counts its own time
from the end of the sequence, so "d steps earlier" is t + d for it.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

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
    return max(
        (d for layer in network.layers if layer.backward == backward for c in layer.connections if c.source == name for d in c.delays),
        default=0,
    )


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
    maps = {l.name: {c.key: effective(c, weights[l.name].get(c.key)) for c in l.connections} for l in network.layers}

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
    nudges: Tree | None,
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


_learn = jax.jit(jax.value_and_grad(_cost, has_aux=True), static_argnums=(2, 3, 4))
_deltas = jax.jit(jax.grad(_cost, argnums=1, has_aux=True), static_argnums=(2, 3, 4))
_tape = jax.jit(unroll, static_argnums=0)


def inputs_of(network: Network, xs: Any) -> dict[str, Array]:
    """xs as {input: (T, B, I)}."""
    return {name: jnp.asarray(x) for name, x in (xs.items() if isinstance(xs, dict) else [(network.inputs[0][0], xs)])}


def _one_by_one(network: Network, xs: Any, targets: Any, lengths: Any, masks: Tree | None) -> list[tuple[Any, ...]]:
    """The sequences of a batch, each cut to its length: (length, xs, targets, masks)."""
    full = inputs_of(network, xs)
    steps, batch = next(iter(full.values())).shape[:2]
    lengths = [steps] * batch if lengths is None else [int(n) for n in lengths]

    def wanted(b: int, length: int) -> Any:
        if isinstance(targets, tuple):  # CTC: the batch is the first axis
            return tuple(t[b : b + 1] for t in targets)
        return None if targets is None else targets[:length, b : b + 1]

    own = [None if masks is None else jax.tree.map(lambda m, b=b: m[b], masks) for b in range(batch)]
    return [(n, {k: x[:n, b] for k, x in full.items()}, wanted(b, n), own[b]) for b, n in enumerate(lengths)]


def _beyond(rows: Array | None, steps: int, like: tuple[int, ...]) -> np.ndarray:
    """The rows of a sequence, and zeros up to the number of steps."""
    full = np.zeros((steps, *like))
    if rows is not None:
        full[: len(rows)] = rows
    return full


def _batch(network: Network, tapes: list[Tree | None], steps: int) -> Tree:
    """The tapes of several sequences as one, time first, batch second, zeros beyond each sequence."""
    size, layers = network.size_of, network.layers
    like = {
        "nets": {l.name: (len(l.nets), l.size) for l in layers},
        "activities": {name: (size(name),) for name in network.sizes},
        "memories": {l.name: (l.memory, l.size) for l in layers if l.memory},
    }
    return {
        kind: {
            name: np.stack([_beyond(t and t[kind][name], steps, shape) for t in tapes], axis=1)
            for name, shape in parts.items()
        }
        for kind, parts in like.items()
    }


def trace(network: Network, weights: Tree, xs: Any, lengths: Any = None, masks: Tree | None = None) -> Tree:
    """Nets, activities and memories (T, B, ...) of a batch."""
    parts = _one_by_one(network, xs, None, lengths, masks)
    steps = next(iter(inputs_of(network, xs).values())).shape[0]
    return _batch(network, [_tape(network, weights, x, masks=m) if n else None for n, x, _, m in parts], steps)


def outputs(network: Network, weights: Tree, xs: Any, lengths: Any = None, masks: Tree | None = None) -> np.ndarray:
    """The outputs (T, B, O) of a batch."""
    return trace(network, weights, xs, lengths, masks)["activities"][network.output]


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
) -> tuple[float, Tree]:
    """The summed losses of a batch and their gradients."""
    total, gradients = 0.0, jax.tree.map(jnp.zeros_like, weights)
    for length, x, wanted, own in _one_by_one(network, xs, targets, lengths, masks):
        if length:
            (cost, _), gradient = _learn(weights, None, network, loss, around, x, wanted, horizon, own)
            total, gradients = total + float(cost), jax.tree.map(jnp.add, gradients, gradient)
    return total, gradients


def deltas(
    network: Network, weights: Tree, xs: Any, targets: Any, loss: Callable[..., Array], lengths: Any = None
) -> Tree:
    """dL/dnet, (T, B, nets, N) for each layer."""
    steps = next(iter(inputs_of(network, xs).values())).shape[0]
    rows = []
    for length, x, wanted, _ in _one_by_one(network, xs, targets, lengths, None):
        still = {l.name: jnp.zeros((length, len(l.nets), l.size)) for l in network.layers}
        rows.append(_deltas(weights, still, network, loss, True, x, wanted, None, None)[0] if length else still)
    return {
        l.name: np.stack([_beyond(r[l.name], steps, (len(l.nets), l.size)) for r in rows], axis=1)
        for l in network.layers
    }
