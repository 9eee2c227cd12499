"""Courses: training on a corpus for many epochs, in rounds short enough that an interruption costs little.

An epoch deals its shuffled sequences to rounds, each with about the same number of every length, so that few shapes are
compiled. A round is a call of `train`; after it the state goes to a file, from which the course goes on when it is started
again, with the numbers it would have had without the interruption.

    rate       rises linearly to its height, then falls like a cosine to 0
    gradients  Adam, on mean gradients no longer than `clip`
    average    w' <- d w' + (1 - d) w after each update,  d = min(1 - 1/average, (1 + n)/(10 + n)), n updates so far

The averaged weights are validated, and those with the lowest error are kept.
"""

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from throughtime import engine
from throughtime.engine import Weights
from throughtime.experiments import Progress
from throughtime.experiments.course_states import CURVE, CourseResult, CourseState, keep_state, remark_of, resumed_state
from throughtime.models.each import run_each
from throughtime.network import Network
from throughtime.sequences import Padding, inputs_of, padded_lengths
from throughtime.training import evaluate, train
from throughtime.training.averaging import averaged_adam

Recordings = Sequence[tuple[NDArray[Any], Any]]  # pairs (x, target), x (T, I)
Augment = Callable[[list[Any], list[Any], np.random.Generator], tuple[list[Any], list[Any]]]


class Contestant(NamedTuple):
    """A network that takes part in a comparison, the epochs of its course, and its highest rate."""

    network: Network
    epochs: int
    rate: float


@dataclass(frozen=True)
class Course:
    """How a network is trained on a corpus.

    network, learner, loss  as `train` takes them
    epochs                  how often every sequence is visited
    batch                   sequences of an update
    rate                    the highest learning rate of Adam
    wrong                   (outputs, each (T, O), targets) -> error by which weights are chosen
    augment                 (xs, targets, rng) -> (xs, targets), a round at a time, new in every epoch; None: nothing
    clip                    largest norm of the mean gradient
    warm_up                 share of the course in which the rate rises
    average                 updates over which weights are averaged; 1: they are not
    look                    epochs from one validation to the next
    steps                   time steps of a round: as many as take less than half a minute
    padding                 share of steps that may be padded, see `train`; or the lengths to pad to, where courses on different
                            recordings are to share compiled code

    >>> import tempfile, throughtime as tt
    >>> def wrong(outputs, targets):
    ...     return sum(y[-1].argmax() != target for y, target in zip(outputs, targets)) / len(targets)
    >>> pairs = [([[0.0], [1.0]], 1), ([[1.0], [0.0]], 0)]
    >>> course = Course(tt.elman(1, 4, 2), tt.BPTT(), tt.CrossEntropy(), 30, 2, 0.1, wrong, average=5)
    >>> file = Path(tempfile.mkdtemp()) / "seed-0.progress"
    >>> course.follow(pairs, pairs, 0, file, lambda share, remark: None).error
    0.0
    """

    network: Network
    learner: Any
    loss: Any
    epochs: int
    batch: int
    rate: float
    wrong: Callable[[list[Any], list[Any]], float]
    augment: Augment | None = None
    clip: float = 1.0
    warm_up: float = 0.05
    average: int = 200
    look: int = 1
    steps: int = 300_000
    padding: Padding = 0.5

    def follow(
        self, recordings: Recordings, validation: Recordings, seed: int, file: Path, progress: Progress
    ) -> CourseResult:
        """Train from a seed until the end, beginning where `file` stands.

        recordings, validation  pairs (x, target); validation is neither augmented nor trained on
        seed                    of the weights, the orders, augmentation and dropout
        file                    where the state is kept; its folder is made
        progress                called after each round with the share done, and a remark

        raises  ValueError if the file belongs to another course, and what `train` raises
        """
        plan = _Rounds.of(self, recordings)
        optimizer = averaged_adam(self.rate, self.clip, self.warm_up, self.average, self.epochs * plan.updates)
        about = f"{self.described()}, {plan.updates} updates of {len(recordings)} sequences, seed {seed}"
        done, stand = resumed_state(file, self._fresh(optimizer, seed), about)
        for number in range(done, self.epochs * plan.rounds):
            epoch, place = divmod(number, plan.rounds)
            stand = self._after(plan, optimizer, recordings, stand, (seed, epoch, place))
            if place == plan.rounds - 1:
                stand = self._closed(stand, epoch + 1, validation)
            keep_state(file, number + 1, stand, about)
            progress((number + 1) / (self.epochs * plan.rounds), remark_of(stand, epoch + 1))
        return CourseResult(stand.best, float(stand.judged[0]), int(stand.judged[2]), stand.curve)

    def described(self) -> str:
        """All settings as text, the same in every process."""
        told = {f.name: repr(getattr(self, f.name)) for f in fields(self)} | {"network": self.network.to_json()}
        return re.sub(r" at 0x[0-9a-f]+", "", json.dumps(told))

    def _fresh(self, optimizer: Any, seed: int) -> CourseState:
        weights = engine.init(self.network, seed, jnp.float32)
        judged, curve = np.array([np.inf, np.inf, 0.0]), np.full((self.epochs, len(CURVE)), np.nan)
        return CourseState(weights, jax.jit(optimizer.init)(weights), weights, judged, np.zeros(3), curve)

    def _after(self, plan: "_Rounds", optimizer: Any, recordings: Any, stand: CourseState, at: Any) -> CourseState:
        """The stand after a round; `at`: seed, epoch and round."""
        began, chosen = time.perf_counter(), plan.dealt(at)
        xs, targets = ([recordings[n][part] for n in chosen] for part in (0, 1))
        if self.augment is not None:
            xs, targets = self.augment(xs, targets, np.random.default_rng((1, *at)))
        (report,) = train(
            self.network,
            stand.weights,
            self.learner,
            self.loss,
            optimizer,
            list(zip(xs, targets, strict=True)),
            epochs=1,
            batch=self.batch,
            seed=int(np.random.default_rng((2, *at)).integers(2**31)),
            padding=plan.ends,
            optimizer_state=stand.optimizer,
        )
        told = np.array([report.lesson.loss, report.lesson.asked, time.perf_counter() - began])
        return stand._replace(weights=report.weights, optimizer=report.optimizer_state, tally=stand.tally + told)

    def _closed(self, stand: CourseState, epoch: int, validation: Recordings) -> CourseState:
        """The stand after the last round of an epoch: judged, and written into the curve."""
        began, (total, asked, seconds) = time.perf_counter(), stand.tally
        judged, best, error = stand.judged, stand.best, np.nan
        if epoch % self.look == 0 or epoch == self.epochs:
            averaged = stand.optimizer[-1].weights
            error, loss = self._judged(averaged, validation)
            if (error, loss) < tuple(judged[:2]):
                judged, best = np.array([error, loss, epoch]), averaged
        seconds += time.perf_counter() - began
        curve = stand.curve.copy()
        curve[epoch - 1] = epoch, total / max(asked, 1), error, seconds
        return stand._replace(best=best, judged=judged, tally=np.array([0.0, 0.0, seconds]), curve=curve)

    def _judged(self, weights: Weights, validation: Recordings) -> tuple[float, float]:
        outputs = run_each(self.network, weights, [inputs_of(self.network, x) for x, _ in validation])
        error = self.wrong(list(outputs), [target for _, target in validation])
        return float(error), evaluate(self.network, weights, self.loss, validation, self.batch)


