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
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from numpy.typing import NDArray

from throughtime import engine
from throughtime.engine import Weights
from throughtime.experiments import Progress
from throughtime.io import files
from throughtime.network import Network
from throughtime.sequences import Padding, inputs_of, padded_lengths, run_each
from throughtime.training import evaluate, train

Recordings = Sequence[tuple[NDArray[Any], Any]]  # pairs (x, target), x (T, I)
Augment = Callable[[list[Any], list[Any], np.random.Generator], tuple[list[Any], list[Any]]]
CURVE = ("epoch", "loss", "error", "seconds")  # the columns of a curve


class DamagedState(OSError):
    """The file of a course cannot be read, so it cannot go on."""


class Finished(NamedTuple):
    """What a course brought.

    weights  the averaged ones with the lowest validation error; of equals, those with the lower validation loss
    error    that error
    epoch    after which they stood, counted from 1
    curve    (epochs, 4): epoch, mean training loss in it, validation error after it (NaN where not measured), seconds
    """

    weights: Weights
    error: float
    epoch: int
    curve: NDArray[np.float64]


class _Stand(NamedTuple):
    """What a course is after a round."""

    weights: Weights
    optimizer: Any
    best: Weights
    judged: NDArray[np.float64]  # error, loss and epoch of the best
    tally: NDArray[np.float64]  # of the epoch so far: summed loss, number asked; seconds of the course
    curve: NDArray[np.float64]  # (epochs, 4), NaN where nothing stands yet


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
    >>> file = Path(tempfile.mkdtemp()) / "seed-0.npz"
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
    ) -> Finished:
        """Train from a seed until the end, beginning where `file` stands.

        recordings, validation  pairs (x, target); validation is neither augmented nor trained on
        seed                    of the weights, the orders, augmentation and dropout
        file                    where the state is kept; its folder is made
        progress                called after each round with the share done, and a remark

        raises  ValueError if the file belongs to another course, and what `train` raises
        """
        plan = _Plan.of(self, recordings)
        optimizer = _optimizer(self.rate, self.clip, self.warm_up, self.average, self.epochs * plan.updates)
        file.parent.mkdir(parents=True, exist_ok=True)
        about = f"{self.described()}, {plan.updates} updates of {len(recordings)} sequences, seed {seed}"
        done, stand = resumed(file, self._fresh(optimizer, seed), about)
        for number in range(done, self.epochs * plan.rounds):
            epoch, place = divmod(number, plan.rounds)
            stand = self._round(plan, optimizer, recordings, stand, (seed, epoch, place))
            if place == plan.rounds - 1:
                stand = self._closed(stand, epoch + 1, validation)
            keep(file, number + 1, stand, about)
            progress((number + 1) / (self.epochs * plan.rounds), _remark(stand, epoch + 1))
        return Finished(stand.best, float(stand.judged[0]), int(stand.judged[2]), stand.curve)

    def described(self) -> str:
        """All settings as text, the same in every process."""
        told = {f.name: repr(getattr(self, f.name)) for f in fields(self)} | {"network": self.network.to_json()}
        return re.sub(r" at 0x[0-9a-f]+", "", json.dumps(told))

    def _fresh(self, optimizer: Any, seed: int) -> _Stand:
        weights = engine.init(self.network, seed, jnp.float32)
        judged, curve = np.array([np.inf, np.inf, 0.0]), np.full((self.epochs, len(CURVE)), np.nan)
        return _Stand(weights, jax.jit(optimizer.init)(weights), weights, judged, np.zeros(3), curve)

    def _round(self, plan: "_Plan", optimizer: Any, recordings: Recordings, stand: _Stand, at: Any) -> _Stand:
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

    def _closed(self, stand: _Stand, epoch: int, validation: Recordings) -> _Stand:
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


