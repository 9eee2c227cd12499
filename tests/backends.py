"""Two backends side by side, call by call: the reference computes, and another is asked the same in every call."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import throughtime as tt
import zoo
from engines import Case, givens, probe
from throughtime import Connection, Layer, Network
from throughtime.engine import choice, xla
from throughtime.engine.backend import Backend, First, Given, Loop, Stepped, Swept
from throughtime.engine.effective import effective
from throughtime.engine.forward import forward
from throughtime.engine.schedule import depths
from throughtime.engine.sweep import gradients, sweep
from throughtime.engine.tape import Arrays, Tape


class Pair(NamedTuple):
    """What one call found, and what the reference did."""

    found: Any
    wanted: Any


class Beside:
    """The reference as a backend, which notes what another makes of every call, with NaN wherever nobody should look."""

    NAME = "xla"

    def __init__(self, other: Backend) -> None:
        self.other = other
        self.calls: dict[str, Pair] = {}

    def note(self, call: str, found: Any, wanted: Any) -> None:
        assert call not in self.calls
        self.calls[call] = Pair(found, wanted)

    def takes(self, loop: Loop) -> bool:  # noqa: ARG002
        return True

    def asked(self, loop: Loop) -> bool:
        """Also for one step: what it takes over many it can do over one."""
        return loop.steps > 0 and self.other.takes(loop._replace(steps=9))

    def step_through(self, loop: Loop, given: Given, first: First, taped: bool = True) -> Stepped:
        wanted = xla.step_through(loop, given, first, taped)
        if not self.asked(loop):
            return wanted
        call = f"step {'taped' if taped else 'untaped'} {[m.name for m in loop.layers]}"
        unheard = strange_past(loop, first)
        found = self.other.step_through(loop, strange_rest(loop, given), unheard, taped)
        self.note(call, *(shown(loop, given, one, taped) for one in (found, wanted)))
        self.note(f"{call}, the past", past_of(loop, found), {n: unheard.past[n] for n in past_of(loop, found)})
        if not taped:
            self.note(f"{call}, its derivative", *(derivative(by, loop, given, first) for by in (self.other, xla)))
        return wanted._replace(gates=found.gates)

    def sweep_back(self, loop: Loop, given: Given, errors: Arrays, later: Arrays) -> Swept:
        wanted = xla.sweep_back(loop, given, errors, later)
        if self.asked(loop):
            odd = {name: beyond(given.inside, error, 0, 2) for name, error in errors.items()}
            found = self.other.sweep_back(loop, strange_rest(loop, given, own=True), odd, later)
            self.note(f"sweep {[m.name for m in loop.layers]}", *(summed(loop, given, one) for one in (found, wanted)))
            for layer in loop.layers:
                for c in loop.component.inner(layer):
                    self.pull(loop.network, layer, c, given, wanted.deltas[layer.name])
        return wanted

    def pull(self, network: Network, layer: Layer, connection: Connection, given: Given, delta: Any) -> Any:
        wanted = xla.pull(network, layer, connection, given, delta)
        found = self.other.pull(network, layer, connection, given, delta)
        self.note(f"pull {layer.name} {connection.key}", found, wanted)
        return wanted

    def gradients(self, network: Network, layer: Layer, tape: Tape, delta: Any, lengths: Any) -> Arrays:
        wanted = xla.gradients(network, layer, tape, delta, lengths)
        inside = None if lengths is None else jnp.arange(len(delta))[:, None] < lengths
        odd = strange_tape(network, layer.backward, tape, inside, ()), beyond(inside, delta)
        self.note(f"gradients {layer.name}", self.other.gradients(network, layer, *odd, lengths), wanted)
        return wanted


# NaN where nobody should look.


def beyond(inside: Any, rows: Any, depth: int = 0, axis: int = 1) -> Any:
    """(depth + T, ..., B, ...) with NaN beyond the sequences' ends; the batch is that axis."""
    if inside is None:
        return rows
    shape = [1] * rows.ndim
    shape[0], shape[axis] = inside.shape
    alive = jnp.concatenate([jnp.ones((depth, *shape[1:]), bool), inside.reshape(shape)])
    return jnp.where(alive, rows, jnp.nan)


def strange_rest(loop: Loop, given: Given, own: bool = False) -> Given:
    """What a loop is given; of its own layers too where these are behind it."""
    mine = tuple(m.name for m in loop.layers) if own else ()
    return given._replace(tape=strange_tape(loop.network, loop.component.backward, given.tape, given.inside, mine))


def strange_tape(network: Network, backward: bool, tape: Tape, inside: Any, own: tuple[str, ...]) -> Tape:
    deep = depths(network, backward)
    full = {source: beyond(inside, rows, deep[source]) for source, rows in tape.heard(backward).items()}
    inner = {
        kind: {n: beyond(inside, rows) if n in own else rows for n, rows in getattr(tape, kind).items()}
        for kind in ("nets", "gates", "before")
    }
    return tape._replace(**{"mirrored" if backward else "full": full}, **inner)


def strange_past(loop: Loop, first: First) -> First:
    """Rows that only others hear."""
    reach = {name: len(rows) - loop.component.depth(name) for name, rows in first.past.items()}
    return first._replace(past={n: rows.at[: reach[n]].set(jnp.nan) for n, rows in first.past.items()})


