"""Sequence learning with scikit-learn's contract: fit, predict, score, pipelines, grid search.

    X   one series (steps, features), an array of sequences (sequences, steps, features), or a list of series
    y   a target for every step of every sequence, or one for each sequence

Rows are ordered in time: the order of rows matters, and a prediction depends on the rows before it.
"""

import warnings
from collections.abc import Sized
from functools import lru_cache
from typing import Any, Self

import jax
import numpy as np
import optax
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data

from throughtime import answers
from throughtime.architectures import ARCHITECTURES, built
from throughtime.engine import init
from throughtime.learners import BPTT
from throughtime.losses import CrossEntropy, SquaredError
from throughtime.models.columns import Column, columns_of, restore, standardise
from throughtime.models.each import one_member
from throughtime.models.ensemble import Ensemble
from throughtime.models.model import Model
from throughtime.network import Network
from throughtime.rounding import unvarying
from throughtime.sequences import (
    TOO_LARGE,
    numbers_of,
    refuse_first,
    refuse_other_kinds,
    too_large,
)
from throughtime.training import train

EXPECTED_FAILED_CHECKS = {
    "check_methods_sample_order_invariance": "rows are ordered in time: another order is another series",
    "check_methods_subset_invariance": "rows are ordered in time: a prediction depends on the rows before it",
}

Values = NDArray[Any]
Pair = tuple[Values, Values]  # a series, and its target as numbers

ANSWERS = {"last": answers.LAST, "mean": answers.MEAN}


@lru_cache(maxsize=128)
def _optimizer(make: Any, rate: float) -> optax.GradientTransformation:
    """One object for equal settings, so that compiled training is shared between fits."""
    if not callable(make):
        raise ValueError(
            f"optimizer is {_short(make)}, but the estimators give it learning_rate: give the function that makes one, such as "
            "optimizer=optax.adam with learning_rate=0.01"
        )
    return make(rate)


def _short(optimizer: Any) -> str:
    return (
        repr(optimizer) if isinstance(optimizer, str) else f"a {type(optimizer).__name__} with a step size of its own"
    )


