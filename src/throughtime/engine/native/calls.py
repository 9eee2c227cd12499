"""The native engine's three calls: step a loop forward, sweep it back, sum weight gradients.

Shapes as in `forward.py` and `sweep.py`.

Under `jax.vmap` a call takes all that is mapped at once. `jax.grad` goes through `run_through`, once: its derivative is the
sweep, which has none.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from throughtime.engine import wires
from throughtime.engine.choice import engine
from throughtime.engine.native.plan import Loop, keeps_gates, kind_of, knows, plan, plan_alone, plan_turned
from throughtime.engine.schedule import Component
from throughtime.network import Connection, Layer
from throughtime.units import Activation

Arrays = dict[str, Array]


class Given(NamedTuple):
    """What a loop is given.

    outer    {source: (D + T, B, S)} what it hears from outside; or
    drive    {layer: (T, B, nets, N)} what that comes to
    bias     {layer: (nets, N)}
    past     {layer: (D, B, N)}
    memory   {layer: (B, M, N)}
    weights  {layer: {connection: array}}, masks the same; lengths (B,)
    """

    outer: Arrays
    drive: Arrays
    bias: Arrays
    past: Arrays
    memory: Arrays
    weights: dict[str, Arrays]
    masks: dict[str, Arrays]
    lengths: Array | None


class Stepped(NamedTuple):
    """What a loop did: full (D + T, B, N), gates (T, B, nets, N) where kept, memories before each step and after the last.

    Untaped, what nobody outside hears (`Loop.joins`) is without the D rows of its past.
    """

    full: Arrays
    gates: Arrays
    before: Arrays
    after: Arrays


def takes(component: Component, steps: int, dtype: Any) -> bool:
    """Whether the native engine runs these layers; one step alone is not worth packing weights for."""
    return sums(steps, dtype) and knows(component)


def fuses(component: Component, acting: dict[str, dict[str, Any]], batch: int) -> bool:
    """Whether what is heard from outside is summed step by step too: few sequences would read too many weights for that."""
    outer = [(m.name, c.key) for m in component.layers for c in component.outer(m)]
    weights = [acting[name][key] for name, key in outer if key in acting[name]]
    few = sum(w.size * w.dtype.itemsize for w in weights) <= 1 << 16
    return bool(outer) and (not component.stepped or batch >= 16 or few)


def _call(
    name: str, shapes: list[tuple[int, ...]], dtype: Any, operands: list[Any], numbers: tuple[int, ...]
) -> list[Array]:
    axes = {axis for operand in operands for axis in _varying(operand)}
    if axes:
        where = f"a shard_map that follows what varies over its axes ({', '.join(map(repr, sorted(axes, key=str)))})"
        raise ValueError(f"the native engine does not compute in {where}: give jax.shard_map check_vma=False")
    made = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]  # type: ignore[no-untyped-call]
    call = jax.ffi.ffi_call(name, made, vmap_method="expand_dims")
    return list(call(*operands, plan=np.asarray(numbers, np.int64)))


def _varying(operand: Any) -> frozenset[Any]:
    """The manual axes over which an array is known to vary: derivatives would want sums that a call knows nothing of."""
    kind = jax.typeof(operand)
    found = getattr(kind, "vma", None) or getattr(getattr(kind, "manual_axis_type", None), "varying", None)
    return frozenset(found or ())


def _wiring(loop: Loop, given: Given, taped: bool = True) -> tuple[int, ...]:
    masked = frozenset((layer, key) for layer, keys in given.masks.items() for key in keys)
    return plan(loop, given.lengths is not None, masked, taped)


def _connected(loop: Loop, layer: Layer, given: Given) -> list[Array]:
    """Weights and masks of what a layer hears in the call."""
    made = []
    for c in loop.heard(layer):
        if kind_of(c) != "identity":
            made.append(given.weights[layer.name][c.key])
        if c.key in given.masks.get(layer.name, {}):
            made.append(given.masks[layer.name][c.key])
    return made


def _ragged(given: Given) -> list[Array]:
    return [] if given.lengths is None else [given.lengths.astype(jnp.int32)]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def run_through(loop: Loop, given: Given) -> tuple[Arrays, Arrays]:
    """Step a loop through time, and leave only its activities, as untaped, and its memories after the last step."""
    done = step_through(loop, given, taped=False)
    return done.full, done.after


def step_through(loop: Loop, given: Given, taped: bool = True) -> Stepped:
    """Step a loop through time, and leave, if it is taped, all that a sweep needs."""
    steps, batch, dtype = _extent(loop, given)
    operands: list[Array] = [given.outer[source] for source in loop.outer]
    shapes: list[tuple[str, str, tuple[int, ...]]] = []
    for layer in loop.component.layers:
        name, n, depth = layer.name, layer.size, loop.depth(layer.name)
        operands += [given.bias[name]] if loop.fused else [given.drive[name], given.bias[name]]
        operands += [given.past[name]] if depth else []
        operands += [given.memory[name]] if layer.memory else []
        operands += _connected(loop, layer, given)
        shapes.append(("full", name, ((depth if taped or loop.joins(layer) else 0) + steps, batch, n)))
        if taped and keeps_gates(layer):
            shapes.append(("gates", name, (steps, batch, len(layer.nets), n)))
        if taped and layer.memory:
            shapes.append(("before", name, (steps, batch, layer.memory, n)))
        if layer.memory:
            shapes.append(("after", name, (batch, layer.memory, n)))
    numbers = (steps, batch, taped, not loop.fused, not loop.component.stepped, *_wiring(loop, given, taped))
    found = _call("throughtime_forward", [s for *_, s in shapes], dtype, operands + _ragged(given), numbers)
    stepped = Stepped({}, {}, {}, {})
    for (kind, name, _), array in zip(shapes, found, strict=True):
        getattr(stepped, kind)[name] = array
    return stepped


def _extent(loop: Loop, given: Given) -> tuple[int, int, Any]:
    """T, B, and the type."""
    source, some = next(iter((given.outer or given.drive).items()))
    return some.shape[0] - (loop.depth(source) if given.outer else 0), some.shape[1], some.dtype


def sweep_back(
    loop: Loop, given: Given, done: Stepped, errors: dict[str, Array | None], after: Arrays
) -> tuple[Arrays, Arrays]:
    """Deltas (T, K, B, nets, N) from errors at activities (T, K, B, N), and errors at the memories (K, B, M, N), first and last."""
    like = next(error for error in errors.values() if error is not None)
    steps, rows, batch, _ = like.shape
    operands: list[Array] = []
    shapes: list[tuple[bool, str, tuple[int, ...]]] = []
    for layer in loop.component.layers:
        name, n = layer.name, layer.size
        error = errors[name]
        operands += [] if error is None else [error]
        operands += [done.full[name]]
        operands += [done.gates[name]] if keeps_gates(layer) else []
        operands += [done.before[name], after[name]] if layer.memory else []
        operands += _connected(loop, layer, given)
        shapes.append((False, name, (steps, rows, batch, len(layer.nets), n)))
        if layer.memory:
            shapes.append((True, name, (rows, batch, layer.memory, n)))
    silent = [int(errors[layer.name] is None) for layer in loop.component.layers]
    numbers = (steps, batch, rows, len(silent), *silent, *_wiring(loop, given))
    found = _call("throughtime_sweep", [s for *_, s in shapes], like.dtype, operands + _ragged(given), numbers)
    deltas, sooner = (
        {n: a for (m, n, _), a in zip(shapes, found, strict=True) if m == memory} for memory in (False, True)
    )
    return deltas, sooner


def sums(steps: int, dtype: Any) -> bool:
    """Whether the native engine sums the weight gradients of so many steps; of one step they are hardly a product."""
    return engine() == "native" and jax.default_backend() == "cpu" and steps > 1 and dtype in (jnp.float32, jnp.float64)


def pulls(connection: Connection, steps: int, dtype: Any) -> bool:
    """Whether the native engine sends errors back through a connection; with one delay they are a product as it is."""
    return sums(steps, dtype) and kind_of(connection) == "dense" and len(connection.delays) > 1


def pull(layer: Layer, connection: Connection, weight: Array, delta: Array, depth: int) -> Array:
    """(D + T, K, B, S): the errors that a connection of several delays sends to its source, without its mask.

    sum over delays d of W_d delta(t + d) is what a linear layer hears of the deltas, through W turned round.
    """
    picked = wires.pick(layer, connection, delta)
    steps, rows, batch, nets, n = picked.shape
    last, s = max(connection.delays), weight.shape[1]
    deltas = jnp.pad(picked.reshape(steps, rows * batch, nets * n), ((depth, last), (0, 0), (0, 0)))
    turned = weight.transpose(0, 2, 3, 1).reshape(-1, nets * n, 1, s)
    numbers = (depth + steps, rows * batch, 0, 0, 1, *plan_turned(connection, nets * n, s))
    operands = [deltas, jnp.zeros((1, s), delta.dtype), turned]
    (error,) = _call("throughtime_forward", [(depth + steps, rows * batch, s)], delta.dtype, operands, numbers)
    return error.reshape(depth + steps, rows, batch, s)


def gradients(
    layer: Layer, delta: Array, heard: Arrays, past: dict[str, int], masks: Arrays, lengths: Array | None
) -> Arrays:
    """dL/dW of a layer's connections and "bias", from deltas (T, B, nets, N) and what was heard, {source: (D + T, B, S)}."""
    steps, batch, nets, n = delta.shape
    learned = tuple(c for c in layer.connections if kind_of(c) != "identity")
    operands, extent = [delta], list[int]()
    shapes: list[tuple[int, ...]] = [(nets, n)] if layer.biased else []
    for c in learned:
        full = heard[c.source]
        operands += [full, masks[c.key]] if c.key in masks else [full]
        extent += [full.shape[-1], past[c.source]]
        own = (len(layer.fed(c.nets)), n)
        shapes.append((len(c.delays), *own) if kind_of(c) == "diagonal" else (len(c.delays), full.shape[-1], *own))
    if not shapes:
        return {}
    wiring = plan_alone(layer, learned, lengths is not None, frozenset(masks))
    numbers = (steps, batch, int(bool(layer.biased)), *wiring, *extent)
    operands += [] if lengths is None else [lengths.astype(jnp.int32)]
    found = _call("throughtime_gradient", shapes, delta.dtype, operands, numbers)
    keys = [*(["bias"] if layer.biased else []), *(c.key for c in learned)]
    return dict(zip(keys, found, strict=True))


