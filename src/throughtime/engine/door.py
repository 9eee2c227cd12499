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


def placed(values: Any, dtype: Any = None) -> jax.Array:
    """An array of JAX's; `jnp.asarray` and the like compile a program for every shape, a hundredth of a second each.

    values  that nobody changes later: they may be taken as they lie
    """
    return jax.device_put(np.asarray(values, dtype))


def precision() -> np.dtype[Any]:
    """The type in which networks compute what is given to them: float32, unless JAX was told to compute in float64."""
    return np.dtype(np.float64 if jax.config.jax_enable_x64 else np.float32)  # type: ignore[attr-defined]


def _turned(leaf: Any) -> Any:
    return leaf.astype(leaf.dtype.newbyteorder("=")) if isinstance(leaf, np.ndarray) else leaf
