"""Compiled programs in a folder of this user, from one run to the next.

A name says all that a program depends on: the function and what is compiled into it, structure, shapes and types, options, what
JAX is told; and its folder the rest: the sources of this library, the versions of the packages, the CPU, the native library. So
what is there is what would be compiled, to the last bit. What has no name that is the same in every process, such as a unit of
one's own, is not kept.

    THROUGHTIME_CACHE    a folder; "off": nothing is kept. Unset: `throughtime` in the user's folder for caches

Where a folder was chosen for JAX's own cache, that one keeps them, and nothing is kept here.

Files appear whole or not at all, any number of processes may share the folder, and what was used longest ago goes when it is too
large. What cannot be read, or does not run, is compiled anew. A program that some CPU does not bear may kill its process: while
one is loaded and run for the first time a sign stands in the folder, and who finds that of a dead process empties it.
"""

import hashlib
import os
import pickle
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import serialize_executable

from throughtime.engine.naming import Unnamed, named
from throughtime.engine.native.build import LIBRARY
from throughtime.io import files, signs

ROOM = 256 * 1024 * 1024  # bytes
HEAD = 32  # bytes of a checksum
OURS = re.compile(
    r"throughtime_\w+|lapack_\w+_ffi"
)  # calls that a program may be kept with: by name, the same in every process
CALLS = re.compile(r"custom_call @([\w.$]+)|call_target_name = \"([^\"]+)\"")
WHERE = "THROUGHTIME_CACHE"
BEGAN = time.time() - time.process_time()  # of this process: sources that were changed since may not be what it runs
NAME = re.compile(r"[0-9a-f]{20}/[0-9a-f]{40}")  # of a folder for one machine, and a program in it


def folder() -> Path | None:
    """Where programs are kept; None: nowhere."""
    given = os.environ.get(WHERE, "")
    if given == "off" or not files.POSIX:
        return None
    try:
        if given:
            return Path(given).expanduser().absolute()
        home = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
        return (Path(os.environ.get("XDG_CACHE_HOME") or home) / "throughtime").absolute()
    except (RuntimeError, OSError):  # a user without a home, or a process without a place
        return None


def name_of(*what: Any) -> str | None:
    """The name under which a program is kept; None: it is not."""
    if _kept_by_jax() or opened() is None:
        return None
    with suppress(Unnamed, RecursionError):
        return hashlib.sha256(named(what).encode()).hexdigest()[:40]
    return None


def _kept_by_jax() -> bool:
    """Whether a folder was chosen for JAX's own cache, from which a program comes that cannot be kept once more."""
    return all(getattr(jax.config, name) for name in ("jax_compilation_cache_dir", "jax_enable_compilation_cache"))


@contextmanager
def loaded(name: str | None) -> Iterator[Callable[..., Any] | None]:
    """What was kept under that name; to be called for the first time within this."""
    place = opened()
    if place is None or name is None or not (place / name).exists():
        yield None
        return
    with signs.standing(place):
        yield _read(place / name)


def drop(name: str | None) -> None:
    """Keep it no longer."""
    place = opened()
    if place is not None and name is not None:
        _remove(place / name)


def keep(name: str | None, lowered: Any, made: Any) -> None:
    """Keep a program, if that is possible."""
    place = opened()
    if place is None or name is None or _changed():
        return
    calls = {one or other for one, other in CALLS.findall(lowered.as_text())}
    if not all(OURS.fullmatch(call) for call in calls):
        return
    with suppress(
        OSError, NotImplementedError, ValueError, pickle.PicklingError, TypeError, jax.errors.JaxRuntimeError
    ):
        algebra = any(call.startswith("lapack") for call in calls)
        data = pickle.dumps((algebra, *serialize_executable.serialize(made)))
        files.write(place / name, hashlib.sha256(data).digest() + data)
        _make_room(place.parent)


def _read(path: Path) -> Callable[..., Any] | None:
    """The program in a file; None, and no file, if it is none."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[HEAD:]).digest() != data[:HEAD]:
            raise ValueError("it is not whole")
        algebra, *parts = pickle.loads(data[HEAD:])
        if algebra:
            _with_algebra()
        made = serialize_executable.deserialize_and_load(*parts)
        os.utime(path)
    except Exception:  # whatever a file holds that another wrote: it is compiled anew
        _remove(path)
        return None
    return made


def _remove(path: Path) -> None:
    with suppress(OSError):  # a folder may have become one to read from only
        path.unlink(missing_ok=True)


@cache
def _with_algebra() -> None:
    """JAX finds LAPACK when it first lowers a call of it, and a program that is loaded calls it as it is."""
    jax.jit(jnp.linalg.cholesky).lower(np.eye(1, dtype=np.float32))


@cache
def opened() -> Path | None:
    """The folder for programs of this machine and these packages, or None where there is none that is ours alone."""
    top = folder()
    if top is None:
        return None
    try:
        place = top / _machine()
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _ours(place) or _changed():
            return None
        if signs.fallen(place):
            _empty(place)
    except OSError:
        return None
    return place


def _ours(place: Path) -> bool:
    """Whether nobody else may write to the folder, or put another one in its place."""
    facts = place.stat()
    open_to_all = any(path.stat().st_mode & 0o1002 == 0o002 for path in place.resolve().parents)
    return facts.st_uid == os.getuid() and not facts.st_mode & 0o022 and not open_to_all and os.access(place, os.W_OK)


def _sources() -> list[Path]:
    return [*sorted(Path(__file__).parents[1].rglob("*.py")), *([LIBRARY] if LIBRARY.exists() else [])]


def _changed() -> bool:
    """Whether a source is no longer what this process may have imported, so that names would lie."""
    return any(path.stat().st_mtime > BEGAN for path in _sources())


def _machine() -> str:
    """What all programs depend on."""
    packages = [(name, _version(name)) for name in ("jax", "jaxlib", "optax", "numpy", "scipy")]
    facts = (platform.python_version(), platform.platform(), platform.machine(), _cpu(), packages)
    asked = [os.environ.get(name, "") for name in ("XLA_FLAGS", "THROUGHTIME_ISA")]
    made = hashlib.sha256(repr((facts, asked)).encode())
    for path in _sources():
        made.update(path.name.encode() + path.read_bytes())
    return made.hexdigest()[:20]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _cpu() -> str:
    """What the CPU is and can do, as far as the system tells."""
    with suppress(OSError):
        told = Path("/proc/cpuinfo").read_text()
        return "\n".join(
            sorted({line for line in told.splitlines() if re.match(r"(model name|flags|Features|CPU part)\b", line)})
        )
    return platform.processor()


def _make_room(top: Path) -> None:
    """Remove what was used longest ago, until the rest has room."""
    ours = (path for path in top.glob("*/*") if NAME.fullmatch(path.relative_to(top).as_posix()))
    found = sorted(((path.stat(), path) for path in ours), key=lambda one: one[0].st_mtime)
    size = sum(facts.st_size for facts, _ in found)
    for facts, path in found:
        if size <= ROOM:
            return
        path.unlink(missing_ok=True)
        size -= facts.st_size


def _empty(place: Path) -> None:
    for path in place.iterdir():
        path.unlink(missing_ok=True)
