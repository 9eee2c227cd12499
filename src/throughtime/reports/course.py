"""The picture of a training: every network's error, look by look, through all stages."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.teaching import Teaching, usual
from throughtime.plots import MEASURED, PREDICTED, VALIDATION, logarithmic, new_figure
from throughtime.texts import literal

Values = NDArray[np.float64]


def plot_course(model: DynamicModel) -> Figure:
    """Training error and held-out free-run error of every network, look by look, through all stages.

    Thick is the lowest of all networks at each look. A stage in open loop is taught one step ahead, one in closed loop by
    free runs: their training errors are not alike, and are not joined. Those held out are of free runs throughout.
    """
    figure, (axes,) = new_figure(1, 4.0)
    stages, looks = stages_of(model), _epochs(model)
    for stage, epochs, losses in zip(stages, looks, model.losses_, strict=False):
        taught, line = ("one step ahead", "--") if _open(model, stage) else ("free run", "-")
        _draw(axes, epochs, _errors(model, losses), MEASURED, f"training, {taught}", line)
    if held_out := [*chain(*model.validations_)]:
        epochs = [*chain(*looks)][: len(held_out)]
        _draw(axes, epochs, _errors(model, held_out), VALIDATION, "held out, free run", "-")
    if any(np.any(np.asarray(line.get_ydata(), float) > 0) for line in axes.lines):  # else nothing has a logarithm
        logarithmic(axes)
    for stage, before in zip(stages[1:], looks[:-1], strict=False):
        axes.axvline(before[-1], color=PREDICTED, lw=0.8, ls=":")
        text, place = f" {stage.loop} loop", axes.get_xaxis_transform()
        axes.text(before[-1], 0.99, text, transform=place, va="top", color=PREDICTED)
    unit = model.outputs_[0].name if len(model.outputs_) == 1 else "all outputs, in deviations"
    axes.set(xlabel="epoch", ylabel=literal(f"RMSE of {unit}", 40))
    axes.set_title("Training: a thin line for each network, thick the lowest error at each epoch", fontsize=11, pad=28)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))  # where no line is
    return figure


def stages_of(model: DynamicModel) -> Sequence[Teaching]:
    """The stages in which it was taught."""
    given = model.teaching
    return [given] if isinstance(given, Teaching) else given or usual(model.network_)


def _open(model: DynamicModel, stage: Teaching) -> bool:
    return stage.loop == "open" and model.network_.feedback is not None


def _draw(axes: Axes, epochs: Sequence[int], errors: Values, colour: str, label: str, line: str) -> None:
    """Every network thin, the lowest error thick; a label is told once."""
    known, marker = axes.get_legend_handles_labels()[1], "." if len(epochs) == 1 else ""
    axes.plot(epochs, errors, color=colour, lw=0.7, alpha=0.5, ls=line, marker=marker)
    lowest = np.fmin.reduce(errors, axis=1)
    axes.plot(epochs, lowest, color=colour, lw=1.8, ls=line, label=f"_{label}" if label in known else label)


def _epochs(model: DynamicModel) -> list[list[int]]:
    """The epoch of every look of every stage, counted through all stages."""
    made: list[list[int]] = []
    for stage, looks in zip(stages_of(model), model.losses_, strict=False):
        before = made[-1][-1] if made else 0
        made.append([before + min(stage.look * (n + 1), stage.epochs) for n in range(len(looks))])
    return made


def _errors(model: DynamicModel, looks: Sequence[Any]) -> Values:
    """(looks, members) root mean squared errors, in the units of the output if there is one, else in deviations."""
    losses = np.array(looks, float)
    losses = np.where(np.isfinite(losses), losses, np.nan)
    scale = model.outputs_[0].scale if len(model.outputs_) == 1 else 1 / np.sqrt(len(model.outputs_))
    return np.asarray(scale * np.sqrt(losses))
