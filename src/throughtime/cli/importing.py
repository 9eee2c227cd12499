"""The library is imported when a command runs: help, mistakes in the command itself and the version wait for nothing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Around the imports of a command: they take seconds, so it says so on a terminal, unless asked for quiet."""
    shown = sys.stderr.isatty() and not {"-q", "--quiet"} & {*sys.argv[1:]}
    said = "importing ..."
    print(f"{said}\r" if shown else "", end="", file=sys.stderr, flush=True)
    yield
    print(" " * len(said) + "\r" if shown else "", end="", file=sys.stderr, flush=True)
