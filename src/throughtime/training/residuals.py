"""What methods that read the Jacobian of residuals ask of a network, a loss and a state."""

from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from throughtime.network import Network


class SumOfSquares(Protocol):
    """A loss that is the sum of squared residuals, such as `SquaredError`."""

    def residual(self, ys: Array, targets: Array) -> Array:
        """(T, B, O), each from its own output alone; 0 where nothing is asked."""


def refuse_other(network: Network, loss: Any, name: str) -> None:
    """What no optimizer that reads the Jacobian of residuals can do; `name`: which of them says so."""
    if not callable(getattr(loss, "residual", None)):
        raise ValueError(
            f"{name} needs a sum of squares with a method residual(ys, targets), not {loss!r}: "
            "use SquaredError(), or another optimizer"
        )
    if any(c.dropout for layer in network.layers for c in layer.connections):
        raise ValueError(f"{name} draws no dropout: wire the network without, or use another optimizer")


def refuse_rounded(state: Any, name: str) -> None:
    """What an optimizer that computes in float64 cannot go on with."""
    for leaf in jax.tree.leaves(state):
        if jnp.issubdtype(leaf.dtype, jnp.floating) and leaf.dtype != jnp.float64:
            remedy = "hand over what the report gave, or its numpy arrays (jax.device_get); jnp.asarray rounds"
            raise ValueError(f"the state of {name} is float64, and was given as {leaf.dtype}: {remedy}")
