"""The picture of a training shows every network's errors, each at its epoch, and does not mix what is not alike."""

from typing import Any

import numpy as np
import pytest

import throughtime as tt
from throughtime.dynamics.model import DynamicModel
from throughtime.reports.course import plot_course

U = np.random.default_rng(0).normal(size=80)
Y = 3 + 5 * np.convolve(U, [0, 0.5, 0.2])[:80]
STAGES = [tt.Teaching(epochs=3, look=2, loop="open"), tt.Teaching(epochs=4, look=2)]


def taught(stages: Any, **how: Any) -> DynamicModel:
    return DynamicModel(tt.narx(1, 2, 1, 1, 1), stages, restarts=2, random_state=0, **how).fit(U, Y)


def thick(model: DynamicModel) -> dict[str, np.ndarray]:
    """{label: (looks, 2): epoch and error} of the thick lines."""
    axes = plot_course(model).axes[0]
    return {str(line.get_label()): np.array(line.get_xydata()) for line in axes.lines if line.get_linewidth() == 1.8}


def test_every_look_stands_at_its_epoch_with_the_lowest_error_in_units_of_the_output() -> None:
    model = taught(STAGES)
    scale = model.outputs_[0].scale
    assert scale > 1
    drawn = thick(model)
    assert list(drawn) == ["training, one step ahead", "training, free run", "held out, free run"]
    for label, losses, epochs in (
        ("training, one step ahead", model.losses_[0], [2, 3]),
        ("training, free run", model.losses_[1], [5, 7]),
        ("held out, free run", [*model.validations_[0], *model.validations_[1]], [2, 3, 5, 7]),
    ):
        lowest = [scale * min(np.sqrt(float(loss)) for loss in look) for look in losses]
        np.testing.assert_allclose(drawn[label], np.column_stack([epochs, lowest]), rtol=1e-6)


def test_thin_lines_are_the_networks() -> None:
    model = taught(STAGES)
    thin = [line for line in plot_course(model).axes[0].lines if line.get_linewidth() == 0.7]
    assert len(thin) == 3 * 2
    wanted = model.outputs_[0].scale * np.sqrt([float(look[1]) for look in model.losses_[1]])
    np.testing.assert_allclose(np.asarray(thin[3].get_ydata(), float), wanted, rtol=1e-6)


def test_a_training_that_ended_in_its_first_stage_shows_no_second_one() -> None:
    model = DynamicModel(tt.narx(1, 2, 1, 1, 1), STAGES, restarts=2, random_state=0)
    next(model.lessons(U, Y))
    axes = plot_course(model).axes[0]
    assert list(thick(model)) == ["training, one step ahead", "held out, free run"]
    assert [text.get_text() for text in axes.texts] == []
    assert [text.get_text() for text in plot_course(taught(STAGES)).axes[0].texts] == [" closed loop"]


@pytest.mark.parametrize("stages", [STAGES[1], [STAGES[1]]])
def test_one_stage_may_be_given_alone_and_nothing_held_out(stages: Any) -> None:
    assert list(thick(taught(stages, validation=0))) == ["training, free run"]


def test_errors_of_zero_have_no_logarithm() -> None:
    model = DynamicModel(tt.narx(1, 2, 1, 1, 1), STAGES, restarts=2, random_state=0, horizon=0).fit(U, np.zeros(len(U)))
    model.losses_ = [[np.zeros(2) for _ in stage] for stage in model.losses_]
    model.validations_ = [[np.zeros(2) for _ in stage] for stage in model.validations_]
    assert plot_course(model).axes[0].get_yscale() == "linear"
