"""The built library: found, loaded, and its handlers made known to XLA; or why there is none."""

import ctypes
from functools import cache
from typing import NamedTuple

import jax

from throughtime.engine.native.build import LIBRARY, facts
from throughtime.engine.native.shared_object import BY_DEFAULT, HANDLERS, checked, opened


class Library(NamedTuple):
    """The library, or why there is none; `broken` if it was built and yet does not work here."""

    loaded: ctypes.CDLL | None
    why: str
    broken: bool = False


@cache
def load() -> Library:
    """Load the library and register its handlers under their own names for the platform cpu, once.

    XLA takes handlers that were compiled with the FFI version of this jaxlib or an older one that it still knows. It is
    asked after its CPU client is there: before that it would only make a note of them, and for one that it does not
    take refuse to start at all.
    """
    if not LIBRARY.exists():
        return Library(None, f"it was not built: {facts().get('why', 'nobody tried')}")
    try:
        jax.devices("cpu")
    except RuntimeError:
        return Library(None, "JAX has no platform cpu here")
    try:
        return Library(_registered(opened(LIBRARY)), BY_DEFAULT)
    except (OSError, AttributeError, jax.errors.JaxRuntimeError) as error:
        return Library(None, f"it was built and cannot be loaded: {str(error).splitlines()[0]}", broken=True)


def _registered(library: ctypes.CDLL) -> ctypes.CDLL:
    for name in HANDLERS:
        handler = jax.ffi.pycapsule(getattr(library, name))  # type: ignore[no-untyped-call]
        jax.ffi.register_ffi_target(name, handler, platform="cpu")
    return checked(library)
