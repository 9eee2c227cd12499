"""The native engine under the signatures of `backend`: what goes into its calls, and what becomes of what they leave.

It takes loops of built-in units, in the types float32 and float64, over more than one step: one alone is not worth packing
weights for. What it does for every layer, it leaves to the reference where that is no slower.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from throughtime.engine import wires, xla
from throughtime.engine.backend import First, Given, Loop, Stepped, Swept
from throughtime.engine.effective import Weights
from throughtime.engine.native import calls
from throughtime.engine.native.calls import Passed
from throughtime.engine.native.derivative import run_through
from throughtime.engine.native.wiring import Call, kind_of, knows
from throughtime.engine.schedule import depths
from throughtime.engine.tape import Arrays, Tape
from throughtime.network import Connection, Layer, Network

NAME = "native"


def takes(loop: Loop) -> bool:
    """Whether all its units are built in, and the rest is worth it."""
    return _worth(loop.steps, loop.dtype) and knows(loop.component)


def _worth(steps: int, dtype: Any) -> bool:
    return jax.default_backend() == "cpu" and steps > 1 and dtype in (jnp.float32, jnp.float64)


def step_through(loop: Loop, given: Given, first: First, taped: bool = True) -> Stepped:
    """One call; net inputs are products over all time, computed only if somebody looks at them."""
    call = Call(loop, _fuses(loop, given.weights))
    passed = _passed(call, given, first)
    done = calls.step(call, passed) if taped else _untaped(call, passed)
    return done._replace(nets={m.name: _nets(loop, given, m, done.full) for m in loop.layers} if taped else {})


def _fuses(loop: Loop, weights: Weights) -> bool:
    """Whether what is heard from outside is summed step by step too: few sequences would read too many weights for that."""
    outer = [(m.name, c.key) for m in loop.layers for c in loop.component.outer(m)]
    read = [weights[name][key] for name, key in outer if key in weights[name]]
    few = sum(w.size * w.dtype.itemsize for w in read) <= 1 << 16
    return bool(outer) and (not loop.component.stepped or loop.batch >= 16 or few)


def _passed(call: Call, given: Given, first: First) -> Passed:
    loop, weights = call.loop, given.weights
    full = given.tape.heard(loop.component.backward)
    return Passed(
        {source: full[source] for source in call.outer},
        {} if call.fused else {m.name: xla.driven(loop, given, m) for m in loop.layers},
        {m.name: weights[m.name].get("bias", jnp.zeros((len(m.nets), m.size), loop.dtype)) for m in loop.layers},
        first.past,
        first.memory,
        *_in_call(call, given),
        given.lengths,
    )


def _in_call(call: Call, given: Given) -> tuple[dict[str, Arrays], dict[str, Arrays]]:
    """The weights and the dropout masks of the connections heard in the call."""
    weights: dict[str, Arrays] = {}
    masks: dict[str, Arrays] = {}
    for layer in call.layers:
        weights[layer.name] = {}
        for c in call.heard(layer):
            mask = given.mask(layer, c)
            if c.key in given.weights[layer.name]:
                weights[layer.name][c.key] = given.weights[layer.name][c.key]
            if mask is not None:
                masks.setdefault(layer.name, {})[c.key] = mask
    return weights, masks


def _untaped(call: Call, passed: Passed) -> Stepped:
    left, after = run_through(call, passed)
    alone = {m.name for m in call.layers if not call.joins(m) and call.depth(m.name)}
    full = {n: jnp.concatenate([passed.past[n], rows]) if n in alone else rows for n, rows in left.items()}
    return Stepped(full, {}, {}, {}, after)


def _nets(loop: Loop, given: Given, layer: Layer, own: Arrays) -> Array:
    full = given.tape.heard(layer.backward) | own
    inside = xla.heard(loop, given, layer, loop.component.inner(layer), full)
    return xla.driven(loop, given, layer) + inside + given.weights[layer.name].get("bias", 0)


def sweep_back(loop: Loop, given: Given, errors: Arrays, later: Arrays) -> Swept:
    """One call for the deltas; what they send to the past, and to activities if somebody looks, is products."""
    call, tape, component = Call(loop), given.tape, loop.component
    heard = tape.heard(component.backward)
    done = Stepped({m.name: heard[m.name] for m in loop.layers}, {}, tape.gates, tape.before, {})
    passed = Passed({}, {}, {}, {}, {}, *_in_call(call, given), given.lengths)
    loose = frozenset(m.name for m in loop.layers if given.loose and not _pulled(loop, m))
    deltas, sooner = calls.sweep(call, passed, done, errors, later, loose)
    activity: dict[str, Any] = {m.name: errors.get(m.name, 0) for m in loop.layers}
    past = []
    for layer in loop.layers:
        for c in component.inner(layer):
            depth, far = loop.depth(c.source), max(c.delays)
            if far:
                near = _keep(None if given.inside is None else given.inside[:far], deltas[layer.name][:far])
                past.append((c.source, wires.untaps(xla.at_taps(layer, c, given, near), depth, c.delays)[:depth]))
            activity[c.source] = activity[c.source] + pull(loop.network, layer, c, given, deltas[layer.name])[depth:]
    return Swept(deltas, {name: _keep(given.inside, error) for name, error in activity.items()}, past, sooner)


def _pulled(loop: Loop, layer: Layer) -> bool:
    """Whether its deltas are sent on to layers outside the loop."""
    return any(c.source in loop.network.by_name for c in loop.component.outer(layer))


def _keep(inside: Array | None, errors: Array) -> Array:
    """(T, K, B, ...), 0 beyond the end of each sequence."""
    if inside is None:
        return errors
    return jnp.where(jnp.expand_dims(inside, (1, *range(3, errors.ndim))), errors, 0)


def pull(network: Network, layer: Layer, connection: Connection, given: Given, delta: Array) -> Array:
    """One call where there are several delays; with one they are a product as it is."""
    if not (_worth(len(delta), delta.dtype) and kind_of(connection) == "dense" and len(connection.delays) > 1):
        return xla.pull(network, layer, connection, given, delta)
    depth = depths(network, layer.backward)[connection.source]
    error = calls.pull(layer, connection, given.weights[layer.name][connection.key], delta, depth)
    mask = given.mask(layer, connection)
    return error if mask is None else error * mask


def gradients(network: Network, layer: Layer, tape: Tape, delta: Array, lengths: Array | None) -> Arrays:
    """One call for all connections of the layer; of one step they are hardly products."""
    if not _worth(len(delta), delta.dtype):
        return xla.gradients(network, layer, tape, delta, lengths)
    heard, past = tape.heard(layer.backward), depths(network, layer.backward)
    return calls.gradient(layer, delta, heard, past, tape.dropout.get(layer.name, {}), lengths)
