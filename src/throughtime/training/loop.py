"""The training loop: a generator that yields a report after every epoch. There is no other.

An epoch visits every sequence once, in shuffled batches of similar lengths. A batch is cut into stretches of `every`
steps; after each stretch come the mean gradient over the targets asked in it and one step of the optimizer, while the
learner's carry goes on to the next stretch. `every=None` makes the whole sequence one stretch.

Several networks of one wiring can be trained side by side (`members`): their weights, and all that a report says of them,
then have a leading axis. They see the same batches; each has its own optimizer state, its own best epoch, and where targets
have that axis too, its own questions.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from throughtime import losses
from throughtime.checks import quoted
from throughtime.engine import Weights
from throughtime.engine.door import own_order
from throughtime.engine.forward import kind
from throughtime.learners.lesson import Learner, Lesson
from throughtime.losses import Loss
from throughtime.network import Network
from throughtime.sequences import Bucket, Padding, buckets, examples_of, refuse_short
from throughtime.training import origin
from throughtime.training.best import BestWeights
from throughtime.training.door import asking, check_judged, check_weights, method_of
from throughtime.training.examining import examine
from throughtime.training.method import Method, State, Task
from throughtime.training.origin import Origin
from throughtime.training.report import Diverged, NothingLeft, Report

Sequences = Sequence[tuple[Any, ...]]


def train(
    network: Network,
    weights: Weights,
    learner: Learner,
    loss: Loss,
    optimizer: optax.GradientTransformation | Method,
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
    after: Report | None = None,
) -> Iterator[Report]:
    """Train `weights` on sequences, each a pair (x, target) or a triple (x, target, before), and report.

    sequences           x (steps, features), or a dict of inputs; targets, and what went before, as told in
                        `throughtime.sequences`
    loss                (ys (T, B, O), targets) -> (T, B), such as `SquaredError()`, or a function of numbers; one that takes
                        labels or strings, or gives a loss per sequence, says so, as told in `throughtime.losses.contract`
    optimizer           an optax optimizer, fed with the learner's gradients; or `LevenbergMarquardt`, which finds the exact
                        Jacobian itself, whatever the learner, takes all sequences at once, and may end before `epochs`;
                        or `KalmanFilter`, which finds the Jacobian of every stretch by the recursion of RTRL; or a method of
                        your own, see `throughtime.training.method`
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
    optimizer_state     from the report of a training on other sequences, to go on with; None: a fresh one. That of the Kalman
                        filter holds its weights, which are taken instead of those given
    members             networks trained side by side: every weight has a leading axis of that length (stack what `init`
                        gives for several seeds); targets (members, steps, outputs) may differ in what they ask
    look                epochs from one report, and one validation, to the next; more than 1 saves time where an epoch is
                        short
    after               a report of this training, also one from a file (`load_progress`), to go on from in the place of
                        `weights`. `epochs`, `patience` and `look` count from the very beginning: after k of n epochs all that
                        follows is what n epochs in one go give, bit for bit on one machine with the same packages, if k is
                        a multiple of `look`. These three may be others than before, all else must be the same

    Compiled code is shared between calls with the same network, learner, loss and optimizer object.

    Raises `ValueError` for sequences that do not fit, or a report of another training, and `Diverged` after an epoch with a
    number that is not finite; the weights then are those before the failed update. A member that diverges stays as it was
    before, with an infinite loss; the error comes when all have.

    >>> import optax, throughtime as tt
    >>> network = tt.fully_recurrent(1, 3, 1)
    >>> echo = [([[0.0], [1.0], [0.0]], [[0.0], [0.0], [1.0]])]
    >>> args = network, tt.init(network, 0), tt.BPTT(), tt.SquaredError(), optax.adam(0.1)
    >>> reports = list(tt.train(*args, echo, epochs=3))
    >>> [report.epoch for report in reports]
    [1, 2, 3]
    >>> [report.epoch for report in tt.train(*args, echo, epochs=5, after=reports[-1])]
    [4, 5]
    """
    check_judged(network, weights, loss)
    method, task = method_of(optimizer), Task(network, learner, loss, every, clip, batch, seed, members)
    _check(task, epochs=epochs, patience=patience, look=look)
    if patience is not None and validation is None:
        raise ValueError("patience= waits for the validation loss; give validation= sequences")
    method.refuse(task)
    weights = own_order(weights)
    examples, dtype = asking(examples_of(network, sequences, loss, members)), kind(weights)
    check_weights(network, weights, members)
    refuse_short(network, examples)
    exam, seen = None, ""
    if validation is not None:
        examined = network if validation_network is None else validation_network
        held_out = asking(examples_of(examined, validation, loss, members), "validation ")
        questions, seen = buckets(held_out, loss, dtype, padding, batch=batch), origin.examined(examined, held_out)
        exam = partial(examine, examined, loss, questions, batch, members)
    course = _Course(method, task, buckets(examples, loss, dtype, padding, every, batch), exam, patience, look)
    made_of = Origin.of(task, method, padding, examples, seen)
    state = _begun(course, weights, epochs, optimizer_state, after, made_of)
    return _reports(course, state, epochs, after, made_of)


def _check(task: Task, **numbers: int | None) -> None:
    told = {"every": task.every, "batch": task.batch, "members": task.members} | numbers
    for name, value in told.items():
        if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__") or value < 1):
            raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    if task.every is not None and losses.traits_of(task.loss).per == "sequence":
        raise ValueError(
            f"{losses.named(task.loss)} has one loss per sequence, so a sequence must be one stretch; leave every=None"
        )
    if task.every is not None and task.network.backward:
        raise ValueError(
            "a backward layer runs from the end of the whole sequence, so it cannot be cut; leave every=None"
        )
    if task.clip is not None and not task.clip > 0:
        raise ValueError(f"clip must be above 0, not {task.clip}")


class _Course(NamedTuple):
    """What stays the same from report to report."""

    method: Method
    task: Task
    lessons: list[Bucket]
    exam: Callable[[Weights], Any] | None
    patience: int | None
    look: int


def _begun(course: _Course, weights: Weights, epochs: int, own: Any, after: Report | None, made_of: Origin) -> State:
    """The state before the first epoch, or where a report has left it."""
    if after is None:
        return course.method.begin(course.task, weights, own)
    if own is not None:
        raise ValueError("after= brings its own optimizer state; leave optimizer_state=None")
    if not isinstance(after, Report):
        raise ValueError(
            f"after= takes a report of an earlier training, not a {type(after).__name__}; weights alone begin anew: "
            "give them as weights, and leave after=None"
        )
    made_of.refuse_other(after.origin)
    state = course.method.begin(course.task, after.weights, after.optimizer_state)
    with jax.enable_x64(True):  # a method that computes in it counts in it
        healthy, updates = jnp.asarray(after.healthy), jnp.asarray(after.updates, state.updates.dtype)
    state = state._replace(healthy=healthy, updates=updates)
    _refuse_done(course, state, epochs, after)
    return state


def _refuse_done(course: _Course, state: State, epochs: int, after: Report) -> None:
    """A ValueError where nothing is left to do and no end was reached: the training was told to do no epoch."""
    best = BestWeights.of(after)
    if after.epoch >= epochs and not course.method.ended(state) and not best.tired(course.patience, after.epoch):
        raise NothingLeft(
            f"the report is of epoch {after.epoch} and epochs={epochs} counts from the very beginning: give more than "
            f"{after.epoch}"
        )


def _reports(course: _Course, state: State, epochs: int, report: Report | None, made_of: Origin) -> Iterator[Report]:
    members = course.task.members
    shape = () if members is None else (members,)
    best, epoch, done = BestWeights(state.weights, np.full(shape, np.inf), np.zeros(shape, int)), 0, 0
    if report is not None:
        best = BestWeights.of(report)
        epoch, done = report.epoch, int(np.max(report.updates))
    while epoch < epochs and not course.method.ended(state) and not best.tired(course.patience, epoch):
        first, before, epoch = epoch + 1, state.weights, min((epoch // course.look + 1) * course.look, epochs)
        state, total, asked = _advanced(course, state, range(first, epoch + 1))
        healthy, updates = jax.device_get((state.healthy, state.updates))
        if not healthy.any():
            weights = best.weights if np.any(best.epoch) else state.weights
            raise Diverged(_how(first, epoch, int(np.max(updates)), done), weights)
        mean = np.where(healthy, total / np.maximum(asked, 1), np.inf)
        validation = None if course.exam is None else course.exam(state.weights)
        # The loss of a single update is that of the weights before it; after many, the later ones are the better guess.
        late = not course.method.whole and np.max(updates) - done <= 1
        owner = before if validation is None and late else state.weights
        score = mean if validation is None else np.where(np.isfinite(validation), validation, np.inf)
        best, done = best.or_else(owner, score, epoch), int(np.max(updates))
        told = (_plain(total), _plain(asked), _plain(mean), _plain(validation))
        stand = (_plain(best.loss), _plain(best.epoch), _plain(updates), _plain(healthy))
        lesson = Lesson(*told[:2], None, None)
        yield Report(epoch, lesson, *told[2:], state.weights, best.weights, *stand, state.optimizer, made_of)


def _advanced(course: _Course, state: State, epochs: range) -> tuple[State, Any, Any]:
    """What the method gives, if it is what its contract says."""
    made: Any = course.method.advance(course.task, course.lessons, state, epochs)
    if not isinstance(made, tuple) or len(made) != 3 or not isinstance(made[0], State):
        what = type(made).__name__ if not isinstance(made, tuple) else f"({', '.join(type(m).__name__ for m in made)})"
        raise ValueError(
            f"{quoted(course.method)}: advance gives {what}, not a triple (State, summed loss, number asked) of the last epoch"
        )
    return made


def _how(first: int, epoch: int, updates: int, done: int) -> str:
    place = f"epoch {epoch}" if first == epoch else f"epochs {first} to {epoch}"
    return (
        f"training diverged in {place}, at update {updates - done + 1} of it (after {updates} good ones in all): loss or "
        "gradient is no longer finite; take a smaller learning rate, clip=1.0, or for the Kalman filter a higher measurement_noise"
    )


def _plain(value: Any) -> Any:
    """A number as a number, an array of members as it is."""
    return value if value is None or np.ndim(value) else np.asarray(value).item()
