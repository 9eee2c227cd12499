"""What does not fit this machine is refused with the figure before it is asked for."""

import os


def here() -> float:
    """The memory of this machine in bytes; infinite where it does not say."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else float("inf")


def refuse_size(needed: float, what: str, remedy: str) -> None:
    """Raise an error if that many bytes are more than this machine has: "WHAT needs 12.0 GB, ...: REMEDY"."""
    if needed > here():
        raise ValueError(f"{what} needs {needed / 1e9:.1f} GB and this machine has {here() / 1e9:.1f} GB: {remedy}")
