"""The native engine's three calls: step a loop forward, sweep it back, sum weight gradients; and one of them turned round.

Shapes as in `backend.py`. Under `jax.vmap` a call takes all that is mapped at once.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from throughtime.engine import wires
from throughtime.engine.backend import Stepped
from throughtime.engine.native import records
from throughtime.engine.native.wiring import Call, alone, keeps_gates, kind_of, turned, wiring
from throughtime.engine.tape import Arrays
from throughtime.network import Connection, Layer


class Passed(NamedTuple):
    """What goes into a call.

    outer    {source: (D + T, B, S)} what the layers hear from outside; or
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


def _call(
    name: str, shapes: list[tuple[int, ...]], dtype: Any, operands: list[Any], record: records.Call
) -> list[Array]:
    axes = {axis for operand in operands for axis in _varying(operand)}
    if axes:
        where = f"a shard_map that follows what varies over its axes ({', '.join(map(repr, sorted(axes, key=str)))})"
        raise ValueError(f"the native engine does not compute in {where}: give jax.shard_map check_vma=False")
    made = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]  # type: ignore[no-untyped-call]
    call = jax.ffi.ffi_call(name, made, vmap_method="expand_dims")
    return list(call(*operands, record=np.asarray(records.numbers(record), np.int64)))


def _varying(operand: Any) -> frozenset[Any]:
    """The manual axes over which an array is known to vary: derivatives would want sums that a call knows nothing of."""
    kind = jax.typeof(operand)
    found = getattr(kind, "vma", None) or getattr(getattr(kind, "manual_axis_type", None), "varying", None)
    return frozenset(found or ())


def _wiring(call: Call, passed: Passed, taped: bool = True) -> records.Wiring:
    masked = frozenset((layer, key) for layer, keys in passed.masks.items() for key in keys)
    return wiring(call, passed.lengths is not None, masked, taped)


def _connected(call: Call, layer: Layer, passed: Passed) -> list[Array]:
    """Weights and masks of what a layer hears in the call."""
    made = []
    for c in call.heard(layer):
        if kind_of(c) != "identity":
            made.append(passed.weights[layer.name][c.key])
        if c.key in passed.masks.get(layer.name, {}):
            made.append(passed.masks[layer.name][c.key])
    return made


def _ragged(passed: Passed) -> list[Array]:
    return [] if passed.lengths is None else [passed.lengths.astype(jnp.int32)]


def step(call: Call, passed: Passed, taped: bool = True) -> Stepped:
    """Step a loop through time, and leave, if it is taped, all that a sweep needs.

    Untaped, what nobody outside hears (`Call.joins`) is without the D rows of its past.
    """
    steps, batch, dtype = call.loop.steps, call.loop.batch, call.loop.dtype
    operands: list[Array] = [passed.outer[source] for source in call.outer]
    shapes: list[tuple[str, str, tuple[int, ...]]] = []
    for layer in call.layers:
        name, n, depth = layer.name, layer.size, call.depth(layer.name)
        operands += [passed.bias[name]] if call.fused else [passed.drive[name], passed.bias[name]]
        operands += [passed.past[name]] if depth else []
        operands += [passed.memory[name]] if layer.memory else []
        operands += _connected(call, layer, passed)
        shapes.append(("full", name, ((depth if taped or call.joins(layer) else 0) + steps, batch, n)))
        if taped and keeps_gates(layer):
            shapes.append(("gates", name, (steps, batch, len(layer.nets), n)))
        if taped and layer.memory:
            shapes.append(("before", name, (steps, batch, layer.memory, n)))
        if layer.memory:
            shapes.append(("after", name, (batch, layer.memory, n)))
    at_once = not call.loop.component.stepped
    record = records.ForwardCall(steps, batch, taped, not call.fused, at_once, _wiring(call, passed, taped))
    found = _call("throughtime_forward", [s for *_, s in shapes], dtype, operands + _ragged(passed), record)
    stepped = Stepped({}, {}, {}, {}, {})
    for (kind, name, _), array in zip(shapes, found, strict=True):
        getattr(stepped, kind)[name] = array
    return stepped


