"""What comes in from outside, made into what JAX takes."""

from typing import Any

import jax
import numpy as np

AnyArray = jax.Array | np.ndarray


def own_order(given: Any) -> Any:
    """The same tree, with numpy's arrays in the byte order of this machine.

    A function that JAX has compiled for such arrays reads those of another order as if they were: wrong numbers, in silence.
    """
    for leaf in jax.tree.leaves(given):
        if isinstance(leaf, np.ndarray) and not leaf.dtype.isnative:
            return jax.tree.map(_turned, given)
    return given  # as nearly always; a step of a small network has little time for more


def precision() -> np.dtype[Any]:
    """The type in which networks compute what is given to them: float32, unless JAX was told to compute in float64."""
    return np.dtype(np.float64 if jax.config.jax_enable_x64 else np.float32)  # type: ignore[attr-defined]


def _turned(leaf: Any) -> Any:
    return leaf.astype(leaf.dtype.newbyteorder("=")) if isinstance(leaf, np.ndarray) else leaf
