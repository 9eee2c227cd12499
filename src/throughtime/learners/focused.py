"""Focused backpropagation (Mozer 1989): real-time recurrent learning that keeps only each unit's own entries.

Let u_n(t) be what unit n remembers of itself (its delayed activities that it hears, its memories) and w a weight into it.
The traces T = du_n/dw, shaped like the weights times the unit's own states, are carried forward in time:

    da_n(t)/dw = da_n/dnet_n z(t) + sum over own states u:  da_n(t)/du_n(t-1) T_u(t-1)      (and so for each memory)
    dL/dw      = sum over t of  dL(t)/da_n(t) da_n(t)/dw

where dL(t)/da_n(t) is found by backpropagation within the time step. What one unit does to another through time is left
out, so this is exact where units have no such effect: Mozer's context units, which hear the input and themselves. Time and
memory O(B W) per step for W weights (times the states per unit), however long the stream.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from throughtime.engine.effective import Weights, effective
from throughtime.engine.forward import kind, start
from throughtime.engine.slopes import local
from throughtime.engine.sweep import gradients, sweep
from throughtime.engine.tape import Arrays, History, Tape, keep, tapped, within
from throughtime.engine.wires import pick, spread
from throughtime.learners.lesson import Exact, Lesson, check_carry, compiled, refuse_backward
from throughtime.learners.stretches import JudgedStretch, judged_stretch
from throughtime.losses import Loss
from throughtime.network import Connection, Layer, Network

Traces = dict[str, dict[str, Any]]


class Focus(NamedTuple):
    """The history, and {layer: {weight: (own states, B, *shape of the weight)}}."""

    history: History
    traces: Traces


@dataclass(frozen=True)
class Focused:
    """Focused backpropagation: forward in time, every unit by itself.

    Source: Mozer 1989.

    >>> import throughtime as tt
    >>> tt.Focused().exact_on(tt.focused(2, 3, 1)), tt.Focused().exact_on(tt.fully_recurrent(2, 3, 1))
    ('always', 'never')
    """

    def init(self, network: Network, weights: Weights, batch: int, key: Array | None = None) -> Focus:
        """The history before the first step, and the traces: 0 but for a learned a(0)."""
        refuse_backward(network, "Focused")
        acting = effective(network, weights)
        remembering = [layer for layer in network.layers if _lines(layer) + layer.memory]
        traces = {m.name: _first_traces(m, acting[m.name], batch, kind(weights)) for m in remembering}
        return Focus(start(network, weights, batch, key), traces)

    @compiled
    def learn(
        self, network: Network, weights: Weights, carry: Any, xs: Any, targets: Any, loss: Loss, lengths: Any = None
    ) -> tuple[Any, Lesson]:
        """One stretch: what is carried on, and its loss and gradients (sums)."""
        check_carry(self, network, weights, carry, xs)
        seen = judged_stretch(network, weights, carry.history, xs, targets, loss, lengths)
        back = sweep(
            network,
            seen.acting,
            seen.tape,
            {network.output: seen.seed[:, None]},
            lengths=seen.lengths,
            through="layers",
        )
        deltas = {name: delta[:, 0] for name, delta in back.deltas.items()}
        found = gradients(network, seen.tape, deltas, seen.lengths)
        traces: Traces = {}
        for name, old in carry.traces.items():
            traces[name], found[name] = _forward(network, seen, network.by_name[name], old, back.activity[name][:, 0])
        return Focus(seen.history, traces), seen.lesson(found)

    def exact_on(self, network: Network) -> Exact:
        """ "always" where every layer that remembers hears only inputs and itself, unit by unit, and no other layer later."""
        exact = all(_alone(network, layer) for layer in network.layers)
        return "always" if exact and not network.backward else "never"


def _alone(network: Network, layer: Layer) -> bool:
    heard_late = any(
        c.source == layer.name and max(c.delays) > 0 for m in network.layers if m is not layer for c in m.connections
    )
    if heard_late:
        return False
    if not _lines(layer) and not layer.memory:
        return True
    others = [c for c in layer.connections if c.source in network.by_name and c.source != layer.name]
    mixing = any(not c.one_to_one for c in _own(layer)) or layer.unit.coupled
    return not others and (not mixing or layer.size == 1)


def _own(layer: Layer) -> tuple[Connection, ...]:
    return tuple(c for c in layer.connections if c.source == layer.name)


def _lines(layer: Layer) -> int:
    """How many of its own past activities a unit hears."""
    return max((max(c.delays) for c in _own(layer)), default=0)


def _first_traces(layer: Layer, acting: dict[str, Any], batch: int, dtype: Any) -> dict[str, Any]:
    lines, own = _lines(layer), _lines(layer) + layer.memory

    def first(shape: tuple[int, ...]) -> Array:
        return jnp.zeros((own, batch, *shape), dtype)

    made: dict[str, Any] = {key: first(w.shape) for key, w in acting.items() if key != "start"}
    starts = acting.get("start", {})
    if starts:
        made["start"] = {}
        if "activity" in starts:  # oldest row first, own states newest first
            rows = jnp.eye(own, starts["activity"].shape[0], dtype=dtype)[:, ::-1] * (jnp.arange(own) < lines)[:, None]
            made["start"]["activity"] = jnp.broadcast_to(rows[:, None, :, None], first(starts["activity"].shape).shape)
        if "memory" in starts:
            rows = jnp.eye(own, layer.memory, -lines, dtype=dtype)
            made["start"]["memory"] = jnp.broadcast_to(rows[:, None, :, None], first(starts["memory"].shape).shape)
    return made


def _slopes(layer: Layer, net: Array, before: Array) -> tuple[Array, Array]:
    """Each unit's own derivatives of its 1 + M results: (R, T, B, nets, N) by net inputs, (R, T, B, M, N) by memories."""
    shape = (*net.shape[:2], layer.size)
    by_net, by_memory = [], []
    for result in range(1 + layer.memory):
        rows = jnp.eye(layer.size) if layer.unit.coupled else jnp.ones((1, layer.size))
        wanted = jnp.broadcast_to(rows[None, :, None].astype(net.dtype), (shape[0], len(rows), *shape[1:]))
        silent = jnp.zeros_like(wanted)
        activity = wanted if result == 0 else silent
        memory = (
            jnp.stack([wanted if result == m + 1 else silent for m in range(layer.memory)], axis=-2)
            if layer.memory
            else silent[..., None, :][..., :0, :]
        )
        to_net, to_memory = local(layer, net, before, activity, memory)
        own = rows[:, None, None].astype(net.dtype)
        by_net.append((to_net * own).sum(1))
        by_memory.append((to_memory * own).sum(1))
    return jnp.stack(by_net), jnp.stack(by_memory)


