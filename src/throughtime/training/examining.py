"""Measuring a network on sequences, without dropout and without learning."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from throughtime import losses
from throughtime.engine import Weights, run, start
from throughtime.engine.door import own_order
from throughtime.engine.forward import kind
from throughtime.engine.programs import program
from throughtime.losses import Loss
from throughtime.network import Network
from throughtime.sequences import Bucket, buckets, examples_of
from throughtime.training.door import asking, check_judged, check_weights
from throughtime.training.epochs import batches


def evaluate(
    network: Network,
    weights: Weights,
    loss: Any,
    sequences: Sequence[tuple[Any, ...]],
    batch: int = 256,
    members: int | None = None,
) -> Any:
    """The mean loss per target asked in these sequences, without dropout; with members an array (members,)."""
    check_judged(network, weights, loss)
    examples, weights = asking(examples_of(network, sequences, loss, members)), own_order(weights)
    check_weights(network, weights, members)
    return examine(network, loss, buckets(examples, loss, kind(weights)), batch, members, weights)


def examine(
    network: Network, loss: Loss, questions: list[Bucket], batch: int, members: int | None, weights: Weights
) -> Any:
    """The mean loss per target asked; with members an array (members,)."""
    orders = [batches(np.arange(b.count), batch, b.places) for b in questions]
    sums = [_measure(network, loss, members, weights, *asked) for asked in zip(questions, orders, strict=True)]
    total, asked = np.sum(jax.device_get(sums), axis=0)
    mean = total / np.maximum(asked, 1)
    return float(mean) if members is None else mean


@program("network", "loss", "members")
def _measure(
    network: Network, loss: Loss, members: int | None, weights: Weights, bucket: Bucket, index: Array
) -> tuple[Array, Array]:
    """The summed loss in a bucket, and how much was asked."""

    def measure(weights: Weights, bucket: Bucket) -> tuple[Array, Array]:
        total, asked = lax.map(lambda chosen: one_batch(weights, bucket.pick(chosen)), index)
        return total.sum(), asked.sum()

    def one_batch(weights: Weights, part: Bucket) -> tuple[Array, Array]:
        before = part.begin(start(network, weights, part.lengths.shape[0]))
        ys, _ = run(network, weights, part.xs, before, part.lengths)
        wanted = losses.asked(part.targets)  # never beyond the lengths: buckets are padded with nothing asked
        each = losses.judged(loss, ys, part.targets)
        return jnp.where(wanted.any(0) if wanted.ndim > each.ndim else wanted, each, 0).sum(), wanted.sum()

    if members is None:
        return measure(weights, bucket)
    return jax.vmap(measure, in_axes=(0, bucket.member_axes()))(weights, bucket)
