"""A sign in a folder while something is done that may kill its process; without a lock it is one that a dead process left."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from throughtime.io.files import POSIX

if POSIX:
    import fcntl

NAME = ".busy-{}"
EARLY = ".early-{}"  # until it is locked


@contextmanager
def standing(folder: Path) -> Iterator[None]:
    """While this lasts, a sign stands in the folder; not where none can be written, or where there are no locks."""
    own = f"{os.getpid()}-{threading.get_ident()}"
    path, early, handle = folder / NAME.format(own), folder / EARLY.format(own), None
    with suppress(OSError):
        handle = os.open(early, os.O_RDWR | os.O_CREAT, 0o600) if POSIX else None
    try:
        if handle is not None:
            _locked(handle)
            with suppress(OSError):
                early.rename(path)
        yield
    finally:
        if handle is not None:
            for one in (early, path):
                with suppress(OSError):
                    one.unlink(missing_ok=True)
            os.close(handle)


def fallen(folder: Path) -> bool:
    """Whether a process died under its sign."""
    return POSIX and any(_left(path) for path in folder.glob(NAME.format("*")))


def _left(path: Path) -> bool:
    with suppress(OSError):
        handle = os.open(path, os.O_RDWR)
        try:
            return _locked(handle) and os.fstat(handle).st_nlink > 0  # else it was taken away while we looked
        finally:
            os.close(handle)
    return False


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
