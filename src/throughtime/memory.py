"""What does not fit this machine is refused with the figure before it is asked for."""

import os


def here() -> float:
    """The memory of this machine in bytes; infinite where it does not say."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else float("inf")


def refuse_size(needed: float, what: str, remedy: str) -> None:
    """Raise an error if that many bytes are more than this machine has: "WHAT needs 12.0 GB, ...: REMEDY"."""
    needed = min(needed, 1e60)  # whole numbers may be too large for a floating-point one
    if needed > here():
        raise ValueError(f"{what} needs {_gigabytes(needed)} and this machine has {_gigabytes(here())}: {remedy}")


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size < 1e15 else f"{size / 1e9:.3g} GB"
