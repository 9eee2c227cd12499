"""The built library by itself: it has no Python ABI and needs no JAX. What it is to XLA, `loading` says."""

import ctypes
from pathlib import Path

from throughtime.engine.native import records

BY_DEFAULT = "the default where it is built"
HANDLERS = ("throughtime_forward", "throughtime_sweep", "throughtime_gradient")


def opened(path: Path) -> ctypes.CDLL:
    """The library in a file; OSError if it cannot be loaded here."""
    return ctypes.CDLL(str(path))


def checked(library: ctypes.CDLL) -> ctypes.CDLL:
    """The library; OSError if it reads other records than are written, AttributeError if it lacks what is called."""
    for name in HANDLERS:
        getattr(library, name)
    library.throughtime_instruction_set.restype = library.throughtime_records.restype = ctypes.c_char_p
    if library.throughtime_records().decode() != records.told():
        raise OSError("it reads other records than this version of throughtime writes")
    return library
