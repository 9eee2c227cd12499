"""The arrays of a tree by their places in it, as a file holds them; and the tree again, like a fresh one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Leaves:
    """The arrays of a tree whose classes a file does not know, such as the state of an optimizer.

    arrays  {place: array}, a place such as "0/mu/hidden/recurrent"
    """

    arrays: Mapping[str, Values]

    def as_tree(self, fresh: Any) -> Any:
        """A tree of the same classes, names, shapes and types as `fresh`, or None if these are not its leaves."""
        places, tree = jax.tree_util.tree_flatten_with_path(fresh)
        wanted = {place(path): leaf for path, leaf in places}
        if wanted.keys() != self.arrays.keys() or not all(
            _fits(self.arrays[name], leaf) for name, leaf in wanted.items()
        ):
            return None
        with jax.enable_x64(True):  # numbers of 64 bits stay what they are
            return jax.tree.unflatten(tree, [_like(self.arrays[name], leaf) for name, leaf in wanted.items()])


def leaves_of(tree: Any) -> Leaves:
    """The leaves of a tree, as they are."""
    found = jax.tree_util.tree_leaves_with_path(tree)
    return Leaves({place(path): np.asarray(jax.device_get(_data(leaf))) for path, leaf in found})


def place(path: Any) -> str:
    """Where a leaf is: keys and numbers, with a slash between."""
    return "/".join(quote(jax.tree_util.keystr((key,), simple=True), safe=" ") for key in path)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(getattr(leaf, "dtype", jnp.float32), jax.dtypes.prng_key)


def _data(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _fits(values: Values, leaf: Any) -> bool:
    wanted = _data(leaf)
    return values.shape == np.shape(wanted) and values.dtype == getattr(wanted, "dtype", values.dtype)


def _like(values: Values, leaf: Any) -> Any:
    if _is_key(leaf):
        return jax.random.wrap_key_data(jnp.asarray(values), impl=jax.random.key_impl(leaf))
    return values if isinstance(leaf, np.ndarray) else jnp.asarray(values)
