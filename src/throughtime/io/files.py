"""The one writer of files: whole or not at all, whatever happens meanwhile.

What is written goes under a temporary name into the same folder, is brought to the disk, and only then gets its own name.
The writer holds a lock on it as long as it lives, and the system takes the lock away when a process ends, however it ends. So a
temporary file without a lock is one that a killed process has left, and the next writer in the folder sweeps it.
"""

import errno
import hashlib
import os
import re
import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any, NamedTuple

POSIX = os.name == "posix"  # elsewhere nothing can be told of locks, so nothing is swept
if POSIX:
    import fcntl

PREFIX = ".throughtime-"
TEMPORARY = re.compile(re.escape(PREFIX) + r"[0-9a-f]{16}(\..*)?", re.DOTALL)
ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Draft(NamedTuple):
    """A file that has not got its name yet."""

    stream: IO[bytes]
    temporary: str
    target: str
    path: str | os.PathLike[str]  # as it was asked for

    def publish(self) -> None:
        """Give it its name, in one step."""
        if self.stream.closed:
            return
        if not POSIX:
            self.stream.close()  # elsewhere an open file cannot be renamed
        os.replace(self.temporary, self.target)
        self.stream.close()

    def discard(self) -> None:
        """Leave nothing of it."""
        with suppress(OSError):
            os.unlink(self.temporary)
        with suppress(OSError):  # what it still holds may find no room
            self.stream.close()


_waiting: ContextVar[list[_Draft] | None] = ContextVar("waiting", default=None)


@contextmanager
def together() -> Iterator[None]:
    """Files written in this block appear at its end, one right after the other, or none does.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, together():
    ...     write(Path(folder, "a"), b"1")
    ...     write(Path(folder, "b"), b"2")
    ...     Path(folder, "a").exists()
    False
    """
    if _waiting.get() is not None:
        yield
        return
    drafts: list[_Draft] = []
    before = _waiting.set(drafts)
    try:
        yield
        _publish(drafts)
    finally:
        _waiting.reset(before)
        for draft in drafts:
            if not draft.stream.closed:
                draft.discard()


def _publish(drafts: list[_Draft]) -> None:
    try:
        for draft in drafts:
            with _told(draft.path):
                draft.publish()
    except KeyboardInterrupt:  # some have their names: the others get theirs too
        for draft in drafts:
            with suppress(FileNotFoundError):  # it was interrupted just after it had its name
                draft.publish()
        raise
    finally:
        for folder in {os.path.dirname(draft.target) for draft in drafts}:
            _to_disk(folder)


@contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file to write to, which appears under its name when the block has ended well; until then what was there stays.

    A link is followed. Permissions are those of any new file.

    raises  OSError in one line with the file's name: no room, no permission, no folder
    """
    with together(), _told(path):
        draft = _begun(path)
        try:
            yield draft.stream
            draft.stream.flush()
            os.fsync(draft.stream.fileno())
        except BaseException:
            draft.discard()
            raise
        waiting = _waiting.get()
        assert waiting is not None
        waiting.append(draft)


def write(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write a file, whole or not at all; text as UTF-8."""
    with whole(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def append(path: str | os.PathLike[str], line: str, lasting: bool = True) -> None:
    """Add a line to a file. A new line comes first: the last one may have been cut short.

    lasting  it is on the disk when this returns, some milliseconds later; False: when the system finds the time
    """
    with _told(path), open(path, "ab") as file:
        file.write(b"\n" + line.encode())
        file.flush()
        if lasting:
            os.fsync(file.fileno())


def write_whole(path: str | os.PathLike[str], figure: Any, **how: Any) -> None:
    """Write a picture of a kind that its name's ending says, none is .png; `how` as `savefig` of matplotlib takes it."""
    path = Path(path) if Path(path).suffix else Path(path).with_suffix(".png")
    with whole(path) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # of a name in a script the font lacks
        figure.savefig(file, format=path.suffix[1:], **how)


def fingerprint(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file, in hexadecimal: another number means other data. Raises `OSError` if it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def temporary(path: str | os.PathLike[str]) -> bool:
    """Whether this is the name of a file that is being written, or that a killed process has left."""
    return TEMPORARY.fullmatch(os.path.basename(path)) is not None


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove what killed processes have left in a folder; files of living ones stay."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if temporary(entry.name) and entry.is_file(follow_symlinks=False):
                _remove_left(entry.path)


@contextmanager
def held(folder: str | os.PathLike[str]) -> Iterator[bool]:
    """Hold a folder against other processes; False: one of them holds it. It leaves nothing in the folder.

    A file system that knows no such locks lets everyone in.
    """
    if not POSIX:
        yield True
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield _locked(handle) is not False and os.fstat(handle).st_nlink > 0  # it may have been removed meanwhile
    finally:
        os.close(handle)


def _begun(path: str | os.PathLike[str]) -> _Draft:
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        raise OSError(errno.EINVAL, "it is there, and no ordinary file")
    folder, name = os.path.split(target)
    sweep(folder)
    while True:
        draft = os.path.join(folder, PREFIX + secrets.token_hex(8) + os.path.splitext(name)[1])
        handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        if _locked(handle) is not False and os.fstat(handle).st_nlink:
            return _Draft(os.fdopen(handle, "w+b"), draft, target, path)
        os.close(handle)  # swept by another process before it was locked


def _locked(handle: int) -> bool | None:
    """Whether the lock is ours now; None: here are no locks."""
    if not POSIX:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _remove_left(path: str) -> None:
    with suppress(OSError):
        handle = os.open(path, os.O_RDWR)
        try:
            if _locked(handle):
                os.unlink(path)
        finally:
            os.close(handle)


def _to_disk(folder: str) -> None:
    """The names of a folder, after the contents of its files."""
    with suppress(OSError):  # not every system opens a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _told(path: str | os.PathLike[str]) -> Iterator[None]:
    """Errors of the system as one line with the name of the file; what is known of them stays."""
    try:
        yield
    except OSError as error:
        remedy = "make room" if error.errno in ROOM else "choose a folder that can be written"
        told = type(error)(f"cannot write {os.fspath(path)}: {error.strerror or error}; {remedy}")
        told.errno = error.errno
        raise told from None
