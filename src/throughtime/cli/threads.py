"""How many threads the matrices of a training get."""

from contextlib import AbstractContextManager
from typing import Any

import scipy.linalg  # noqa: F401  # loads the BLAS that JAX uses, so that its threads can be limited
from threadpoolctl import threadpool_limits


def single_threaded() -> AbstractContextManager[Any]:
    """One thread for BLAS: the matrices are small, and threads would wait for each other."""
    return threadpool_limits(1, user_api="blas")
