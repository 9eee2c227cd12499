"""Pictures show the numbers they are given."""

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from throughtime.dynamics.correlation import Correlations
from throughtime.dynamics.delays import suggest_delays
from throughtime.dynamics.residuals import residual_tests
from throughtime.reports import correlograms, pictures

RANDOM = np.random.default_rng(0)
NAMES = ["level [m]", "cost [$], $/h"]


def shown(axes: Axes, label: str) -> Any:
    (line,) = [line for line in axes.lines if line.get_label() == label]
    return line.get_ydata()


def legend(axes: Axes) -> list[str]:
    made = axes.get_legend()
    assert made is not None
    return [text.get_text() for text in made.get_texts()]


def drawn(figure: Figure, tmp_path: Any) -> list[Axes]:
    figure.savefig(tmp_path / "picture.png")
    return figure.axes


def test_response_shows_both_predictions_and_their_errors(tmp_path: Any) -> None:
    measured, free, near = RANDOM.normal(size=(3, 30, 2))
    measured[3, 0] = np.nan
    parts = {"validation": (10, 20), "test": (20, 30)}
    axes = drawn(pictures.plot_response(measured, free, near, NAMES, parts, (free - 1, free + 1)), tmp_path)
    assert [a.get_ylabel() for a in axes] == ["level [m]", "error", r"cost [\$], \$/h", "error"]
    names = ["validation", "test", "interval", "measured", "one step ahead", "free run"]
    assert legend(axes[0]) == legend(axes[2]) == names
    for index in range(2):
        np.testing.assert_array_equal(shown(axes[2 * index], "measured"), measured[:, index])
        np.testing.assert_array_equal(shown(axes[2 * index], "one step ahead"), near[:, index])
        np.testing.assert_array_equal(shown(axes[2 * index], "free run"), free[:, index])
        errors = [line.get_ydata() for line in axes[2 * index + 1].lines[:2]]
        np.testing.assert_array_equal(errors, (measured[:, [index]] - np.stack([near, free], -1)[:, index]).T)
    spans = [patch.get_bbox() for patch in axes[1].patches]  # type: ignore[attr-defined]
    assert [(box.x0, box.x1) for box in spans] == [(10, 20), (20, 29)]


def test_forecast_begins_at_the_last_measurement_and_holds_its_bands(tmp_path: Any) -> None:
    history, forecast = RANDOM.normal(size=5), RANDOM.normal(size=3)
    bands = [(level, forecast - width, forecast + width) for level, width in ((0.8, 1.0), (0.95, 2.0), (0.99, np.inf))]
    (axes,) = drawn(pictures.plot_forecast(history, forecast, bands, measured=forecast + 0.1), tmp_path)
    assert legend(axes) == ["99 %", "95 %", "80 %", "measured", "what came", "forecast"]
    line = next(line for line in axes.lines if line.get_label() == "forecast")
    np.testing.assert_array_equal(line.get_xydata(), np.column_stack([range(4), [history[-1], *forecast]]))
    np.testing.assert_array_equal(shown(axes, "what came"), forecast + 0.1)
    corners = axes.collections[1].get_paths()[0].vertices
    assert {*(forecast - 2), *(forecast + 2)} <= {float(y) for y in np.asarray(corners)[:, 1]}


def test_time_of_a_table_stands_at_the_axis(tmp_path: Any) -> None:
    days = np.arange("2026-01-01", "2026-01-09", dtype="datetime64[D]")
    (axes,) = drawn(pictures.plot_forecast([1.0] * 5, [2.0] * 3, time=days, time_name="day"), tmp_path)
    assert axes.get_xlabel() == "day"
    drawn(pictures.plot_response([1.0] * 8, [2.0] * 8, time=days, held_out={"test": (4, 8)}), tmp_path)


def test_durations_stand_at_the_axis_in_seconds() -> None:
    hours = np.arange(3).astype("timedelta64[h]")
    axes = pictures.plot_forecast([1.0], [2.0, 3.0], names=["y"], time=hours).axes[0]
    assert max(np.max(line.get_xdata()) for line in axes.lines) == 7200


def test_errors_are_counted(tmp_path: Any) -> None:
    errors = {"one step ahead": np.array([[-1.0, 0], [3.0, 0], [np.nan, 0]]), "free run": np.full((3, 2), np.nan)}
    axes = drawn(pictures.plot_errors(errors, NAMES), tmp_path)
    titles = ["one step ahead: mean 1, deviation 2", "free run: nothing known"]
    assert [a.get_title(loc="left") for a in axes] == [*titles, "one step ahead: mean 0, deviation 0", titles[1]]
    assert np.count_nonzero([patch.get_height() for patch in axes[0].patches]) == 2  # type: ignore[attr-defined]


def test_stems_outside_the_bound_have_their_own_colour(tmp_path: Any) -> None:
    found = Correlations(np.arange(1, 4), np.array([0.5, 0.1, -0.4]), np.full(3, 0.3))
    (axes,) = drawn(correlograms.plot_correlations({"y": found}, {"y": [3]}), tmp_path)
    points = {
        line.get_color(): np.asarray(line.get_xydata()).tolist() for line in axes.lines if len(line.get_xydata()) < 3
    }
    assert points[pictures.PREDICTED] == [[1, 0.5], [3, -0.4]]
    assert points[pictures.MEASURED] == [[2, 0.1]]
    assert [(bar.get_y(), bar.get_height()) for bar in axes.patches] == [(-0.3, 0.6)] * 3  # type: ignore[attr-defined]


def test_residual_tests_and_delays_have_a_panel_for_each_pair(tmp_path: Any) -> None:
    u, y = RANDOM.normal(size=(100, 2)), RANDOM.normal(size=(100, 1))
    tested = drawn(correlograms.plot_residual_tests(residual_tests(y, u, 5)), tmp_path)
    titles = ["residual of y, with itself", "residual of y, with earlier u1", "residual of y, with earlier u2"]
    assert [axes.get_title(loc="left") for axes in tested] == titles
    chosen = drawn(correlograms.plot_delays(suggest_delays(u, np.roll(u[:, 0], 2), 5)), tmp_path)
    titles = ["y, partial autocorrelation", "y after u1, prewhitened", "y after u2, prewhitened"]
    assert [axes.get_title(loc="left") for axes in chosen] == titles
    circled = [line for line in chosen[1].lines if line.get_color() != pictures.MEASURED and line.get_markersize() == 7]
    assert [line.get_xdata().tolist() for line in circled] == [[2]]


def test_step_response_shows_its_numbers(tmp_path: Any) -> None:
    response = RANDOM.normal(size=(6, 2))
    axes = drawn(pictures.plot_step_response({"+1": response, "-1": -response}, NAMES), tmp_path)
    np.testing.assert_array_equal(shown(axes[1], "-1"), -response[:, 1])


@pytest.mark.parametrize("draw", [pictures.plot_response, pictures.plot_forecast])
def test_every_output_wants_a_name(draw: Any) -> None:
    with pytest.raises(ValueError, match="2 outputs, but 1 names: y"):
        draw(np.zeros((5, 2)), np.zeros((5, 2)))
