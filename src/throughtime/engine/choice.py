"""Which engine computes: the native one where it is there, unless the environment or a `with` says otherwise.

The engines stand in order: of those that may compute, the first that takes a loop runs it. The last takes everything.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import jax

from throughtime.engine import xla
from throughtime.engine.backend import Backend, Loop
from throughtime.engine.info import BY_VARIABLE, EngineInfo, asked, info_of
from throughtime.engine.native import passes
from throughtime.engine.native.build import SETS
from throughtime.engine.native.loading import load

BACKENDS: tuple[Backend, ...] = (passes, xla)
ENGINES = tuple(backend.NAME for backend in BACKENDS)
REMEDY = "reinstall throughtime, or run: python -m throughtime.engine.native (it needs a C++17 compiler)"

# Part of the key of every cache of JAX, also of those of functions that others jit. None stands for the default.
_chosen = jax.make_user_context(None)  # type: ignore[no-untyped-call]


def engine() -> str:
    """Which engine computes here and now, "native" or "xla": to be asked while a function is traced."""
    if _chosen.value is None:
        _warn_once()
    return _chosen.value or _default()


def backends() -> tuple[Backend, ...]:
    """Those that may compute here and now, the preferred first: to be asked while a function is traced."""
    return BACKENDS[ENGINES.index(engine()) :]


def taker(loop: Loop) -> Backend:
    """The first of them that takes a loop."""
    return next(backend for backend in backends() if backend.takes(loop))


@contextmanager
def using_engine(name: str) -> Iterator[None]:
    """Compute with that engine inside the `with`, in this thread.

    The native engine gives first derivatives in reverse (`jax.grad`, `jax.vjp`), on CPUs; in programs lowered for other
    platforms XLA computes. "xla" gives all that JAX has: second and forward derivatives, every device, a `jax.export` for
    CPUs that needs no library. Both give the same numbers up to rounding. What JAX has compiled for one is never taken for
    the other, also in functions of your own; what counts is where they are called.

    name  "native" or "xla"

    raises  ValueError for another name, and for "native" where it is not there

    >>> import throughtime as tt
    >>> with tt.using_engine("xla"):
    ...     tt.engine_info().engine
    'xla'
    """
    _check(name, "using_engine")
    with _chosen(None if name == _default() else name):
        yield


def engine_info() -> EngineInfo:
    """Which engine computes here and now, and why.

    returns  an `EngineInfo`; the first call starts JAX
    raises   ValueError if the environment variable THROUGHTIME_ENGINE demands what is not there

    >>> import throughtime as tt
    >>> tt.engine_info().engine in ("native", "xla")
    True
    """
    name = _chosen.value or _default()
    loaded = load().loaded if name == "native" else None
    return info_of(name, _why(), loaded.throughtime_instruction_set().decode() if loaded else "")


def _why() -> str:
    if _chosen.value:
        return "chosen by using_engine"
    if asked("THROUGHTIME_ENGINE", ENGINES):
        return BY_VARIABLE
    return load().why


@cache
def _default() -> str:
    """The engine outside every `with`; the environment is looked at once, as JAX's caches outlive a change of it."""
    asked("THROUGHTIME_ISA", tuple(SETS))
    wanted = asked("THROUGHTIME_ENGINE", ENGINES)
    if wanted:
        _check(wanted, "THROUGHTIME_ENGINE")
        return wanted
    return "native" if load().loaded else "xla"


def _check(name: str, source: str) -> None:
    if name not in ENGINES:
        raise ValueError(f"{source} was given {name!r}: the engines are {' and '.join(ENGINES)}")
    if name == "native" and not load().loaded:
        raise ValueError(f"{source} demands the native engine, but {load().why}: {REMEDY}")


@cache
def _warn_once() -> None:
    if not asked("THROUGHTIME_ENGINE", ENGINES) and load().broken:
        warnings.warn(f"the native engine is not used, XLA computes instead: {load().why}: {REMEDY}", RuntimeWarning, 3)
