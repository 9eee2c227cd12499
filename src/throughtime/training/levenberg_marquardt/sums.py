"""The sum of squares over many sequences: in buckets of one length, and in groups that have room in memory."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from throughtime import losses
from throughtime.engine import Weights
from throughtime.engine.schedule import state
from throughtime.network import Network
from throughtime.sequences import Bucket
from throughtime.training.jacobian import Normal, normal_equations, squares
from throughtime.training.residuals import SumOfSquares
from throughtime.training.segments import Segment


class LeastSquares(NamedTuple):
    """The sum of squares, as a function of the weights."""

    network: Network
    loss: SumOfSquares
    groups: list[Segment]
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


def groups(network: Network, weights: Weights, bucket: Bucket, room: int) -> Segment:
    """The sequences, in groups along a first axis so small that the influence matrix of one has room."""
    width = sum(w.size for w in jax.tree.leaves(weights))
    rows = sum(row.width for row in state(network)) + 32 * network.size_of(network.output)
    size = min(bucket.places, max(1, room // (rows * width)))
    padding = -bucket.places % size
    index = jnp.append(jnp.arange(bucket.places), jnp.full(padding, bucket.places)).reshape(-1, size)
    made = jax.vmap(bucket.pick)(index)
    xs, targets, before = jax.tree.map(lambda v: v.astype(jnp.float64), (made.xs, made.targets, made.history))
    return Segment(xs, targets, None if bucket.full and not padding else made.lengths, before)


def _total(find: Any, groups: list[Segment]) -> Any:
    """The sum over all groups of sequences."""
    sums = []
    for group in groups:
        first = jax.tree.map(lambda v: v[0], group)
        nothing = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(find, first))
        sums.append(lax.scan(lambda s, part: (jax.tree.map(jnp.add, s, find(part)), None), nothing, group)[0])
    return jax.tree.map(lambda *parts: sum(parts), *sums)
