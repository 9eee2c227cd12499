"""The native engine beside XLA on random wirings, call by call, for as long as you like: they may differ by rounding only.

    python tests/fuzz.py --minutes 10
    python tests/fuzz.py --minutes 1 --seed 7      to begin where another run did

Ends with an error and the smallest case that it finds where they differ.
"""

import argparse
import random
import time

import conftest  # noqa: F401  JAX's settings, before JAX

# isort: split
import hypothesis
import jax
from hypothesis import strategies as st

from backends import compared
from engines import Case, cases
from throughtime.engine.native import passes

FEW = 20  # cases to a seed; then compiled programs are forgotten


def search(seed: int) -> float:
    """Compare a few cases; the largest difference, in tolerances."""
    largest = [0.0]

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=FEW, derandomize=False, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(cases(), st.sampled_from((1, 3)))
    def agree(case: Case, rows: int) -> None:
        largest.append(max(compared(passes, case, rows).values()) / case.tolerance)
        assert largest[-1] < 1

    agree()
    jax.clear_caches()
    return max(largest)


def main() -> None:
    """Search until time is up."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--minutes", type=float, default=10)
    words.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = words.parse_args()
    end, seed = time.monotonic() + 60 * given.minutes, given.seed
    while time.monotonic() < end:
        print(f"seed {seed}: {FEW} wirings, at most {search(seed):.1e} of the tolerance apart", flush=True)
        seed += 1


if __name__ == "__main__":
    main()
