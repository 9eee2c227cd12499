"""How a model of a system is taught: with measured outputs (open loop), on its own (closed), or first so and then so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from numpy.typing import NDArray

from throughtime.dynamics.beginning import is_linear
from throughtime.dynamics.preparing import prepare, used_by
from throughtime.dynamics.records import Record
from throughtime.engine import Weights
from throughtime.engine.schedule import state
from throughtime.layers import an_instance
from throughtime.learners import BPTT
from throughtime.losses import SquaredError
from throughtime.network import Network
from throughtime.training import Report, train
from throughtime.training.best import BestWeights, either
from throughtime.training.door import method_of, with_decay
from throughtime.training.examining import evaluate
from throughtime.training.levenberg_marquardt import LevenbergMarquardt

Values = NDArray[np.float64]
LOOPS = ("open", "closed")


@dataclass(frozen=True)
class Teaching:
    """One stage of training.

    loop           "closed": the network hears its own outputs, as it will when it runs free; "open": the measured ones.
                   A network that hears no outputs has no loop to open
    epochs         at most so many
    rate           first step size; it falls to zero as a half cosine. Not for an optimizer that is a value
    optimizer      a function step size -> optax optimizer, such as `optax.adam`, or a value with a step size of its own, such
                   as `optax.adam(0.01)` or `LevenbergMarquardt()`
    learner        how gradients are found
    horizon        closed loop: runs of so many steps from measured history; None: from the beginning of each record
    every          steps between two updates; None: one update per epoch
    decay          weight decay: decay |w|^2 is added to the mean squared error, biases and starts left out; by
                   Levenberg-Marquardt over all weights, where it may be several: those of the networks in turn; with
                   Bayesian regularisation the least that is acting
    clip           largest norm of the gradient; None: any
    patience       end after so many epochs without a better free run on held-out data; None: all epochs
    look           epochs from one look at the held-out data to the next
    """

    loop: str = "closed"
    epochs: int = 1000
    rate: float = 0.01
    optimizer: Any = optax.adam
    learner: Any = field(default_factory=BPTT)
    horizon: int | None = None
    every: int | None = None
    decay: float | tuple[float, ...] = 0.0
    clip: float | None = 1.0
    patience: int | None = None
    look: int = 25

    def __post_init__(self) -> None:
        an_instance(self.learner, "the learner")
        if isinstance(self.optimizer, type) or not callable(self.optimizer):
            method_of(self.optimizer)
        if self.loop not in LOOPS:
            raise ValueError(f"loop must be 'open' or 'closed', not {self.loop!r}")
        if not 0.0 < self.rate < np.inf:
            raise ValueError(f"rate must be above 0, not {self.rate}")
        several = isinstance(self.decay, list | tuple)
        if several:
            object.__setattr__(self, "decay", tuple(self.decay))  # type: ignore[arg-type]
        if not np.size(self.decay) or not all(0 <= decay < np.inf for decay in np.ravel(self.decay)):
            raise ValueError(f"decay must be 0 or above, not {self.decay}")
        if several and not getattr(self.optimizer, "whole", False):
            raise ValueError(f"decay may be several for Levenberg-Marquardt only, not {self.decay}; give one")


def usual(network: Network) -> tuple[Teaching, ...]:
    """What serves most: Bayesian regularisation, with teacher forcing and then in closed loop where there is a loop to close.

    On three test systems its free runs were better than those of Levenberg-Marquardt without, and of Adam.
    """
    if is_linear(network):  # least squares is where it begins
        return (Teaching(epochs=60, look=10, optimizer=LevenbergMarquardt()),)
    closed = Teaching(epochs=60, look=10, optimizer=LevenbergMarquardt(bayesian=True))
    return (
        (replace(closed, loop="open", epochs=100), closed)
        if network.feedback is not None
        else (replace(closed, epochs=100),)
    )


class StageReport(NamedTuple):
    """Where the teaching stands, and all that is needed to go on from there to the same numbers.

    report       of `train`, with the best weights of any stage
    own          of `train`, as it is: the best weights are those of this stage
    earlier      the best of the stages before; None in the first one, and where nothing is held out
    epochs       done in each stage so far, the last of which is this one
    losses       of each stage so far, look by look
    validations  the same, of what is held out
    """

    report: Report
    own: Report
    earlier: BestWeights | None = None
    epochs: tuple[int, ...] = (0,)
    losses: tuple[tuple[Any, ...], ...] = ((),)
    validations: tuple[tuple[Any, ...], ...] = ((),)

    @property
    def stage(self) -> int:
        """Its number, from 0."""
        return len(self.epochs) - 1


class Begun(NamedTuple):
    """A stage that is about to be compiled."""

    stage: int


class Questions(NamedTuple):
    """Standardised records, and what is asked: per record (members, T, O), NaN where not."""

    records: list[Record]
    training: list[Values]
    held_out: list[Values]


def teach(
    network: Network,
    weights: Weights,
    stages: Sequence[Teaching],
    questions: Questions,
    loss: SquaredError,
    seed: int,
    after: StageReport | None = None,
    known: bool = False,
) -> Iterator[Begun | StageReport]:
    """Train all members through all stages; each begins with what the one before leaves.

    The held-out outputs are always compared with a free run, also while the loop is open, so the best weights so far are
    those of any stage, and they are what is left; without held-out outputs the last weights are.

    after  where an earlier call, with the same weights and all else, stood: this one goes on to the same numbers
    known  True: the first weights are a model already, and are kept where no later ones are better on what is held out
    """
    members = len(jax.tree.leaves(weights)[0])
    us, ys = [r.u for r in questions.records], [r.y for r in questions.records]
    u = None if us[0].shape[1] == 0 else us
    held_out = any((~np.isnan(q)).any() for q in questions.held_out)
    validation = _examined(network, u, questions) if held_out else None
    at, begun = after, after.stage if after else 0
    first = _first(network, weights, loss, validation) if known and validation and not after else None
    for number, stage in enumerate(stages[begun:], begun):
        yield Begun(number)
        opened = stage.loop == "open" and network.feedback is not None
        form = network.open_loop() if opened else network
        sequences = _asked(prepare(form, u, ys, None if opened else stage.horizon, questions.training).sequences)
        if opened:
            _refuse_blind(sequences)
        optimizer = _optimizer(replace(stage, learner=None), _updates(stage, sequences))
        whole = method_of(optimizer).whole
        going = after.own if after and after.stage == number else None
        done = 0 if going is None else going.epoch
        reports = train(
            form,
            weights,
            stage.learner,
            loss,
            optimizer,
            sequences,
            every=stage.every,
            epochs=max(stage.epochs, done + 1),
            seed=seed + number,
            batch=len(sequences),
            members=members,
            look=stage.look,
            padding=0.25 if whole else np.inf,  # one bucket: every update is a step down the error of all records
            validation=validation,
            validation_network=network,
            patience=stage.patience if validation else None,
            clip=None if whole else stage.clip,
            after=going,
        )
        for own in reports if done < stage.epochs else ():
            at = _noted(at, number, own, held_out, first)
            yield at
        assert at is not None
        weights = at.report.best if held_out else at.report.weights


def first_best(network: Network, weights: Weights, questions: Questions, loss: SquaredError) -> BestWeights:
    """The weights before any training, and their loss on what is held out."""
    us = [r.u for r in questions.records]
    return _first(network, weights, loss, _examined(network, us if us[0].shape[1] else None, questions))


def replaced(report: Report, where: NDArray[np.bool_], first: BestWeights) -> Report:
    """The report of networks (K,), of which some are what they began with."""
    return _best_of(replace(report, best_loss=np.where(where, np.inf, report.best_loss)), first)


def _first(network: Network, weights: Weights, loss: SquaredError, validation: Any) -> BestWeights:
    members = len(jax.tree.leaves(weights)[0])
    found = evaluate(network, weights, loss, validation, members=members)
    return BestWeights(weights, np.where(np.isfinite(found), found, np.inf), np.zeros(members, int))


def _noted(
    before: StageReport | None, number: int, own: Report, held_out: bool, first: BestWeights | None
) -> StageReport:
    """Where it stands after this report of a stage; first: what the best of it is compared with in the first one."""
    _, _, earlier, epochs, losses, validations = before or (None, None, first, (), (), ())
    if before is None or number > before.stage:
        earlier = first if before is None else BestWeights.of(before.report) if held_out else None
        epochs, losses, validations = (*epochs, 0), (*losses, ()), (*validations, ())
    known = _longer(validations, own.validation) if held_out else validations
    return stands(own, earlier, (*epochs[:-1], own.epoch), _longer(losses, own.loss), known)


def stands(own: Report, earlier: BestWeights | None, epochs: tuple[int, ...], *looks: Any) -> StageReport:
    """Where it stands, by the report of this stage and the best of those before; looks: losses and validations."""
    return StageReport(own if earlier is None else _best_of(own, earlier), own, earlier, epochs, *looks)


def _longer(stages: tuple[tuple[Any, ...], ...], value: Any) -> tuple[tuple[Any, ...], ...]:
    return (*stages[:-1], (*stages[-1], value))


def _best_of(report: Report, earlier: BestWeights) -> Report:
    """The report, with the best of an earlier stage where that is better."""
    kept = earlier.loss <= report.best_loss
    chosen = either(kept, earlier.weights, report.best)
    epoch = np.where(kept, earlier.epoch, report.best_epoch)
    return replace(report, best=chosen, best_loss=np.where(kept, earlier.loss, report.best_loss), best_epoch=epoch)


def _examined(network: Network, u: Any, questions: Questions) -> list[Any]:
    """The free runs over what is held out: from the beginning of each record; without inputs, which hold a free run to the
    measured one, from the measured past before each block, if that is all a network remembers."""
    ys = [record.y for record in questions.records]
    if u is not None or not measured_past(network):
        return prepare(network, u, ys, targets=questions.held_out).sequences
    runs, asked, used = [], [], used_by(network)
    for y, targets in zip(ys, questions.held_out, strict=True):
        spans = [_span(own) for own in targets]
        for first, last in sorted({span for span in spans if span is not None}):
            rows = slice(max(first - used, 0), last)
            runs.append(y[rows])
            others = np.array([span != (first, last) for span in spans])
            asked.append(np.where(others[:, None, None], np.nan, targets[:, rows]))
    return prepare(network, None, runs, targets=asked).sequences


def measured_past(network: Network) -> bool:
    """True if what it remembers is past outputs and nothing else, so that it can begin anywhere in a record."""
    remembered = {(row.kind, row.layer) for row in state(network)}
    return remembered == {("a", network.output)} and network.by_name[network.output].start == "zero"


def _span(asked: Values) -> tuple[int, int] | None:
    """The first step at which something is asked (T, O), and the one after the last."""
    steps = np.flatnonzero(~np.isnan(asked).all(axis=1))
    return (int(steps[0]), int(steps[-1]) + 1) if len(steps) else None


def _asked(sequences: list[Any]) -> list[Any]:
    """Without runs in which nothing is asked of any member."""
    return [s for s in sequences if not np.isnan(s[1]).all()] or sequences


def _refuse_blind(sequences: Sequence[Any]) -> None:
    """Raise an error if gaps leave no step that knows all the measured outputs that an open loop hears."""
    if all(np.isnan(target).all() for _, target, _ in sequences):
        raise ValueError(
            "in open loop nothing can be asked: wherever an output was measured, one that the network hears before it is a "
            "gap; train in closed loop alone (--loop closed), or hear outputs that were measured, as 2 rows back (delays 2)"
        )


def _updates(stage: Teaching, sequences: Sequence[Any]) -> int:
    """How often the weights of a member change, at most: in each epoch once per stretch in which something is asked."""
    longest = max(s[1].shape[-2] for s in sequences)
    every = stage.every or longest
    asked: Any = False
    for _, targets, _ in sequences:
        known = (~np.isnan(targets)).any(axis=-1)
        known = np.pad(known, ((0, 0), (0, -(-longest // every) * every - known.shape[1])))
        asked = asked | known.reshape(len(known), -1, every).any(axis=-1)
    return stage.epochs * int(asked.sum(axis=-1).max())


@lru_cache(maxsize=128)
def _optimizer(stage: Teaching, updates: int) -> Any:
    """One object for equal settings, so that compiled training is shared."""
    descent = stage.optimizer
    if callable(descent):
        descent = descent(optax.cosine_decay_schedule(stage.rate, updates))
    return with_decay(descent, stage.decay, _decaying) if stage.decay else descent


def _decaying(weights: Any) -> Any:
    """Which weights decay: all but biases and starts."""
    return jax.tree_util.tree_map_with_path(lambda path, _: not {"bias", "start"} & {str(p.key) for p in path}, weights)
