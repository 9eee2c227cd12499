"""NARMA-10: can a NARX network of ten units identify a nonlinear system of order ten from its input alone?

    y(t+1) = 0.3 y(t) + 0.05 y(t) (y(t) + y(t-1) + ... + y(t-9)) + 1.5 u(t-9) u(t) + 0.1,  u uniform in [0, 0.5]

Data: 2000 steps to learn from, 1200 for all choices, 2200 for the test, each drawn on its own; 200 steps before each are
dropped, and a sequence that explodes (y > 10) is drawn again. Inputs and outputs are scaled by the training sequence. The
measure is NRMSE, the root mean squared error over the standard deviation of the test outputs, of the prediction one step
ahead and of a free run that begins at the training mean and is never told an output. The first 200 test steps do not count.

The network hears ten past inputs and ten past outputs. It is trained with measured outputs (teacher forcing) by
Levenberg-Marquardt, 300 epochs, without weight decay; the weights kept are those with the best free run on the validation
sequence, and of three restarts the best by the same measure is a seed's result. In the same table are ARX with the same
delays by least squares, and the same networks with the same restarts trained by Adam, 10,000 epochs at 0.01.

What was tried, and how choices were made: `docs/forecasting.md`.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from throughtime.architectures import narx
from throughtime.dynamics.holding import Fold
from throughtime.dynamics.linear import Linear
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.records import Record
from throughtime.dynamics.teaching import Teaching
from throughtime.experiments import Bar, Progress, Result, Results, result_rows
from throughtime.experiments.ledger import OF_MODEL, Ledger, Looks
from throughtime.io import files
from throughtime.models.columns import columns_of, standardise
from throughtime.plots import COLOURS, MEASURED, new_figure
from throughtime.training.levenberg_marquardt import LevenbergMarquardt

Values = NDArray[np.float64]
STEPS = {"training": 2000, "validation": 1200, "test": 2200}
UNSCORED, DELAYS, UNITS, MEASURE = 200, tuple(range(1, 11)), 10, "NRMSE"
MODES = ("one step", "free run")
BARS = dict(zip(MODES, (0.01, 0.05), strict=True))
SEEDS, RESTARTS, QUICK = 10, 3, 2
LEVENBERG = LevenbergMarquardt(least_gradient=0.0)
METHODS = {
    "NARX": Teaching(loop="open", epochs=300, optimizer=LEVENBERG, look=10),
    "NARX by Adam": Teaching(loop="open", epochs=10_000, rate=0.01, clip=None, look=250),
}
QUICK_METHODS = {"NARX": Teaching(loop="open", epochs=100, optimizer=LEVENBERG, look=10)}


def narma10(steps: int, seed: int, dropped: int = 200) -> tuple[Values, Values]:
    """Inputs u and outputs y, (steps,); drawn again, from the next stream, while it explodes.

    >>> u, y = narma10(50, 0)
    >>> bool(np.isclose(y[20], 0.3 * y[19] + 0.05 * y[19] * y[10:20].sum() + 1.5 * u[10] * u[19] + 0.1))
    True
    """
    attempt = 0
    while True:
        u = np.random.default_rng((seed, attempt)).uniform(0, 0.5, steps + dropped)
        y = _answer(u)
        if y.max() <= 10:
            return u[dropped:], y[dropped:]
        attempt += 1


def _answer(u: Values) -> Values:
    """The outputs from rest; infinite from where they exceed 10."""
    y = np.zeros(len(u))
    for t in range(9, len(u) - 1):
        y[t + 1] = 0.3 * y[t] + 0.05 * y[t] * y[t - 9 : t + 1].sum() + 1.5 * u[t - 9] * u[t] + 0.1
        if y[t + 1] > 10:
            y[t + 1 :] = np.inf
            break
    return y


def records() -> dict[str, Record]:
    """Training, validation and test, scaled by the training sequence."""
    raw = {name: narma10(steps, seed) for seed, (name, steps) in enumerate(STEPS.items(), start=1)}
    columns = columns_of(np.stack(raw["training"], axis=1), "uy")
    scaled = {name: standardise(np.stack(pair, axis=1), columns) for name, pair in raw.items()}
    return {name: Record(rows[:, :1], rows[:, 1:]) for name, rows in scaled.items()}


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Train from every seed, judge on the test sequence, write table and picture."""
    count, known = seeds or (QUICK if quick else SEEDS), records()
    methods, restarts = (QUICK_METHODS, QUICK) if quick else (METHODS, RESTARTS)
    ledger, results, shown = Ledger.of(out, "narma10", quick), list[Result](), dict[str, Values]()
    with jax.enable_x64(True):
        for place, (name, teaching) in enumerate(methods.items()):
            judged = []
            for seed in range(count):
                share = _share(progress, len(methods) * count, place * count + seed, f"{name}, seed {seed}")
                looks = partial(ledger.looks, f"{name}, seed {seed}")
                guesses = narma_predictions(best_restart(teaching, known, restarts, seed, share, looks), known["test"])
                judged.append(errors_of(known["test"], guesses))
                shown.setdefault(name, guesses["free run"])
            results += _entries(name, judged)
    linear = arx(known)
    baselines = _entries("ARX", [errors_of(known["test"], linear)])
    files.write(out / "narma10.csv", pd.DataFrame(result_rows([*results, *baselines])).to_csv(index=False))
    runs = {"NARX": shown["NARX"], "ARX": linear["free run"]}
    files.write_whole(out / "narma10.png", _picture(known["test"], runs, [*results, *baselines]))
    return Results(
        results=results,
        baselines=baselines,
        bars=[Bar("NARX", mode, bar, "the bar") for mode, bar in BARS.items()],
    )


