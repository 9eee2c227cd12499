"""Programs: functions of the library that JAX compiles, with as much thought as there is to be computed, and keeps between runs.

Where the native engine steps all loops, XLA's optimiser has little to gain and takes most of the time from command to
answer. So a program that computes little is compiled `LIGHT`, in a seventh of the time, and runs in twice the time at most; one
that computes more, or that its caller will call many times, `PLAIN`, in less than half of the time and as fast. What XLA steps
is compiled as JAX does it. The rule looks at wiring and shapes alone, so that equal calls give equal bits.

These are options of one program: nothing of what JAX is told for the whole process changes. Within the tracing of another
program, with devices other than one CPU, or where JAX is told to look for NaNs, a program is what `jax.jit` makes.
"""

from collections.abc import Callable, Sequence
from functools import cache, update_wrapper
from inspect import signature
from math import prod
from typing import Any, Generic, NamedTuple, TypeVar

import jax
import numpy as np
from jax.core import Tracer

from throughtime.engine import kept
from throughtime.engine.choice import engine
from throughtime.engine.native.wiring import knows
from throughtime.engine.schedule import schedule
from throughtime.network import Network

Made = TypeVar("Made")

Options = tuple[tuple[str, int | bool], ...]
PLAIN: Options = (
    ("xla_backend_optimization_level", 1),
    ("xla_cpu_use_fusion_emitters", False),  # the newer ones compile one function for each fused loop, twice as long
    ("xla_cpu_parallel_codegen_split_count", 1),
)
LIGHT: Options = (("xla_backend_optimization_level", 0), *PLAIN[1:])
LITTLE = 1 << 23  # rows times weights: some milliseconds
MOST = 1024  # programs that a function remembers

_TOLD = (  # what JAX is told that numbers depend on, in all its versions together
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
    "jax_numpy_dtype_promotion",
    "jax_numpy_rank_promotion",
    "jax_softmax_custom_jvp",
    "jax_random_seed_offset",
    "jax_high_dynamic_range_gumbel",
    "jax_explicit_x64_dtypes",
    "jax_allow_f16_reductions",
    "jax_use_direct_linearize",
)
_HEARD = tuple(name for name in _TOLD if hasattr(jax.config, name))
_LOOKED = ("jax_disable_jit", "jax_debug_nans", "jax_debug_infs", "jax_log_compiles", "jax_check_tracer_leaks")


class ProgramCall(NamedTuple):
    """What a program is compiled for: equal calls share it.

    fixed     the static arguments
    tree      the structure of the others, and of each leaf its shape and type
    options   of XLA
    settings  what JAX is told, and the engine
    """

    fixed: tuple[Any, ...]
    tree: Any
    leaves: tuple[Any, ...]
    options: Options
    settings: tuple[Any, ...]


