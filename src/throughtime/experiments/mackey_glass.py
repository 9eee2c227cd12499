"""Mackey-Glass: can a NARX network without inputs forecast chaos, one step and 84 steps ahead, better than an echo state network?

    dx/dt = 0.2 x(t-17) / (1 + x(t-17)^10) - 0.1 x(t),  x = 1.2 for t <= 0

Data: Runge-Kutta of order four, step 0.1, sampled at every whole t; 1000 samples are dropped. The next 3000 are learned from,
2000 serve all choices, 7000 the test. Measures: RMSE one step ahead, in the units of x; and NRMSE at step 84, the root mean
squared error of that step of free runs from true history, begun at every tenth test step, over the deviation of the training
samples. The error of one long free run would say nothing: after a while it is as large as chance, whatever the model.

The network hears the delays 1-3 and 15-20, and has a linear connection past its 24 tanh units. Levenberg-Marquardt in float64
trains it for 500 epochs with measured outputs (teacher forcing), then for 30 in closed loop, on free runs of 40 steps begun at
every twentieth training step; the weights kept, and of three restarts the one that is a seed's result, are the best at 84
steps ahead on the validation samples. What they were before the closed loop stands beside it.

The rival is reservoirpy's echo state network, run here on the same samples from as many seeds: with the settings of its
README, and tuned on the same validation samples (81 settings of 500 units, the best six at 1000; `quick` keeps 500).

What was tried, and how choices were made: `docs/forecasting.md`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from throughtime.architectures import narx
from throughtime.dynamics.preparing import prepare
from throughtime.engine import Weights, init
from throughtime.engine import run as activate
from throughtime.experiments import Bar, Progress, Result, Results, result_rows
from throughtime.experiments.ledger import Ledger
from throughtime.experiments.mackey_glass_data import (
    AHEAD,
    DELAYS,
    ECHOES,
    TOTAL,
    TRAINED,
    VALIDATED,
    WINDOW,
    echo_state,
    mackey_glass,
)
from throughtime.experiments.mackey_glass_pictures import forecast_picture, rms
from throughtime.io import files
from throughtime.learners import BPTT
from throughtime.losses import SquaredError
from throughtime.models.members import stack_members
from throughtime.network import Network
from throughtime.training import Report, evaluate, train
from throughtime.training.levenberg_marquardt import LevenbergMarquardt

Values = NDArray[np.float64]
Origins = NDArray[np.int64]
PAST, LOSS, BAR = max(DELAYS), SquaredError(), 4e-4
SPLITS = {"one step ahead": "RMSE", "84 steps ahead": "NRMSE"}
SEEDS, MISSING = 5, "reservoirpy is not installed, so its rows are missing: pip install 'throughtime[peers]'"


@dataclass(frozen=True)
class Schooling:
    """How the network is trained: units, epochs with measured outputs, epochs in closed loop, restarts."""

    units: int = 24
    opened: int = 500
    closed: int = 30
    restarts: int = 3

    @property
    def network(self) -> Network:
        """The closed loop."""
        return narx(0, self.units, 1, output_delays=DELAYS, skip=True)


QUICK = Schooling(units=16, opened=200, closed=10, restarts=2)


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Train from every seed, forecast the test samples, write table and picture."""
    count, course = seeds or (2 if quick else SEEDS), QUICK if quick else Schooling()
    x = mackey_glass(TOTAL)
    z, deviation = (x - x[:TRAINED].mean()) / x[:TRAINED].std(), x[:TRAINED].std()
    origins, errors = np.arange(VALIDATED, TOTAL - AHEAD, 10), dict[str, list[tuple[Values, Values]]]()
    ledger = Ledger.of(out, "mackey-glass", quick)
    with jax.enable_x64(True):
        for seed in range(count):
            share = _share(progress, 2 * count, seed, f"NARX, seed {seed}")
            forced, closed = trained_forecaster(course, z, seed, share, ledger)
            for name, weights in (("NARX", closed), ("NARX, teacher forcing only", forced)):
                errors.setdefault(name, []).append(forecast_errors(course.network, weights, z, origins))
    notes = [] if find_spec("reservoirpy") else [MISSING]
    echoes = {} if notes else {name: replace(e, units=min(e.units, 500)) if quick else e for name, e in ECHOES.items()}
    for place, (name, echo) in enumerate(echoes.items()):
        for seed in range(count):
            progress(0.5 + (place * count + seed) / (2 * len(echoes) * count), f"{name}, seed {seed}")
            piece = partial(echo_state, echo, z, seed + 1, origins)
            errors.setdefault(name, []).append(ledger.once(f"{name}, seed {seed}", piece, echo))
    results = {name: _entries(name, found, float(deviation)) for name, found in errors.items()}
    flat = [made for name in errors for made in results[name]]
    files.write(out / "mackey-glass.csv", pd.DataFrame(result_rows(flat)).to_csv(index=False))
    files.write_whole(out / "mackey-glass.png", forecast_picture(z[origins[0] - 50 :], errors))
    return Results(
        results=[made for made in flat if made.network not in ECHOES],
        baselines=[made for made in flat if made.network in ECHOES],
        bars=_bars(results),
        notes=notes,
    )


