"""Free runs on chaos, and how errors grow with the steps ahead."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from throughtime.experiments.mackey_glass_data import (
    AHEAD,
)
from throughtime.plots import COLOURS, MEASURED, new_figure

Values = NDArray[np.float64]


def rms(errors: Values) -> Values:
    """Over the first axis."""
    return np.asarray(np.sqrt(np.mean(errors**2, axis=0)))


def forecast_picture(z: Values, errors: dict[str, list[tuple[Values, Values]]]) -> Figure:
    """The first free run against the samples, and how errors grow with the steps ahead, of all seeds."""
    figure, (above, below) = new_figure(2, 7.2, heights=[2, 3], width=9.0, share=False)
    times, ahead = np.arange(-50, AHEAD), np.arange(AHEAD)
    above.plot(times, z[: len(times)], color=MEASURED, lw=3.0, alpha=0.35, label="Mackey-Glass")
    for (name, found), colour in zip(errors.items(), COLOURS[1:], strict=False):
        if name in ("NARX", "ESN, README"):  # the others cannot be told from the samples
            above.plot(ahead, z[50 : 50 + AHEAD] + found[0][1][0], color=colour, lw=1.2, label=name)
        for seed, (_, free) in enumerate(found):
            below.plot(ahead + 1, rms(free), color=colour, lw=1.1, alpha=0.8, label=None if seed else name)
    above.axvline(0, color="#999999", lw=0.8)
    above.set(xlabel="steps from the last sample heard", ylabel="x, standardised", title="A free run on the test")
    above.set_xlim(times[0], times[-1])
    below.set(
        yscale="log", xlabel="steps ahead", ylabel="NRMSE", title="Errors of all test forecasts, every seed a line"
    )
    below.set_xlim(1, AHEAD)
    for axes in (above, below):
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
