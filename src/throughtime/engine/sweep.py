"""The backward sweep: from errors at activities to deltas at net inputs, for K rows at once.

    delta_l(t) = dL/dnet_l(t),   dL/da_s(t) = seed_s(t) + sum over connections c from s, delays d:  W_c,d delta_l(c)(t + d)

A row is one scalar whose derivative is wanted: BPTT has one (the loss), RTRL one for every number remembered.
Shapes: seeds (T, K, B, N), deltas (T, K, B, nets, N), dL/d history (D, K, B, S) and (K, B, M, N).
"""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from throughtime.engine import wires
from throughtime.engine.effective import Weights
from throughtime.engine.forward import in_call, tapped
from throughtime.engine.native import calls
from throughtime.engine.native.plan import Loop
from throughtime.engine.schedule import Component, depths, schedule, state
from throughtime.engine.slopes import elementwise, local, of_activity, slopes, tells
from throughtime.engine.tape import Arrays, Tape, keep, last_rows, turn_round, within
from throughtime.network import Connection, Layer, Network

Through = Literal["time", "delays", "layers"]
Kept = Literal["all", "present"]


class Adjoint(NamedTuple):
    """What one sweep finds.

    deltas    {layer: (T, K, B, nets, N)} dL/dnet, in the layer's own time
    activity  {layer: (T, K, B, N)} dL/da, in real time
    history   {"a": {source: (D, K, B, S)}, "memory": {layer: (K, B, M, N)}} dL/d history, of layers
    start     {layer: {"activity": (D, K, B, N), "memory": (K, B, M, N)}} dL/d first values of backward layers
    """

    deltas: Arrays
    activity: Arrays
    history: dict[str, Arrays]
    start: dict[str, Arrays]


def sweep(
    network: Network,
    acting: Weights,
    tape: Tape,
    seeds: Arrays,
    later: dict[str, Arrays] | None = None,
    lengths: Array | None = None,
    through: Through = "time",
) -> Adjoint:
    """Send K rows of errors back over the tape.

    seeds    {layer: (T, K, B, N)} errors at activities (may be missing for a layer)
    later    errors at the new history, {"a": {source: (D, K, B, S)}, "memory": {layer: (K, B, M, N)}}
    through  "time": everywhere; "delays": not around loops; "layers": only within each time step
    """
    steps, rows, batch, _ = next(iter(seeds.values())).shape
    dtype = next(iter(seeds.values())).dtype
    valid = within(lengths, steps)
    waiting = _Errors(network, steps, rows, batch, dtype, lengths)
    for name, seed in seeds.items():
        waiting.add_now(name, seed)
    for source, error in (later or {}).get("a", {}).items():
        waiting.add_later(source, error)
    after = (later or {}).get("memory", {})
    found = Adjoint({}, {}, {"a": {}, "memory": {}}, {})
    for component in reversed(schedule(network)):
        _component(network, acting, component, tape, waiting, after, valid, through, found)
    for source, depth in depths(network).items():
        if depth and source in network.by_name:
            found.history["a"][source] = waiting.past(source)
    return found


