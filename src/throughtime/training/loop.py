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
from jax import Array

from throughtime import losses
from throughtime.engine import Weights
from throughtime.engine.door import native
from throughtime.engine.first import check
from throughtime.engine.forward import kind
from throughtime.learners import RTRL
from throughtime.learners.lesson import Learner, Lesson, Loss
from throughtime.network import Network
from throughtime.sequences import Example, Padding, buckets, examples_of, refuse_short
from throughtime.training import damped, filtered
from throughtime.training.door import check_judged, check_learner, check_optimizer, check_state
from throughtime.training.epochs import State, epochs_over, gradient_steps
from throughtime.training.examining import examine
from throughtime.training.kalman_filter import KalmanFilter
from throughtime.training.levenberg_marquardt import LevenbergMarquardt

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


def train(
    network: Network,
    weights: Weights,
    learner: Learner,
    loss: Loss,
    optimizer: optax.GradientTransformation | LevenbergMarquardt | KalmanFilter,
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
    padding: Padding = 0.25,
    optimizer_state: Any = None,
    members: int | None = None,
    look: int = 1,
) -> Iterator[Report]:
    """Train `weights` on sequences, each a pair (x, target) or a triple (x, target, before), and report.

    sequences           x (steps, features), or a dict of inputs; targets, and what went before, as told in
                        `throughtime.sequences`
    optimizer           an optax optimizer, fed with the learner's gradients; or `LevenbergMarquardt`, which finds the exact
                        Jacobian itself, whatever the learner, takes all sequences at once, and may end before `epochs`;
                        or `KalmanFilter`, which finds the Jacobian of every stretch by the recursion of RTRL
    every               steps between two updates; None: one update per batch, after its last step
    epochs, batch       how often every sequence is visited, and how many at a time
    seed                of the order of sequences, of dropout and of weight noise; the same seed gives the same numbers
    validation          sequences that are only measured, without dropout
    validation_network  where they are run, with the same weights, such as `network.close_loop()`; None: `network`
    patience            end after so many epochs without a better validation loss, of any member
    clip                largest norm of the mean gradient
    padding             share of steps that may be padded to save compilations, beyond rounding lengths to a grid; or the
                        lengths to pad to, such as [50, 100, 200], for many calls with other sequences: calls with the
                        same lengths, batch and objects share compiled code
    optimizer_state     from an earlier report, to go on with; None: a fresh one. That of the Kalman filter holds its
                        weights, which are taken instead of those given
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
    check_judged(network, weights, loss)
    check_optimizer(optimizer)
    if optimizer_state is not None:
        check_state(optimizer, weights, members, optimizer_state)
    _check(every=every, epochs=epochs, batch=batch, patience=patience, members=members, look=look)
    if losses.traits_of(loss).per == "sequence" and every is not None:
        raise ValueError(
            f"{losses.named(loss)} has one loss per sequence, so a sequence must be one stretch; leave every=None"
        )
    if patience is not None and validation is None:
        raise ValueError("patience= waits for the validation loss; give validation= sequences")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip must be above 0, not {clip}")
    weights = native(weights)
    examples, dtype = examples_of(network, sequences, loss, members), kind(weights)
    _check_weights(network, weights, members)
    refuse_short(network, examples)
    lessons = buckets(examples, loss, dtype, padding, every, batch)
    _asking(examples)
    if every is not None and any(layer.backward for layer in network.layers):
        raise ValueError(
            "a backward layer runs from the end of the whole sequence, so it cannot be cut; leave every=None"
        )
    exam = None
    if validation is not None:
        examined = network if validation_network is None else validation_network
        held_out = _asking(examples_of(examined, validation, loss, members), "validation ")
        exam = partial(examine, examined, loss, buckets(held_out, loss, dtype, padding, batch=batch), batch, members)
    if isinstance(optimizer, LevenbergMarquardt):
        _refuse(every=every, clip=clip)
        state = damped.begin(optimizer, weights, members, optimizer_state)
        advance: Advance = partial(damped.damped_steps, network, loss, optimizer, lessons)
        return _reports(_Course(advance, exam, patience, members, look, exact=True), state, epochs)
    if isinstance(optimizer, KalmanFilter):
        filtered.refuse(network, loss, clip)
        state = filtered.begin(optimizer, weights, members, optimizer_state)
        teach = partial(epochs_over, network, RTRL(), loss, optimizer, every, None, members, None)
        advance = partial(filtered.filtered_steps, teach, filtered.in_float64(lessons), batch, seed)
        return _reports(_Course(advance, exam, patience, members, look), state, epochs)
    check_learner(learner)
    fresh = optimizer_state
    if fresh is None:
        fresh = optimizer.init(weights) if members is None else jax.vmap(optimizer.init)(weights)
    shape = () if members is None else (members,)
    state = State(weights, fresh, jnp.ones(shape, bool), jnp.zeros(shape, int))
    key = jax.random.key_data(jax.random.key(seed))
    teach = partial(epochs_over, network, learner, loss, optimizer, every, clip, members, key)
    advance = partial(gradient_steps, teach, lessons, batch, seed)
    return _reports(_Course(advance, exam, patience, members, look), state, epochs)


def evaluate(
    network: Network, weights: Weights, loss: Any, sequences: Sequences, batch: int = 256, members: int | None = None
) -> Any:
    """The mean loss per target asked in these sequences, without dropout; with members an array (members,)."""
    check_judged(network, weights, loss)
    examples, weights = _asking(examples_of(network, sequences, loss, members)), native(weights)
    _check_weights(network, weights, members)
    return examine(network, loss, buckets(examples, loss, kind(weights)), batch, members, weights)


def _check_weights(network: Network, weights: Weights, members: int | None) -> None:
    for leaf in jax.tree.leaves(weights) if members else ():
        if jnp.shape(leaf)[:1] != (members,):
            raise ValueError(
                f"members={members}, but a weight has shape {jnp.shape(leaf)}: stack the weights of {members} networks "
                "along a new first axis"
            )
    check(network, jax.tree.map(lambda leaf: leaf[0], weights) if members else weights)


def _asking(examples: list[Example], kind: str = "") -> list[Example]:
    """The examples, if anything is asked in one of them, and of every member; a string without labels asks for silence."""
    known = [e.target >= 0 if e.target.dtype.kind != "f" else ~np.isnan(e.target) for e in examples]
    whole = examples[0].target.ndim < 3
    told = np.any([(k.any() if k.size else k.all()) if whole else k.any(axis=(1, 2)) for k in known], axis=0)
    if not told.any():
        raise ValueError(f"nothing is asked in any {kind}sequence: every target is NaN or -1")
    if not told.all():
        raise ValueError(f"nothing is asked of member {int(np.argmin(told))} in any {kind}sequence")
    return examples


def _refuse(**settings: Any) -> None:
    for name, value in settings.items():
        if value is not None:
            raise ValueError(f"Levenberg-Marquardt takes whole steps on all data at once: leave {name}=None")


def _check(**numbers: int | None) -> None:
    for name, value in numbers.items():
        if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__") or value < 1):
            raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")


Advance = Callable[[State, range], tuple[State, Any, Any]]  # over some epochs: summed loss, number asked of the last


class _Course(NamedTuple):
    """What stays the same from report to report; exact: the loss is that of the weights after the epoch."""

    advance: Advance
    exam: Callable[[Weights], Any] | None
    patience: int | None
    members: int | None
    look: int
    exact: bool = False


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


def _reports(course: _Course, state: State, epochs: int) -> Iterator[Report]:
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
        late = not course.exact and np.max(updates) - done <= 1
        owner = before if validation is None and late else state.weights
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
        tired = course.patience is not None and epoch - np.max(best.epoch) >= course.patience
        if tired or (course.exact and damped.ended(state)):
            return


def _how(first: int, epoch: int, updates: int, done: int) -> str:
    place = f"epoch {epoch}" if first == epoch else f"epochs {first} to {epoch}"
    return (
        f"training diverged in {place}, at update {updates - done + 1} of it (after {updates} good ones in all): loss or "
        "gradient is no longer finite; take a smaller learning rate, clip=1.0, or for the Kalman filter a higher measurement_noise"
    )


def _plain(value: Any) -> Any:
    """A number as a number, an array of members as it is."""
    return value if value is None or np.ndim(value) else np.asarray(value).item()


@jax.jit
def _where(chosen: Array, these: Any, others: Any) -> Any:
    """Member by member the ones or the others."""
    return jax.tree.map(lambda a, b: jnp.where(chosen.reshape(-1, *[1] * (a.ndim - 1)), a, b), these, others)
