"""Text as programs of any age wrote it."""

from pathlib import Path


def decoded(path: Path) -> str:
    """What is in a text file: UTF-8 with or without a mark of byte order, Latin-1 as the last resort."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
