"""A sign in a folder while something is done that may kill its process; without a lock it is one that a dead process left."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from throughtime.io.files import POSIX

if POSIX:
    import fcntl

NAME = ".busy-{}"


@contextmanager
def standing(folder: Path) -> Iterator[None]:
    """While this lasts, a sign stands in the folder; not where none can be written, or where there are no locks."""
    path, handle = folder / NAME.format(os.getpid()), None
    with suppress(OSError):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600) if POSIX else None
    try:
        if handle is not None:
            _ours(handle)
        yield
    finally:
        if handle is not None:
            path.unlink(missing_ok=True)
            os.close(handle)


def fallen(folder: Path) -> bool:
    """Whether a process died under its sign."""
    return POSIX and any(_left(path) for path in folder.glob(NAME.format("*")))


def _left(path: Path) -> bool:
    with suppress(OSError):
        handle = os.open(path, os.O_RDWR)
        try:
            return _ours(handle)
        finally:
            os.close(handle)
    return False


def _ours(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
