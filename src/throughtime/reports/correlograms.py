"""Pictures of correlations, lag by lag, with the bounds that chance sets. Each function returns a matplotlib `Figure`."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from throughtime.dynamics.correlation import Correlations
from throughtime.dynamics.delays import Delays
from throughtime.dynamics.residuals import ResidualTests
from throughtime.plots import COLOURS, MEASURED, PREDICTED, SHADE, new_figure
from throughtime.texts import literal

CHOSEN = COLOURS[3]
ACROSS = 45  # letters of a label above or below a panel


def plot_correlations(found: Mapping[str, Correlations], marked: Mapping[str, Sequence[int]] | None = None) -> Figure:
    """Correlograms: a stem per lag, the bound as a band, lags outside it in another colour.

    found   {title: correlations}
    marked  {title: lags} with a mark on the axis

    >>> from throughtime.reports.correlograms import plot_correlations
    >>> from throughtime.dynamics.correlation import autocorrelation
    >>> figure = plot_correlations({"y": autocorrelation([0.0, 1.0, 0.0, -1.0] * 5, 6)})
    >>> figure.axes[0].get_xlabel()
    'lag'
    """
    columns = min(2, len(found))
    rows = -(-len(found) // columns)
    figure, panels = new_figure(rows, 0.6 + 2.2 * rows, width=4.5 * columns, columns=columns, share=False)
    for axes, (title, shown) in zip(panels, found.items(), strict=False):
        _stems(axes, shown)
        lags = list((marked or {}).get(title, ()))
        axes.plot(lags, np.zeros(len(lags)), "o", mfc="none", mec=CHOSEN, ms=7, mew=1.5, ls="none")
        axes.set_title(literal(title, ACROSS), loc="left", fontsize=10)
        axes.set_xlabel("lag")
    for axes in panels[len(found) :]:
        axes.remove()
    return figure


def plot_residual_tests(tests: ResidualTests) -> Figure:
    """The residuals' autocorrelations, and their cross-correlations with the inputs, with bounds.

    >>> from throughtime.reports.correlograms import plot_residual_tests
    >>> from throughtime.dynamics.residuals import residual_tests
    >>> len(plot_residual_tests(residual_tests([0.0, 1.0, -1.0, 2.0] * 9, [1.0, 2.0, 0.0] * 12, 5)).axes)
    2
    """
    shown = {f"residual of {name}, with itself": found for name, found in tests.auto.items()}
    shown |= {f"residual of {name}, with earlier {cause}": found for (cause, name), found in tests.crossed.items()}
    return plot_correlations(shown)


def plot_delays(delays: Delays) -> Figure:
    """What delays were read from: partial autocorrelations, prewhitened cross-correlations; the chosen ones circled.

    >>> from throughtime.reports.correlograms import plot_delays
    >>> from throughtime.dynamics.delays import suggest_delays
    >>> len(plot_delays(suggest_delays(None, [0.0, 1.0, -1.0, 2.0] * 9, 5)).axes)
    1
    """
    outputs = {f"{name}, partial autocorrelation": found for name, found in delays.partial.items()}
    inputs = {f"{name} after {heard}, prewhitened": found for (heard, name), found in delays.crossed.items()}
    marked = dict.fromkeys(outputs, delays.outputs) | dict.fromkeys(inputs, delays.inputs)
    return plot_correlations(outputs | inputs, marked)


def _stems(axes: Axes, found: Correlations) -> None:
    lags, far = found.lags, np.isin(found.lags, found.outside)
    axes.bar(lags, 2 * found.bound, width=1, bottom=-found.bound, color=SHADE, lw=0)
    axes.axhline(0, color=MEASURED, lw=0.8)
    for which, colour in ((~far, MEASURED), (far, PREDICTED)):
        axes.vlines(lags[which], 0, found.values[which], color=colour, lw=1.6)
        axes.plot(lags[which], found.values[which], "o", color=colour, ms=3)
    axes.set_xlim(lags[0] - 0.7, lags[-1] + 0.7)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
