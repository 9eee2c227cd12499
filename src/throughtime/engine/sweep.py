"""The backward sweep: from errors at activities to deltas at net inputs, for K rows at once.

    delta_l(t) = dL/dnet_l(t),   dL/da_s(t) = seed_s(t) + sum over connections c from s, delays d:  W_c,d delta_l(c)(t + d)

A row is one scalar whose derivative is wanted: BPTT has one (the loss), RTRL one for every number remembered.
Shapes: seeds (T, K, B, N), deltas (T, K, B, nets, N), dL/d history (D, K, B, S) and (K, B, M, N).
"""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from throughtime.engine import wires, xla
from throughtime.engine.backend import Given, Loop
from throughtime.engine.choice import backends, taker
from throughtime.engine.effective import Weights
from throughtime.engine.schedule import Component, depths, schedule, state
from throughtime.engine.slopes import elementwise, local, slopes
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
    loose: bool = False,
) -> Adjoint:
    """Send K rows of errors back over the tape.

    seeds    {layer: (T, K, B, N)} errors at activities (may be missing for a layer)
    later    errors at the new history, {"a": {source: (D, K, B, S)}, "memory": {layer: (K, B, M, N)}}
    through  "time": everywhere; "delays": not around loops; "layers": only within each time step
    loose    beyond `lengths` the deltas and errors at activities may be anything: who asks looks at `gradients` only
    """
    steps, rows, batch, _ = next(iter(seeds.values())).shape
    dtype = next(iter(seeds.values())).dtype
    waiting = _Errors(network, steps, rows, batch, dtype, lengths)
    for name, seed in seeds.items():
        waiting.add_now(name, seed)
    for source, error in (later or {}).get("a", {}).items():
        waiting.add_later(source, error)
    after = (later or {}).get("memory", {})
    found = Adjoint({}, {}, {"a": {}, "memory": {}}, {})
    given = Given(acting, tape, lengths, within(lengths, steps), loose)
    for component in reversed(schedule(network)):
        _component(network, component, given, waiting, after, through, found)
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
    component: Component,
    given: Given,
    waiting: _Errors,
    after: Arrays,
    through: Through,
    found: Adjoint,
) -> None:
    lengths = waiting.lengths
    if component.stepped and through == "time":
        activity, deltas, memory = _around(network, component, given, waiting, after)
    else:
        activity, deltas = _at_once(component, given, waiting)
        memory = _no_memory(component, waiting)
    for layer in component.layers:
        name = layer.name
        found.deltas[name] = deltas[name]
        found.activity[name] = _own_time(component, activity[name], lengths)
        for c in component.outer(layer):
            kept = _kept(c, through)
            if kept and c.source in network.by_name:
                waiting.add_heard(layer, c, _at_source(network, layer, c, given, deltas[name], kept))
        if component.backward:
            found.start[name] = {"activity": waiting.past(name, True)}
            if layer.memory:
                found.start[name]["memory"] = memory[name]
        elif layer.memory:
            found.history["memory"][name] = memory[name]


def _around(
    network: Network, component: Component, given: Given, waiting: _Errors, after: Arrays
) -> tuple[Arrays, Arrays, Arrays]:
    """Back through the steps of a loop; errors at its past are left waiting."""
    steps, _, batch = waiting.shape
    loop = Loop(network, component, steps, batch, waiting.dtype)
    heard = [m.name for m in component.layers if waiting.any(m.name) or m is component.layers[-1]]
    errors = {name: _own_time(component, waiting.present(name), waiting.lengths) for name in heard}
    memory = _no_memory(component, waiting)
    later = memory if component.backward else memory | {name: after[name] for name in memory if name in after}
    swept = taker(loop).sweep_back(loop, given, errors, later)
    for source, error in swept.past:
        waiting.add_past(source, component.backward, error)
    return swept.activity, swept.deltas, swept.memory


def _own_time(component: Component, errors: Array, lengths: Array | None) -> Array:
    """Between real time and the component's own (the same map in both directions)."""
    if not component.backward:
        return errors
    return jax.vmap(lambda e: turn_round(e, lengths), in_axes=1, out_axes=1)(errors)


def _kept(connection: Connection, through: Through) -> Kept | None:
    if through != "layers":
        return "all"
    return "present" if 0 in connection.delays else None


def _at_source(network: Network, layer: Layer, connection: Connection, given: Given, delta: Array, kept: Kept) -> Array:
    """(D + T, K, B, S): the errors that a connection sends to its source, at delay 0 only or at all."""
    if kept == "all":
        return backends()[0].pull(network, layer, connection, given, delta)
    present = jnp.asarray(connection.delays) == 0
    pulled = jnp.where(present[:, None], xla.at_taps(layer, connection, given, delta), 0)
    return wires.untaps(pulled, depths(network, layer.backward)[connection.source], connection.delays)


def _no_memory(component: Component, waiting: _Errors) -> Arrays:
    rows, batch = waiting.shape[1:]
    return {m.name: jnp.zeros((rows, batch, m.memory, m.size), waiting.dtype) for m in component.layers if m.memory}


def _at_once(component: Component, given: Given, waiting: _Errors) -> tuple[Arrays, Arrays]:
    """All steps at once: nothing travels around a loop or through a memory."""
    network, activity, deltas = waiting.network, {}, {}
    for layer in reversed(component.layers):
        name = layer.name
        error = _own_time(component, waiting.present(name), waiting.lengths)
        activity[name] = error = _within(given.inside, error)
        deltas[name] = _within(given.inside, _present_delta(network, layer, given.tape, error))
        for c in component.inner(layer):
            if 0 in c.delays and c.source in network.by_name:
                waiting.add_heard(layer, c, _at_source(network, layer, c, given, deltas[name], "present"))
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


def gradients(network: Network, tape: Tape, deltas: Arrays, lengths: Array | None = None) -> Weights:
    """dL/d effective weights from deltas (T, B, nets, N) of one row: one product per connection.

    Beyond `lengths` deltas and what is heard may be infinite, and are not looked at.
    """
    by = backends()[0]
    return {m.name: by.gradients(network, m, tape, deltas[m.name], lengths) for m in network.layers}


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
