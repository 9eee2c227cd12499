"""The built library: found, loaded, its handlers made known to XLA."""

import ctypes
from functools import cache

import jax

from throughtime.engine.native.build import LIBRARY

HANDLERS = ("throughtime_doubled",)


@cache
def load() -> ctypes.CDLL:
    """The library, its handlers registered under their own names for the platform cpu."""
    library = ctypes.CDLL(str(LIBRARY))
    library.throughtime_instruction_set.restype = ctypes.c_char_p
    for name in HANDLERS:
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(getattr(library, name)), platform="cpu")
    return library
