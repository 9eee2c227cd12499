"""Compiled epochs: passes over buckets of sequences, an update after every stretch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

from throughtime.engine import Weights
from throughtime.engine.programs import program
from throughtime.learners.contract import begun
from throughtime.learners.lesson import Learner
from throughtime.network import Network
from throughtime.sequences import Bucket
from throughtime.training.method import State, Task

EARLY = 200  # epochs


@dataclass(frozen=True)
class Routine:
    """What a pass does, whatever the numbers: compiled code is kept by it.

    every    steps between two updates; None: one update per batch
    members  networks side by side; None: one network, without that axis
    """

    network: Network
    learner: Learner
    loss: Any
    method: "Stepwise"
    every: int | None
    members: int | None


class Stepwise(Protocol):
    """A method that changes the weights after every stretch; with its hash compiled code is kept."""

    def step(
        self, routine: Routine, clip: float | None, state: State, carry: Any, stretch: Any
    ) -> tuple[tuple[State, Any], tuple[Any, Any]]:
        """One stretch (xs, targets, lengths): the state and what is carried on; summed loss, number asked."""


def passes(
    method: Stepwise, task: Task, learner: Learner, lessons: list[Bucket], state: State, epochs: range
) -> tuple[State, Any, Any]:
    """All buckets in a random order, epoch after epoch; the summed loss and the number asked of the last one."""
    batch, seed = task.batch, task.seed
    routine = Routine(task.network, learner, task.loss, method, task.every, task.members)

    def teach(epochs: Sequence[int], *given: Any) -> tuple[State, Any]:
        passed = epochs_over if epochs[0] <= EARLY else epochs_over.often
        return passed(routine, task.clip, task.key, *given, np.array(epochs))

    if len(lessons) == 1:  # then all epochs are one call
        for some in early_and_late(epochs):
            state, last = teach(some, state, lessons[0], _drawn(lessons[0], batch, seed, some), None)
        return state, *jax.tree.map(lambda s: s[..., -1], jax.device_get(last))
    for epoch in epochs:
        sums: list[tuple[Array, Array]] = []
        for place in np.random.default_rng((seed, epoch)).permutation(len(lessons)):
            order = _drawn(lessons[place], batch, (seed, int(place)), [epoch])
            state, summed = teach([epoch], state, lessons[place], order, place)
            sums.append(summed)
    total, asked = np.sum([[s[..., -1] for s in pair] for pair in jax.device_get(sums)], axis=0)
    return state, total, asked


def early_and_late(epochs: range) -> list[range]:
    """The epochs that are run by a program soon compiled, and those by one of more thought; by their numbers alone.

    Thus a training that goes on from a report goes on to the same bits, and a short one waits for no optimiser.

    >>> early_and_late(range(191, 211))
    [range(191, 201), range(201, 211)]
    """
    border = min(max(EARLY + 1, epochs.start), epochs.stop)
    return [some for some in (range(epochs.start, border), range(border, epochs.stop)) if some]


def _drawn(bucket: Bucket, batch: int, seed: Any, epochs: Sequence[int]) -> NDArray[np.int32]:
    """For each epoch its batches, in random order."""
    orders = [np.random.default_rng((*np.atleast_1d(seed), epoch)).permutation(bucket.count) for epoch in epochs]
    return np.stack([batches(order, batch, bucket.places) for order in orders])


def batches(order: NDArray[np.int64], batch: int, places: int) -> NDArray[np.int32]:
    """The order cut into as many batches (number, size) as hold a bucket's places; `places`, the last and empty one, fills up."""
    size = min(batch, places)
    filling = np.full(-(-places // size) * size - len(order), places)
    return np.append(order, filling).reshape(-1, size).astype(np.int32)


@program("routine")
def epochs_over(
    routine: Routine,
    clip: float | None,
    key: NDArray[np.uint32],
    state: State,
    bucket: Bucket,
    index: Array,
    place: Array | None,
    numbers: Array,
) -> tuple[State, tuple[Array, Array]]:
    """Passes over a bucket in batches `index` (epochs, number, size): the new state, summed losses and numbers asked (epochs,).

    clip     largest norm of the mean gradient
    key      its data
    place    of the bucket among others, None if it is the only one
    numbers  of the epochs (epochs,): each has a key of its own, made here, where a key that nobody uses is left out
    """
    one = partial(one_pass, routine, clip)

    def course(state: State, bucket: Bucket, index: Array, keys: Array) -> tuple[State, tuple[Array, Array]]:
        return lax.scan(lambda state, item: one(state, bucket, *item), state, (index, keys))

    drawn = jax.random.wrap_key_data(jnp.asarray(key))
    keys = jax.vmap(partial(jax.random.fold_in, drawn if place is None else jax.random.fold_in(drawn, place)))(numbers)
    members = routine.members
    if members is None:
        return course(state, bucket, index, keys)
    keys = jax.vmap(lambda key: jax.random.split(key, members), out_axes=1)(keys)
    return jax.vmap(course, in_axes=(0, bucket.member_axes(), None, 0))(state, bucket, index, keys)


def one_pass(
    routine: Routine, clip: float | None, state: State, bucket: Bucket, index: Array, key: Array
) -> tuple[State, tuple[Array, Array]]:
    """One pass over a bucket in batches `index` (number, size): the new state, summed loss and number asked."""
    cut_short = not bucket.full or index.size > bucket.places  # else every sequence ends where the arrays end

    def one_batch(state: State, item: tuple[Array, Array]) -> tuple[State, Any]:
        chosen, key = item
        carry = begun(routine.learner, routine.network, state.weights, chosen.shape[0], key)
        part = bucket.pick(chosen)
        carry = carry._replace(history=part.begin(carry.history))
        lengths = part.lengths if cut_short else None
        (state, _), sums = lax.scan(one_stretch, (state, carry), _cut(part.xs, part.targets, lengths, routine.every))
        return state, sums

    def one_stretch(going: tuple[State, Any], stretch: Any) -> tuple[tuple[State, Any], Any]:
        return routine.method.step(routine, clip, *going, stretch)

    state, sums = lax.scan(one_batch, state, (index, jax.random.split(key, len(index))))
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


def taken(state: State, weights: Weights, after: Any, finite: Array, asked: Any) -> State:
    """The state after a step, unless nothing was asked or a number is not finite."""
    healthy = state.healthy & finite & jnp.isfinite(norm(weights))
    taken = healthy & (asked > 0)
    weights, after = jax.tree.map(partial(jnp.where, taken), (weights, after), (state.weights, state.optimizer))
    return State(weights, after, healthy, state.updates + taken)


def norm(tree: Any) -> Array:
    """The length of all leaves as one vector."""
    return jnp.sqrt(jnp.asarray(sum(jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(tree))))
