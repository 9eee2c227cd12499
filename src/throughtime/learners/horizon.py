"""The sweep of truncated BPTT: every loss on its own row, all rows sent back one time step at a time.

With lag k = 0, ..., h-1, delta_k(s) is the error that the loss at time s sends to the net inputs at time t = s - k:

    delta_k,l(s)  = f'(net_l(s-k)) * error_k,l(s)
    error_k,s'(s) = [k = 0] dL(s)/da_s' + sum over connections c from s', delays d <= k:  W_c,d delta_(k-d),c(s)

so one lag is one product per connection over all losses at once. What the network did in the last h-1 steps is carried
from stretch to stretch, as it happened. Before the first step there is silence; a learned a(0) is reached there.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from throughtime.engine import wires
from throughtime.engine.effective import Weights
from throughtime.engine.schedule import depths, present_order, schedule, start_rows
from throughtime.engine.slopes import elementwise, local, slopes
from throughtime.engine.sweep import gradients
from throughtime.engine.tape import Arrays, History, Tape, last_rows
from throughtime.learners.lesson import Lesson, together
from throughtime.learners.stretches import JudgedStretch, judged_stretch
from throughtime.losses import Loss
from throughtime.network import Connection, Layer, Network


class Window(NamedTuple):
    """The history, and what the last h-1 steps did.

    full    {source: (h-1, B, S)} what was before the rows of the history
    nets    {layer: (h-1, B, nets, N)}
    before  {layer: (h-1, B, M, N)}
    age     (B,) how many of the h-1 steps have happened
    """

    history: History
    full: Arrays
    nets: Arrays
    before: Arrays
    age: Array


def reach(network: Network) -> int:
    """The longest path of delays from any layer to the output, in steps, of a network without loops."""
    late = {network.output: 0}
    for part in reversed(schedule(network)):
        for layer in part.layers:
            for c in layer.connections:
                late[c.source] = max(late.get(c.source, 0), late[layer.name] + max(c.delays))
    return max(late[layer.name] for layer in network.layers)


def first_window(network: Network, history: History, horizon: int, batch: int, dtype: Any) -> Window:
    """Before the first step: nothing has happened."""
    past = horizon - 1
    full = {source: jnp.zeros((past, batch, size), dtype) for source, size in network.sizes.items()}
    nets = {m.name: jnp.zeros((past, batch, len(m.nets), m.size), dtype) for m in network.layers}
    before = {m.name: jnp.zeros((past, batch, m.memory, m.size), dtype) for m in network.layers if m.memory}
    return Window(history, full, nets, before, jnp.zeros(batch, int))


def truncated(
    horizon: int, network: Network, weights: Weights, carry: Window, xs: Any, targets: Any, loss: Loss, lengths: Any
) -> tuple[Window, Lesson]:
    """A lesson in which the loss at t reaches deltas at t-h+1, ..., t."""
    seen = judged_stretch(network, weights, carry.history, xs, targets, loss, lengths)
    joined = _join(carry, seen.tape)
    back = _Back(horizon, network, seen, joined, carry.age)
    deltas, at_start, memory_at_start = back.sweep()
    starts = _starts(network, carry.age, horizon, at_start, memory_at_start)
    ends = None if seen.lengths is None else horizon - 1 + seen.lengths
    found = together(gradients(network, joined, deltas, ends), starts)
    return _move_on(network, carry, seen, joined, horizon), seen.lesson(found)


def _join(carry: Window, tape: Tape) -> Tape:
    """The last h-1 steps and the new ones on one tape."""

    full = {source: jnp.concatenate([old, tape.full[source]]) for source, old in carry.full.items()}
    nets = {name: jnp.concatenate([old, tape.nets[name]]) for name, old in carry.nets.items()}
    before = {name: jnp.concatenate([old, tape.before[name]]) for name, old in carry.before.items()}
    return Tape(full, {}, nets, {}, before, tape.dropout)


def _move_on(network: Network, carry: Window, seen: JudgedStretch, joined: Tape, horizon: int) -> Window:
    """The window after the stretch, at each sequence's own end."""
    past = horizon - 1
    steps = seen.outputs.shape[0] if seen.lengths is None else seen.lengths
    full = {s: last_rows(rows, depths(network)[s] + past, seen.lengths)[:past] for s, rows in joined.full.items()}
    nets = {name: last_rows(rows, past, seen.lengths) for name, rows in joined.nets.items()}
    before = {name: last_rows(rows, past, seen.lengths) for name, rows in joined.before.items()}
    return Window(seen.history, full, nets, before, jnp.minimum(carry.age + steps, past))


def _starts(network: Network, age: Array, horizon: int, activity: Arrays, memory: Arrays) -> Weights:
    """dL/d learned starts: what reached the steps 0, -1, ... of each sequence."""
    zero = horizon - 2 - age  # where step 0 of each sequence lies on the joined tape
    made: Weights = {}
    for name, errors in activity.items():
        layer = network.by_name[name]
        count = start_rows(network, layer)
        own = {"activity": _rows_at(errors, zero - jnp.arange(count)[::-1, None]).sum(1)} if count else {}
        if layer.memory:
            own["memory"] = _rows_at(memory[name], zero[None])[0].sum(0)
        made[name] = {"start": own}
    return made