def _share(progress: Progress, parts: int, part: int, remark: str) -> Callable[[float], None]:
    """Progress within one of some equal parts."""
    return lambda done: progress((part + done) / parts, remark)


def runs(network: Network, z: Values, origins: Origins, steps: int, last: bool = False) -> list[Any]:
    """Free runs as sequences for training: from true history at every origin; `last`: only the last step is asked."""
    pieces = [z[first - PAST : first + steps, None] for first in origins]
    asked = [np.where(np.arange(len(p))[:, None] == len(p) - 1, p, np.nan) for p in pieces] if last else None
    return prepare(network, None, pieces, targets=asked).sequences


def trained_forecaster(
    course: Schooling, z: Values, seed: int, share: Callable[[float], None], ledger: Ledger
) -> tuple[Weights, Weights]:
    """The best restart at 84 steps ahead on the validation samples: before, and after the closed loop; one member each."""
    exam = runs(course.network, z, np.arange(TRAINED, VALIDATED - AHEAD, 5), AHEAD, last=True)
    piece = f"NARX, seed {seed}"
    for taught in ledger.looks(f"{piece}, teacher forcing", _forced(course, z, seed), course):
        share(taught.epoch / (course.opened + course.closed))
    forced = taught.weights
    before = evaluate(course.network, forced, LOSS, exam, members=course.restarts)
    for report in ledger.looks(f"{piece}, closed loop", _closing(course, z, forced, exam), course):
        share((course.opened + report.epoch) / (course.opened + course.closed))
    k = int(np.argmin(np.minimum(report.best_loss, before)))
    best = report.best if report.best_loss[k] < before[k] else forced
    return jax.tree.map(lambda w: w[k : k + 1], forced), jax.tree.map(lambda w: w[k : k + 1], best)


def _forced(course: Schooling, z: Values, seed: int) -> Callable[..., Iterator[Report]]:
    """Training of all restarts with measured outputs."""
    network, restarts, damped = course.network.open_loop(), course.restarts, _damped(1e-3, TRAINED)
    weights = stack_members([init(course.network, seed * restarts + k) for k in range(restarts)])
    told = prepare(network, None, z[:TRAINED]).sequences
    args = network, weights, BPTT(), LOSS, damped, told
    return partial(train, *args, epochs=course.opened, members=restarts, look=10)


def _closing(course: Schooling, z: Values, weights: Weights, exam: list[Any]) -> Callable[..., Iterator[Report]]:
    """Training in closed loop, on short free runs."""
    windows = runs(course.network, z, np.arange(PAST, TRAINED - WINDOW, 20), WINDOW)
    args = course.network, weights, BPTT(), LOSS, _damped(1e-6, WINDOW * len(windows)), windows
    return partial(train, *args, epochs=course.closed, members=course.restarts, validation=exam)


def _damped(damping: float, residuals: int) -> LevenbergMarquardt:
    """Damping as it was when the choices were made: beside the sum of squares, not their mean."""
    return LevenbergMarquardt(damping=damping / residuals, least_gradient=0.0)


def forecast_errors(network: Network, weights: Weights, z: Values, origins: Origins) -> tuple[Values, Values]:
    """Errors on the test samples: one step ahead (T,), and of the free runs (origins, 84)."""
    one = jax.tree.map(lambda w: w[0], weights)
    return _errors(network.open_loop(), one, z, np.array([VALIDATED]), len(z) - VALIDATED)[0], _errors(
        network, one, z, origins, AHEAD
    )


def _errors(network: Network, weights: Weights, z: Values, origins: Origins, steps: int) -> Values:
    pieces = [z[first - PAST : first + steps] for first in origins]
    batch = prepare(network, None, pieces).batch(network, weights)
    ys, _ = activate(network, weights, batch.xs, batch.history)
    return np.asarray(ys - batch.targets)[:, :, 0].T


def _entries(name: str, found: list[tuple[Values, Values]], deviation: float) -> list[Result]:
    values = {
        "one step ahead": [deviation * rms(one) for one, _ in found],
        "84 steps ahead": [rms(free)[-1] for _, free in found],
    }
    return [Result(name, split, metric, values[split]) for split, metric in SPLITS.items()]


def _bars(results: dict[str, list[Result]]) -> list[Bar]:
    near, far = SPLITS
    bars = [Bar("NARX", near, BAR, "the bar")]
    for name in ECHOES:
        if name in results:
            median = float(np.median(results[name][1].values))
            bars.append(Bar("NARX", far, median, f"median of {name}"))
    return bars
