"""Scores of small tables, computed by hand."""

import numpy as np
import pytest

from throughtime.dynamics.scores import relative_variances, scores

NAN, INF = np.nan, np.inf


def column(*values: float) -> np.ndarray:
    return np.array(values, float)[:, None]


def test_a_small_table_by_hand() -> None:
    """Errors 1, -1, 2, 0: mean square 6/4. Measured 0, 2, 4, 10: mean 4, mean square of the deviations (16 + 4 + 0 + 36)/4."""
    (found,) = scores(column(0, 2, 4, 10), column(-1, 3, 2, 10), ["y"]).values()
    assert found["rmse"] == pytest.approx(np.sqrt(1.5))
    assert found["relative_variance"] == pytest.approx(1.5 / 14)
    assert found["fit_percent"] == pytest.approx(100 * (1 - np.sqrt(6) / np.sqrt(56)))
    assert found["rows"] == 4


def test_the_mean_has_a_fit_of_nothing_and_the_truth_of_all() -> None:
    truth = column(1, 2, 6)
    assert scores(truth, truth, ["y"])["y"] == {"rmse": 0, "fit_percent": 100, "relative_variance": 0, "rows": 3}
    mean = scores(truth, column(3, 3, 3), ["y"])["y"]
    assert mean["fit_percent"] == pytest.approx(0, abs=1e-12)
    assert mean["relative_variance"] == pytest.approx(1)


def test_rows_that_were_not_measured_do_not_count_and_outputs_stand_apart() -> None:
    measured = np.hstack([column(0, NAN, 4), column(7, 9, NAN)])
    predicted = np.hstack([column(3, 100, 4), column(7, 8, NAN)])
    found = scores(measured, predicted, ["a", "b"])
    assert found["a"]["rmse"] == pytest.approx(3 / np.sqrt(2))
    assert found["b"]["rmse"] == pytest.approx(np.sqrt(0.5))
    assert [found[name]["rows"] for name in "ab"] == [2, 2]


@pytest.mark.parametrize("wild", [INF, NAN, 1e200])
def test_a_run_that_exploded_has_no_score(wild: float) -> None:
    found = scores(column(1, 2, 3), column(1, 2, wild), ["y"])["y"]
    assert found == {"rmse": None, "fit_percent": None, "relative_variance": None, "rows": 3}
    assert relative_variances({"y": found}) == [INF]


def test_what_was_not_measured_has_no_score_and_what_does_not_vary_no_fit() -> None:
    nothing = scores(column(NAN, NAN), column(1, 2), ["y"])["y"]
    assert nothing == {"rmse": None, "fit_percent": None, "relative_variance": None, "rows": 0}
    still = scores(column(5, 5), column(5, 7), ["y"])["y"]
    assert still["rmse"] == pytest.approx(np.sqrt(2))
    assert still["fit_percent"] is still["relative_variance"] is None
    assert relative_variances({"still": still, "other": {"rmse": 1.0, "relative_variance": 0.25}}) == [0.25]
    assert relative_variances({"still": still}) == [INF]
