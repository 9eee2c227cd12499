"""No speed without exactness: what is timed must first give the right numbers.

Two gates. `laws` runs the project's exactness tests; `same` compares what is about to be timed, result for result, with
its peers on the same weights and data. A red gate raises `Red`, and nothing is timed or printed.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

LAWS = Path("tests/test_exactness.py")


class Red(Exception):
    """A result that is wrong: there is no point in how fast it came."""


def distance(found: Any, wanted: Any) -> float:
    """|found - wanted| / |wanted| in the Euclidean norm."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    if found.shape != wanted.shape:
        raise Red(f"shape {found.shape} where {wanted.shape} is right")
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def same(what: str, found: Mapping[str, Any], wanted: Mapping[str, Any], tolerance: float) -> None:
    """Refuse unless every array of `wanted` is there, is not all zero, and is met to the relative tolerance."""
    for name, right in wanted.items():
        if not np.any(right):
            raise Red(f"{what}: {name} is all zero, so nothing would be compared")
        if name not in found:
            raise Red(f"{what}: {name} is missing")
        off = distance(found[name], right)
        if not off <= tolerance:  # NaN is red too
            raise Red(f"{what}: {name} is off by {off:.1e} (relative), allowed {tolerance:.0e}")


def leaves(tree: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """{"layer key": array} of weights or their gradients."""
    return {f"{layer} {key}": array for layer, own in tree.items() for key, array in own.items()}


def laws(root: Path) -> str:
    """Run the exactness tests and say that they hold."""
    if not (root / LAWS).exists():
        return f"{LAWS} is not here; only what is timed was compared"
    print(f"running {LAWS} ...", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", str(LAWS)], cwd=root, capture_output=True, text=True, check=False
    )
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or ["no output"]
    if done.returncode:
        raise Red(f"{LAWS}: {lines[-1]}")
    return f"{LAWS}: {lines[-1]}"
