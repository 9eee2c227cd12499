"""Classification of sequences."""

from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from throughtime.estimators.reading import Values, in_form_of, target_rows
from throughtime.estimators.shared import SequenceEstimator
from throughtime.losses import CrossEntropy
from throughtime.models.columns import Column


class SequenceClassifier(ClassifierMixin, SequenceEstimator):  # type: ignore[misc]
    __doc__ = f"""Classification of sequences: a class for every step, or for each sequence.

    y is (steps,) per series, or one class per sequence. The network's outputs are the net inputs of a softmax, so its
    output layer is linear.
    {(SequenceEstimator.__doc__ or "").split(".", 1)[1]}
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
        return in_form_of(X, [softmax(y, axis=-1) for y in self._outputs(X)], self.per_step_)

    def predict(self, X: Any) -> Any:
        """The most probable classes, in the form y had."""
        return in_form_of(X, [self.classes_[y.argmax(axis=-1)] for y in self._outputs(X)], self.per_step_)

    def score(self, X: Any, y: Any) -> float:
        """Accuracy over all steps, or sequences."""
        predicted, truth = (target_rows(part, 1)[:, 0] for part in (self.predict(X), self._given(X, y)))
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


def _refuse_one_hot(where: str, shape: tuple[int, ...]) -> None:
    if len(shape) > 1 and shape[-1] > 1:
        raise ValueError(
            f"{where} has shape {shape}, but a class is one value: of one-hot rows give the classes, y.argmax(axis=-1)"
        )