class _Errors:
    """Errors that wait for their source: dL/da(t) for t = 1..T, and for the rows of history before."""

    def __init__(self, network: Network, steps: int, rows: int, batch: int, dtype: Any, lengths: Array | None) -> None:
        self.network, self.shape, self.dtype, self.lengths = network, (steps, rows, batch), dtype, lengths
        self.real: dict[str, Array] = {}  # (D + T, K, B, S), D rows of history first
        self.own: dict[str, Array] = {}  # the same in the time of backward layers

    def _add(self, where: dict[str, Array], name: str, error: Array) -> None:
        where[name] = where[name] + error if name in where else error

    def add_now(self, name: str, error: Array) -> None:
        depth = depths(self.network)[name]
        self._add(self.real, name, jnp.pad(error, ((depth, 0), (0, 0), (0, 0), (0, 0))))

    def add_later(self, name: str, error: Array) -> None:
        """At the new history: the adjoint of `last_rows`."""
        depth, (steps, _, batch) = error.shape[0], self.shape
        if self.lengths is None:
            self._add(self.real, name, jnp.pad(error, ((steps, 0), (0, 0), (0, 0), (0, 0))))
            return
        like = jnp.zeros((depth + steps, batch, error.shape[-1]), error.dtype)
        pull = jax.linear_transpose(lambda full: last_rows(full, depth, self.lengths), like)
        self._add(self.real, name, jax.vmap(lambda e: pull(e)[0], in_axes=1, out_axes=1)(error))

    def add_heard(self, layer: Layer, connection: Connection, error: Array) -> None:
        """From a connection of that layer, (D + T, K, B, S), at its source."""
        self._add(self.own if layer.backward else self.real, connection.source, error)

    def add_past(self, name: str, backward: bool, error: Array) -> None:
        """At the rows just before the first step, (D, K, B, N) with D at most the rows there are."""
        depth = depths(self.network, backward)[name]
        edge = ((depth - error.shape[0], self.shape[0]), (0, 0), (0, 0), (0, 0))
        self._add(self.own if backward else self.real, name, jnp.pad(error, edge))

    def _rows(self, where: dict[str, Array], name: str, depth: int) -> Array:
        size = self.network.size_of(name)
        return where[name] if name in where else jnp.zeros((depth + self.shape[0], *self.shape[1:], size), self.dtype)

    def any(self, name: str) -> bool:
        """Whether there are errors for that source."""
        return name in self.real or name in self.own

    def present(self, name: str) -> Array:
        """dL/da(t), t = 1..T, in real time, of all that listens in either direction."""
        depth = depths(self.network)[name]
        error = self._rows(self.real, name, depth)[depth:]
        if name in self.own:
            mirrored = self.own[name][depths(self.network, True)[name] :]
            error = error + jax.vmap(lambda e: turn_round(e, self.lengths), in_axes=1, out_axes=1)(mirrored)
        return error

    def past(self, name: str, backward: bool = False) -> Array:
        """dL/d the rows before the first step, (D, K, B, S)."""
        depth = depths(self.network, backward)[name]
        return self._rows(self.own if backward else self.real, name, depth)[:depth]


def _component(
    network: Network,
    acting: Weights,
    component: Component,
    tape: Tape,
    waiting: _Errors,
    after: Arrays,
    valid: Array | None,
    through: Through,
    found: Adjoint,
) -> None:
    lengths = waiting.lengths
    if component.stepped and through == "time" and calls.takes(component, waiting.shape[0], waiting.dtype):
        activity, deltas, memory = _natively(network, acting, component, tape, waiting, after)
    elif component.stepped and through == "time":
        errors = {m.name: _own_time(component, waiting.present(m.name), lengths) for m in component.layers}
        activity, deltas, past, memory = _step_back(network, acting, component, tape, errors, after, valid)
        for name, error in past.items():
            waiting.add_past(name, component.backward, error)
    else:
        activity, deltas = _at_once(acting, component, tape, waiting, valid)
        memory = _no_memory(component, waiting)
    for layer in component.layers:
        name = layer.name
        found.deltas[name] = deltas[name]
        found.activity[name] = _own_time(component, activity[name], lengths)
        for c in component.outer(layer):
            kept = _kept(c, through)
            if kept and c.source in network.by_name:
                waiting.add_heard(layer, c, _at_source(network, acting, tape, layer, c, deltas[name], kept))
        if component.backward:
            found.start[name] = {"activity": waiting.past(name, True)}
            if layer.memory:
                found.start[name]["memory"] = memory[name]
        elif layer.memory:
            found.history["memory"][name] = memory[name]


def _natively(
    network: Network, acting: Weights, component: Component, tape: Tape, waiting: _Errors, after: Arrays
) -> tuple[Arrays, Arrays, Arrays]:
    """The same as stepping a loop back here, by the native engine."""
    steps, lengths, memory = waiting.shape[0], waiting.lengths, _no_memory(component, waiting)
    own: dict[str, Array] = {}
    for layer in component.layers:
        if waiting.any(layer.name) or layer is component.layers[-1]:
            own[layer.name] = _own_time(component, waiting.present(layer.name), lengths)
    heard = tape.heard(component.backward)
    done = calls.Stepped({m.name: heard[m.name] for m in component.layers}, tape.gates, tape.before, {})
    loop = Loop(network, component)
    given = calls.Given({}, {}, {}, {}, {}, *in_call(loop, acting, tape), lengths)
    later = memory if component.backward else memory | {name: after[name] for name in memory if name in after}
    errors = {m.name: own.get(m.name) for m in component.layers}
    deltas, sooner = calls.sweep_back(loop, given, done, errors, later)
    activity: dict[str, Any] = {name: 0 if error is None else error for name, error in errors.items()}
    for layer in component.layers:
        for c in component.inner(layer):
            depth = depths(network, component.backward)[c.source]
            near = deltas[layer.name][: max(c.delays)]
            pulled = wires.untaps(_pull(acting, tape, layer, c, near), depth, c.delays)[:depth]
            waiting.add_past(c.source, component.backward, pulled)
            back = _at_source(network, acting, tape, layer, c, deltas[layer.name])  # only if asked for
            activity[c.source] = activity[c.source] + back[depth:]
    activity = {name: _within(within(lengths, steps), error) for name, error in activity.items()}
    return activity, deltas, sooner


