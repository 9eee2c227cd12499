"""Regression on sequences."""

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from throughtime.estimators.reading import Values, in_form_of, target_rows
from throughtime.estimators.shared import SequenceEstimator
from throughtime.losses import SquaredError
from throughtime.models.columns import Column, columns_of, restore, standardise
from throughtime.rounding import unvarying
from throughtime.sequences import TOO_LARGE, numbers_of, refuse_first, too_large


class SequenceRegressor(RegressorMixin, SequenceEstimator):  # type: ignore[misc]
    __doc__ = f"""Regression on sequences: numbers for every step, or for each sequence.

    y is (steps,) or (steps, outputs) per series; NaN where nothing is asked.
    {(SequenceEstimator.__doc__ or "").split(".", 1)[1]}
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
        return in_form_of(X, [y[:, 0] for y in values] if self.single_output_ else values, self.per_step_)

    def score(self, X: Any, y: Any) -> float:
        """R^2 over all steps (or sequences) with a target."""
        predicted, truth = (target_rows(part, len(self.outputs_)) for part in (self.predict(X), self._given(X, y)))
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
