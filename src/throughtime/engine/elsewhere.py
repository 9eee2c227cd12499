"""One computation, by the native engine in a program for CPUs, by XLA in one for another platform (`jax.export`).

The platform is known when a program is lowered, and a first call waits for what is traced: so the other is traced only if it is
wanted, or if there is a derivative. `found_by_platform` has none, as what a learner finds has none.
"""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import jax
from jax import lax
from jax.core import Tracer
from jax.extend.core import Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir

from throughtime.engine.choice import engine, using_engine

Flat = Callable[..., Sequence[Any]]
Derivative = Callable[..., Any]

_chosen_p = Primitive("throughtime_by_platform")
_chosen_p.multiple_results = True


def by_platform(steps: int, compute: Callable[..., Any], *given: Any) -> Any:
    """compute(*given); steps: T, one step alone is XLA's everywhere."""
    return _chosen(steps, compute, given, _by_either)


def found_by_platform(steps: int, compute: Callable[..., Any], *given: Any) -> Any:
    """The same, without derivatives."""
    return _chosen(steps, compute, given, _no_derivative)


def _chosen(steps: int, compute: Callable[..., Any], given: Any, derivative: Derivative) -> Any:
    if steps < 2 or engine() == "xla":
        return compute(*given)
    flat, tree = jax.tree.flatten(given)
    shapes: list[Any] = []

    def flattened(*flat: Any) -> Sequence[Any]:
        found, shape = jax.tree.flatten(compute(*jax.tree.unflatten(tree, flat)))
        shapes.append(shape)
        return found

    found = _bind(flattened, flattened, flat, derivative)
    return jax.tree.unflatten(shapes[0], found)


def _bind(native: Flat, compute: Flat, flat: Sequence[Any], derivative: Derivative) -> Any:
    """native: computes here what `compute` does anywhere."""
    here = jax.make_jaxpr(native)(*flat)
    if any(isinstance(constant, Tracer) for constant in here.consts):  # a loss that closes over what is traced outside
        return compute(*flat)
    return _chosen_p.bind(*flat, here=here, compute=compute, derivative=derivative)  # type: ignore[no-untyped-call]


def _there(compute: Callable[..., Any]) -> Callable[..., Any]:
    def by_xla(*given: Any) -> Any:
        with using_engine("xla"):
            return compute(*given)

    return by_xla


def _lower_here(ctx: Any, *flat: Any, here: Any, **_: Any) -> Any:
    return mlir.lower_fun(jaxpr_as_fun(here), multiple_results=True)(ctx, *flat)


def _lower_there(ctx: Any, *flat: Any, compute: Flat, **_: Any) -> Any:
    return mlir.lower_fun(_there(compute), multiple_results=True)(ctx, *flat)


def _mapped(flat: Sequence[Any], axes: Sequence[Any], *, here: Any, compute: Flat, derivative: Derivative) -> Any:
    """What was traced is mapped, which is sooner done than tracing it again."""
    found = _bind(jax.vmap(jaxpr_as_fun(here), axes), jax.vmap(compute, axes), flat, derivative)
    return found, [0] * len(found)


def _derived(primals: Sequence[Any], tangents: Sequence[Any], *, derivative: Derivative, **how: Any) -> Any:
    return derivative(primals, tangents, **how)


def _by_either(primals: Sequence[Any], tangents: Sequence[Any], *, here: Any, compute: Flat) -> Any:
    """That of the native engine or of XLA, each traced, for what is lowered later."""
    moving = [i for i, tangent in enumerate(tangents) if not isinstance(tangent, ad.Zero)]

    def along(*some: Any) -> Any:
        given = list(primals)
        for i, value in zip(moving, some, strict=True):
            given[i] = value
        return lax.platform_dependent(*given, cpu=jaxpr_as_fun(here), default=_there(compute))

    return jax.jvp(along, [primals[i] for i in moving], [tangents[i] for i in moving])


def _no_derivative(*_: Any, **__: Any) -> NoReturn:
    remedy = "put the call into `with throughtime.using_engine('xla'):`"
    raise TypeError(f"the native engine gives no derivative of what a learner finds: {remedy}")


_chosen_p.def_impl(lambda *flat, here, **_: jaxpr_as_fun(here)(*flat))  # type: ignore[no-untyped-call]
_chosen_p.def_abstract_eval(lambda *flat, here, **_: here.out_avals)  # type: ignore[no-untyped-call]
mlir.register_lowering(_chosen_p, _lower_here, platform="cpu")
mlir.register_lowering(_chosen_p, _lower_there)
batching.primitive_batchers[_chosen_p] = _mapped
ad.primitive_jvps[_chosen_p] = _derived
