"""The reference: the operations of `backend`, written for XLA. It takes everything, on every platform, and has all derivatives.

A loop is a scan over its steps, and the drive of a loop (all it hears from outside) is one product before it. What is in
no loop runs over all time steps at once.
"""

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from throughtime.engine import wires
from throughtime.engine.backend import First, Given, Loop, Stepped, Swept
from throughtime.engine.schedule import depths
from throughtime.engine.slopes import elementwise, local, of_activity, of_nets, tells
from throughtime.engine.tape import Arrays, Tape, keep, tapped, within
from throughtime.network import Connection, Layer, Network

NAME = "xla"


def takes(loop: Loop) -> bool:  # noqa: ARG001 - a backend's signature
    """Everything."""
    return True


def step_through(loop: Loop, given: Given, first: First, taped: bool = True) -> Stepped:  # noqa: ARG001 - it always tapes
    """The readable one: every step, layer by layer."""
    drive = {m.name: driven(loop, given, m) for m in loop.layers}
    done = _stepped(loop, given, first, drive) if loop.component.stepped else _at_once(loop, given, drive)
    full = {n: jnp.concatenate([first.past[n], own]) if n in first.past else own for n, own in done.full.items()}
    return done._replace(full=full)


def driven(loop: Loop, given: Given, layer: Layer) -> Array:
    """(T, B, nets, N): all that is heard from outside the loop, over all time."""
    shape = (loop.steps, loop.batch, len(layer.nets), layer.size)
    full = given.tape.heard(layer.backward)
    return jnp.zeros(shape, loop.dtype) + heard(loop, given, layer, loop.component.outer(layer), full)


def heard(loop: Loop, given: Given, layer: Layer, connections: tuple[Connection, ...], full: Arrays) -> Any:
    """What is heard through some of a layer's connections, over all time."""
    total: Any = 0
    for c in connections:
        taps = wires.taps(full[c.source], loop.depth(c.source), c.delays)
        total = total + _fed(layer, c, given, taps)
    return total


def _fed(layer: Layer, connection: Connection, given: Given, taps: Array) -> Array:
    """(..., nets, N) from taps (..., B, D, S)."""
    weight, nets = given.weights[layer.name].get(connection.key), len(layer.fed(connection.nets))
    dropped = wires.dropped(taps, given.mask(layer, connection))
    return wires.spread(layer, connection, wires.product(connection, weight, dropped, nets))


def _at_once(loop: Loop, given: Given, drive: Arrays) -> Stepped:
    (layer,) = loop.layers
    net = drive[layer.name] + given.weights[layer.name].get("bias", 0)
    activity, _ = layer.unit.activate(net, net[:, :, :0])
    return Stepped({layer.name: keep(given.inside, activity)}, {layer.name: net}, {}, {}, {})


def _stepped(loop: Loop, given: Given, first: First, drive: Arrays) -> Stepped:
    """Step a loop through time; the carry holds the last activities (newest first) and the memories."""

    def step(carry: tuple[Arrays, Arrays], now: tuple[Arrays, Array | None]) -> Any:
        past, memory = carry
        driven, inside = now
        here: Arrays = {}
        nets: Arrays = {}
        after: Arrays = {}
        for layer in loop.layers:
            net = driven[layer.name]
            net = net.reshape(len(net), len(layer.nets), layer.size)
            for c in loop.component.inner(layer):
                net = net + _fed(layer, c, given, _hear(c.delays, here.get(c.source), past.get(c.source)))
            net = net + given.weights[layer.name].get(
                "bias", 0
            )  # here it costs nothing, over all time a pass of its own
            old = memory.get(layer.name, net[:, :0])
            activity, new = layer.unit.activate(net, old)
            here[layer.name], nets[layer.name] = keep(inside, activity), net
            if layer.memory:
                after[layer.name] = new if inside is None else jnp.where(inside[:, None, None], new, old)
        shifted = {n: jnp.concatenate([here[n][:, None], rows[:, :-1]], axis=1) for n, rows in past.items()}
        return (shifted, after), (here, nets, memory)

    reach = {m.name: loop.component.depth(m.name) for m in loop.layers}
    past = {n: jnp.moveaxis(first.past[n][-far:][::-1], 0, 1) for n, far in reach.items() if far}
    flat = {name: lax.collapse(net, 2) for name, net in drive.items()}  # an axis of size 1 costs a copy
    (_, memory), (activities, nets, before) = lax.scan(step, (past, first.memory), (flat, given.inside))
    return Stepped(activities, nets, {}, before, memory)


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


