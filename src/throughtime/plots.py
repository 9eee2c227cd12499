"""Pictures of training, of predictions and of error signals. Each function returns a matplotlib `Figure`; save it with
`figure.savefig("picture.png")`. No global state of pyplot is touched."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateFormatter, AutoDateLocator
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator
from numpy.typing import ArrayLike, NDArray

from throughtime.texts import literal

MEASURED, PREDICTED, VALIDATION, SHADE = "#33475b", "#d1495b", "#e09f3e", "#f3e6d3"
COLOURS = ("#33475b", "#d1495b", "#e09f3e", "#3a7d44", "#6a4c93", "#1982c4")


def plot_training(
    losses: Sequence[float],
    validations: Sequence[float] | None = None,
    best: int | None = None,
    unit: str = "loss per target",
) -> Figure:
    """Training curve: the loss after each epoch, on training and validation data, the kept epoch marked.

    losses, validations  one value per epoch
    best                 the epoch whose weights were kept, counted from 1
    unit                 what is written at the axis
    """
    figure, (axes,) = new_figure(1, 4.0)
    epochs = np.arange(1, len(losses) + 1)
    axes.plot(epochs, losses, color=MEASURED, label="training", lw=1.5)
    shown = losses if validations is None else validations
    if validations is not None:
        axes.plot(epochs, validations, color=VALIDATION, label="validation", lw=1.5)
    if best is not None and 1 <= best <= len(shown):
        axes.axvline(best, color=PREDICTED, lw=0.8, ls=":")
        axes.plot([best], [shown[best - 1]], "o", color=PREDICTED, label=f"kept: epoch {best}, {shown[best - 1]:.3g}")
    _log_if_wide(axes, [*losses, *(validations or ())])
    axes.set(xlabel="epoch", ylabel=literal(unit, 40), title="Training")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return figure


def plot_prediction(
    measured: ArrayLike,
    predicted: ArrayLike,
    names: Sequence[str],
    time: ArrayLike | None = None,
    held_out: int | None = None,
    title: str = "Prediction and measurement",
    time_name: str = "time step",
) -> Figure:
    """Prediction against measurement, and below it the residual, one pair of panels per output.

    measured, predicted  (T, O), in the outputs' own units
    names                the outputs' names, with their units where there are any
    time                 (T,) what stands at the time axis; row numbers by default
    held_out             row from which on the data were not used for training; shaded
    """
    truth, guess = (np.asarray(v, dtype=float).reshape(len(np.asarray(v)), -1) for v in (measured, predicted))
    steps = np.arange(len(truth)) if time is None else np.asarray(time)
    figure, panels = new_figure(2 * len(names), 1.2 + 2.6 * len(names), heights=[3, 1] * len(names), width=9.0)
    for index, name in enumerate(names):
        upper, lower = panels[2 * index : 2 * index + 2]
        upper.plot(steps, truth[:, index], color=MEASURED, lw=1.4, label="measured")
        upper.plot(steps, guess[:, index], color=PREDICTED, lw=1.2, label="predicted")
        lower.plot(steps, truth[:, index] - guess[:, index], color=PREDICTED, lw=0.9)
        lower.axhline(0, color=MEASURED, lw=0.8)
        upper.set_ylabel(literal(name, 28))
        lower.set_ylabel("residual")
        for axes in (upper, lower):
            _shade(axes, steps, held_out, axes is upper)
            axes.set_xlim(steps[0], steps[-1])
            axes.tick_params(labelbottom=axes is panels[-1])
        upper.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.2)
    panels[0].set_title(literal(title, 70), loc="left")
    panels[-1].set_xlabel(literal(time_name))
    spread_dates(panels[-1])
    figure.align_ylabels()
    return figure


def plot_deltas(deltas: Mapping[str, ArrayLike], title: str = "Error signals") -> Figure:
    """The norm of delta = dL/dnet of every layer over time, averaged over the batch, on a logarithmic scale.

    A straight line that falls towards the past is a vanishing error, one that rises an exploding one; a gap is a delta
    of exactly zero. Give it what `deltas(network, weights, xs, targets, loss)` returns: {layer: (T, B, nets, N)}.
    """
    figure, (axes,) = new_figure(1, 4.0, width=8.0)
    for colour, (name, values) in zip(np.resize(np.array(COLOURS), len(deltas)), deltas.items(), strict=True):
        norms = _norms(values)
        axes.plot(np.arange(1, len(norms) + 1), norms, color=str(colour), lw=1.5, marker=".", ms=4, label=literal(name))
    logarithmic(axes)
    axes.set(xlabel="time step", ylabel="norm of delta, mean over sequences", title=literal(title, 60))
    axes.legend(frameon=False)
    return figure


def _norms(values: ArrayLike) -> NDArray[np.float64]:
    delta = np.asarray(values, dtype=float)
    norms: NDArray[np.float64] = np.sqrt((delta**2).sum(axis=(-2, -1))).reshape(len(delta), -1).mean(axis=1)
    norms[norms == 0] = np.nan  # the logarithm of nothing
    return norms


def logarithmic(axes: Axes) -> None:
    """A logarithmic axis with plain numbers at it: powers are set as formulas, which takes a tenth of a second."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(_Plain())
    axes.yaxis.set_minor_formatter(_Plain(minor_thresholds=(1, 0.4)))


class _Plain(LogFormatter):
    """0.002 for the ticks that matplotlib labels."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """What stands at a tick."""
        return f"{x:g}" if super().__call__(x, pos) else ""


def spread_dates(axes: Axes) -> None:
    """Keep labels of dates apart: fewer of them than matplotlib's own choice; numbers are left alone."""
    if isinstance(axes.xaxis.get_major_locator(), AutoDateLocator):
        locator = AutoDateLocator(minticks=4, maxticks=7)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(AutoDateFormatter(locator))  # type: ignore[no-untyped-call]


def new_figure(
    rows: int,
    height: float,
    heights: Sequence[float] | None = None,
    width: float = 7.0,
    columns: int = 1,
    share: bool = True,
) -> tuple[Figure, list[Axes]]:
    """A figure of `width` by `height` inches and its panels, row by row; `share`: one horizontal axis for all."""
    figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
    panels: list[Axes] = list(figure.subplots(rows, columns, squeeze=False, sharex=share, height_ratios=heights).flat)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#dddddd", lw=0.6)
    return figure, panels


def _shade(axes: Axes, steps: NDArray[Any], held_out: int | None, named: bool) -> None:
    if held_out is not None and held_out < len(steps):
        axes.axvspan(steps[held_out], steps[-1], color=SHADE, zorder=0, label="held out" if named else None)


def _log_if_wide(axes: Axes, values: Sequence[float]) -> None:
    finite = [v for v in values if np.isfinite(v)]
    if finite and min(finite) > 0 and max(finite) > 10 * min(finite):
        logarithmic(axes)