def _own_time(component: Component, errors: Array, lengths: Array | None) -> Array:
    """Between real time and the component's own (the same map in both directions)."""
    if not component.backward:
        return errors
    return jax.vmap(lambda e: turn_round(e, lengths), in_axes=1, out_axes=1)(errors)


def _kept(connection: Connection, through: Through) -> Kept | None:
    if through != "layers":
        return "all"
    return "present" if 0 in connection.delays else None


def _at_source(
    network: Network,
    acting: Weights,
    tape: Tape,
    layer: Layer,
    connection: Connection,
    delta: Array,
    kept: Kept = "all",
) -> Array:
    """(D + T, K, B, S): the errors that a connection sends to its source, at delay 0 only or at all."""
    depth = depths(network, layer.backward)[connection.source]
    if kept == "all" and calls.pulls(connection, len(delta), delta.dtype):
        weight = acting[layer.name][connection.key]
        error = calls.pull(layer, connection, weight, delta, depth)
        mask = tape.dropout.get(layer.name, {}).get(connection.key)
        return error if mask is None else error * mask
    pulled = _pull(acting, tape, layer, connection, delta)
    return wires.untaps(pulled if kept == "all" else _only_present(connection, pulled), depth, connection.delays)


def _only_present(connection: Connection, pulled: Array) -> Array:
    where = jnp.asarray(connection.delays) == 0
    return jnp.where(where[:, None], pulled, 0)


def _pull(acting: Weights, tape: Tape, layer: Layer, connection: Connection, delta: Array) -> Array:
    """(..., K, B, D, S): the errors that a connection sends to its source."""
    weight = wires.turned(connection, acting[layer.name].get(connection.key))
    return _masked(
        tape, layer, connection, wires.product_back(connection, weight, wires.pick(layer, connection, delta))
    )


def _masked(tape: Tape, layer: Layer, connection: Connection, pulled: Array) -> Array:
    mask = tape.dropout.get(layer.name, {}).get(connection.key)
    return pulled if mask is None else pulled * mask[:, None, :]


def _no_memory(component: Component, waiting: _Errors) -> Arrays:
    rows, batch = waiting.shape[1:]
    return {m.name: jnp.zeros((rows, batch, m.memory, m.size), waiting.dtype) for m in component.layers if m.memory}


def _at_once(
    acting: Weights, component: Component, tape: Tape, waiting: _Errors, valid: Array | None
) -> tuple[Arrays, Arrays]:
    """All steps at once: nothing travels around a loop or through a memory."""
    network, activity, deltas = waiting.network, {}, {}
    for layer in reversed(component.layers):
        name = layer.name
        error = _own_time(component, waiting.present(name), waiting.lengths)
        activity[name] = error = _within(valid, error)
        deltas[name] = _within(valid, _present_delta(network, layer, tape, error))
        for c in component.inner(layer):
            if 0 in c.delays and c.source in network.by_name:
                waiting.add_heard(layer, c, _at_source(network, acting, tape, layer, c, deltas[name], "present"))
    return activity, deltas


def _within(valid: Array | None, errors: Array) -> Array:
    """(T, K, B, ...), 0 beyond the end of each sequence, also where a slope is not finite."""
    return errors if valid is None else jnp.moveaxis(keep(valid, jnp.moveaxis(errors, 1, 2)), 2, 1)


def _present_delta(network: Network, layer: Layer, tape: Tape, error: Array) -> Array:
    if elementwise(layer):
        return slopes(network, tape, layer)[:, None] * error[:, :, :, None, :]
    net = tape.nets[layer.name]
    before = tape.before.get(layer.name, net[:, :, :0])
    silent = jnp.zeros((*error.shape[:3], *before.shape[2:]), error.dtype)
    return local(layer, net, before, error, silent)[0]