class _Rounds(NamedTuple):
    """How the sequences of an epoch are dealt to rounds."""

    classes: NDArray[np.int64]  # of each sequence the place of its length in `ends`
    ends: list[int]  # lengths to pad to
    rounds: int
    updates: int  # of an epoch, about: augmented sequences may be longer or shorter

    @staticmethod
    def of(course: Course, recordings: Recordings) -> "_Rounds":
        """The lengths to pad to are those of sequences augmented once; the last leaves room for longer ones."""
        xs, targets = [x for x, _ in recordings], [target for _, target in recordings]
        rounds = max(1, -(-sum(map(len, xs)) // course.steps))
        if course.augment is not None:
            xs, _ = course.augment(xs, targets, np.random.default_rng(0))
        lengths = [len(x) for x in xs]
        ends = padded_lengths(lengths, course.padding)
        classes = np.searchsorted(ends, lengths)
        plan = _Rounds(classes, ends, rounds, 0)
        dealt = [np.unique(classes[plan.dealt((0, 0, place))], return_counts=True)[1] for place in range(rounds)]
        updates = sum(int(np.ceil(counts / course.batch).sum()) for counts in dealt)
        if isinstance(course.padding, Sequence):
            return plan._replace(updates=updates)
        longer = -(-5 * max(ends) // 4)
        return plan._replace(ends=[*ends, longer, -(-5 * longer // 4)], updates=updates)

    def dealt(self, at: tuple[int, int, int]) -> NDArray[np.int64]:
        """The sequences of a round: every so many-th of the shuffled ones, sorted by length."""
        seed, epoch, place = at
        order = np.random.default_rng((seed, epoch)).permutation(len(self.classes))
        return order[np.argsort(self.classes[order], kind="stable")][place :: self.rounds]
