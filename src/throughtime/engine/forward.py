"""The forward pass: from inputs and history to a tape of everything, and the new history.

Each part of the network runs by the first backend that takes it; what it did is filed for those that hear it.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from throughtime.engine.backend import First, Given, Loop
from throughtime.engine.choice import taker
from throughtime.engine.door import own_order
from throughtime.engine.effective import Weights, effective
from throughtime.engine.schedule import Component, depths, schedule
from throughtime.engine.tape import Arrays, History, Tape, keep, last_rows, turn_round, within
from throughtime.network import Layer, Network

SINGLE = np.dtype(np.float32)


def start(network: Network, weights: Weights, batch: int, key: Array | None = None) -> History:
    """The history before the first step: a(0), the memories' start, and the dropout masks of this sequence.

    network, weights  the wiring and its weights
    batch             number of sequences B
    key               jax random key for dropout; None: nothing is dropped

    returns  {"a": {source: (D, B, S)}, "memory": {layer: (B, M, N)}, "dropout": {layer: {connection: (B, S)}}};
             D is the largest delay with which the source is heard, the oldest row comes first. Put rows of your own
             into it for a given a(0) (into a learner's carry with `carry._replace(history=...)`).

    >>> import throughtime as tt
    >>> network = tt.jordan(2, 3, 1)
    >>> tt.start(network, tt.init(network, 0), batch=4)["a"]["output"].shape
    (1, 4, 1)
    """
    acting, dtype = effective(network, weights), kind(weights)
    rows = {}
    for source, depth in depths(network).items():
        if depth:
            layer = network.by_name.get(source)
            if layer is None or layer.backward:
                rows[source] = jnp.zeros((depth, batch, network.size_of(source)), dtype)
            else:
                rows[source] = first_activities(layer, acting, depth, batch, dtype)
    memory = {
        layer.name: first_memory(layer, acting, batch, dtype)
        for layer in network.layers
        if layer.memory and not layer.backward
    }
    return {"a": rows, "memory": memory, "dropout": {} if key is None else _masks(network, batch, key, dtype)}


def kind(weights: Weights) -> Any:
    """The floating-point type a network computes in: that of its weights."""
    leaves = jax.tree.leaves(weights)
    if {getattr(leaf, "dtype", None) for leaf in leaves} == {SINGLE}:
        return SINGLE  # as nearly always; the rest takes as long as a step of a small network
    leaves = own_order(leaves)
    if not leaves:
        return jnp.zeros(()).dtype
    single = not jax.config.jax_enable_x64  # type: ignore[attr-defined]
    if single and any(isinstance(w, Array) and w.dtype == jnp.float64 for w in leaves):
        remedy = 'jax.config.update("jax_enable_x64", True), or make them float32 with astype'
        raise ValueError(f"the weights are float64, but JAX's float64 is switched off: {remedy}")
    found = jnp.result_type(*leaves)
    if not jnp.issubdtype(found, jnp.floating):
        raise ValueError(
            f"the weights are {found}; a network computes with floating-point numbers: make them with init"
        )
    return found


def first_activities(layer: Layer, acting: Weights, depth: int, batch: int, dtype: Any) -> Array:
    """(D, B, N): the layer's activities before its first step."""
    learned = acting[layer.name].get("start", {}).get("activity") if depth else None
    if learned is None:
        return jnp.zeros((depth, batch, layer.size), dtype)
    return jnp.broadcast_to(learned[learned.shape[0] - depth :, None], (depth, batch, layer.size))


def first_memory(layer: Layer, acting: Weights, batch: int, dtype: Any) -> Array:
    """(B, M, N): the layer's memory before its first step."""
    shape = (batch, layer.memory, layer.size)
    learned = acting[layer.name].get("start", {}).get("memory")
    return jnp.full(shape, layer.unit.start, dtype) if learned is None else jnp.broadcast_to(learned, shape)


def _masks(network: Network, batch: int, key: Array, dtype: Any) -> dict[str, Arrays]:
    masks: dict[str, Arrays] = {}
    for layer in network.layers:
        for connection in layer.connections:
            if connection.dropout:
                key, mine = jax.random.split(key)
                kept = jax.random.bernoulli(mine, 1 - connection.dropout, (batch, network.size_of(connection.source)))
                masks.setdefault(layer.name, {})[connection.key] = kept.astype(dtype) / (1 - connection.dropout)
    return masks


def forward(
    network: Network,
    acting: Weights,
    xs: Arrays,
    history: History,
    lengths: Array | None = None,
    taped: bool = True,
) -> tuple[Tape, History]:
    """Run T steps on effective weights; xs {input: (T, B, S)}. Without `taped` the tape may hold activities only."""
    steps = next(iter(xs.values())).shape[0]
    valid = within(lengths, steps)
    dtype = next(iter(xs.values())).dtype
    tape = Tape({}, {}, {}, {}, {}, jax.tree.map(lambda mask: mask.astype(dtype), history["dropout"]))
    given = Given(acting, tape, lengths, valid)
    memory = {}
    for source, x in xs.items():
        _file(tape, history, source, keep(valid, x))
    for component in schedule(network):
        after = _run(network, component, given, history, taped)
        memory.update({} if component.backward else after)
    rows = {source: last_rows(tape.full[source], depths(network)[source], lengths) for source in history["a"]}
    return tape, {"a": rows, "memory": memory, "dropout": history["dropout"]}


def _file(tape: Tape, history: History, source: str, activities: Array) -> None:
    """Put a source's activities behind its history."""
    past = history["a"].get(source)
    tape.full[source] = activities if past is None else jnp.concatenate([past.astype(activities.dtype), activities])


def mirror(network: Network, tape: Tape, source: str, lengths: Array | None) -> Array:
    """(D + T, B, S): a source that runs forward as backward layers hear it; before its last step there is nothing."""
    turned = turn_round(tape.full[source][depths(network)[source] :], lengths)
    return jnp.concatenate([jnp.zeros((depths(network, True)[source], *turned.shape[1:]), turned.dtype), turned])


def _run(network: Network, component: Component, given: Given, history: History, taped: bool) -> Arrays:
    """Run one component over all steps, file it on the tape, and return the memories after the last step."""
    tape, lengths = given.tape, given.lengths
    if component.backward:
        for layer in component.layers:
            for c in component.outer(layer):
                if c.source not in tape.mirrored:
                    tape.mirrored[c.source] = mirror(network, tape, c.source, lengths)
    source, some = next(iter(tape.full.items()))
    loop = Loop(network, component, len(some) - depths(network)[source], some.shape[1], some.dtype)
    done = taker(loop).step_through(loop, given, _first(loop, given.weights, history), taped)
    for name, full in done.full.items():
        if component.backward:
            tape.mirrored[name] = full
            _file(tape, history, name, turn_round(full[loop.depth(name) :], lengths))
        else:
            tape.full[name] = full
    tape.nets.update(done.nets)
    tape.gates.update(done.gates)
    tape.before.update(done.before)
    return done.after


def _first(loop: Loop, acting: Weights, history: History) -> First:
    """What is before the first step: the history, or, where that is the end of the sequence, the layer's start."""
    past = {m.name: loop.depth(m.name) for m in loop.layers if loop.depth(m.name)}
    kept = [m for m in loop.layers if m.memory]
    if loop.component.backward:
        by_name, batch, dtype = loop.network.by_name, loop.batch, loop.dtype
        return First(
            {name: first_activities(by_name[name], acting, depth, batch, dtype) for name, depth in past.items()},
            {m.name: first_memory(m, acting, batch, dtype) for m in kept},
        )
    return First(
        {name: history["a"][name].astype(loop.dtype) for name in past},
        {m.name: history["memory"][m.name].astype(loop.dtype) for m in kept},
    )
