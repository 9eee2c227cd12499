"""The forward pass: from inputs and history to a tape of everything, and the new history.

Loops are stepped; what is not in a loop runs over all time steps at once, and the drive of a loop (all it hears from
outside) is one product before it.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from throughtime.engine import wires
from throughtime.engine.door import native
from throughtime.engine.effective import Weights, effective
from throughtime.engine.native import calls
from throughtime.engine.native.plan import Loop
from throughtime.engine.schedule import Component, depths, schedule
from throughtime.engine.tape import Arrays, History, Tape, keep, last_rows, turn_round, within
from throughtime.network import Connection, Layer, Network

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
    leaves = native(leaves)
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
    memory = {}
    for source, x in xs.items():
        _file(tape, history, source, keep(valid, x))
    for component in schedule(network):
        after = _run(network, acting, component, tape, history, valid, lengths, taped)
        memory.update({} if component.backward else after)
    rows = {source: last_rows(tape.full[source], depths(network)[source], lengths) for source in history["a"]}
    return tape, {"a": rows, "memory": memory, "dropout": history["dropout"]}


def _file(tape: Tape, history: History, source: str, activities: Array) -> None:
    """Put a source's activities behind its history."""
    past = history["a"].get(source)
    tape.full[source] = activities if past is None else jnp.concatenate([past.astype(activities.dtype), activities])


def mirror(network: Network, acting: Weights, tape: Tape, source: str, lengths: Array | None) -> Array:
    """(D + T, B, S): a source as backward layers hear it."""
    real = tape.full[source][depths(network)[source] :]
    return _with_start(network, acting, source, turn_round(real, lengths))


def _with_start(network: Network, acting: Weights, source: str, own: Array) -> Array:
    depth, batch = depths(network, True)[source], own.shape[1]
    layer = network.by_name.get(source)
    if layer is not None and layer.backward:
        return jnp.concatenate([first_activities(layer, acting, depth, batch, own.dtype), own])
    return jnp.concatenate([jnp.zeros((depth, *own.shape[1:]), own.dtype), own])


def tapped(tape: Tape, network: Network, layer: Layer, connection: Any) -> Array:
    """(T, B, D, S): what a connection hears at every step, dropout included."""
    full = tape.heard(layer.backward)[connection.source]
    heard = wires.taps(full, depths(network, layer.backward)[connection.source], connection.delays)
    mask = tape.dropout.get(layer.name, {}).get(connection.key)
    return heard if mask is None else heard * mask[:, None, :]


def _run(
    network: Network,
    acting: Weights,
    component: Component,
    tape: Tape,
    history: History,
    valid: Array | None,
    lengths: Array | None,
    taped: bool,
) -> Arrays:
    """Run one component over all steps, file it on the tape, and return the memories after the last step."""
    if component.backward:
        for layer in component.layers:
            for c in component.outer(layer):
                if c.source not in tape.mirrored:
                    tape.mirrored[c.source] = mirror(network, acting, tape, c.source, lengths)
    if calls.takes(component, *_extent(network, tape)):
        return _natively(network, acting, component, tape, history, valid, lengths, taped)
    drive = {layer.name: _drive(network, acting, component, tape, layer) for layer in component.layers}
    if component.stepped:
        activities, memory = _step_through(acting, component, tape, history, drive, valid)
    else:
        activities, memory = _at_once(acting, component, tape, drive, valid), {}
    for name, own in activities.items():
        if component.backward:
            tape.mirrored[name] = _with_start(network, acting, name, own)
        _file(tape, history, name, turn_round(own, lengths) if component.backward else own)
    return memory


def _extent(network: Network, tape: Tape) -> tuple[int, Any]:
    """Number of steps, and type."""
    source, some = next(iter(tape.full.items()))
    return some.shape[0] - depths(network)[source], some.dtype