class CompiledFunction(Generic[Made]):
    """A function, whose first argument is the network or holds it, that is compiled for every wiring, structure, shape and type."""

    def __init__(self, function: Callable[..., Made], static: Sequence[str]) -> None:
        update_wrapper(self, function)
        self.name = f"{function.__module__}.{function.__qualname__}"
        names = list(signature(function).parameters)
        self.static = frozenset(i for i, name in enumerate(names) if name in static)
        self.weights = next(i for i, name in enumerate(names) if name in ("weights", "state", "iterate"))
        self.jitted = jax.jit(function, static_argnums=tuple(sorted(self.static)))
        self.known: dict[ProgramCall, Callable[..., Made]] = {}

    def __call__(self, *given: Any) -> Made:
        """Compute it."""
        return self._called(given, often=False)

    def often(self, *given: Any) -> Made:
        """Compute it, with a program that is worth some thought: it will be called many times more."""
        return self._called(given, often=True)

    def _called(self, given: tuple[Any, ...], often: bool) -> Made:
        moving = tuple(value for i, value in enumerate(given) if i not in self.static)
        leaves, tree = jax.tree.flatten(moving)
        if not _alone() or not all(map(_is_ours, leaves)) or any(getattr(jax.config, name) for name in _LOOKED):
            made: Made = self.jitted(*given)
            return made
        fixed = tuple(value for i, value in enumerate(given) if i in self.static)
        options = options_of(getattr(given[0], "network", given[0]), given[self.weights], leaves, often)
        call = ProgramCall(
            fixed, tree, tuple(map(_kind, leaves)), options, (engine(), *(getattr(jax.config, n) for n in _HEARD))
        )
        found = self.known.get(call)
        if found is not None:
            return found(*moving)
        return self._first(call, given, moving)

    def _first(self, call: ProgramCall, given: tuple[Any, ...], moving: tuple[Any, ...]) -> Made:
        """The first call of that kind in this process: with what an earlier one has kept, or compiled now."""
        if len(self.known) >= MOST:
            self.known.clear()
        said = call._replace(tree=str(call.tree), settings=tuple(map(str, call.settings)))
        name = kept.name_of(self.name, said)
        with kept.loaded(name) as found:
            if found is not None:
                try:
                    done: Made = jax.block_until_ready(found(*moving))  # type: ignore[no-untyped-call]
                except jax.errors.JaxRuntimeError:  # what was kept is not all of it
                    kept.drop(name)
                else:
                    self.known[call] = found
                    return done
        lowered = self.jitted.lower(*given)
        made = _compiled(lowered, call.options)
        self.known[call] = made
        kept.keep(name, lowered, made)
        return made(*moving)


def program(*static: str) -> Callable[[Callable[..., Made]], CompiledFunction[Made]]:
    """Make a program of a function of a network; static: the names of arguments that are compiled in, the network's too."""

    def of(function: Callable[..., Made]) -> CompiledFunction[Made]:
        made = CompiledFunction(function, static)
        _all.append(made)
        return made

    return of


def forget() -> None:
    """Let go of all programs in memory, of JAX's own too."""
    jax.clear_caches()  # type: ignore[no-untyped-call]
    for one in _all:
        one.known.clear()


_all: list[CompiledFunction[Any]] = []


@cache
def _alone() -> bool:
    """Whether JAX has one CPU and nothing else."""
    return jax.default_backend() == "cpu" and jax.local_device_count() == 1


def _is_ours(leaf: Any) -> bool:
    if isinstance(leaf, jax.Array):
        return not isinstance(leaf, Tracer)
    return isinstance(leaf, np.ndarray | np.generic | float | int)


def _kind(leaf: Any) -> tuple[Any, ...]:
    if isinstance(leaf, jax.Array):
        return leaf.shape, leaf.dtype, getattr(leaf, "weak_type", False)  # keys have none
    if isinstance(leaf, np.ndarray | np.generic):
        return leaf.shape, leaf.dtype
    return (type(leaf),)


def options_of(network: Network, weights: Any, leaves: Sequence[Any], often: bool) -> Options:
    if not _steps_natively(network, engine()):
        return ()
    return PLAIN if often or _work(getattr(weights, "weights", weights), leaves) > LITTLE else LIGHT


@cache
def _steps_natively(network: Network, which: str) -> bool:
    return which == "native" and all(knows(part) for part in schedule(network) if part.stepped)


def _work(weights: Any, leaves: Sequence[Any]) -> int:
    """About the multiplications of one pass: weights times the rows of the longest table."""
    tables = [leaf.shape for leaf in leaves if np.ndim(leaf) > 1]
    rows = max((prod(shape[:-1]) for shape in tables), default=1)
    return rows * sum(leaf.size for leaf in jax.tree.leaves(weights))


def _compiled(lowered: Any, options: Options) -> Any:
    try:
        return lowered.compile(compiler_options=dict(options) or None)
    except jax.errors.JaxRuntimeError:  # a jaxlib that does not know them, or a program that has none
        return lowered.compile()
