"""Compiled epochs: passes over buckets of sequences, one step of the optimizer after every stretch."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax
from numpy.typing import NDArray

from throughtime.engine import Weights
from throughtime.learners.contract import begun, taught
from throughtime.learners.lesson import Learner, Loss
from throughtime.network import Network
from throughtime.sequences import Bucket
from throughtime.training import kalman_filter
from throughtime.training.jacobian import Stretch
from throughtime.training.kalman_filter import KalmanFilter


class State(NamedTuple):
    """What goes from update to update."""

    weights: Weights
    optimizer: Any
    healthy: Array  # False from the first number that is not finite; nothing is updated after that
    updates: Array


def gradient_steps(
    teach: Callable[..., tuple[State, tuple[Array, Array]]],
    lessons: list[Bucket],
    batch: int,
    seed: int,
    state: State,
    epochs: range,
) -> tuple[State, Any, Any]:
    """All buckets in a random order, epoch after epoch; the summed loss and the number asked of the last one."""
    if len(lessons) == 1:  # then all epochs are one call
        state, last = teach(state, lessons[0], _drawn(lessons[0], batch, seed, epochs), None, np.array(epochs))
        return state, *jax.tree.map(lambda s: s[..., -1], jax.device_get(last))
    for epoch in epochs:
        sums: list[tuple[Array, Array]] = []
        for place in np.random.default_rng((seed, epoch)).permutation(len(lessons)):
            order = _drawn(lessons[place], batch, (seed, int(place)), [epoch])
            state, summed = teach(state, lessons[place], order, place, np.array([epoch]))
            sums.append(summed)
    total, asked = np.sum([[s[..., -1] for s in pair] for pair in jax.device_get(sums)], axis=0)
    return state, total, asked


def _drawn(bucket: Bucket, batch: int, seed: Any, epochs: Sequence[int]) -> NDArray[np.int32]:
    """For each epoch its batches, in random order."""
    orders = [np.random.default_rng((*np.atleast_1d(seed), epoch)).permutation(bucket.count) for epoch in epochs]
    return np.stack([batches(order, batch, bucket.places) for order in orders])


def batches(order: NDArray[np.int64], batch: int, places: int) -> NDArray[np.int32]:
    """The order cut into as many batches (number, size) as hold a bucket's places; `places`, the last and empty one, fills up."""
    size = min(batch, places)
    filling = np.full(-(-places // size) * size - len(order), places)
    return np.append(order, filling).reshape(-1, size).astype(np.int32)


@partial(jax.jit, static_argnames=("network", "learner", "loss", "optimizer", "every", "members"))
def epochs_over(
    network: Network,
    learner: Learner,
    loss: Loss,
    optimizer: optax.GradientTransformation | KalmanFilter,
    every: int | None,
    clip: float | None,
    members: int | None,
    seeded: Array | None,
    state: State,
    bucket: Bucket,
    index: Array,
    place: Array | None,
    numbers: Array,
) -> tuple[State, tuple[Array, Array]]:
    """Passes over a bucket in batches `index` (epochs, number, size): the new state, summed losses and numbers asked (epochs,).

    seeded   the data of a key, which a call takes faster than the key
    place    of the bucket among others, None if it is the only one
    numbers  of the epochs (epochs,): each has a key of its own, made here, where a key that nobody uses is left out
    """
    one = partial(epoch, network, learner, loss, optimizer, every, clip)

    def course(state: State, bucket: Bucket, index: Array, keys: Array | None) -> tuple[State, tuple[Array, Array]]:
        return lax.scan(lambda state, item: one(state, bucket, *item), state, (index, keys))

    key = None if seeded is None else jax.random.wrap_key_data(seeded)
    if key is not None and place is not None:
        key = jax.random.fold_in(key, place)
    keys = None if key is None else jax.vmap(partial(jax.random.fold_in, key))(numbers)
    if members is None:
        return course(state, bucket, index, keys)
    if keys is not None:
        keys = jax.vmap(lambda key: jax.random.split(key, members), out_axes=1)(keys)
    return jax.vmap(course, in_axes=(0, bucket.member_axes(), None, 0))(state, bucket, index, keys)


def epoch(
    network: Network,
    learner: Learner,
    loss: Loss,
    optimizer: optax.GradientTransformation | KalmanFilter,
    every: int | None,
    clip: float | None,
    state: State,
    bucket: Bucket,
    index: Array,
    key: Array | None,
) -> tuple[State, tuple[Array, Array]]:
    """One pass over a bucket in batches `index` (number, size): the new state, summed loss and number asked."""
    learn = (
        partial(_filter_step, network, loss, optimizer)
        if isinstance(optimizer, KalmanFilter)
        else partial(_gradient_step, network, learner, loss, optimizer, clip)
    )
    cut_short = not bucket.full or index.size > bucket.places  # else every sequence ends where the arrays end

    def one_batch(state: State, item: tuple[Array, Array | None]) -> tuple[State, Any]:
        chosen, key = item
        carry, part = begun(learner, network, state.weights, chosen.shape[0], key), bucket.pick(chosen)
        carry = carry._replace(history=part.begin(carry.history))
        lengths = part.lengths if cut_short else None
        (state, _), sums = lax.scan(one_stretch, (state, carry), _cut(part.xs, part.targets, lengths, every))
        return state, sums

    def one_stretch(going: tuple[State, Any], stretch: Any) -> tuple[tuple[State, Any], Any]:
        return learn(*going, stretch)

    keys = None if key is None else jax.random.split(key, len(index))
    state, sums = lax.scan(one_batch, state, (index, keys))
    total, asked = jax.tree.map(jnp.sum, sums)
    return state, (total, asked)


def _cut(xs: dict[str, Array], targets: Any, lengths: Array | None, every: int | None) -> Any:
    """The stretches, along a new first axis."""
    steps = len(next(iter(xs.values())))
    long = steps if every is None else min(every, steps)
    number = steps // long  # buckets are padded to a multiple

    def cut(values: Array) -> Array:
        return values.reshape(number, long, *values.shape[1:])

    whole = isinstance(targets, tuple)  # strings, whose sequences are one stretch
    pieces = jax.tree.map((lambda t: t[None]) if whole else cut, targets)
    ends = None if lengths is None else jnp.clip(lengths - long * jnp.arange(number)[:, None], 0, long)
    return {name: cut(x) for name, x in xs.items()}, pieces, ends


def _gradient_step(
    network: Network,
    learner: Learner,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    clip: float | None,
    state: State,
    carry: Any,
    stretch: Any,
) -> tuple[tuple[State, Any], tuple[Any, Any]]:
    """One stretch, and one step of the optimizer along the mean gradient."""
    xs, targets, lengths = stretch
    carry, lesson = taught(learner, network, state.weights, carry, xs, targets, loss, lengths)
    gradients = jax.tree.map(lambda g: g / jnp.maximum(lesson.asked, 1).astype(g.dtype), lesson.gradients)
    size = norm(gradients)
    if clip is not None:
        gradients = jax.tree.map(lambda g: g * (clip / jnp.maximum(size, clip)).astype(g.dtype), gradients)
    steps, after = optimizer.update(gradients, state.optimizer, state.weights)
    weights = optax.apply_updates(state.weights, steps)
    finite = jnp.isfinite(lesson.loss) & jnp.isfinite(size)
    return (_taken(state, weights, after, finite, lesson.asked), carry), (lesson.loss, lesson.asked)


def _filter_step(
    network: Network,
    loss: Any,
    optimizer: KalmanFilter,
    state: State,
    carry: Any,
    stretch: Any,
) -> tuple[tuple[State, Any], tuple[Array, Array]]:
    """One stretch, and one update of the Kalman filter."""
    xs, targets, lengths = stretch
    given = Stretch(xs, targets, lengths, {})
    after, carry, squares, asked = kalman_filter.learn(network, loss.residual, optimizer, state.optimizer, carry, given)
    return (_taken(state, after.weights, after, jnp.isfinite(squares), asked), carry), (squares, asked)


def _taken(state: State, weights: Weights, after: Any, finite: Array, asked: Any) -> State:
    """The state after a step, unless nothing was asked or a number is not finite."""
    healthy = state.healthy & finite & jnp.isfinite(norm(weights))
    taken = healthy & (asked > 0)
    weights, after = jax.tree.map(partial(jnp.where, taken), (weights, after), (state.weights, state.optimizer))
    return State(weights, after, healthy, state.updates + taken)


def norm(tree: Any) -> Array:
    return jnp.sqrt(jnp.asarray(sum(jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(tree))))