# What is compared.


def shown(loop: Loop, given: Given, done: Stepped, taped: bool) -> Any:
    """Activities, memories; net inputs and memories before each step within the sequences."""
    after = {m.name: done.after[m.name] for m in loop.layers if m.memory}
    own = {name: rows[loop.depth(name) :] for name, rows in done.full.items()}
    if not taped:
        return own, after
    kinds = {"nets": {m.name for m in loop.layers}, "before": {m.name for m in loop.layers if m.memory}}
    inner = {kind: {n: within(given, getattr(done, kind)[n]) for n in names} for kind, names in kinds.items()}
    return own, after, inner


def within(given: Given, rows: Any) -> Any:
    return rows if given.inside is None else jnp.where(given.inside[:, :, None, None], rows, 0)


def past_of(loop: Loop, done: Stepped) -> Arrays:
    return {name: rows[: loop.depth(name)] for name, rows in done.full.items() if loop.depth(name)}


def summed(loop: Loop, given: Given, swept: Swept) -> Any:
    """Everything, with the parts of the errors at the past added up; where it is loose, deltas within the sequences."""
    if given.loose:
        seen = True if given.inside is None else given.inside[:, None, :, None, None]
        swept = swept._replace(deltas={n: jnp.where(seen, d, 0) for n, d in swept.deltas.items()}, activity={})
    rows = {m.name: loop.depth(m.name) for m in loop.layers if loop.depth(m.name)}
    past: Arrays = {}
    for name, error in swept.past:
        whole = jnp.pad(error, ((rows[name] - len(error), 0), (0, 0), (0, 0), (0, 0)))
        past[name] = past[name] + whole if name in past else whole
    return {"deltas": swept.deltas, "activity": swept.activity, "past": past, "memory": swept.memory}


def derivative(by: Any, loop: Loop, given: Given, first: First) -> Any:
    """The derivatives of a number that depends on all that an untaped run finds."""
    heard = given.tape.heard(loop.component.backward)
    outer = {c.source: heard[c.source] for m in loop.layers for c in loop.component.outer(m)}
    weights = {m.name: {k: w for k, w in given.weights[m.name].items() if k != "start"} for m in loop.layers}
    masks = {m.name: given.tape.dropout[m.name] for m in loop.layers if m.name in given.tape.dropout}

    def number(outer: Any, weights: Any, masks: Any, first: Any) -> Any:
        full = {"mirrored" if loop.component.backward else "full": heard | outer}
        tape = given.tape._replace(dropout=given.tape.dropout | masks, **full)
        done = by.step_through(loop, given._replace(weights=weights, tape=tape), first, taped=False)
        own = {name: rows[loop.depth(name) :] for name, rows in done.full.items()}
        return probe((own, {m.name: done.after[m.name] for m in loop.layers if m.memory}))

    return jax.grad(number, (0, 1, 2, 3))(outer, weights, masks, first)


def asked(other: Backend, case: Case, rows: int) -> Any:
    """(weights, xs, history, targets, lengths) -> all calls of an untaped run, a taped one, its sweep and its gradients."""
    network = case.network

    def ask(weights: Any, xs: Any, history: Any, _: Any, lengths: Any) -> dict[str, Pair]:
        beside = Beside(other)
        with pytest.MonkeyPatch.context() as patch, tt.using_engine("xla"):
            patch.setattr(choice, "BACKENDS", (beside, beside))
            acting = effective(network, weights)
            inputs = xs if isinstance(xs, dict) else {network.inputs[0][0]: xs}
            forward(network, acting, inputs, history, lengths, taped=False)
            tape, after = forward(network, acting, inputs, history, lengths)
            found = sweep(network, acting, tape, *seeds(case, rows, after, lengths), lengths, loose=rows == 1)
            gradients(network, tape, {name: delta[:, 0] for name, delta in found.deltas.items()}, lengths)
        return beside.calls

    axes = (0 if "w" in case.mapped else None, 0 if "x" in case.mapped else None, None, None, None)
    return jax.vmap(ask, axes) if case.mapped else ask


def seeds(case: Case, rows: int, after: Any, lengths: Any) -> tuple[Arrays, Any]:
    """Random errors: one row at every layer, or several at the output; and at the new history."""
    network, draw = case.network, np.random.default_rng(case.seed)
    names = [m.name for m in network.layers] if rows == 1 else [network.output]

    def some(*shape: int) -> Any:
        return jnp.asarray(draw.normal(size=shape), case.dtype)

    now = {name: some(case.steps, rows, case.batch, network.size_of(name)) for name in names}
    if lengths is not None:
        inside = jnp.arange(case.steps)[:, None] < lengths
        now = {name: jnp.where(inside[:, None, :, None], error, 0) for name, error in now.items()}
    past = {n: some(len(a), rows, *a.shape[1:]) for n, a in after["a"].items() if n in network.by_name}
    return now, {"a": past, "memory": {name: some(rows, *m.shape) for name, m in after["memory"].items()}}


def compared(other: Backend, case: Case, rows: int = 1) -> dict[str, float]:
    """How far the backends are apart in each call."""
    calls = jax.jit(asked(other, case, rows))(*givens(case))
    return {call: zoo.distance(*pair) for call, pair in calls.items() if "the past" not in call}
