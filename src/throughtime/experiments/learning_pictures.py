"""What a frozen network has learned, shown."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from throughtime.experiments import Result
from throughtime.experiments.learning_families import POINTS
from throughtime.experiments.learning_rivals import DECISIVE
from throughtime.plots import COLOURS

Values = NDArray[np.floating[Any]]

METRIC, LEARNER = "squared error", "LSTM, frozen"


def split_of(name: str, count: int) -> str:
    return f"{name}, {count} examples"


def learning_picture(names: list[str], entries: list[Result], sight: dict[str, Values]) -> Figure:
    figure = Figure(figsize=(4.6 * len(names) + 0.6, 6.2 if sight else 4.0), dpi=150, layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[2, 1]) if sight else [figure]
    for axes, name in zip(parts[0].subplots(1, len(names), squeeze=False)[0], names, strict=True):
        _curves(axes, name, entries)
    for part in parts[1:]:  # none without a function to look at
        levels = np.linspace(sight["the function"].min(), sight["the function"].max(), 13)
        panels = part.subplots(1, len(sight), squeeze=False)[0]
        for axes, (title, values) in zip(panels, sight.items(), strict=True):
            axes.contourf(values, levels=levels, cmap="RdBu_r", extend="both")
            axes.set(xticks=[], yticks=[], aspect="equal")
            axes.set_title(title, fontsize=9)
        part.suptitle("One new quadratic function, as the frozen LSTM sees it", fontsize=10)
    return figure


def _curves(axes: Any, name: str, entries: list[Result]) -> None:
    networks = list(dict.fromkeys(made.network for made in entries))
    for network, colour in zip(networks, (COLOURS[1], *COLOURS[3:], COLOURS[0], "grey"), strict=False):
        own = {made.split: made.values for made in entries if made.network == network}
        lines = np.array([own[split_of(name, n)] for n in POINTS])
        axes.plot(POINTS, lines, color=colour, lw=0.7, alpha=0.5)
        axes.plot(POINTS, lines.mean(1), color=colour, lw=1.8, label=network)
    axes.axvline(DECISIVE, color="black", lw=0.6, ls=":")
    axes.set(yscale="log", ylim=(7e-4, 3), xlabel="examples seen", ylabel=METRIC, title=f"New {name} functions")
    axes.legend(frameon=False, fontsize=7, loc="lower left")