def _rows_at(values: Array, rows: Array) -> Array:
    """values (steps, B, ...) at rows (R, B); 0 where a row lies outside the tape."""
    index = jnp.maximum(rows, 0).reshape(*rows.shape, *[1] * (values.ndim - 2))
    inside = (rows >= 0).reshape(index.shape)
    return jnp.where(inside, jnp.take_along_axis(values, index, axis=0), 0)


class _Back:
    """All losses of a stretch, sent back lag by lag."""

    def __init__(self, horizon: int, network: Network, seen: JudgedStretch, joined: Tape, age: Array) -> None:
        self.horizon, self.network, self.tape = horizon, network, joined
        self.seed, self.steps, acting = seen.seed, seen.seed.shape[0], seen.acting
        places = jnp.arange(horizon - 1 + self.steps)[:, None]
        ends = self.steps if seen.lengths is None else seen.lengths
        self.happened = (places >= horizon - 1 - age) & (places < horizon - 1 + ends)
        self.turned = {
            (m.name, c.key): wires.turned(c, acting[m.name].get(c.key)) for m in network.layers for c in m.connections
        }
        self.factor = {m.name: slopes(network, joined, m) for m in network.layers if elementwise(m)}
        self.learned = [m for m in network.layers if m.start == "learned"]

    def sweep(self) -> tuple[Arrays, Arrays, Arrays]:
        """Deltas summed over all losses {layer: (h-1+T, B, nets, N)}; errors that met silence, at activities and memories."""
        total, batch, dtype = self.horizon - 1 + self.steps, self.seed.shape[1], self.seed.dtype

        def blank(lead: tuple[int, ...], layer: Layer, *inner: int) -> Array:
            return jnp.zeros((*lead, batch, *inner, layer.size), dtype)

        layers = self.network.layers
        waiting = {m.name: blank((self._far(m.name) + 1, self.steps), m) for m in layers}
        waiting[self.network.output] = waiting[self.network.output].at[0].set(self.seed)
        memory = {m.name: blank((self.steps,), m, m.memory) for m in layers if m.memory}
        deltas = {m.name: blank((total,), m, len(m.nets)) for m in layers}
        met = {m.name: blank((total,), m) for m in self.learned}
        met_memory = {m.name: blank((total,), m, m.memory) for m in self.learned if m.memory}
        first = (waiting, memory, deltas, met, met_memory)
        (_, _, deltas, met, met_memory), _ = lax.scan(self._lag, first, jnp.arange(self.horizon))
        return deltas, met, met_memory

    def _far(self, name: str) -> int:
        return min(depths(self.network)[name], self.horizon - 1)

    def _lag(self, carry: Any, lag: Array) -> Any:
        """Every loss one step further back: from time s - lag + 1 to s - lag."""
        waiting, memory, deltas, met, met_memory = (dict(part) for part in carry)
        first = self.horizon - 1 - lag

        def at(values: Array) -> Array:
            return lax.dynamic_slice_in_dim(values, first, self.steps)

        def put(values: Array, more: Array) -> Array:
            return lax.dynamic_update_slice_in_dim(values, at(values) + more, first, 0)

        real = at(self.happened)[:, :, None]
        sooner: Arrays = {}
        for layer in reversed(present_order(self.network)):
            name = layer.name
            error, kept = waiting[name][0], memory.get(name)
            if name in met:
                met[name] = put(met[name], jnp.where(real, 0, error))
            if name in met_memory and kept is not None:
                met_memory[name] = put(met_memory[name], jnp.where(real[..., None], 0, kept))
            delta, pulled = self._local(layer, at, error, kept, real)
            deltas[name] = put(deltas[name], delta)
            if kept is not None:
                sooner[name] = pulled
            for c in layer.connections:
                if c.source in waiting:
                    self._send(layer, c, delta, waiting)
        moved = {n: jnp.concatenate([w[1:], jnp.zeros_like(w[:1])]) for n, w in waiting.items()}
        return (moved, sooner, deltas, met, met_memory), None

    def _local(self, layer: Layer, at: Any, error: Array, kept: Array | None, real: Array) -> tuple[Array, Any]:
        """Delta, and the error at the memory before; silence before the first step, whatever the slope there."""
        name, real = layer.name, real[..., None]
        if name in self.factor:
            return jnp.where(real, at(self.factor[name]) * error[:, :, None, :], 0), None
        net = at(self.tape.nets[name])
        before = net[:, :, :0] if kept is None else at(self.tape.before[name])
        memory = error[:, :, None][:, :, :0] if kept is None else kept
        delta, pulled = local(layer, net, before, error[:, None], memory[:, None])
        return jnp.where(real, delta[:, 0], 0), jnp.where(real, pulled[:, 0], 0)

    def _send(self, layer: Layer, connection: Connection, delta: Array, waiting: Arrays) -> None:
        back = wires.product_back(
            connection, self.turned[layer.name, connection.key], wires.pick(layer, connection, delta)
        )
        mask = self.tape.dropout.get(layer.name, {}).get(connection.key)
        back = back if mask is None else back * mask[:, None, :]
        near = [i for i, d in enumerate(connection.delays) if d < self.horizon]
        where = jnp.asarray([connection.delays[i] for i in near], int)
        late = jnp.moveaxis(back[:, :, jnp.asarray(near, int)], 2, 0)
        waiting[connection.source] = waiting[connection.source].at[where].add(late)