def sweep_back(loop: Loop, given: Given, errors: Arrays, later: Arrays) -> Swept:
    """Step a loop back through time; the carry holds the errors at past activities (newest first) and memories."""
    component, tape = loop.component, given.tape
    like = next(iter(errors.values()))
    rows, batch, dtype = like.shape[1], like.shape[2], like.dtype
    turned = {
        (m.name, c.key): wires.turned(c, given.weights[m.name].get(c.key))
        for m in loop.layers
        for c in component.inner(m)
    }
    full = tape.heard(component.backward)
    told = {m.name: full[m.name][loop.depth(m.name) :] for m in loop.layers if tells(m)}
    factor = {m.name: of_nets(m, tape.nets[m.name]) for m in loop.layers if elementwise(m) and m.name not in told}
    nets = {m.name: tape.nets[m.name] for m in loop.layers if not elementwise(m)}
    before = {m.name: tape.before[m.name] for m in loop.layers if m.memory}

    def step(carry: tuple[Arrays, Arrays], now: Any) -> Any:
        past, memory = carry
        error, activity, factors, net, old, inside = now
        factors = factors | {m.name: of_activity(m, activity[m.name]) for m in loop.layers if m.name in activity}
        here = {name: e.reshape(rows, batch, e.shape[-1]) for name, e in error.items()}
        here = {name: e + past[name][:, :, 0] if name in past else e for name, e in here.items()}
        moved = {n: jnp.concatenate([p[:, :, 1:], jnp.zeros_like(p[:, :, :1])], axis=2) for n, p in past.items()}
        deltas: Arrays = {}
        sooner: Arrays = {}
        for layer in reversed(loop.layers):
            name = layer.name
            here[name] = here[name] if inside is None else jnp.where(inside[:, None], here[name], 0)
            if name in factors:
                deltas[name] = factors[name] * here[name][:, :, None, :]
            else:
                own = memory.get(name, jnp.zeros((rows, batch, 0, layer.size), dtype))
                alive = own if inside is None else jnp.where(inside[:, None, None], own, 0)
                kept = old.get(name, net[name][:, :0])
                deltas[name], pulled = local(layer, net[name], kept, here[name], alive)
                if layer.memory:
                    sooner[name] = pulled if inside is None else jnp.where(inside[:, None, None], pulled, own)
            if inside is not None:  # once more: the slope may not be finite there
                deltas[name] = jnp.where(inside[:, None, None], deltas[name], 0)
            for c in component.inner(layer):
                back = wires.product_back(c, turned[name, c.key], wires.pick(layer, c, deltas[name]))
                _send(c, wires.dropped(back, given.mask(layer, c)), here, moved)
        return (moved, sooner), (here, deltas)

    reach = {m.name: component.depth(m.name) for m in loop.layers}
    silent = {m.name: jnp.zeros((loop.steps, rows, batch, m.size), dtype) for m in loop.layers if m.name not in errors}
    past = {m.name: jnp.zeros((rows, batch, reach[m.name], m.size), dtype) for m in loop.layers if reach[m.name]}
    flat = {n: lax.collapse(e, 1, 3) for n, e in (errors | silent).items()}  # an axis of size 1 costs a copy
    (past, memory), (activity, deltas) = lax.scan(
        step,
        (past, later),
        (flat, told, factor, nets, before, given.inside),
        reverse=True,
    )
    oldest_first = [(name, jnp.moveaxis(p, 2, 0)[::-1]) for name, p in past.items()]
    return Swept(deltas, activity, oldest_first, memory)


def _send(connection: Connection, back: Array, here: Arrays, past: Arrays) -> None:
    """Add the errors of one connection, (K, B, D, S), to its source now (delay 0) and in the past."""
    source, delays = connection.source, connection.delays
    later = [i for i, d in enumerate(delays) if d]
    if 0 in delays:
        here[source] = here[source] + back[:, :, delays.index(0)]
    if not later:
        return
    first, count = delays[later[0]], len(later)
    tapped = back if count == len(delays) else back[:, :, jnp.asarray(later)]
    if tuple(delays[i] for i in later) == tuple(range(first, first + count)):
        total = past[source].shape[2]
        if total == count:
            past[source] = past[source] + tapped
        else:
            past[source] = past[source].at[:, :, first - 1 : first - 1 + count].add(tapped)
    else:
        where = jnp.asarray([delays[i] - 1 for i in later])
        past[source] = past[source].at[:, :, where].add(tapped)


def pull(network: Network, layer: Layer, connection: Connection, given: Given, delta: Array) -> Array:
    """One product for all delays, then each to its own steps."""
    depth = depths(network, layer.backward)[connection.source]
    return wires.untaps(at_taps(layer, connection, given, delta), depth, connection.delays)


def at_taps(layer: Layer, connection: Connection, given: Given, delta: Array) -> Array:
    """(..., K, B, D, S): the errors that a connection sends to its source, delay by delay."""
    weight = wires.turned(connection, given.weights[layer.name].get(connection.key))
    pulled = wires.product_back(connection, weight, wires.pick(layer, connection, delta))
    return wires.dropped(pulled, given.mask(layer, connection))


def gradients(network: Network, layer: Layer, tape: Tape, delta: Array, lengths: Array | None) -> Arrays:
    """One product per connection. What is there beyond `lengths` may be infinite, and is not looked at."""
    inside = within(lengths, len(delta))
    delta = keep(inside, delta)
    made: dict[str, Any] = {"bias": delta.sum((0, 1))} if layer.biased else {}
    for c in layer.connections:
        if c.weight != "identity":
            heard = keep(inside, tapped(tape, network, layer, c))
            made[c.key] = wires.gradient(c, heard, wires.pick(layer, c, delta))
    return made
