"""Sunspots: can small networks predict next year's sunspot number better than a linear model?

The standard task: fit to the years 1700-1920, then predict one year ahead, from the twelve years before, on 1921-55
and 1956-79. The measure is the average relative variance, mean squared error over 1535. The linear model, AR(12) with
bias by least squares, is fitted in the same run; so is AR(12) of the square roots, not the standard but a fair rival.

The networks are NARX without exogenous input that hear and predict the square roots of the numbers, whose errors are more
alike in size: two tanh units and a linear connection from the past to the output, weight decay 0.005, trained on measured
past values for 600 epochs by Adam. One answer is the mean, after squaring back, of ten restarts; one such ensemble for each
seed, and every single network of them beside it.

What was tried, and how choices were made: `docs/forecasting.md`.
"""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from throughtime.datasets import sunspots
from throughtime.drawing.picture import draw
from throughtime.experiments import Bar, Progress, Result, Results
from throughtime.experiments.sunspots_fitting import (
    CHOSEN,
    EPOCHS,
    LAST_FITTED,
    LINEAR,
    ORDER,
    SEEDS,
    TOGETHER,
    VARIANCE,
    Fits,
    autoregression,
    column_name,
    fit_sunspots,
)
from throughtime.io import files
from throughtime.models.saving import save
from throughtime.plots import plot_prediction, plot_training

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
SPLITS = {"1712-1920, fitted": (1712, 1920), "1921-1955": (1921, 1955), "1956-1979": (1956, 1979)}
MEASURE = "average relative variance"
ENSEMBLE, SINGLE = f"ensembles of {TOGETHER} NARX", "single NARX"


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Fit the ensembles on the years to 1920, predict every year, write table, model and pictures."""
    count = seeds or (2 if quick else SEEDS)
    years, numbers = sunspots()
    known = years <= LAST_FITTED
    fits = fit_sunspots(
        CHOSEN, numbers, known, TOGETHER * count, EPOCHS, 1, lambda done: progress(done, "all networks side by side")
    )
    together = fits.guesses.reshape(count, TOGETHER, -1).mean(axis=1)
    linear = {name: autoregression(numbers, known, roots) for name, roots in LINEAR.items()}
    baselines = [made for name, guess in linear.items() for made in _entries(years, numbers, name, guess[None])]
    _write(out, years, numbers, fits, together, linear)
    return Results(
        results=[
            *_entries(years, numbers, ENSEMBLE, together),
            *_entries(years, numbers, SINGLE, fits.guesses),
        ],
        baselines=baselines,
        bars=[
            Bar(ENSEMBLE, split, made.values[0], made.network)
            for made in baselines
            for split in list(SPLITS)[1:]
            if made.split == split and made.network == f"AR({ORDER})"
        ],
    )


def _entries(years: Values, numbers: Values, name: str, predictions: Values) -> list[Result]:
    made = []
    for split, (first, last) in SPLITS.items():
        rows = (years >= first) & (years <= last)
        values = np.mean((predictions[:, rows] - numbers[rows]) ** 2, axis=1) / VARIANCE
        made.append(Result(name, split, MEASURE, values))
    return made


def _write(out: Path, years: Values, numbers: Values, fits: Fits, together: Values, linear: dict[str, Values]) -> None:
    """The table, the first ensemble as a model of the roots, and pictures."""
    weights = jax.tree.map(lambda leaf: leaf[:TOGETHER], fits.model.weights)
    settings = dict(fits.model.settings) | {"members": fits.model.settings["members"][:TOGETHER]}
    save(out / "model.safetensors", replace(fits.model, weights=weights, members=TOGETHER, settings=settings))
    columns = {"YEAR": years, column_name(False): numbers, column_name(True): np.sqrt(numbers), **linear}
    columns |= {f"ensemble, seed {seed}": guess for seed, guess in enumerate(together)}
    columns |= {"model.safetensors, of roots": np.sqrt(fits.guesses[:TOGETHER]).mean(axis=0)}
    files.write(out / "sunspots.csv", pd.DataFrame(columns).to_csv(index=False, float_format="%.6g"))
    draw(CHOSEN.network.open_loop(), out / "wiring.png")
    curve = fits.losses[:, :TOGETHER].mean(axis=1)
    files.write_whole(
        out / "training.png", plot_training(curve.tolist(), unit="mean squared error, standardised roots")
    )
    picture = plot_prediction(
        numbers[ORDER:],
        together[0, ORDER:],
        ["sunspot number"],
        years[ORDER:],
        held_out=int(np.sum(years <= LAST_FITTED)) - ORDER,
        title=f"One year ahead, {TOGETHER} networks of two units together",
        time_name="year",
    )
    files.write_whole(out / "prediction.png", picture)