def best_restart(
    teaching: Teaching,
    known: dict[str, Record],
    restarts: int,
    seed: int,
    share: Callable[[float], None],
    looks: Looks,
) -> DynamicModel:
    """The best of some restarts, by its free run on the validation sequence."""
    network = narx(1, UNITS, 1, input_delays=DELAYS, output_delays=DELAYS)
    model = DynamicModel(network, [teaching], restarts=restarts, keep=1, scale=False, random_state=seed)
    used = [known["training"], known["validation"]]
    marks = [np.full((1, len(record.y)), number == 0) for number, record in enumerate(used)]
    folds = [Fold(asked=mark, held_out=~mark) for mark in marks]
    lessons = partial(model.lessons, [record.u for record in used], [record.y for record in used], folds)
    for done in looks(lessons, teaching, restarts, form=OF_MODEL):
        share(done.report.epoch / teaching.epochs)
    return model


def _share(progress: Progress, parts: int, part: int, remark: str) -> Callable[[float], None]:
    """Progress within one of some equal parts."""
    return lambda done: progress((part + done) / parts, remark)


def narma_predictions(model: DynamicModel, record: Record) -> dict[str, Values]:
    """One step ahead, and free, (T, 1)."""
    return {"one step": model.predict(record.u, record.y), "free run": model.simulate(record.u)}


def arx(known: dict[str, Record]) -> dict[str, Values]:
    """The same of the linear model with the same delays."""
    linear, test = Linear.fit([(known["training"].u, known["training"].y)], DELAYS, DELAYS), known["test"]
    return {"one step": linear.one_step(test.u, test.y), "free run": linear.free_run(test.u)}


def errors_of(record: Record, guesses: dict[str, Values]) -> dict[str, float]:
    """NRMSE of each."""
    truth = record.y[UNSCORED:]
    return {mode: float(np.sqrt(np.mean((y[UNSCORED:] - truth) ** 2)) / truth.std()) for mode, y in guesses.items()}


def _entries(name: str, judged: list[dict[str, float]]) -> list[Result]:
    return [Result(name, mode, MEASURE, [one[mode] for one in judged]) for mode in MODES]


def _picture(test: Record, runs: dict[str, Values], entries: list[Result]) -> Figure:
    """A stretch of the test sequence, and the errors of all seeds."""
    figure, (above, below) = new_figure(2, 6.4, heights=[3, 2], width=9.0, share=False)
    rows = slice(UNSCORED, UNSCORED + 150)
    steps = np.arange(len(test.y))[rows]
    above.plot(steps, test.y[rows], color=MEASURED, lw=3.0, alpha=0.35, label="system")
    for (name, y), colour in zip(runs.items(), COLOURS[1:], strict=False):
        above.plot(steps, y[rows], color=colour, lw=1.2, label=f"{name}, free run")
    above.set(xlabel="test step", ylabel="y, standardised")
    above.set_title("NARMA-10 from its input alone", loc="left")
    above.set_xlim(steps[0], steps[-1])
    above.legend(frameon=False, ncols=3, loc="upper right", bbox_to_anchor=(1, 1.12), borderaxespad=0)
    names = list(dict.fromkeys(made.network for made in entries))
    for made in entries:
        mode = MODES.index(made.split)
        place = names.index(made.network) + 0.24 * mode - 0.12
        spread = np.linspace(-0.06, 0.06, len(made.values)) * (len(made.values) > 1)
        label = made.split if made.network == names[0] else None
        below.plot(place + spread, made.values, "o", ms=4, color=COLOURS[2 + mode], alpha=0.8, label=label)
    for mode, bar in enumerate(BARS.values()):
        below.axhline(bar, color=COLOURS[2 + mode], lw=0.9, ls=":")
    below.set(yscale="log", ylabel="NRMSE on the test", title="Every seed a dot; dotted: the bars")
    below.set_xticks(range(len(names)), names)
    below.set_xlim(-0.5, len(names) - 0.5)
    below.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