def _forward(loop: Loop, given: Given) -> Any:
    done = step_through(loop, given)
    alone = {m.name: done.full[m.name][loop.depth(m.name) :] for m in loop.component.layers if not loop.joins(m)}
    return (done.full | alone, done.after), (given, done)


def _back(loop: Loop, kept: tuple[Given, Stepped], errors: tuple[Arrays, Arrays]) -> tuple[Given]:
    """Errors at all that was given, from those at activities and at the memory after the last step."""
    given, done = kept
    at_left, at_after = errors
    at_full = {name: jnp.pad(e, ((len(done.full[name]) - len(e), 0), (0, 0), (0, 0))) for name, e in at_left.items()}
    depth = {name: loop.depth(name) for name in (*done.full, *loop.outer)}
    seeds = {name: error[depth[name] :, None] for name, error in at_full.items()}
    swept, sooner = _deltas(loop, given, done, seeds, {name: error[None] for name, error in at_after.items()})
    deltas = {name: delta[:, 0] for name, delta in swept.items()}
    past = {name: at_full[name][: depth[name]] for name in given.past}
    outer = {source: jnp.zeros_like(full) for source, full in given.outer.items()}
    weights: dict[str, Arrays] = {layer.name: {} for layer in loop.component.layers}
    masks: dict[str, Arrays] = {}
    for layer in loop.component.layers:
        for c in loop.heard(layer):
            heard = wires.taps((given.outer | done.full)[c.source], depth[c.source], c.delays)
            delta, weight = wires.pick(layer, c, deltas[layer.name]), given.weights[layer.name].get(c.key)
            pulled = wires.product_back(c, wires.turned(c, weight), delta)
            mask = given.masks.get(layer.name, {}).get(c.key)
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
    return (Given(outer, {} if loop.fused else deltas, bias, past, memory, weights, masks, None),)


def _deltas(loop: Loop, given: Given, done: Stepped, seeds: Arrays, after: Arrays) -> tuple[Arrays, Arrays]:
    """By a sweep; of a layer in no loop simply the slope times the error."""
    if loop.component.stepped:
        alone = Loop(loop.network, loop.component)
        return sweep_back(alone, given, done, dict(seeds), after)
    (layer,) = loop.component.layers
    activity = done.full[layer.name][loop.depth(layer.name) :]
    assert isinstance(layer.unit.activate, Activation)
    return {layer.name: (layer.unit.activate.slope(activity)[:, None] * seeds[layer.name])[..., None, :]}, {}


run_through.defvjp(_forward, _back)