def sweep(
    call: Call, passed: Passed, done: Stepped, errors: Arrays, later: Arrays, loose: frozenset[str] = frozenset()
) -> tuple[Arrays, Arrays]:
    """Deltas (T, K, B, nets, N) from errors at activities (T, K, B, N), and errors at the memories (K, B, M, N), first and last.

    Beyond `lengths` the deltas are 0; those of the `loose` layers may be anything.
    """
    like = next(iter(errors.values()))
    steps, rows, batch, _ = like.shape
    operands: list[Array] = []
    shapes: list[tuple[bool, str, tuple[int, ...]]] = []
    for layer in call.layers:
        name, n = layer.name, layer.size
        operands += [errors[name]] if name in errors else []
        operands += [done.full[name]]
        operands += [done.gates[name]] if keeps_gates(layer) else []
        operands += [done.before[name], later[name]] if layer.memory else []
        operands += _connected(call, layer, passed)
        shapes.append((False, name, (steps, rows, batch, len(layer.nets), n)))
        if layer.memory:
            shapes.append((True, name, (rows, batch, layer.memory, n)))
    silent = tuple(layer.name not in errors for layer in call.layers)
    filled = tuple(layer.name not in loose for layer in call.layers)
    record = records.SweepCall(steps, batch, rows, silent, filled, _wiring(call, passed))
    found = _call("throughtime_sweep", [s for *_, s in shapes], like.dtype, operands + _ragged(passed), record)
    deltas, sooner = (
        {n: a for (m, n, _), a in zip(shapes, found, strict=True) if m == memory} for memory in (False, True)
    )
    return deltas, sooner


def pull(layer: Layer, connection: Connection, weight: Array, delta: Array, depth: int) -> Array:
    """(D + T, K, B, S): the errors that a connection of several delays sends to its source, without its mask.

    sum over delays d of W_d delta(t + d) is what a linear layer hears of the deltas, through W turned round.
    """
    picked = wires.pick(layer, connection, delta)
    steps, rows, batch, nets, n = picked.shape
    last, s = max(connection.delays), weight.shape[1]
    deltas = jnp.pad(picked.reshape(steps, rows * batch, nets * n), ((depth, last), (0, 0), (0, 0)))
    back = weight.transpose(0, 2, 3, 1).reshape(-1, nets * n, 1, s)
    around = turned(connection, nets * n, s)
    record = records.ForwardCall(depth + steps, rows * batch, False, False, True, around)
    operands = [deltas, jnp.zeros((1, s), delta.dtype), back]
    (error,) = _call("throughtime_forward", [(depth + steps, rows * batch, s)], delta.dtype, operands, record)
    return error.reshape(depth + steps, rows, batch, s)


def gradient(
    layer: Layer, delta: Array, heard: Arrays, past: dict[str, int], masks: Arrays, lengths: Array | None
) -> Arrays:
    """dL/dW of a layer's connections and "bias", from deltas (T, B, nets, N) and what was heard, {source: (D + T, B, S)}."""
    steps, batch, nets, n = delta.shape
    learned = tuple(c for c in layer.connections if kind_of(c) != "identity")
    operands, extent = [delta], list[records.Outer]()
    shapes: list[tuple[int, ...]] = [(nets, n)] if layer.biased else []
    for c in learned:
        full = heard[c.source]
        operands += [full, masks[c.key]] if c.key in masks else [full]
        extent.append(records.Outer(full.shape[-1], past[c.source]))
        own = (len(layer.fed(c.nets)), n)
        shapes.append((len(c.delays), *own) if kind_of(c) == "diagonal" else (len(c.delays), full.shape[-1], *own))
    if not shapes:
        return {}
    wired = alone(layer, learned, lengths is not None, frozenset(masks))
    record = records.GradientCall(steps, batch, bool(layer.biased), wired, tuple(extent))
    operands += [] if lengths is None else [lengths.astype(jnp.int32)]
    found = _call("throughtime_gradient", shapes, delta.dtype, operands, record)
    keys = [*(["bias"] if layer.biased else []), *(c.key for c in learned)]
    return dict(zip(keys, found, strict=True))
