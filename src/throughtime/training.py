"""The training loop: a generator that yields a report after every epoch. There is no other.

An epoch visits every sequence once, in shuffled batches of similar lengths. A batch is cut into stretches of `every`
steps; after each stretch come the mean gradient over the targets asked in it and one step of the optimizer, while the
learner's carry goes on to the next stretch. `every=None` makes the whole sequence one stretch.

Several networks of one wiring can be trained side by side (`members`): their weights, and all that a report says of them,
then have a leading axis. They see the same batches; each has its own optimizer state, its own best epoch, and where targets
have that axis too, its own questions.
"""

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
from throughtime.engine import Weights, run, start
from throughtime.learners.lesson import Learner, Lesson, Loss
from throughtime.network import Network
from throughtime.sequences import Bucket, Example, buckets, dtype_of, examples_of, refuse_short

Sequences = Sequence[tuple[Any, ...]]


class Diverged(FloatingPointError):
    """The loss or a gradient was no longer a finite number; `weights` are the best from before that."""

    def __init__(self, message: str, weights: Any = None) -> None:
        super().__init__(message)
        self.weights = weights


@dataclass(frozen=True)
class Report:
    """What the last epoch brought. With members K, losses, `best_epoch` and `updates` are arrays (K,).

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
    loss: Any
    validation: Any
    weights: Weights
    best: Weights
    best_loss: Any
    best_epoch: Any
    updates: Any
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
    members: int | None = None,
    look: int = 1,
) -> Iterator[Report]:
    """Train `weights` on sequences, each a pair (x, target) or a triple (x, target, before), and report.

    sequences           x (steps, features), or a dict of inputs; targets, and what went before, as told in
                        `throughtime.sequences`
    every               steps between two updates; None: one update per batch, after its last step
    epochs, batch       how often every sequence is visited, and how many at a time
    seed                of the order of sequences and of dropout; the same seed gives the same numbers
    validation          sequences that are only measured, without dropout
    validation_network  where they are run, with the same weights, such as `network.close_loop()`; None: `network`
    patience            end after so many epochs without a better validation loss, of any member
    clip                largest norm of the mean gradient
    padding             share of steps that may be padded to save compilations, beyond rounding lengths to a grid
    optimizer_state     from an earlier report, to go on with; None: a fresh one
    members             networks trained side by side: every weight has a leading axis of that length (stack what `init`
                        gives for several seeds); targets (members, steps, outputs) may differ in what they ask
    look                epochs from one report, and one validation, to the next; more than 1 saves time where an epoch is
                        short

    Compiled code is shared between calls with the same network, learner, loss and optimizer object.

    Raises `ValueError` for sequences that do not fit, and `Diverged` after an epoch with a number that is not finite;
    the weights then are those before the failed update. A member that diverges stays as it was before, with an infinite
    loss; the error comes when all have.

    >>> import optax, throughtime as tt
    >>> network = tt.fully_recurrent(1, 3, 1)
    >>> echo = [([[0.0], [1.0], [0.0]], [[0.0], [0.0], [1.0]])]
    >>> args = network, tt.init(network, 0), tt.BPTT(), tt.SquaredError(), optax.adam(0.1)
    >>> [report.epoch for report in tt.train(*args, echo, epochs=3)]
    [1, 2, 3]
    """
    _check(every=every, epochs=epochs, batch=batch, patience=patience, members=members, look=look)
    if isinstance(loss, losses.CTC) and every is not None:
        raise ValueError("CTC has one loss per sequence, so a sequence must be one stretch; leave every=None")
    if patience is not None and validation is None:
        raise ValueError("patience= waits for the validation loss; give validation= sequences")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip must be above 0, not {clip}")
    examples, dtype = examples_of(network, sequences, loss, members), dtype_of(weights)
    _check_members(weights, members)
    refuse_short(network, examples)
    lessons = buckets(examples, loss, dtype, padding, every)
    _asking(examples)
    if every is not None and any(layer.backward for layer in network.layers):
        raise ValueError(
            "a backward layer runs from the end of the whole sequence, so it cannot be cut; leave every=None"
        )
    exam = None
    if validation is not None:
        examined = network if validation_network is None else validation_network
        held_out = _asking(examples_of(examined, validation, loss, members), "validation ")
        exam = partial(_examine, examined, loss, buckets(held_out, loss, dtype, padding), batch, members)
    fresh = optimizer_state
    if fresh is None:
        fresh = optimizer.init(weights) if members is None else jax.vmap(optimizer.init)(weights)
    shape = () if members is None else (members,)
    state = _State(weights, fresh, jnp.ones(shape, bool), jnp.zeros(shape, int))
    key = jax.random.key(seed) if any(c.dropout > 0 for layer in network.layers for c in layer.connections) else None
    teach = partial(_epochs, network, learner, loss, optimizer, every, clip, members)
    advance = partial(_several, teach, lessons, batch, seed, key)
    return _reports(_Course(advance, exam, patience, members, look), state, epochs)


def evaluate(
    network: Network, weights: Weights, loss: Any, sequences: Sequences, batch: int = 256, members: int | None = None
) -> Any:
    """The mean loss per target asked in these sequences, without dropout; with members an array (members,)."""
    examples = _asking(examples_of(network, sequences, loss, members))
    _check_members(weights, members)
    return _examine(network, loss, buckets(examples, loss, dtype_of(weights)), batch, members, weights)


def _check_members(weights: Weights, members: int | None) -> None:
    for leaf in jax.tree.leaves(weights) if members else ():
        if jnp.shape(leaf)[:1] != (members,):
            raise ValueError(
                f"members={members}, but a weight has shape {jnp.shape(leaf)}: stack the weights of {members} networks "
                "along a new first axis"
            )


def _asking(examples: list[Example], kind: str = "") -> list[Example]:
    """The examples, if anything is asked in one of them, and of every member."""
    known = [e.target >= 0 if e.target.dtype.kind != "f" else ~np.isnan(e.target) for e in examples]
    whole = examples[0].target.ndim < 3
    told = np.any([k.any() if whole else k.any(axis=(1, 2)) for k in known], axis=0)
    if not told.any():
        raise ValueError(f"nothing is asked in any {kind}sequence: every target is NaN, -1 or empty")
    if not told.all():
        raise ValueError(f"nothing is asked of member {int(np.argmin(told))} in any {kind}sequence")
    return examples


def _check(**numbers: int | None) -> None:
    for name, value in numbers.items():
        if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__") or value < 1):
            raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")


class _Course(NamedTuple):
    """What stays the same from report to report."""

    advance: Callable[
        [_State, range], tuple[_State, Any, Any]
    ]  # over some epochs: summed loss, number asked of the last
    exam: Callable[[Weights], Any] | None
    patience: int | None
    members: int | None
    look: int


class _Best(NamedTuple):
    """The best weights so far, of every member."""

    weights: Weights
    loss: Any
    epoch: Any

    def or_else(self, weights: Weights, loss: Any, epoch: int) -> "_Best":
        """These weights instead, where their loss is lower."""
        better = loss < self.loss
        if not np.ndim(better):
            return _Best(weights, loss, epoch) if better else self
        chosen = _where(jnp.asarray(better), weights, self.weights)
        return _Best(chosen, np.where(better, loss, self.loss), np.where(better, epoch, self.epoch))


def _reports(course: _Course, state: _State, epochs: int) -> Iterator[Report]:
    shape, done = () if course.members is None else (course.members,), 0
    best = _Best(state.weights, np.full(shape, np.inf), np.zeros(shape, int))
    for first in range(1, epochs + 1, course.look):
        before, epoch = state.weights, min(first + course.look - 1, epochs)
        state, total, asked = course.advance(state, range(first, epoch + 1))
        healthy, updates = jax.device_get((state.healthy, state.updates))
        if not healthy.any():
            weights = best.weights if np.any(best.epoch) else state.weights
            raise Diverged(_how(first, epoch, int(np.max(updates)), done), weights)
        mean = np.where(healthy, total / np.maximum(asked, 1), np.inf)
        validation = None if course.exam is None else course.exam(state.weights)
        # The loss of a single update is that of the weights before it; after many, the later ones are the better guess.
        owner = before if validation is None and np.max(updates) - done <= 1 else state.weights
        score = mean if validation is None else np.where(np.isfinite(validation), validation, np.inf)
        best, done = best.or_else(owner, score, epoch), int(np.max(updates))
        lesson = Lesson(_plain(total), _plain(asked), None, None)
        yield Report(
            epoch,
            lesson,
            _plain(mean),
            _plain(validation),
            state.weights,
            best.weights,
            _plain(best.loss),
            _plain(best.epoch),
            _plain(updates),
            state.optimizer,
        )
        if course.patience is not None and epoch - np.max(best.epoch) >= course.patience:
            return


def _how(first: int, epoch: int, updates: int, done: int) -> str:
    place = f"epoch {epoch}" if first == epoch else f"epochs {first} to {epoch}"
    return (
        f"training diverged in {place}, at update {updates - done + 1} of it (after {updates} good ones in all): loss or "
        "gradient is no longer finite; take a smaller learning rate, or clip=1.0"
    )


def _plain(value: Any) -> Any:
    """A number as a number, an array of members as it is."""
    return value if value is None or np.ndim(value) else np.asarray(value).item()


@jax.jit
def _where(chosen: Array, these: Any, others: Any) -> Any:
    """Member by member the ones or the others."""
    return jax.tree.map(lambda a, b: jnp.where(chosen.reshape(-1, *[1] * (a.ndim - 1)), a, b), these, others)


def _several(
    teach: Callable[..., tuple[_State, tuple[Array, Array]]],
    lessons: list[Bucket],
    batch: int,
    seed: int,
    key: Array | None,
    state: _State,
    epochs: range,
) -> tuple[_State, Any, Any]:
    """All buckets in a random order, epoch after epoch; the summed loss and the number asked of the last one."""
    if len(lessons) == 1:  # then all epochs are one call
        state, last = teach(state, lessons[0], *_drawn(lessons[0], batch, seed, key, epochs))
        return state, *jax.tree.map(lambda s: s[..., -1], jax.device_get(last))
    for epoch in epochs:
        sums: list[tuple[Array, Array]] = []
        for place in np.random.default_rng((seed, epoch)).permutation(len(lessons)):
            own = None if key is None else jax.random.fold_in(key, int(place))
            drawn = _drawn(lessons[place], batch, (seed, int(place)), own, [epoch])
            state, summed = teach(state, lessons[place], *drawn)
            sums.append(summed)
    total, asked = np.sum([[s[..., -1] for s in pair] for pair in jax.device_get(sums)], axis=0)
    return state, total, asked


def _drawn(bucket: Bucket, batch: int, seed: Any, key: Array | None, epochs: Sequence[int]) -> tuple[Any, Array | None]:
    """For each epoch its batches, in random order, and a key for dropout."""
    orders = [np.random.default_rng((*np.atleast_1d(seed), epoch)).permutation(bucket.count) for epoch in epochs]
    keys = None if key is None else jnp.stack([jax.random.fold_in(key, epoch) for epoch in epochs])
    return np.stack([_batches(order, batch) for order in orders]), keys


def _batches(order: NDArray[np.int64], batch: int) -> NDArray[np.int32]:
    """The order cut into batches (number, size); the number after the last, the empty sequence, fills up."""
    size = min(batch, len(order))
    filling = np.full(-len(order) % size, len(order))
    return np.append(order, filling).reshape(-1, size).astype(np.int32)


@partial(jax.jit, static_argnames=("network", "learner", "loss", "optimizer", "every", "members"))
def _epochs(
    network: Network,
    learner: Learner,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    every: int | None,
    clip: float | None,
    members: int | None,
    state: _State,
    bucket: Bucket,
    index: Array,
    keys: Array | None,
) -> tuple[_State, tuple[Array, Array]]:
    """Passes over a bucket in batches `index` (epochs, number, size): the new state, summed losses and numbers asked (epochs,)."""
    one = partial(_epoch, network, learner, loss, optimizer, every, clip)

    def course(state: _State, bucket: Bucket, index: Array, keys: Array | None) -> tuple[_State, tuple[Array, Array]]:
        return lax.scan(lambda state, item: one(state, bucket, *item), state, (index, keys))

    if members is None:
        return course(state, bucket, index, keys)
    if keys is not None:
        keys = jax.vmap(lambda key: jax.random.split(key, members), out_axes=1)(keys)
    return jax.vmap(course, in_axes=(0, _member_axes(bucket), None, 0))(state, bucket, index, keys)


def _member_axes(bucket: Bucket) -> Any:
    """Which parts of a bucket differ from member to member: targets, if they have an axis for it."""
    own = 0 if isinstance(bucket.targets, Array) and bucket.targets.ndim == 4 else None
    return Bucket(None, own, None, bucket.full, None)  # type: ignore[arg-type]


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
        carry, part = learner.init(network, state.weights, chosen.shape[0], key), bucket.pick(chosen)
        carry = carry._replace(history=part.begin(carry.history))
        lengths = part.lengths if cut_short else None
        (state, _), sums = lax.scan(one_stretch, (state, carry), _cut(part.xs, part.targets, lengths, every))
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


def _examine(
    network: Network, loss: Loss, questions: list[Bucket], batch: int, members: int | None, weights: Weights
) -> Any:
    """The mean loss per target asked; with members an array (members,)."""
    sums = [_measure(network, loss, members, weights, b, _batches(np.arange(b.count), batch)) for b in questions]
    total, asked = np.sum(jax.device_get(sums), axis=0)
    mean = total / np.maximum(asked, 1)
    return float(mean) if members is None else mean


@partial(jax.jit, static_argnames=("network", "loss", "members"))
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
        each = loss(ys, part.targets)
        return jnp.where(wanted.any(0) if wanted.ndim > each.ndim else wanted, each, 0).sum(), wanted.sum()

    if members is None:
        return measure(weights, bucket)
    return jax.vmap(measure, in_axes=(0, _member_axes(bucket)))(weights, bucket)