def _step_back(
    network: Network,
    acting: Weights,
    component: Component,
    tape: Tape,
    errors: Arrays,
    after: Arrays,
    valid: Array | None,
) -> tuple[Arrays, Arrays, Arrays, Arrays]:
    """Step a loop back through time; the carry holds the errors at past activities (newest first) and memories."""
    rows, batch = next(iter(errors.values())).shape[1:3]
    dtype = next(iter(errors.values())).dtype
    turned = {
        (m.name, c.key): wires.turned(c, acting[m.name].get(c.key))
        for m in component.layers
        for c in component.inner(m)
    }
    told = {
        m.name: tape.heard(m.backward)[m.name][depths(network, m.backward)[m.name] :]
        for m in component.layers
        if tells(m)
    }
    factor = {m.name: slopes(network, tape, m) for m in component.layers if elementwise(m) and m.name not in told}
    nets = {m.name: tape.nets[m.name] for m in component.layers if not elementwise(m)}
    before = {m.name: tape.before[m.name] for m in component.layers if m.memory}

    def step(carry: tuple[Arrays, Arrays], now: Any) -> Any:
        past, memory = carry
        error, activity, factors, net, old, inside = now
        factors = factors | {m.name: of_activity(m, activity[m.name]) for m in component.layers if m.name in activity}
        here = {name: e.reshape(rows, batch, e.shape[-1]) for name, e in error.items()}
        here = {name: e + past[name][:, :, 0] if name in past else e for name, e in here.items()}
        moved = {n: jnp.concatenate([p[:, :, 1:], jnp.zeros_like(p[:, :, :1])], axis=2) for n, p in past.items()}
        deltas: Arrays = {}
        sooner: Arrays = {}
        for layer in reversed(component.layers):
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
                _send(c, _masked(tape, layer, c, back), here, moved)
        return (moved, sooner), (here, deltas)

    past = {
        m.name: jnp.zeros((rows, batch, component.depth(m.name), m.size), dtype)
        for m in component.layers
        if component.depth(m.name)
    }
    silent = {m.name: jnp.zeros((rows, batch, m.memory, m.size), dtype) for m in component.layers if m.memory}
    memory = silent if component.backward else silent | {n: after[n] for n in silent if n in after}
    flat = {name: lax.collapse(error, 1, 3) for name, error in errors.items()}  # an axis of size 1 costs a copy
    (past, memory), (activity, deltas) = lax.scan(
        step, (past, memory), (flat, told, factor, nets, before, valid), reverse=True
    )
    oldest_first = {name: jnp.moveaxis(p, 2, 0)[::-1] for name, p in past.items()}
    return activity, deltas, oldest_first, memory


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


def gradients(network: Network, tape: Tape, deltas: Arrays, lengths: Array | None = None) -> Weights:
    """dL/d effective weights from deltas (T, B, nets, N) of one row: one product per connection.

    Beyond `lengths` the deltas are 0; what is heard there may be infinite, and is not looked at.
    """
    made: Weights = {}
    for layer in network.layers:
        delta = deltas[layer.name]
        valid = within(lengths, delta.shape[0])
        if calls.sums(delta.shape[0], delta.dtype):
            heard, past = tape.heard(layer.backward), depths(network, layer.backward)
            made[layer.name] = calls.gradients(layer, delta, heard, past, tape.dropout.get(layer.name, {}), lengths)
            continue
        own: dict[str, Any] = {"bias": delta.sum((0, 1))} if layer.biased else {}
        for c in layer.connections:
            if c.weight != "identity":
                inside = keep(valid, tapped(tape, network, layer, c))
                own[c.key] = wires.gradient(c, inside, wires.pick(layer, c, delta))
        made[layer.name] = own
    return made


def identity_rows(network: Network, batch: int, dtype: Any, newest: int) -> tuple[dict[str, Arrays], int]:
    """One row for each number of the state, errors at the new history that pick it out, and a last row of zeros.

    newest   only the newest rows of each delay line; older ones are shifted, not swept
    returns  the errors, and the number of rows without the last
    """
    groups = [(row, row.swept(newest)) for row in state(network)]
    total = sum(count * row.size for row, count in groups)
    made: dict[str, Arrays] = {"a": {}, "memory": {}}
    first = 0
    for row, count in groups:
        width = count * row.size
        block = jnp.zeros((total + 1, width), dtype).at[first : first + width].set(jnp.eye(width, dtype=dtype))
        block = block.reshape(total + 1, 1, count, row.size)
        if row.kind == "a":
            padded = jnp.pad(jnp.moveaxis(block, 2, 0), ((row.count - count, 0), (0, 0), (0, 0), (0, 0)))
            made["a"][row.layer] = jnp.broadcast_to(padded, (row.count, total + 1, batch, row.size))
        else:
            made["memory"][row.layer] = jnp.broadcast_to(block, (total + 1, batch, count, row.size))
        first += width
    return made, total