def _natively(
    network: Network,
    acting: Weights,
    component: Component,
    tape: Tape,
    history: History,
    valid: Array | None,
    lengths: Array | None,
    taped: bool,
) -> Arrays:
    """The same as stepping a loop here, or as running a layer at once, by the native engine."""
    loop = Loop(network, component, calls.fuses(component, acting, next(iter(tape.full.values())).shape[1]))
    what = given(loop, acting, tape, history, lengths if component.stepped else None)
    if taped:
        done = calls.step_through(loop, what)
    else:
        left, after = calls.run_through(loop, what)
        alone = [m.name for m in component.layers if not loop.joins(m) and loop.depth(m.name)]
        done = calls.Stepped(left | {n: jnp.concatenate([what.past[n], left[n]]) for n in alone}, {}, {}, after)
    for layer in component.layers:
        name, full, depth = layer.name, done.full[layer.name], loop.depth(layer.name)
        if not component.stepped and valid is not None:
            full = jnp.concatenate([full[:depth], keep(valid, full[depth:])])
        if component.backward:
            tape.mirrored[name] = full
            _file(tape, history, name, turn_round(full[depth:], lengths))
        else:
            tape.full[name] = full
    tape.before.update(done.before)
    tape.gates.update(done.gates)
    for layer in component.layers if taped else ():  # not computed unless somebody looks
        inside = _heard(network, acting, component.inner(layer), tape, layer)
        drive = _drive(network, acting, component, tape, layer)
        tape.nets[layer.name] = drive + inside + acting[layer.name].get("bias", 0)
    return done.after


def given(loop: Loop, acting: Weights, tape: Tape, history: History, lengths: Array | None) -> calls.Given:
    """What the native engine needs to step a loop."""
    network, component = loop.network, loop.component
    some = next(iter(tape.full.values()))
    batch, dtype, depth = some.shape[1], some.dtype, depths(network, component.backward)
    outer = {source: tape.heard(component.backward)[source] for source in loop.outer}
    drive = {} if loop.fused else {m.name: _drive(network, acting, component, tape, m) for m in component.layers}
    past: dict[str, Any] = {}
    memory: dict[str, Any] = {}
    for layer in component.layers:
        name = layer.name
        if component.backward:
            past[name] = first_activities(layer, acting, depth[name], batch, dtype)
            memory[name] = first_memory(layer, acting, batch, dtype)
        else:
            past[name] = history["a"].get(name)
            memory[name] = history["memory"].get(name)
    return calls.Given(
        outer,
        drive,
        {m.name: acting[m.name].get("bias", jnp.zeros((len(m.nets), m.size), dtype)) for m in component.layers},
        {m.name: past[m.name].astype(dtype) for m in component.layers if depth[m.name]},
        {m.name: memory[m.name].astype(dtype) for m in component.layers if m.memory},
        *in_call(loop, acting, tape),
        lengths,
    )


def in_call(loop: Loop, acting: Weights, tape: Tape) -> tuple[dict[str, Arrays], dict[str, Arrays]]:
    """The weights and the dropout masks of the connections heard in a call of the native engine."""
    heard = {layer.name: [c.key for c in loop.heard(layer)] for layer in loop.component.layers}
    weights = {name: {key: acting[name][key] for key in keys if key in acting[name]} for name, keys in heard.items()}
    masks = {
        name: {key: m for key, m in tape.dropout.get(name, {}).items() if key in keys} for name, keys in heard.items()
    }
    return weights, {name: own for name, own in masks.items() if own}


def _drive(network: Network, acting: Weights, component: Component, tape: Tape, layer: Layer) -> Array:
    """(T, B, nets, N): all that is heard from outside the component, over all time."""
    source, some = next(iter(tape.full.items()))
    shape = (some.shape[0] - depths(network)[source], some.shape[1], len(layer.nets), layer.size)
    return jnp.zeros(shape, some.dtype) + _heard(network, acting, component.outer(layer), tape, layer)


