"""The training loop: a generator that yields a report after every epoch. There is no other.

An epoch visits every sequence once, in shuffled batches of similar lengths. A batch is cut into stretches of `every`
steps; after each stretch come the mean gradient over the targets asked in it and one step of the optimizer, while the
learner's carry goes on to the next stretch. `every=None` makes the whole sequence one stretch.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax
from numpy.typing import NDArray

from throughtime import losses
from throughtime.engine import Weights, run
from throughtime.learners.lesson import Learner, Lesson, Loss
from throughtime.network import Network
from throughtime.sequences import Bucket, Pair, buckets, dtype_of, pairs_of, refuse_short

Sequences = Sequence[tuple[Any, Any]]


class Diverged(FloatingPointError):
    """The loss or a gradient was no longer a finite number; `weights` are the best from before that."""

    def __init__(self, message: str, weights: Any = None) -> None:
        super().__init__(message)
        self.weights = weights


@dataclass(frozen=True)
class Report:
    """What one epoch brought.

    epoch            counted from 1
    lesson           summed loss of the epoch and number of targets asked; no outputs, no gradients
    loss             mean loss per target asked, measured while the weights were changing
    validation       mean loss per target asked in the validation sequences, after the epoch; None without them
    weights          after the epoch
    best             the weights with the lowest validation loss so far, or training loss if nothing is validated
    best_loss        that loss
    best_epoch       the epoch it belongs to
    updates          steps of the optimizer so far
    optimizer_state  with which a later `train` can go on
    """

    epoch: int
    lesson: Lesson
    loss: float
    validation: float | None
    weights: Weights
    best: Weights
    best_loss: float
    best_epoch: int
    updates: int
    optimizer_state: Any


class _State(NamedTuple):
    """What goes from update to update."""

    weights: Weights
    optimizer: Any
    healthy: Array  # False from the first number that is not finite; nothing is updated after that
    updates: Array


def train(
    network: Network,
    weights: Weights,
    learner: Learner,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    sequences: Sequences,
    *,
    every: int | None = None,
    epochs: int = 100,
    batch: int = 32,
    seed: int = 0,
    validation: Sequences | None = None,
    validation_network: Network | None = None,
    patience: int | None = None,
    clip: float | None = None,
    padding: float = 0.25,
    optimizer_state: Any = None,
) -> Iterator[Report]:
    """Train `weights` on sequences, each a pair (x, target), and report after every epoch.

    sequences           x (steps, features), or a dict of inputs; targets as told in `throughtime.sequences`
    every               steps between two updates; None: one update per batch, after its last step
    epochs, batch       how often every sequence is visited, and how many at a time
    seed                of the order of sequences and of dropout; the same seed gives the same numbers
    validation          sequences that are only measured, without dropout
    validation_network  where they are run, with the same weights, such as `network.close_loop()`; None: `network`
    patience            end after so many epochs without a better validation loss
    clip                largest norm of the mean gradient
    padding             share of steps that may be padded to save compilations, beyond rounding lengths to a grid
    optimizer_state     from an earlier report, to go on with; None: a fresh one

    Compiled code is shared between calls with the same network, learner, loss and optimizer object.

    Raises `ValueError` for sequences that do not fit, and `Diverged` after an epoch with a number that is not finite;
    the weights then are those before the failed update.

    >>> import optax, throughtime as tt
    >>> network = tt.fully_recurrent(1, 3, 1)
    >>> echo = [([[0.0], [1.0], [0.0]], [[0.0], [0.0], [1.0]])]
    >>> args = network, tt.init(network, 0), tt.BPTT(), tt.SquaredError(), optax.adam(0.1)
    >>> [report.epoch for report in tt.train(*args, echo, epochs=3)]
    [1, 2, 3]
    """
    _check(every=every, epochs=epochs, batch=batch, patience=patience)
    if isinstance(loss, losses.CTC) and every is not None:
        raise ValueError("CTC has one loss per sequence, so a sequence must be one stretch; leave every=None")
    if patience is not None and validation is None:
        raise ValueError("patience= waits for the validation loss; give validation= sequences")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip must be above 0, not {clip}")
    pairs, dtype = pairs_of(network, sequences, loss), dtype_of(weights)
    refuse_short(network, pairs)
    lessons = buckets(pairs, loss, dtype, padding, every)
    _asking(pairs)
    if every is not None and any(layer.backward for layer in network.layers):
        raise ValueError(
            "a backward layer runs from the end of the whole sequence, so it cannot be cut; leave every=None"
        )
    exam = None
    if validation is not None:
        examined = network if validation_network is None else validation_network
        questions = buckets(_asking(pairs_of(examined, validation, loss), "validation "), loss, dtype, padding)
        exam = partial(_examine, examined, loss, questions, batch)
    fresh = optimizer.init(weights) if optimizer_state is None else optimizer_state
    state = _State(weights, fresh, jnp.array(True), jnp.array(0))
    teach = partial(_epoch, network, learner, loss, optimizer, every, clip)
    key = jax.random.key(seed) if any(c.dropout > 0 for layer in network.layers for c in layer.connections) else None
    return _reports(_Course(teach, lessons, exam, batch, seed, key, patience), state, epochs)


def evaluate(network: Network, weights: Weights, loss: Any, sequences: Sequences, batch: int = 256) -> float:
    """The mean loss per target asked in these sequences, without dropout."""
    questions = buckets(_asking(pairs_of(network, sequences, loss)), loss, dtype_of(weights))
    return _examine(network, loss, questions, batch, weights)


def _asking(pairs: list[Pair], kind: str = "") -> list[Pair]:
    """The pairs, if anything is asked in one of them."""
    if all((np.isnan(t) if t.dtype.kind == "f" else t < 0).all() for _, t in pairs):
        raise ValueError(f"nothing is asked in any {kind}sequence: every target is NaN, -1 or empty")
    return pairs


def _check(**numbers: int | None) -> None:
    for name, value in numbers.items():
        if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__") or value < 1):
            raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")


class _Course(NamedTuple):
    """What stays the same from epoch to epoch."""

    teach: Callable[..., tuple[_State, tuple[Array, Array]]]
    lessons: list[Bucket]
    exam: Callable[[Weights], float] | None
    batch: int
    seed: int
    key: Array | None
    patience: int | None


def _reports(course: _Course, state: _State, epochs: int) -> Iterator[Report]:
    best, best_loss, best_epoch, done = state.weights, math.inf, 0, 0
    for epoch in range(1, epochs + 1):
        before = state.weights
        state, total, asked, updates = _one_epoch(course, state, epoch)
        if not bool(state.healthy):
            raise Diverged(
                f"training diverged in epoch {epoch}, at update {updates - done + 1} of it (after {updates} good "
                "ones in all): loss or gradient is no longer finite; take a smaller learning rate, or clip=1.0",
                best if best_epoch else state.weights,
            )
        mean = total / max(asked, 1)
        validation = None if course.exam is None else course.exam(state.weights)
        # The loss of a single update is that of the weights before it; after many, the later ones are the better guess.
        owner = before if validation is None and updates - done <= 1 else state.weights
        score, done = mean if validation is None else validation, updates
        if score < best_loss:
            best, best_loss, best_epoch = owner, score, epoch
        lesson = Lesson(total, asked, None, None)
        yield Report(
            epoch, lesson, mean, validation, state.weights, best, best_loss, best_epoch, updates, state.optimizer
        )
        if course.patience is not None and epoch - best_epoch >= course.patience:
            return


def _one_epoch(course: _Course, state: _State, epoch: int) -> tuple[_State, float, int, int]:
    """All buckets in a random order, up to the first number that is not finite."""
    random, buckets = np.random.default_rng((course.seed, epoch)), course.lessons
    total, asked, updates = 0.0, 0, 0
    for place in random.permutation(len(buckets)):
        index = _batches(random.permutation(buckets[place].count), course.batch)
        key = None if course.key is None else jax.random.fold_in(course.key, epoch * len(buckets) + int(place))
        state, sums = course.teach(state, buckets[place], index, key)
        (loss, count), healthy, updates = jax.device_get((sums, state.healthy, state.updates))
        total, asked = total + float(loss), asked + int(count)
        if not healthy:
            break
    return state, total, asked, int(updates)


def _batches(order: NDArray[np.int64], batch: int) -> NDArray[np.int32]:
    """The order cut into batches (number, size); the number after the last, the empty sequence, fills up."""
    size = min(batch, len(order))
    filling = np.full(-len(order) % size, len(order))
    return np.append(order, filling).reshape(-1, size).astype(np.int32)


@partial(jax.jit, static_argnames=("network", "learner", "loss", "optimizer", "every"))
def _epoch(
    network: Network,
    learner: Learner,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    every: int | None,
    clip: float | None,
    state: _State,
    bucket: Bucket,
    index: Array,
    key: Array | None,
) -> tuple[_State, tuple[Array, Array]]:
    """One pass over a bucket in batches `index` (number, size): the new state, summed loss and number asked."""
    cut_short = not bucket.full or index.size > bucket.count  # else every sequence ends where the arrays end

    def one_batch(state: _State, item: tuple[Array, Array | None]) -> tuple[_State, Any]:
        chosen, key = item
        carry = learner.init(network, state.weights, chosen.shape[0], key)
        xs, targets, lengths = bucket.pick(chosen)
        (state, _), sums = lax.scan(
            one_stretch, (state, carry), _cut(xs, targets, lengths if cut_short else None, every)
        )
        return state, sums

    def one_stretch(going: tuple[_State, Any], stretch: Any) -> tuple[tuple[_State, Any], Any]:
        state, carry = going
        xs, targets, lengths = stretch
        carry, lesson = learner.learn(network, state.weights, carry, xs, targets, loss, lengths=lengths)
        return (_update(optimizer, clip, state, lesson), carry), (lesson.loss, lesson.asked)

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

    whole = isinstance(targets, tuple)  # CTC, whose sequences are one stretch
    pieces = jax.tree.map((lambda t: t[None]) if whole else cut, targets)
    ends = None if lengths is None else jnp.clip(lengths - long * jnp.arange(number)[:, None], 0, long)
    return {name: cut(x) for name, x in xs.items()}, pieces, ends


def _update(optimizer: optax.GradientTransformation, clip: float | None, state: _State, lesson: Lesson) -> _State:
    """One step of the optimizer along the mean gradient, unless nothing was asked or a number is not finite."""
    gradients = jax.tree.map(lambda g: g / jnp.maximum(lesson.asked, 1).astype(g.dtype), lesson.gradients)
    size = _norm(gradients)
    if clip is not None:
        gradients = jax.tree.map(lambda g: g * (clip / jnp.maximum(size, clip)).astype(g.dtype), gradients)
    steps, after = optimizer.update(gradients, state.optimizer, state.weights)
    weights = optax.apply_updates(state.weights, steps)
    finite = jnp.isfinite(lesson.loss) & jnp.isfinite(size) & jnp.isfinite(_norm(weights))
    healthy = state.healthy & finite
    taken = healthy & (lesson.asked > 0)
    old = state.weights, state.optimizer
    weights, after = jax.tree.map(partial(jnp.where, taken), (weights, after), old)
    return _State(weights, after, healthy, state.updates + taken)


def _norm(tree: Any) -> Array:
    return jnp.sqrt(jnp.asarray(sum(jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(tree))))


def _examine(network: Network, loss: Loss, questions: list[Bucket], batch: int, weights: Weights) -> float:
    """The mean loss per target asked."""
    sums = [_measure(network, loss, weights, b, _batches(np.arange(b.count), batch)) for b in questions]
    total, asked = np.sum(jax.device_get(sums), axis=0)
    return float(total / max(asked, 1))


@partial(jax.jit, static_argnames=("network", "loss"))
def _measure(network: Network, loss: Loss, weights: Weights, bucket: Bucket, index: Array) -> tuple[Array, Array]:
    """The summed loss in a bucket, and how much was asked."""

    def one_batch(chosen: Array) -> tuple[Array, Array]:
        xs, targets, lengths = bucket.pick(chosen)
        ys, _ = run(network, weights, xs, lengths=lengths)
        wanted = losses.asked(targets)  # never beyond the lengths: buckets are padded with nothing asked
        each = loss(ys, targets)
        return jnp.where(wanted.any(0) if wanted.ndim > each.ndim else wanted, each, 0).sum(), wanted.sum()

    total, asked = lax.map(one_batch, index)
    return total.sum(), asked.sum()
