"""A folder of one's own to write into: proved to be writable, held against other runs, never filled over by accident."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from throughtime.dynamics.wrong import Wrong
from throughtime.io import files
from throughtime.reports.outcome import METRICS

STUDY, EVENTS, PROGRESS = "study.json", "events.jsonl", "progress.safetensors"


@contextmanager
def own(path: Path, overwrite: bool) -> Iterator[Path]:
    """The folder, ours alone as long as the block lasts; what was made for it goes again if it stays empty.

    A folder that holds something is refused without `overwrite`; nothing in it is deleted but what killed runs have left.

    raises  Wrong for one that is a file, cannot be written, is in use or not empty
    """
    if path.exists() and not path.is_dir():
        raise Wrong(f"{{folder}} {path} is a file; name a folder")
    made = [p for p in (path, *path.parents) if not p.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        _remove(made)
        raise Wrong(f"{{folder}} {path} cannot be written: {error.strerror}; choose another folder") from None
    with files.held(path) as ours:
        if not ours:
            raise Wrong(
                f"{{folder}} {path} is in use by another run; choose another folder, or wait until it has ended"
            )
        files.sweep(path)
        try:
            _refuse_full(path, overwrite)
            yield path
        finally:
            _remove(made)


def _refuse_full(path: Path, overwrite: bool) -> None:
    for found in sorted(path.iterdir()):
        if not overwrite and not files.temporary(found):
            begun = (path / PROGRESS).exists() or ((path / STUDY).exists() and not (path / METRICS).exists())
            on = f"go on with {{resume}} {path}, " if begun else ""
            raise Wrong(
                f"{{folder}} {path} is not empty (it holds {found.name}); {on}"
                "choose another folder, or {overwrite} to replace files of the same name"
            )


def _remove(made: list[Path]) -> None:
    for path in made:
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
