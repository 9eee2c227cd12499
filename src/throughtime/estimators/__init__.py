"""Sequence learning with scikit-learn's contract: fit, predict, score, pipelines, grid search.

    X   one series (steps, features), an array of sequences (sequences, steps, features), or a list of series
    y   a target for every step of every sequence, or one for each sequence

Rows are ordered in time: the order of rows matters, and a prediction depends on the rows before it. A table whose index says
that its rows are out of order is refused.
"""

from throughtime.estimators.classifier import SequenceClassifier
from throughtime.estimators.regressor import SequenceRegressor

__all__ = ["EXPECTED_FAILED_CHECKS", "SequenceClassifier", "SequenceRegressor"]

EXPECTED_FAILED_CHECKS = {
    "check_methods_sample_order_invariance": "rows are ordered in time: another order is another series",
    "check_methods_subset_invariance": "rows are ordered in time: a prediction depends on the rows before it",
}