def _feedback(layer: Layer, acting: dict[str, Any], tape: Tape, batch: int, dtype: Any) -> Array:
    """dnet_n/d own past activities, newest first: (own lines, B, nets, N)."""
    made = jnp.zeros((_lines(layer), batch, len(layer.nets), layer.size), dtype)
    for c in _own(layer):
        weight: Any = acting.get(c.key)
        if c.weight == "identity":
            straight: Any = jnp.ones((len(c.delays), len(layer.fed(c.nets)), layer.size), dtype)
        elif c.weight == "diagonal":
            straight = weight
        else:
            straight = jnp.diagonal(weight, axis1=1, axis2=3)
        mask = tape.dropout.get(layer.name, {}).get(c.key, jnp.ones((batch, layer.size), dtype))
        fed = spread(layer, c, straight[:, None] * mask[:, None, :])
        made = made.at[jnp.asarray(c.delays) - 1].add(fed)
    return made


def _forward(
    network: Network, seen: JudgedStretch, layer: Layer, traces: dict[str, Any], errors: Array
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Carry one layer's traces over the stretch; the new traces, and dL/d the layer's effective weights."""
    net = seen.tape.nets[layer.name]
    before = seen.tape.before.get(layer.name, net[:, :, :0])
    steps, batch = net.shape[:2]
    by_net, by_memory = _slopes(layer, net, before)
    own = jnp.einsum(
        "rtbkn,jbkn->rtjbn", by_net, _feedback(layer, seen.acting[layer.name], seen.tape, batch, net.dtype)
    )
    through = jnp.concatenate([own, jnp.moveaxis(by_memory, 3, 2)], axis=2)  # (R, T, own states, B, N)
    valid = within(seen.lengths, steps)
    heard = {c.key: tapped(seen.tape, network, layer, c) for c in layer.connections if c.weight != "identity"}
    zero = jax.tree.map(lambda trace: jnp.zeros(trace.shape[2:], trace.dtype), traces)

    def step(carry: Any, now: Any) -> Any:
        old, found = carry
        slope, way, z, error, inside = now
        new = jax.tree.map(lambda trace: jnp.einsum("rjbn,jb...n->rb...n", way, trace), old)
        for key in old:
            if key != "start":
                new[key] = new[key] + _immediate(layer, key, slope, z)
        found = jax.tree.map(lambda f, a: f + jnp.einsum("bn,b...n->...n", error, a[0]), found, new)
        return (jax.tree.map(lambda o, a: _turn(_lines(layer), o, a, inside), old, new), found), None

    moved = (jnp.moveaxis(by_net, 1, 0), jnp.moveaxis(through, 1, 0), heard, keep(valid, errors), valid)
    (traces, found), _ = lax.scan(step, (traces, zero), moved)
    return traces, found


def _immediate(layer: Layer, key: str, slope: Array, heard: Arrays) -> Array:
    """d results/d weight at this step: slope (R, B, nets, N) times what the net input heard."""
    connection = next((c for c in layer.connections if c.key == key), None)
    if connection is None:
        return slope
    picked = pick(layer, connection, slope)
    if connection.weight == "diagonal":
        return jnp.einsum("rbkn,bdn->rbdkn", picked, heard[key])
    return jnp.einsum("rbkn,bds->rbdskn", picked, heard[key])


def _turn(lines: int, old: Array, new: Array, inside: Array | None) -> Array:
    """The own states after the step: the new activity, the older ones, the new memories."""
    activities = jnp.concatenate([new[:1], old[: lines - 1]]) if lines else new[:0]
    moved = jnp.concatenate([activities, new[1:]])
    return moved if inside is None else jnp.where(inside.reshape(1, len(inside), *[1] * (moved.ndim - 2)), moved, old)
