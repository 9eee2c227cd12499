"""The picture of a training: every network's error, look by look, through all stages."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from throughtime.dynamics.model import DynamicModel
from throughtime.plots import MEASURED, PREDICTED, VALIDATION, new_figure
from throughtime.texts import literal

Values = NDArray[np.float64]


def plot_course(model: DynamicModel) -> Figure:
    """Training error and held-out free-run error of every network, look by look, through all stages."""
    figure, (axes,) = new_figure(1, 4.0)
    epochs, borders = _epochs(model)
    for losses, colour, label in (
        (model.losses_, MEASURED, "training"),
        (model.validations_, VALIDATION, "held out, free run"),
    ):
        if any(losses):
            values = _errors(model, losses)
            axes.plot(epochs[: len(values)], values, color=colour, lw=0.7, alpha=0.5)
            axes.plot(epochs[: len(values)], np.fmin.reduce(values, axis=1), color=colour, lw=1.8, label=label)
    for stage, border in zip((model.teaching or ())[1:], borders, strict=False):
        axes.axvline(border, color=PREDICTED, lw=0.8, ls=":")
        text = f" {stage.loop} loop"
        axes.text(border, 0.99, text, transform=axes.get_xaxis_transform(), va="top", color=PREDICTED)
    axes.set_yscale("log")
    unit = model.outputs_[0].name if len(model.outputs_) == 1 else "all outputs, in deviations"
    axes.set(
        xlabel="epoch", ylabel=literal(f"RMSE of {unit}", 40), title="Training: every network, the best of them thick"
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return figure


def _epochs(model: DynamicModel) -> tuple[list[int], list[int]]:
    """The epoch of every look, counted through all stages, and where stages end."""
    made: list[int] = []
    borders: list[int] = []
    for stage, looks in zip(model.teaching or (), model.losses_, strict=False):
        before = made[-1] if made else 0
        made += [before + min(stage.look * (n + 1), stage.epochs) for n in range(len(looks))]
        borders.append(made[-1])
    return made, borders[: len(model.losses_) - 1]


def _errors(model: DynamicModel, stages: Sequence[Sequence[Any]]) -> Values:
    """(looks, members) root mean squared errors, in the units of the output if there is one, else in deviations."""
    losses = np.array([look for stage in stages for look in stage], float)
    losses = np.where(np.isfinite(losses), losses, np.nan)
    scale = model.outputs_[0].scale if len(model.outputs_) == 1 else 1 / np.sqrt(len(model.outputs_))
    return np.asarray(scale * np.sqrt(losses))
