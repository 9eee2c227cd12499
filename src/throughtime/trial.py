"""A unit tried before it is wired: does it give what the engine and the learners take it to give?

    a, m' = activate(net, m)      net (R, nets, N), m (M, N) in every row: a must be (R, N), m' like m
    d(a, m')_j / d(net, m)_i = 0  for i in another row than j, and, unless `coupled`, for i another unit than j

The Jacobian is looked at where net and m are random. It is not made whole: any two of N units differ in a binary digit of
their numbers, so 2 log2 N products with it, each with errors at the units that have one value of one digit, show every pair.
What JAX cannot tell there (NaN) is no evidence. Cost: one small program compiled for a unit of one's own and a size,
once in a process; the built-in units are tried by the tests.
"""

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from throughtime.checks import is_whole, one_line
from throughtime.units import Unit, built_in

ROWS = 2
REMEDY = "activate takes (net (..., nets, N), memory (..., M, N)) and gives (activity (..., N), memory (..., M, N))"


@cache
def refusal(unit: Unit, size: int) -> str | None:
    """Why a layer of that size cannot be made of the unit, or None."""
    return None if built_in(unit) else wrong_sizes(unit, size) or wrong_shapes(unit, size) or wrong_mixing(unit, size)


def wrong_sizes(unit: Unit, size: int) -> str | None:
    """What is wrong with what the unit's functions of the size give."""
    nets, memory = unit.nets_of(size), unit.memory_of(size)
    if not isinstance(nets, tuple) or not nets or not all(isinstance(net, str) for net in nets):
        return f"its nets for {size} units must be a tuple of names, such as ('net',), not {nets!r}"
    if not is_whole(memory, 0):
        return f"its memory for {size} units must be a whole number of values per unit, 0 for none, not {memory!r}"
    return None


def wrong_shapes(unit: Unit, size: int) -> str | None:
    """What is wrong with the shapes that `activate` gives."""
    net, memory = ((ROWS, count, size) for count in (len(unit.nets_of(size)), unit.memory_of(size)))
    called = f"activate(net {net}, memory {memory})"
    try:
        found: Any = jax.eval_shape(unit.activate, *(np.empty(shape, np.float32) for shape in (net, memory)))
    except Exception as error:
        return f"{called} fails: {one_line(str(error), 200)}; {REMEDY}, in jax.numpy"
    if not isinstance(found, tuple) or len(found) != 2:
        kind = f"an array {found.shape}" if hasattr(found, "shape") else f"a {type(found).__name__}"
        return f"{called} gives {kind}, no pair: return (activity, memory)"
    activity, kept = found
    if getattr(activity, "shape", None) == net:
        return f"{called} gives an activity {net}, wanted {(ROWS, size)}; take the net input out, as in net[..., 0, :]"
    trouble = _wrong_part("an activity", activity, (ROWS, size)) or _wrong_part("a memory", kept, memory)
    return trouble and f"{called} gives {trouble}"


def _wrong_part(what: str, part: Any, wanted: tuple[int, ...]) -> str | None:
    shape = getattr(part, "shape", type(part).__name__)
    if shape != wanted:
        return f"{what} {shape}, wanted {wanted}"
    floating = jnp.issubdtype(part.dtype, jnp.floating)
    return None if floating else f"{what} of {part.dtype}: it must be floating-point, as the net inputs are"


def wrong_mixing(unit: Unit, size: int) -> str | None:
    """Whose net inputs or memories an activity or memory depends on, if it must not."""
    try:
        rows, units = _mixed(unit, size)
    except Exception as error:
        return f"activate has no gradient: {one_line(str(error), 200)}; {REMEDY}, in jax.numpy"
    if rows:
        return "it mixes the rows of a batch: sum over the last axis only, axis=-1, index from the end, net[..., 0, :]"
    if units and not unit.coupled:
        return "what one unit of a layer gives depends on the net inputs or memories of others: say so, coupled=True"
    return None


def _mixed(unit: Unit, size: int) -> tuple[bool, bool]:
    """Does an error in one row, does one in some of the units, come back to others?"""
    row = np.eye(ROWS, dtype=bool)[:, :, None]
    digits = np.arange(size) >> np.arange((size - 1).bit_length())[:, None] & 1
    halves = np.concatenate([digits == 0, digits == 1])[:, None]
    asked = np.concatenate([np.broadcast_to(part, (len(part), ROWS, size)) for part in (row, halves)])
    draw = np.random.default_rng(0)
    shapes = [(ROWS, count, size) for count in (len(unit.nets_of(size)), unit.memory_of(size))]
    at = [draw.normal(size=shape).astype(np.float32) for shape in shapes]
    for values in at:
        values[0] = draw.uniform(0.1, 0.9, values[0].shape)  # where logarithms and roots are numbers
    errors = [asked * draw.normal(size=asked.shape), asked[:, :, None] * draw.normal(size=(len(asked), *shapes[1]))]
    with jax.ensure_compile_time_eval(), jax.debug_nans(False):
        back = _sent_back(unit, at, errors)
    outside = [(np.isfinite(b) & (np.asarray(b) != 0) & ~asked[:, :, None]).any((1, 2, 3)) for b in back]
    found = outside[0] | outside[1]
    return bool(found[:ROWS].any()), bool(found[ROWS:].any())


@partial(jax.jit, static_argnums=0)
def _sent_back(unit: Unit, at: Any, errors: Any) -> Any:
    """Errors at activity and memory, each sent back to the net inputs and the memory before."""
    given, pull = jax.vjp(unit.activate, *at)
    return jax.vmap(lambda *e: pull(tuple(x.astype(y.dtype) for x, y in zip(e, given, strict=True))))(*errors)
