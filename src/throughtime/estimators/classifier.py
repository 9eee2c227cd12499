"""Classification of sequences."""

from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from throughtime import answers
from throughtime.decoding import ctc_greedy, label_error_rate
from throughtime.estimators.models import ANSWERS
from throughtime.estimators.reading import Values, has_many, in_form_of, target_rows
from throughtime.estimators.shared import SequenceEstimator
from throughtime.losses import CrossEntropy
from throughtime.models.columns import Column


class SequenceClassifier(ClassifierMixin, SequenceEstimator):  # type: ignore[misc]
    __doc__ = f"""Classification of sequences: a class for every step, or for each sequence, or a string of labels.

    y is (steps,) per series, or one class per sequence; with answer="ctc" a list of labels, or a text, for each sequence, of
    which `predict` gives the most probable path; `ctc_beam` finds better ones in the logarithm of `predict_proba`. The outputs are
    the net inputs of a softmax, so its output layer is linear; with "ctc" the first is the blank's.
    {(SequenceEstimator.__doc__ or "").split(".", 1)[1]}
    >>> import numpy as np
    >>> X = [np.full((5, 1), v) for v in (-1.0, 1.0, -2.0, 2.0)]
    >>> SequenceClassifier(hidden=4, random_state=0).fit(X, ["down", "up", "down", "up"]).predict(X[:2]).tolist()
    ['down', 'up']

    What a network hears may be made within a pipeline, by any function of all recordings:

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from throughtime.features import SpeechFeatures
    >>> heard = FunctionTransformer(SpeechFeatures(deltas=1, normalised=False))
    >>> make_pipeline(heard, SequenceClassifier(hidden=4, epochs=1)).fit(X, [0, 1, 0, 1])[-1].n_features_in_
    2
    """

    _loss = CrossEntropy()
    _answers = tuple(ANSWERS)
    _whole = ", or one for each sequence; of one-hot rows give the classes, y.argmax(axis=-1)"

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """One more epoch on these data; the first call settles network, scaling and `classes` (those in y if None)."""
        return self._partial_fit(X, y, classes)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, in the order of `classes_`; of strings at each step, the blank's first."""
        if self._spells:
            return [softmax(y, axis=-1) for y in self._outputs(X)]
        return in_form_of(X, [softmax(y, axis=-1) for y in self._outputs(X)], self.per_step_)

    def predict(self, X: Any) -> Any:
        """The most probable classes, in the form y had; of strings the labels along the most probable path."""
        if self._spells:
            found = [self.classes_[np.array(ctc_greedy(y), int) - 1].tolist() for y in self._outputs(X)]
            return ["".join(labels) for labels in found] if self.texts_ else found
        return in_form_of(X, [self.classes_[y.argmax(axis=-1)] for y in self._outputs(X)], self.per_step_)

    def score(self, X: Any, y: Any) -> float:
        """Accuracy over all steps, or sequences; of strings 1 - edits per wanted label, which may be below 0."""
        if self._spells:
            return 1 - label_error_rate(
                [list(string) for string in self._given(X, y)], [list(s) for s in self.predict(X)]
            )
        predicted, truth = (target_rows(part, 1)[:, 0] for part in (self.predict(X), self._given(X, y)))
        return float(accuracy_score(truth, predicted))

    @property
    def _spells(self) -> bool:
        """True if the answer is a string of labels."""
        return bool(self.answer == "ctc" or getattr(self, "answer_", None) == answers.CTC)

    def _read(self, X: Any, y: Any, fresh: bool) -> tuple[list[Values], list[Any]]:
        if self._spells and not has_many(X):
            raise ValueError(
                "with answer='ctc' X is a list of sequences, and y one of strings; of one give [X] and [y]"
            )
        return super()._read(X, y, fresh)

    def _one_per_step(self, targets: list[Any], lengths: list[int]) -> bool:
        for number, target in enumerate(targets):
            _refuse_one_hot(f"target of sequence {number}", np.shape(target))
            if self._spells and not isinstance(target, str) and np.ndim(target) != 1:
                raise ValueError(
                    f"target of sequence {number} must be a list of labels, or a text, with answer='ctc'; it is {target!r}"
                )
        if self._spells:
            return False
        return super()._one_per_step(targets, lengths)

    def _may_be_whole(self, shapes: list[tuple[int, ...]]) -> bool:
        """True if they can be the class of a whole sequence."""
        return all(np.prod(shape) == 1 for shape in shapes)

    def _settle(self, given: list[Any]) -> None:
        parts = [np.ravel(list(t) if isinstance(t, str) and self._spells else t) for t in given]
        self.texts_ = self._spells and all(isinstance(t, str) for t in given)
        parts = [part for part in parts if len(part)] or parts  # an empty string has no kind of label
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
            target = list(target) if self._spells else target
            labels = column_or_1d(target, warn=True) if self.per_step_ else np.ravel(target)
            known = np.isin(labels, self.classes_)
            if not known.all():
                raise ValueError(
                    f"target of sequence {number}: class {labels[~known][0]} is new; name all classes in the first fit"
                )
            made.append((np.searchsorted(self.classes_, labels) + self._spells).astype(np.int32))
        return made

    def _output_columns(self, targets: list[Values]) -> tuple[Column, ...]:  # noqa: ARG002  # a regression needs them
        names = ["blank"] * self._spells + [str(name) for name in self.classes_]
        return tuple(Column(name) for name in names)

    def _goal(self, target: Values) -> Values:
        return target


def _refuse_one_hot(where: str, shape: tuple[int, ...]) -> None:
    if len(shape) > 1 and shape[-1] > 1:
        raise ValueError(
            f"{where} has shape {shape}, but a class is one value: of one-hot rows give the classes, y.argmax(axis=-1)"
        )