class _SequenceEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
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
                         the mean over all steps; "auto": the mean where layers run backward, which at the last step have
                         heard that step only, else the last

    Fitted: `network_`, `weights_`, `history_` (loss of every epoch), `inputs_` and `outputs_` (the scaling, learned from what
    is trained on), `n_features_in_`, `per_step_` (targets were given for every step), `answer_` ("every step", "last step"
    or "mean over time").
    """

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
        xs = self._inputs(X, fresh)
        if fresh:
            _warn_of_layout(X, xs)
        return xs, self._given(X, y, fresh)

    def _given(self, X: Any, y: Any, fresh: bool = False) -> list[Any]:
        """Targets as they were given, sequence by sequence: one for every step, or one for each sequence."""
        if not _many(X):
            targets = [np.asarray(y)]
            check_consistent_length(X, targets[0])
        else:
            targets = list(np.asarray(y)) if hasattr(y, "iloc") else list(y)
            if len(targets) != len(X):
                raise ValueError(f"there are {len(X)} sequences in X, but {len(targets)} targets in y")
        per_step = self._one_per_step(targets, [len(x) for x in X] if _many(X) else [len(targets[0])])
        if fresh:
            self.per_step_ = per_step
        elif per_step != self.per_step_:
            raise ValueError(
                "y has one target per " + ("step" if per_step else "sequence") + ", unlike in the first fit"
            )
        return targets

    def _one_per_step(self, targets: list[Any], lengths: list[int]) -> bool:
        """True for a target at every step of every sequence, False for one of each sequence; nothing lies between."""
        shapes = [np.shape(target) for target in targets]
        fits = [len(shape) > 0 and shape[0] == steps for shape, steps in zip(shapes, lengths, strict=True)]
        if all(fits):
            return True
        # Where as many values as steps are no accident, as with most of them, the others lack some.
        if not self._may_be_whole(shapes) or 2 * sum(fits) >= len(fits):
            wrong = fits.index(False)
            count = shapes[wrong][0] if shapes[wrong] else 1
            raise ValueError(
                f"target of sequence {wrong} has {count} values, but the sequence has {lengths[wrong]} steps; "
                f"give one for every step{self._whole}"
            )
        return False

    def _inputs(self, X: Any, fresh: bool) -> list[Values]:
        if not _many(X):
            return [self._series(X, 0, fresh)]
        return [self._series(x, n, fresh and n == 0) for n, x in enumerate(X)]

    def _series(self, x: Any, number: int, fresh: bool) -> Values:
        refuse_other_kinds(f"sequence {number}", x)
        try:
            values: Values = validate_data(self, x, reset=fresh, dtype=np.float64, ensure_all_finite=False)
        except ValueError as error:
            first, *rest = str(error).splitlines()  # between them it may print the array
            raise ValueError(f"sequence {number}: {first} {rest[-1] if rest else ''}".rstrip()) from None
        refuse_first(f"sequence {number}", values, ~np.isfinite(values), "fill the gap, or cut the sequence there")
        refuse_first(f"sequence {number}", values, too_large(values), TOO_LARGE)
        return values

    def _parts(self, pairs: list[Pair]) -> tuple[list[Pair], list[Pair] | None]:
        """What is trained on, and what is held out: known before anything is learned from the data, scaling included."""
        self._seed()
        return (pairs, None) if self.patience is None else self._split(pairs)

    def _seed(self) -> None:
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))

    def _begin(self, pairs: list[Pair]) -> None:
        """Scaling, network and first weights."""
        rows = np.concatenate([x for x, _ in pairs])
        names = getattr(self, "feature_names_in_", _numbered(rows.T))
        self.inputs_ = columns_of(rows, names, self.scale)
        self.outputs_ = self._output_columns([target for _, target in pairs])
        self.network_ = self._network(rows.shape[1], len(self.outputs_))
        self.answer_ = self._read_as()
        self.weights_ = init(self.network_, self.seed_)
        self.history_: list[float] = []
        self.optimizer_state_ = None

    def _read_as(self) -> str:
        """How an answer is read from what the network says."""
        if self.answer != "auto" and self.answer not in ANSWERS:
            raise ValueError(f"answer must be 'auto', 'last' or 'mean', not {self.answer!r}")
        if not self.per_step_:
            return ANSWERS.get(self.answer, answers.usual(self.network_))
        if self.answer != "auto":
            raise ValueError(
                f"answer={self.answer!r} is for one target per sequence, but y has one per step; leave 'auto'"
            )
        return answers.EVERY

    def _network(self, inputs: int, outputs: int) -> Network:
        given = self.network
        if isinstance(given, str):
            given = ARCHITECTURES.get(given)
        if given is None:
            raise ValueError(
                f"unknown network {self.network!r}; known: {', '.join(ARCHITECTURES)}, a Network, or a function of inputs "
                "and outputs such as functools.partial(tt.window, width=10) or functools.partial(tt.lstm, bidirectional=True)"
            )
        network = built(given, inputs, outputs, hidden=self.hidden)
        sizes = [size for _, size in network.inputs]
        if sizes != [inputs] or network.size_of(network.output) != outputs:
            raise ValueError(
                f"the data has {inputs} features and {outputs} outputs (or classes), but the network has inputs of "
                f"size {sizes} and {network.size_of(network.output)} outputs"
            )
        return network

    def _learn(self, pairs: list[Pair], held_out: list[Pair] | None, epochs: int) -> Self:
        reports = train(
            self.network_,
            self.weights_,
            BPTT() if self.learner is None else self.learner,
            answers.loss_of(self._loss, self.answer_),
            _optimizer(optax.adam if self.optimizer is None else self.optimizer, self.learning_rate),
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

    def _split(self, pairs: list[Pair]) -> tuple[list[Pair], list[Pair]]:
        """Sequences for training and for validation; of a single series its last part, heard after the first."""
        share = self.validation_fraction
        if not 0 < share < 1:
            raise ValueError(f"validation_fraction must be above 0 and below 1, not {share}")
        if len(pairs) > 1:
            order = np.random.default_rng(self.seed_).permutation(len(pairs))
            held = max(1, round(share * len(pairs)))
            return [pairs[n] for n in order[held:]], [pairs[n] for n in order[:held]]
        x, goal = pairs[0]
        border = len(x) - max(1, round(share * len(x)))
        if border < 1 or not self.per_step_:
            raise ValueError("a single sequence is too little to validate on; give more data, or patience=None")
        later = goal.copy()
        later[:border] = -1 if goal.dtype.kind == "i" else np.nan
        return [(x[:border], goal[:border])], [(x, later)]

    def _outputs(self, X: Any) -> list[Values]:
        """What the network answers: (steps, outputs) of every sequence, or one answer, (1, outputs)."""
        check_is_fitted(self, "weights_")
        alone = Ensemble(self.network_, one_member(self.weights_), self.inputs_, self.outputs_)
        ys = alone.sequences(self._inputs(X, fresh=False))
        return [answers.read(y[0].astype(float), self.answer_) for y in ys]

    def _answer(self, X: Any, values: list[Values]) -> Any:
        """Predictions in the form of X: an array, or a list of arrays for a list of sequences."""
        if not _many(X) or not self.per_step_:
            return np.concatenate(values)
        return np.stack(values) if isinstance(X, np.ndarray) and X.ndim == 3 else values

    def to_model(self, **settings: Any) -> Model:
        """The fitted network as a `Model`, to be saved in a file that cannot run code."""
        check_is_fitted(self, "weights_")
        classes = tuple(getattr(self, "classes_", np.array([])).tolist())
        if settings.get("answer", self.answer_) != self.answer_ != answers.EVERY:
            raise ValueError(
                f"the network was taught to answer by the {self.answer_}, so that is what the model says; leave answer= out"
            )
        about = {
            "per_step": self.per_step_,
            "answer": self.answer_,
            "single_output": getattr(self, "single_output_", True),
            "named_inputs": hasattr(self, "feature_names_in_"),
        } | settings
        return Model(self.network_, self.weights_, self.inputs_, self.outputs_, classes, settings=about)

    @classmethod
    def from_model(cls, model: Model) -> Self:
        """A fitted estimator that predicts what the model does.

        raises  ValueError for several networks in one model, for one whose answers are strings, and for one of the other kind
        """
        answer = answers.of(model.settings)
        if model.members or answer not in (answers.EVERY, *ANSWERS.values()):
            what = f"{model.members} networks" if model.members else f"answers by {answer!r}"
            raise ValueError(
                f"the model holds {what}; an estimator is one network that answers with classes or numbers"
            )
        if bool(model.classes) != issubclass(cls, ClassifierMixin):
            gives, other = ("classes", "SequenceClassifier") if model.classes else ("numbers", "SequenceRegressor")
            raise ValueError(f"the model gives {gives}: read it with {other}.from_model")
        made = cls(network=model.network)
        made.network_, made.weights_, made.n_features_in_ = model.network, model.weights, len(model.inputs)
        made.inputs_, made.outputs_ = model.inputs, model.outputs
        made.per_step_, made.answer_ = answer == answers.EVERY, answer
        made.single_output_ = bool(model.settings.get("single_output", len(model.outputs) == 1))
        made.n_outputs_ = len(model.outputs)
        made.seed_, made.history_, made.optimizer_state_ = 0, [], None
        names = [column.name for column in model.inputs]
        if model.settings.get("named_inputs", names != _numbered(names)):
            made.feature_names_in_ = np.array(names, dtype=object)
        if model.classes:
            made.classes_ = np.array(model.classes)
        return made

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class SequenceRegressor(RegressorMixin, _SequenceEstimator):  # type: ignore[misc]
    __doc__ = f"""Regression on sequences: numbers for every step, or for each sequence.

    y is (steps,) or (steps, outputs) per series; NaN where nothing is asked.
    {(_SequenceEstimator.__doc__ or "").split(".", 1)[1]}
    >>> import numpy as np
    >>> X = np.sin(np.arange(60.0))[:, None]
    >>> SequenceRegressor(hidden=4, epochs=3, random_state=0).fit(X[:-1], X[1:, 0]).predict(X).shape
    (60,)
    """

    _loss = SquaredError()
    _whole = ", or of each sequence a row (1, outputs)"

    def partial_fit(self, X: Any, y: Any) -> Self:
        """One more epoch on these data; the first call settles network and scaling."""
        return self._partial_fit(X, y)

    def predict(self, X: Any) -> Any:
        """Predictions, in the form y had."""
        values = [restore(y, self.outputs_) for y in self._outputs(X)]
        return self._answer(X, [y[:, 0] for y in values] if self.single_output_ else values)

    def score(self, X: Any, y: Any) -> float:
        """R^2 over all steps (or sequences) with a target."""
        predicted, truth = (_rows(part, len(self.outputs_)) for part in (self.predict(X), self._given(X, y)))
        known = ~np.isnan(truth).any(axis=1)
        truth, predicted = truth[known], predicted[known]
        base = np.where(unvarying(truth), truth, 0)  # so that a constant has no variance, as r2_score wants to see it
        return float(r2_score(truth - base, predicted - base))

    def _may_be_whole(self, shapes: list[tuple[int, ...]]) -> bool:
        """True if they can be the numbers of a whole sequence: a number, a row of outputs."""
        return all(len(shape) < 2 or shape[0] == 1 for shape in shapes)

    def _settle(self, given: list[Any]) -> None:
        first = np.asarray(given[0])
        self.single_output_ = first.ndim < 1 + self.per_step_
        self.n_outputs_ = 1 if self.single_output_ else first.shape[-1]

    def _targets(self, given: list[Any]) -> list[Values]:
        """(steps, outputs) or, one per sequence, (1, outputs)."""
        made = []
        for number, target in enumerate(given):
            rows = np.asarray(numbers_of(f"target of sequence {number}", target), dtype=np.float64)
            rows = rows.reshape(len(rows) if self.per_step_ else 1, -1)
            if rows.shape[1] != self.n_outputs_:
                wanted = f"where {self.n_outputs_} are expected"
                raise ValueError(f"target of sequence {number} has {rows.shape[1]} outputs {wanted}")
            what = f"target of sequence {number}: Input y contains infinity"
            refuse_first(what, rows, np.isinf(rows), "give a number, or NaN where nothing is asked")
            refuse_first(what, rows, too_large(rows), TOO_LARGE)
            made.append(rows)
        return made

    def _output_columns(self, targets: list[Values]) -> tuple[Column, ...]:
        rows = np.concatenate(targets)
        if np.isnan(rows).all(axis=0).any():
            raise ValueError("Input y contains NaN only, in at least one output; give some targets")
        return columns_of(rows, [f"y{n}" for n in range(rows.shape[1])], self.scale)

    def _goal(self, target: Values) -> Values:
        return standardise(target, self.outputs_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class SequenceClassifier(ClassifierMixin, _SequenceEstimator):  # type: ignore[misc]
    __doc__ = f"""Classification of sequences: a class for every step, or for each sequence.

    y is (steps,) per series, or one class per sequence. The network's outputs are the net inputs of a softmax, so its
    output layer is linear.
    {(_SequenceEstimator.__doc__ or "").split(".", 1)[1]}
    >>> import numpy as np
    >>> X = [np.full((5, 1), v) for v in (-1.0, 1.0, -2.0, 2.0)]
    >>> SequenceClassifier(hidden=4, random_state=0).fit(X, ["down", "up", "down", "up"]).predict(X[:2]).tolist()
    ['down', 'up']
    """

    _loss = CrossEntropy()
    _whole = ", or one for each sequence; of one-hot rows give the classes, y.argmax(axis=-1)"

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """One more epoch on these data; the first call settles network, scaling and `classes` (those in y if None)."""
        return self._partial_fit(X, y, classes)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, in the order of `classes_`."""
        return self._answer(X, [softmax(y, axis=-1) for y in self._outputs(X)])

    def predict(self, X: Any) -> Any:
        """The most probable classes, in the form y had."""
        return self._answer(X, [self.classes_[y.argmax(axis=-1)] for y in self._outputs(X)])

    def score(self, X: Any, y: Any) -> float:
        """Accuracy over all steps, or sequences."""
        predicted, truth = (_rows(part, 1)[:, 0] for part in (self.predict(X), self._given(X, y)))
        return float(accuracy_score(truth, predicted))

    def _one_per_step(self, targets: list[Any], lengths: list[int]) -> bool:
        for number, target in enumerate(targets):
            _refuse_one_hot(f"target of sequence {number}", np.shape(target))
        return super()._one_per_step(targets, lengths)

    def _may_be_whole(self, shapes: list[tuple[int, ...]]) -> bool:
        """True if they can be the class of a whole sequence."""
        return all(np.prod(shape) == 1 for shape in shapes)

    def _settle(self, given: list[Any]) -> None:
        parts = [np.ravel(t) for t in given]
        labels = np.concatenate(parts)  # which makes "nan" of NaN beside texts
        infinite = labels.dtype.kind == "f" and np.isinf(labels).any()
        if infinite or any(pd.isna(part).any() for part in parts):
            raise ValueError("Input y contains NaN or infinity where classes are expected; name every class")
        check_classification_targets(labels)
        self.classes_ = np.unique(labels)

    def _targets(self, given: list[Any]) -> list[Values]:
        """Labels (steps,), or one."""
        made = []
        for number, target in enumerate(given):
            labels = column_or_1d(target, warn=True) if self.per_step_ else np.ravel(target)
            known = np.isin(labels, self.classes_)
            if not known.all():
                raise ValueError(
                    f"target of sequence {number}: class {labels[~known][0]} is new; name all classes in the first fit"
                )
            made.append(np.searchsorted(self.classes_, labels).astype(np.int32))
        return made

    def _output_columns(self, targets: list[Values]) -> tuple[Column, ...]:  # noqa: ARG002  # a regression needs them
        return tuple(Column(str(name)) for name in self.classes_)

    def _goal(self, target: Values) -> Values:
        return target


