"""An untaped run that `jax.grad` goes through, once: its derivative is the sweep, which has none."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from throughtime.engine import wires
from throughtime.engine.backend import Stepped
from throughtime.engine.native.calls import Passed, step, sweep
from throughtime.engine.native.wiring import Call
from throughtime.engine.tape import Arrays, keep, within
from throughtime.units import Activation


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def run_through(call: Call, passed: Passed) -> tuple[Arrays, Arrays]:
    """Step a loop through time, and leave only its activities, as untaped, and its memories after the last step."""
    done = step(call, passed, taped=False)
    return done.full, done.after


def _forward(call: Call, passed: Passed) -> Any:
    done = step(call, passed)
    alone = {m.name: done.full[m.name][call.depth(m.name) :] for m in call.layers if not call.joins(m)}
    return (done.full | alone, done.after), (passed, done)


def _back(call: Call, kept: tuple[Passed, Stepped], errors: tuple[Arrays, Arrays]) -> tuple[Passed]:
    """Errors at all that was given, from those at activities and at the memory after the last step."""
    passed, done = kept
    at_left, at_after = errors
    at_full = {name: jnp.pad(e, ((len(done.full[name]) - len(e), 0), (0, 0), (0, 0))) for name, e in at_left.items()}
    depth = {name: call.depth(name) for name in (*done.full, *call.outer)}
    seeds = {name: error[depth[name] :, None] for name, error in at_full.items()}
    swept, sooner = _deltas(call, passed, done, seeds, {name: error[None] for name, error in at_after.items()})
    deltas = {name: delta[:, 0] for name, delta in swept.items()}
    past = {name: at_full[name][: depth[name]] for name in passed.past}
    outer = {source: jnp.zeros_like(full) for source, full in passed.outer.items()}
    weights: dict[str, Arrays] = {layer.name: {} for layer in call.layers}
    masks: dict[str, Arrays] = {}
    for layer in call.layers:
        for c in call.heard(layer):
            heard = wires.taps((passed.outer | done.full)[c.source], depth[c.source], c.delays)
            delta, weight = wires.pick(layer, c, deltas[layer.name]), passed.weights[layer.name].get(c.key)
            pulled = wires.product_back(c, wires.turned(c, weight), delta)
            mask = passed.masks.get(layer.name, {}).get(c.key)
            if mask is not None:
                masks.setdefault(layer.name, {})[c.key] = (heard * pulled).sum((0, 2))
                heard, pulled = heard * mask[:, None, :], pulled * mask[:, None, :]
            if weight is not None:
                weights[layer.name][c.key] = wires.gradient(c, heard, delta)
            back = wires.untaps(pulled[:, None], depth[c.source], c.delays)[:, 0]
            if c.source in outer:
                outer[c.source] = outer[c.source] + back
            elif c.source in past:
                past[c.source] = past[c.source] + back[: depth[c.source]]
    bias = {name: delta.sum((0, 1)) for name, delta in deltas.items()}
    memory = {name: error[0] for name, error in sooner.items()}
    return (Passed(outer, {} if call.fused else deltas, bias, past, memory, weights, masks, None),)


def _deltas(call: Call, passed: Passed, done: Stepped, seeds: Arrays, after: Arrays) -> tuple[Arrays, Arrays]:
    """By a sweep; of a layer in no loop simply the slope times the error."""
    if call.loop.component.stepped:
        return sweep(call._replace(fused=False), passed, done, seeds, after)
    (layer,) = call.layers
    activity = done.full[layer.name][call.depth(layer.name) :]
    seed = keep(within(passed.lengths, len(activity)), seeds[layer.name][:, 0])
    assert isinstance(layer.unit.activate, Activation)
    return {layer.name: (layer.unit.activate.slope(activity) * seed)[:, None, :, None, :]}, {}


run_through.defvjp(_forward, _back)
