"""Pictures that judge a model of a dynamic system. Each function returns a matplotlib `Figure`; no state of pyplot is
touched. Shapes: T time steps, H steps ahead, O outputs; one output may also be (T,) or (H,)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from throughtime.plots import COLOURS, MEASURED, PREDICTED, SHADE, new_figure, spread_dates
from throughtime.rounding import unvarying
from throughtime.texts import literal

Values = NDArray[np.float64]
Band = tuple[float, ArrayLike, ArrayLike]

NEAR = COLOURS[5]  # of predictions one step ahead
SHADES = ("#ececec", SHADE)
UPRIGHT, ACROSS = 28, 45  # letters of a label that stands beside a panel, and of one above or below it


def plot_response(
    measured: ArrayLike,
    free_run: ArrayLike,
    one_step: ArrayLike | None = None,
    names: Sequence[str] = ("y",),
    held_out: Mapping[str, tuple[int, int]] | None = None,
    interval: tuple[ArrayLike, ArrayLike] | None = None,
    time: ArrayLike | None = None,
    time_name: str = "time step",
) -> Figure:
    """Free run and one-step prediction against measurement, and the errors of both below, for each output.

    measured, free_run, one_step  (T, O), in the outputs' own units; NaN where there is nothing
    names                         the outputs' names, with their units where there are any
    held_out                      {"validation": (700, 850), "test": (850, 1000)}: rows not used for training, shaded
    interval                      lower and upper ends (T, O), drawn as a band
    time, time_name               (T,) what stands at the time axis, row numbers by default; and its name

    >>> from throughtime.reports.pictures import plot_response
    >>> plot_response([1.0, 2.0, 3.0], [1.0, 2.5, 2.5], names=["level [m]"]).axes[0].get_ylabel()
    'level [m]'
    """
    truth, free = _columns(measured, names), _columns(free_run, names)
    steps = _time(time, len(truth))
    figure, panels = new_figure(2 * len(names), 1.4 + 2.9 * len(names), heights=[3, 1] * len(names), width=9.0)
    for index, name in enumerate(names):
        upper, lower = panels[2 * index : 2 * index + 2]
        _spans((upper, lower), steps, held_out or {})
        if interval is not None:
            low, high = (_columns(end, names)[:, index] for end in interval)
            upper.fill_between(steps, low, high, color=_light(0.25), lw=0, label="interval")
        upper.plot(steps, truth[:, index], color=MEASURED, lw=1.5, label="measured")
        if one_step is not None:
            near = _columns(one_step, names)[:, index]
            upper.plot(steps, near, color=NEAR, lw=1.0, ls="--", label="one step ahead")
            lower.plot(steps, truth[:, index] - near, color=NEAR, lw=0.8)
        upper.plot(steps, free[:, index], color=PREDICTED, lw=1.2, label="free run")
        lower.plot(steps, truth[:, index] - free[:, index], color=PREDICTED, lw=0.9)
        lower.axhline(0, color=MEASURED, lw=0.8)
        upper.set_ylabel(literal(name, UPRIGHT))
        lower.set_ylabel("error")
        _legend_above(upper)
    panels[-1].set_xlabel(literal(time_name))
    panels[-1].set_xlim(steps[0], steps[-1])
    spread_dates(panels[-1])
    figure.align_ylabels()
    return figure


def plot_forecast(
    history: ArrayLike,
    forecast: ArrayLike,
    bands: Sequence[Band] = (),
    names: Sequence[str] = ("y",),
    measured: ArrayLike | None = None,
    time: ArrayLike | None = None,
    time_name: str = "time step",
) -> Figure:
    """Forecast fan: what was measured last, the forecast from there, and its intervals.

    history          (T, O) the last measurements
    forecast         (H, O) the steps after them
    bands            (level, low (H, O), high (H, O)) of each interval
    names            the outputs' names
    measured         (H, O) what came then, if it is known
    time, time_name  (T + H,) what stands at the time axis, and its name; by default steps from the last measurement

    >>> from throughtime.reports.pictures import plot_forecast
    >>> len(plot_forecast([1.0, 2.0], [3.0, 4.0, 5.0], [(0.8, [2.5] * 3, [5.5] * 3)]).axes)
    1
    """
    past, ahead = _columns(history, names), _columns(forecast, names)
    ticks = np.arange(1 - len(past), len(ahead) + 1) if time is None else _time(time, 0)
    before, after = ticks[: len(past)], ticks[len(past) - 1 :]  # the forecast begins at the last measurement
    strengths = np.linspace(0.2, 0.45, len(bands))  # the widest band is the lightest
    figure, panels = new_figure(len(names), 1.2 + 2.6 * len(names), width=9.0)
    for index, (axes, name) in enumerate(zip(panels, names, strict=True)):
        last = past[-1:, index]
        for strength, (level, low, high) in zip(strengths, sorted(bands, key=lambda band: -band[0]), strict=True):
            bottom, top = (np.concatenate([last, _columns(end, names)[:, index]]) for end in (low, high))
            axes.fill_between(after, bottom, top, color=_light(strength), lw=0, label=f"{100 * level:g} %")
        axes.plot(before, past[:, index], color=MEASURED, lw=1.5, label="measured")
        if measured is not None:
            axes.plot(after[1:], _columns(measured, names)[:, index], color=MEASURED, lw=1.2, ls=":", label="what came")
        axes.plot(after, np.concatenate([last, ahead[:, index]]), color=PREDICTED, lw=1.5, label="forecast")
        axes.axvline(before[-1], color="#999999", lw=0.8)
        axes.set_ylabel(literal(name, UPRIGHT))
        _legend_above(axes)
    panels[-1].set_xlabel(literal(time_name) if time is not None else "steps ahead")
    spread_dates(panels[-1])
    figure.align_ylabels()
    return figure


def plot_errors(errors: Mapping[str, ArrayLike], names: Sequence[str] = ("y",)) -> Figure:
    """Error histograms, a row per output and a column per kind, with mean and deviation and the normal curve of both.

    errors  {"one step ahead": (T, O), "free run": (T, O)}: measured - predicted; NaN is left out
    names   the outputs' names

    >>> from throughtime.reports.pictures import plot_errors
    >>> plot_errors({"free run": [-1.0, 0.0, 1.0]}).axes[0].get_title(loc="left")
    'free run: mean 0, deviation 0.82'
    """
    height = 1.0 + 2.4 * len(names)
    figure, panels = new_figure(len(names), height, width=8.0, columns=len(errors), share=False)
    for place, axes in enumerate(panels):
        kind, name = list(errors)[place % len(errors)], names[place // len(errors)]
        values = _columns(errors[kind], names)[:, place // len(errors)]
        known = values[np.isfinite(values)]
        about = _histogram(axes, known) if known.size else "nothing known"
        axes.set(xlabel=literal(f"error of {name}", ACROSS), yticks=[])
        axes.set_title(literal(f"{kind}: {about}", ACROSS), loc="left", fontsize=10)
        axes.xaxis.set_major_locator(MaxNLocator(5))
    return figure


def plot_step_response(
    responses: Mapping[str, ArrayLike],
    names: Sequence[str] = ("y",),
    time: ArrayLike | None = None,
    time_name: str = "steps after the step",
) -> Figure:
    """Step responses: what each output does after an input has jumped, a line for each jump.

    responses        {"valve + 1 V": (H, O)}, from the step of the jump on
    names            the outputs' names
    time, time_name  (H,) what stands at the time axis, and its name

    >>> from throughtime.reports.pictures import plot_step_response
    >>> len(plot_step_response({"+1": [0.0, 0.6, 0.9]}).axes[0].lines)
    1
    """
    figure, panels = new_figure(len(names), 1.2 + 2.4 * len(names), width=7.0)
    colours = np.resize(np.array(COLOURS), len(responses))
    for index, (axes, name) in enumerate(zip(panels, names, strict=True)):
        for colour, (jump, response) in zip(colours, responses.items(), strict=True):
            values = _columns(response, names)[:, index]
            axes.plot(_time(time, len(values)), values, color=str(colour), lw=1.5, label=literal(jump, ACROSS))
        axes.set_ylabel(literal(name, UPRIGHT))
    _legend_above(panels[0])
    panels[-1].set_xlabel(literal(time_name))
    figure.align_ylabels()
    return figure


def _columns(values: ArrayLike, names: Sequence[str]) -> Values:
    """(T, O), a column for each name."""
    made = np.asarray(values, dtype=float)
    made = made[:, None] if made.ndim == 1 else made
    if made.shape[1:] != (len(names),):
        raise ValueError(f"there are {made.shape[1]} outputs, but {len(names)} names: {', '.join(names)}")
    return made


def _time(time: ArrayLike | None, steps: int) -> NDArray[Any]:
    """What stands at the time axis; durations in seconds, as matplotlib knows none."""
    made: NDArray[Any] = np.arange(steps) if time is None else np.asarray(time)
    return made / np.timedelta64(1, "s") if made.dtype.kind == "m" else made


def _legend_above(axes: Axes) -> None:
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=6, borderaxespad=0.2, fontsize=9)


def _spans(panels: Sequence[Axes], steps: NDArray[Any], held_out: Mapping[str, tuple[int, int]]) -> None:
    for number, (part, (begin, end)) in enumerate(held_out.items()):
        for axes in panels:
            label = literal(part) if axes is panels[0] else None
            right = steps[min(end, len(steps) - 1)]
            axes.axvspan(steps[begin], right, color=SHADES[number % len(SHADES)], lw=0, zorder=0, label=label)


def _light(strength: float) -> tuple[float, float, float]:
    """The colour of predictions, mixed with white so that a legend shows what the picture does."""
    red, green, blue = (1 - strength * (1 - part) for part in to_rgb(PREDICTED))
    return red, green, blue


def _histogram(axes: Axes, known: Values) -> str:
    """Bars and the normal curve; mean and deviation in words."""
    mean, deviation = known.mean(), 0.0 if unvarying(known) else known.std()
    known = known if deviation else np.full_like(known, mean)  # no bins are as narrow as rounding
    axes.hist(known, bins=min(50, max(10, int(np.sqrt(known.size)))), density=True, color=_light(0.5))
    axes.axvline(0, color=MEASURED, lw=0.8)
    if deviation > 0:
        x = np.linspace(*axes.get_xlim(), 200)
        bell = np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))
        axes.plot(x, bell, color=MEASURED, lw=1.0)
    return f"mean {mean:.2g}, deviation {deviation:.2g}"
