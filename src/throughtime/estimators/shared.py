"""What regression and classification of sequences share: settings, training, running, files."""

from typing import Any, Self

import jax
import numpy as np
import optax
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from throughtime import answers
from throughtime.engine import init
from throughtime.estimators.building import estimator_optimizer, network_for
from throughtime.estimators.models import ANSWERS, model_of, refuse_other_answers, settle_as
from throughtime.estimators.parts import Pair, parted
from throughtime.estimators.reading import (
    lengths_of,
    numbered,
    one_per_step,
    refuse_disorder,
    series_of,
    targets_of,
    warn_of_layout,
)
from throughtime.learners import BPTT
from throughtime.models.columns import columns_of, standardise
from throughtime.models.ensemble import Ensemble
from throughtime.models.members import one_member
from throughtime.models.model import Model
from throughtime.training import train

Values = NDArray[Any]


class SequenceEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What regression and classification share.

    X is one series (steps, features), an array of sequences (sequences, steps, features), or a list of series. Data in other
    layouts are turned first: (cases, channels, steps) by `X.transpose(0, 2, 1)`; (cases, steps), a row for each case of
    one channel, by `X[:, :, None]`.

    network              the name of an architecture, a function (inputs=, outputs=) -> Network, such as
                         `functools.partial(tt.window, width=10)`, or a `Network`
    hidden               units of the hidden layer, or a list of them (ntm: units of the controller); for architectures
                         given by name, and functions that leave it open, such as `tt.lstm`
    learner              how gradients are found; None: `BPTT()`
    optimizer            a function learning_rate -> optax optimizer, such as `optax.sgd`; None: `optax.adam`
    learning_rate        its argument
    epochs               how often every sequence is visited
    batch_size           sequences per update
    every                steps between two updates; None: one update per batch
    patience             end after so many epochs without a better validation loss, keep the best weights; None: no
                         validation, all data is trained on
    validation_fraction  share of the sequences (of a single series: its last part) kept for validation
    clip                 largest norm of the gradient; None: no limit
    scale                bring inputs, and targets of a regression, to mean 0 and deviation 1; undone in predictions
    random_state         of first weights, order of sequences, dropout
    answer               where y has one target for each sequence: "last", what the network says at the last step; "mean",
                         the mean over all steps. "each step": y has one for every step. "ctc", of a classifier: y has a
                         string of labels for each sequence, shorter than it, and nobody says when each label begins.
                         "auto": y tells which of the first three; of one target the mean where layers run backward, which
                         at the last step have heard that step only, else the last

    Fitted: `network_`, `weights_`, `history_` (loss of every epoch), `inputs_` and `outputs_` (the scaling, learned from what
    is trained on), `n_features_in_`, `per_step_` (targets were given for every step), `answer_` ("every step", "last step",
    "mean over time" or "ctc").
    """

    _answers: tuple[str, ...] = ("last", "mean", "each step")

    def __init__(
        self,
        network: Any = "fully_recurrent",
        hidden: Any = 16,
        learner: Any = None,
        optimizer: Any = None,
        learning_rate: float = 0.01,
        epochs: int = 100,
        batch_size: int = 32,
        every: int | None = None,
        patience: int | None = None,
        validation_fraction: float = 0.1,
        clip: float | None = 1.0,
        scale: bool = True,
        random_state: Any = None,
        answer: str = "auto",
    ) -> None:
        self.network = network
        self.hidden = hidden
        self.learner = learner
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.every = every
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.clip = clip
        self.scale = scale
        self.random_state = random_state
        self.answer = answer

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from the beginning; `self`."""
        xs, given = self._read(X, y, fresh=True)
        self._settle(given)
        pairs, held_out = self._parts(list(zip(xs, self._targets(given), strict=True)))
        self._begin(pairs)
        return self._learn(pairs, held_out, self.epochs)

    def _partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        fresh = not hasattr(self, "weights_")
        xs, given = self._read(X, y, fresh)
        if fresh:
            self._settle(given if classes is None else [classes])
        pairs = list(zip(xs, self._targets(given), strict=True))
        if fresh:
            self._seed()
            self._begin(pairs)
        return self._learn(pairs, None, 1)

    def _read(self, X: Any, y: Any, fresh: bool) -> tuple[list[Values], list[Any]]:
        """Checked inputs, and targets as they were given, sequence by sequence."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        xs = series_of(self, X, fresh)
        if fresh:
            warn_of_layout(X, xs)
        return xs, self._given(X, y, fresh)

    def _given(self, X: Any, y: Any, fresh: bool = False) -> list[Any]:
        """Targets as they were given, sequence by sequence: one for every step, or one for each sequence."""
        targets = targets_of(X, y)
        per_step = self._one_per_step(targets, lengths_of(X, targets))
        if per_step:
            refuse_disorder(X, y)
        if fresh:
            self.per_step_ = per_step
        elif per_step != self.per_step_:
            raise ValueError(
                "y has one target per " + ("step" if per_step else "sequence") + ", unlike in the first fit"
            )
        return targets

    def _one_per_step(self, targets: list[Any], lengths: list[int]) -> bool:
        may_be_whole = _never if self.answer == "each step" else self._may_be_whole
        return one_per_step(targets, lengths, may_be_whole, self._whole)

    def _parts(self, pairs: list[Pair]) -> tuple[list[Pair], list[Pair] | None]:
        """What is trained on, and what is held out: known before anything is learned from the data, scaling included."""
        self._seed()
        if self.patience is None:
            return pairs, None
        return parted(pairs, self.validation_fraction, self.seed_, self.per_step_)

    def _seed(self) -> None:
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))

    def _begin(self, pairs: list[Pair]) -> None:
        """Scaling, network and first weights."""
        rows = np.concatenate([x for x, _ in pairs])
        names = getattr(self, "feature_names_in_", numbered(rows.T))
        self.inputs_ = columns_of(rows, names, self.scale)
        self.outputs_ = self._output_columns([target for _, target in pairs])
        self.network_ = network_for(self.network, self.hidden, rows.shape[1], len(self.outputs_))
        self.answer_ = self._read_as()
        self.weights_ = init(self.network_, self.seed_)
        self.history_: list[float] = []
        self.optimizer_state_ = None

    def _read_as(self) -> str:
        """How an answer is read from what the network says."""
        if self.answer not in ("auto", *self._answers):
            known = ", ".join(repr(name) for name in ("auto", *self._answers))
            raise ValueError(f"answer must be one of {known}, not {self.answer!r}")
        if not self.per_step_:
            return ANSWERS.get(self.answer, answers.usual(self.network_))
        if self.answer not in ("auto", "each step"):
            raise ValueError(
                f"answer={self.answer!r} is for one target per sequence, but y has one per step; leave 'auto', or give 'each step'"
            )
        return answers.EVERY

    def _learn(self, pairs: list[Pair], held_out: list[Pair] | None, epochs: int) -> Self:
        reports = train(
            self.network_,
            self.weights_,
            BPTT() if self.learner is None else self.learner,
            answers.loss_of(self._loss, self.answer_),
            estimator_optimizer(optax.adam if self.optimizer is None else self.optimizer, self.learning_rate),
            self._seen(pairs),
            every=self.every,
            epochs=epochs,
            batch=self.batch_size,
            seed=self.seed_ + len(self.history_),
            validation=None if held_out is None else self._seen(held_out),
            patience=None if held_out is None else self.patience,
            clip=self.clip,
            optimizer_state=self.optimizer_state_,
        )
        for report in reports:  # kept at every epoch, so that an interrupted fit leaves a fitted estimator
            weights = report.weights if held_out is None else report.best
            self.weights_, self.optimizer_state_ = jax.tree.map(np.asarray, (weights, report.optimizer_state))
            self.history_.append(report.loss)
        return self

    def _seen(self, pairs: list[Pair]) -> list[Pair]:
        """Series and targets as the network sees them, scaled, a target at every step at which it is asked for."""
        return [
            (standardise(x, self.inputs_), answers.question(self._goal(target), len(x), self.answer_))
            for x, target in pairs
        ]

    def _outputs(self, X: Any) -> list[Values]:
        """What the network answers: (steps, outputs) of every sequence, or one answer, (1, outputs)."""
        check_is_fitted(self, "weights_")
        alone = Ensemble(self.network_, one_member(self.weights_), self.inputs_, self.outputs_)
        ys = alone.sequences(series_of(self, X, fresh=False))
        return [answers.read(y[0].astype(float), self.answer_) for y in ys]

    def to_model(self, **settings: Any) -> Model:
        """The fitted network as a `Model`, to be saved in a file that cannot run code."""
        check_is_fitted(self, "weights_")
        return model_of(self, settings)

    @classmethod
    def from_model(cls, model: Model) -> Self:
        """A fitted estimator that predicts what the model does.

        raises  ValueError for several networks in one model, for one whose answers are strings, and for one of the other kind
        """
        refuse_other_answers(model, issubclass(cls, ClassifierMixin))
        made = cls(network=model.network)
        settle_as(made, model)
        return made

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _never(shapes: list[tuple[int, ...]]) -> bool:  # noqa: ARG001
    """What is asked at each step is never the target of a whole sequence."""
    return False