def _heard(network: Network, acting: Weights, connections: tuple[Connection, ...], tape: Tape, layer: Layer) -> Any:
    """What is heard through some of a layer's connections, over all time."""
    total: Any = 0
    for c in connections:
        heard = tapped(tape, network, layer, c)
        fed = wires.product(c, acting[layer.name].get(c.key), heard, len(layer.fed(c.nets)))
        total = total + wires.spread(layer, c, fed)
    return total


def _at_once(acting: Weights, component: Component, tape: Tape, drive: Arrays, valid: Array | None) -> Arrays:
    (layer,) = component.layers
    net = drive[layer.name] + acting[layer.name].get("bias", 0)
    tape.nets[layer.name] = net
    activity, _ = layer.unit.activate(net, net[:, :, :0])
    return {layer.name: keep(valid, activity)}


def _step_through(
    acting: Weights,
    component: Component,
    tape: Tape,
    history: History,
    drive: Arrays,
    valid: Array | None,
) -> tuple[Arrays, Arrays]:
    """Step a loop through time; the carry holds the last activities (newest first) and the memories."""

    def step(carry: tuple[Arrays, Arrays], now: tuple[Arrays, Array | None]) -> Any:
        past, memory = carry
        driven, inside = now
        here: Arrays = {}
        nets: Arrays = {}
        after: Arrays = {}
        for layer in component.layers:
            net = driven[layer.name]
            net = net.reshape(len(net), len(layer.nets), layer.size)
            for c in component.inner(layer):
                heard = _hear(c.delays, here.get(c.source), past.get(c.source))
                mask = tape.dropout.get(layer.name, {}).get(c.key)
                heard = heard if mask is None else heard * mask[:, None, :]
                fed = wires.product(c, acting[layer.name].get(c.key), heard, len(layer.fed(c.nets)))
                net = net + wires.spread(layer, c, fed)
            net = net + acting[layer.name].get("bias", 0)  # here it costs nothing, over all time a pass of its own
            old = memory.get(layer.name, net[:, :0])
            activity, new = layer.unit.activate(net, old)
            here[layer.name], nets[layer.name] = keep(inside, activity), net
            if layer.memory:
                after[layer.name] = new if inside is None else jnp.where(inside[:, None, None], new, old)
        shifted = {n: jnp.concatenate([here[n][:, None], rows[:, :-1]], axis=1) for n, rows in past.items()}
        return (shifted, after), (here, nets, memory)

    carry = _first(acting, component, history, next(iter(drive.values())))
    flat = {name: lax.collapse(net, 2) for name, net in drive.items()}  # an axis of size 1 costs a copy
    (_, memory), (activities, nets, before) = lax.scan(step, carry, (flat, valid))
    tape.nets.update(nets)
    tape.before.update(before)
    return activities, memory


def _first(acting: Weights, component: Component, history: History, like: Array) -> tuple[Arrays, Arrays]:
    """The loop's carry before its first step."""
    past, memory = {}, {}
    for layer in component.layers:
        depth, name = component.depth(layer.name), layer.name
        if depth:
            if component.backward:
                rows = first_activities(layer, acting, depth, like.shape[1], like.dtype)
            else:
                rows = history["a"][name][-depth:].astype(like.dtype)
            past[name] = jnp.moveaxis(rows[::-1], 0, 1)
        if layer.memory:
            first = (
                first_memory(layer, acting, like.shape[1], like.dtype)
                if component.backward
                else history["memory"][name]
            )
            memory[name] = first.astype(like.dtype)
    return past, memory


def _hear(delays: tuple[int, ...], here: Array | None, past: Array | None) -> Array:
    """(B, D, S): the taps of a source within the loop."""
    line, first = (past, 1) if here is None or 0 not in delays else (here[:, None], 0)
    if first == 0 and past is not None:
        line = jnp.concatenate([here[:, None], past], axis=1)  # type: ignore[index]
    assert line is not None
    low = delays[0] - first
    if delays == tuple(range(delays[0], delays[-1] + 1)):
        return line[:, low : low + len(delays)]
    return line[:, jnp.asarray(delays) - first]
