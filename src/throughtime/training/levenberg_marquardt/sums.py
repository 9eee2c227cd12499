"""The sum of squares over many sequences: in buckets of one length, and in groups that have room in memory."""

from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import Array, lax

from throughtime import losses
from throughtime.engine import Weights
from throughtime.engine.schedule import state
from throughtime.network import Network
from throughtime.sequences import Bucket
from throughtime.training.jacobian import Normal, Stretch, normal_equations, squares


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


class Problem(NamedTuple):
    """The sum of squares, as a function of the weights."""

    network: Network
    loss: SumOfSquares
    groups: list[Stretch]
    room: int

    def normal(self, weights: Weights) -> Normal:
        """The normal equations."""
        found = partial(normal_equations, self.network, weights, self.loss.residual, room=self.room)
        return _total(found, self.groups)

    def squares(self, weights: Weights) -> Array:
        """The sum of squared residuals."""
        return _total(partial(squares, self.network, weights, self.loss.residual, room=self.room), self.groups)

    def asked(self) -> Array:
        """How many targets are asked for."""
        return sum((losses.asked(g.targets).sum() for g in self.groups), jnp.array(0))

    def numbers(self) -> Array:
        """How many residuals there are."""
        return sum((jnp.sum(~jnp.isnan(g.targets)) for g in self.groups), jnp.array(0))


def groups(network: Network, weights: Weights, bucket: Bucket, room: int) -> Stretch:
    """The sequences, in groups along a first axis so small that the influence matrix of one has room."""
    width = sum(w.size for w in jax.tree.leaves(weights))
    rows = sum(row.width for row in state(network)) + 32 * network.size_of(network.output)
    size = min(bucket.places, max(1, room // (rows * width)))
    padding = -bucket.places % size
    index = jnp.append(jnp.arange(bucket.places), jnp.full(padding, bucket.places)).reshape(-1, size)
    made = jax.vmap(bucket.pick)(index)
    xs, targets, before = jax.tree.map(lambda v: v.astype(jnp.float64), (made.xs, made.targets, made.history))
    return Stretch(xs, targets, None if bucket.full and not padding else made.lengths, before)


def _total(find: Any, groups: list[Stretch]) -> Any:
    """The sum over all groups of sequences."""
    sums = []
    for group in groups:
        first = jax.tree.map(lambda v: v[0], group)
        nothing = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(find, first))
        sums.append(lax.scan(lambda s, part: (jax.tree.map(jnp.add, s, find(part)), None), nothing, group)[0])
    return jax.tree.map(lambda *parts: sum(parts), *sums)
