"""Plots show the numbers they are given, and leave matplotlib's global state alone."""

import sys

import numpy as np
import pytest

from throughtime.plots import plot_deltas, plot_prediction, plot_training


def test_training_curve_marks_the_kept_epoch() -> None:
    axes = plot_training([3.0, 2.0, 1.0], [3.0, 1.5, 2.0], best=2).axes[0]
    training, validation = axes.lines[:2]
    np.testing.assert_allclose(training.get_ydata(), [3, 2, 1])
    np.testing.assert_allclose(validation.get_ydata(), [3, 1.5, 2])
    assert [tuple(line.get_xydata()[0]) for line in axes.lines if line.get_marker() == "o"] == [(2.0, 1.5)]
    assert axes.get_yscale() == "linear"
    assert plot_training([100.0, 1.0]).axes[0].get_yscale() == "log"


def test_prediction_shows_residuals_units_and_what_was_held_out(tmp_path) -> None:
    measured, predicted = np.arange(20.0).reshape(10, 2), np.ones((10, 2))
    figure = plot_prediction(measured, predicted, ["level [m]", "flow [l/s]"], held_out=8)
    assert [axes.get_ylabel() for axes in figure.axes] == ["level [m]", "residual", "flow [l/s]", "residual"]
    np.testing.assert_allclose(figure.axes[3].lines[0].get_ydata(), measured[:, 1] - 1)
    assert "held out" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert len(plot_prediction(measured, predicted, ["a", "b"]).axes[0].patches) == 0
    figure.savefig(tmp_path / "prediction.png")


def test_deltas_are_norms_over_time_and_zeros_are_gaps() -> None:
    delta = np.zeros((4, 2, 1, 3))
    delta[1], delta[2] = 1.0, 2.0
    axes = plot_deltas({"hidden": delta}).axes[0]
    shown = axes.lines[0].get_ydata()
    assert np.isnan(shown[[0, 3]]).all()
    np.testing.assert_allclose(shown[1:3], np.sqrt(3) * np.array([1, 2]))
    assert axes.get_yscale() == "log"


@pytest.mark.skipif("matplotlib.pyplot" in sys.modules, reason="someone else imported pyplot")
def test_pyplot_is_not_needed() -> None:
    plot_training([1.0])
    assert "matplotlib.pyplot" not in sys.modules