def _many(X: Any) -> bool:
    """True for several sequences: a three-dimensional array, or a list of two-dimensional ones."""
    if getattr(X, "ndim", 1) == 3:
        return True
    listed = isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1)
    return listed and any(getattr(x, "ndim", None) == 2 or _is_table(x) for x in X)


def _warn_of_layout(X: Any, xs: list[Values]) -> None:
    """Where X looks like another layout: channels come before steps, or every row is a case."""
    (steps, *others), features = {len(x) for x in xs}, xs[0].shape[1]
    if not _many(X):
        if steps > 1 and 2 * steps < features:
            _warn(
                f"X {(steps, features)} is read as one series of {steps} steps", "X[:, :, None] if every row is a case"
            )
    elif len(xs) > 1 and not others and (steps == 1 < features or 10 * steps <= features):
        _warn(
            f"every sequence in X is read as {steps} steps of {features} features",
            "X.transpose(0, 2, 1) if it is (cases, channels, steps)",
        )


def _warn(reading: str, remedy: str) -> None:
    warnings.warn(f"{reading}: give {remedy}", UserWarning, stacklevel=5)


def _refuse_one_hot(where: str, shape: tuple[int, ...]) -> None:
    if len(shape) > 1 and shape[-1] > 1:
        raise ValueError(
            f"{where} has shape {shape}, but a class is one value: of one-hot rows give the classes, y.argmax(axis=-1)"
        )


def _is_table(x: Any) -> bool:
    return isinstance(x, (list, tuple)) and len(x) > 0 and isinstance(x[0], (list, tuple, np.ndarray))


def _numbered(columns: Sized) -> list[str]:
    """The names of columns that have none."""
    return [f"x{n}" for n in range(len(columns))]


def _rows(y: Any, outputs: int) -> Values:
    """All targets one below another: (rows, outputs)."""
    try:
        return np.asarray(y).reshape(-1, outputs)
    except ValueError:  # a list of unequal sequences
        return np.concatenate([np.asarray(t).reshape(-1, outputs) for t in y])