class _Plan(NamedTuple):
    """How the sequences of an epoch are dealt to rounds."""

    classes: NDArray[np.int64]  # of each sequence the place of its length in `ends`
    ends: list[int]  # lengths to pad to
    rounds: int
    updates: int  # of an epoch, about: augmented sequences may be longer or shorter

    @staticmethod
    def of(course: Course, recordings: Recordings) -> "_Plan":
        """The lengths to pad to are those of sequences augmented once; the last leaves room for longer ones."""
        xs, targets = [x for x, _ in recordings], [target for _, target in recordings]
        rounds = max(1, -(-sum(map(len, xs)) // course.steps))
        if course.augment is not None:
            xs, _ = course.augment(xs, targets, np.random.default_rng(0))
        lengths = [len(x) for x in xs]
        ends = padded_lengths(lengths, course.padding)
        classes = np.searchsorted(ends, lengths)
        plan = _Plan(classes, ends, rounds, 0)
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


def _remark(stand: _Stand, epoch: int) -> str:
    known = f", best error {stand.judged[0]:.4g} after epoch {stand.judged[2]:.0f}" if stand.judged[2] else ""
    return f"epoch {epoch}{known}"


@cache
def _optimizer(rate: float, clip: float, warm_up: float, average: int, updates: int) -> Any:
    """One object for all seeds: compiled code belongs to it."""
    warm = round(warm_up * updates)
    planned = optax.warmup_cosine_decay_schedule(0.0 if warm else rate, rate, warm, max(updates, warm + 1))
    averaging = optax.GradientTransformation(_begin_average, Averaging(1 - 1 / average))
    return optax.chain(optax.clip_by_global_norm(clip), optax.adam(planned), averaging)


class Averaged(NamedTuple):
    """The average of the weights over updates, and how many there were."""

    weights: Weights
    updates: Array


def _begin_average(weights: Weights) -> Averaged:
    return Averaged(jax.tree.map(jnp.array, weights), jnp.zeros((), jnp.int32))


@dataclass(frozen=True)
class Averaging:
    """The last stage of an optax optimizer: averages the weights that its steps lead to, and leaves the steps as they are."""

    decay: float

    def __call__(self, steps: Weights, state: Averaged, weights: Weights | None = None) -> tuple[Weights, Averaged]:
        n = state.updates.astype(jnp.float32)
        decay = jnp.minimum(self.decay, (1 + n) / (10 + n))

        def mixed(before: Array, weight: Array, step: Array) -> Array:
            d = decay.astype(before.dtype)
            return d * before + (1 - d) * (weight + step)

        return steps, Averaged(jax.tree.map(mixed, state.weights, weights, steps), state.updates + 1)


def keep(file: Path, done: int, tree: Any, about: str = "") -> None:
    """Write the state of a course; whoever is interrupted here finds the file from before.

    done   rounds
    tree   of arrays
    about  the course, so that no other goes on with it
    """
    made = BytesIO()
    np.savez(made, done, about, *jax.tree.leaves(tree))
    files.write(file, made.getvalue())


def resumed(file: Path, fresh: Any, about: str = "") -> tuple[int, Any]:
    """Rounds done and the state after them, as `keep` wrote it; 0 and the fresh one without a file.

    raises  ValueError if the file is of another course, or of another network; DamagedState if it is no state at all
    """
    if not file.exists():
        return 0, fresh
    leaves, tree = jax.tree.flatten(fresh)
    done, told, *kept = _kept_in(file)
    if str(told) != about:
        raise ValueError(f"{file} is the state of another course; name another folder, or remove it")
    if [np.shape(a) for a in kept] != [np.shape(a) for a in leaves]:
        raise ValueError(f"{file} is the course of another network; name another folder, or remove it")
    return int(done), jax.tree.unflatten(tree, [_like(a, b) for a, b in zip(kept, leaves, strict=True)])


def _kept_in(file: Path) -> list[NDArray[Any]]:
    """The arrays of a state: rounds done, the course, and the leaves of its tree."""
    try:
        with np.load(BytesIO(file.read_bytes())) as found:
            made = [found[f"arr_{number}"] for number in range(len(found.files))]
        if made[0].shape or made[0].dtype.kind != "i" or made[1].dtype.kind != "U":
            raise ValueError("it does not say how far it is")
    except (ValueError, LookupError, TypeError, AttributeError, EOFError, OSError, BadZipFile, zlib.error) as error:
        raise DamagedState(f"{file} is no state of a course, or damaged: {error}; remove it to begin anew") from None
    return made


def _like(values: NDArray[Any], fresh: Any) -> Any:
    return values if isinstance(fresh, np.ndarray) else jnp.asarray(values, fresh.dtype)
