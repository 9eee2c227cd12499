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

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from throughtime.architectures import narx
from throughtime.datasets import sunspots
from throughtime.drawing import draw
from throughtime.dynamics.holding import Fold
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.teaching import Teaching
from throughtime.experiments import Bar, Progress, Result, Results
from throughtime.io import files
from throughtime.models.columns import Column, restore, standardise
from throughtime.models.model import Model
from throughtime.models.saving import save
from throughtime.network import Network
from throughtime.plots import plot_prediction, plot_training

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
LAST_FITTED, VARIANCE, ORDER = 1920, 1535.0, 12
SPLITS = {"1712-1920, fitted": (1712, 1920), "1921-1955": (1921, 1955), "1956-1979": (1956, 1979)}
SEEDS, TOGETHER, EPOCHS, RATE = 10, 10, 600, 0.02
MEASURE = "average relative variance"
ENSEMBLE, SINGLE = f"ensembles of {TOGETHER} NARX", "single NARX"
LARGE = ((1723, 1732), (1775, 1797), (1833, 1855), (1867, 1877))  # the cycles to 1920 that peak above 115
LINEAR = {f"AR({ORDER})": False, f"AR({ORDER}) of roots": True}


@dataclass(frozen=True)
class Form:
    """What is open in the model.

    units  in the hidden layer
    roots  predict the square roots of the numbers, whose errors are more alike in size
    skip   let the output hear the past directly too, so that the tanh units only bend a linear model
    decay  weight decay: decay |w|^2 is added to the mean squared error, biases left out
    """

    units: int
    roots: bool
    skip: bool
    decay: float

    @property
    def network(self) -> Network:
        """The wiring, fed with its own output."""
        return narx(0, self.units, 1, output_delays=range(1, ORDER + 1), skip=self.skip)


CHOSEN = Form(units=2, roots=True, skip=True, decay=0.005)
FORMS = (CHOSEN, replace(CHOSEN, decay=0.003), Form(4, True, True, 0.003), Form(4, False, True, 0.0075))


@dataclass(frozen=True)
class Fits:
    """Networks of one form, trained side by side from several first weights.

    model    them all
    losses   (looks, networks)
    guesses  (networks, years): predictions one year ahead; the first twelve years mean nothing
    """

    model: Model
    losses: Values
    guesses: Values


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Fit the ensembles on the years to 1920, predict every year, write table, model and pictures."""
    count = seeds or (2 if quick else SEEDS)
    years, numbers = sunspots()
    known = years <= LAST_FITTED
    fits = fit(
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


def fit(
    form: Form,
    numbers: Values,
    used: Mask,
    count: int,
    epochs: int,
    look: int = 100,
    progress: Callable[[float], None] = lambda done: None,
) -> Fits:
    """`count` networks, trained on the years `used`; a loss every `look` epochs."""
    seen = _transformed(numbers, form.roots)[:, None]
    column = Column(_name(form.roots), float(seen[used].mean()), float(seen[used].std()))
    z = standardise(seen, [column])
    teaching = Teaching(loop="open", epochs=epochs, rate=RATE, decay=form.decay, clip=None, look=look)
    networks = DynamicModel(form.network, [teaching], restarts=count, scale=False)
    for done in networks.lessons(None, z[:, 0], [Fold(asked=used[None], held_out=np.zeros((1, len(z)), bool))]):
        progress(done.report.epoch / epochs)
    guesses = _back(restore(networks.each(np.zeros((len(z), 0)), z), [column])[:, :, 0], form.roots)
    made = replace(networks.to_model(**asdict(form)), outputs=(column,))
    return Fits(made, np.array(networks.losses_[0]), guesses)


def autoregression(numbers: Values, used: Mask, roots: bool) -> Values:
    """One-step predictions of AR(12) + bias, by least squares on the years `used`."""
    seen = _transformed(numbers, roots)
    taps = [np.concatenate([np.zeros(d), seen[:-d]]) for d in range(1, ORDER + 1)]
    rows = np.stack([*taps, np.ones(len(seen))], axis=1)
    chosen = used & (np.arange(len(seen)) >= ORDER)
    coefficients = np.linalg.lstsq(rows[chosen], seen[chosen], rcond=None)[0]
    return _back(rows @ coefficients, roots)


def _name(roots: bool) -> str:
    return "sqrt(SUNACTIVITY)" if roots else "SUNACTIVITY"


def _transformed(numbers: Values, roots: bool) -> Values:
    return np.sqrt(numbers) if roots else numbers


def _back(seen: Values, roots: bool) -> Values:
    return np.maximum(seen, 0) ** 2 if roots else seen


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
    columns = {"YEAR": years, _name(False): numbers, _name(True): np.sqrt(numbers), **linear}
    columns |= {f"ensemble, seed {seed}": guess for seed, guess in enumerate(together)}
    columns |= {"model.safetensors, of roots": np.sqrt(fits.guesses[:TOGETHER]).mean(axis=0)}
    files.write(out / "sunspots.csv", pd.DataFrame(columns).to_csv(index=False, float_format="%.6g"))
    draw(CHOSEN.network.open_loop(), out / "wiring.png")
    curve = fits.losses[:, :TOGETHER].mean(axis=1)
    files.write_figure(
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
    files.write_figure(out / "prediction.png", picture)


def selections(years: Values) -> dict[str, list[tuple[Mask, Mask]]]:
    """The four measures before 1920: pairs of years learned from and years asked."""
    steps = np.arange(len(years))
    blocks = [np.isin(steps, rows) for rows in np.array_split(np.arange(ORDER, len(years)), 5)]
    large = np.any([(years >= first) & (years <= last) for first, last in LARGE], axis=0)
    return {
        "block": [(~block, block) for block in blocks],
        "forward": [(years <= last, (years > last) & (years <= last + 35)) for last in (1780, 1815, 1850, 1885)],
        "large": [(~large, large)],
        "rise": [(years <= 1775, (years > 1775) & (years <= 1797)), (years <= 1832, (years > 1832) & (years <= 1878))],
    }


def judged_before_1920(forms: Sequence[Form] = FORMS, count: int = 10, epochs: int = EPOCHS) -> pd.DataFrame:
    """The errors in years held out before 1920, of the mean of `count` networks of every form and of the linear models.

    Eight seconds for each form.
    """
    years, numbers = (values[sunspots()[0] <= LAST_FITTED] for values in sunspots())
    ways: dict[str, Callable[[Mask], Values]] = {
        name: partial(autoregression, numbers, roots=roots) for name, roots in LINEAR.items()
    }
    ways |= {str(form): partial(_mean_of, form, numbers, count, epochs) for form in forms}
    made: dict[str, dict[str, float]] = {name: {} for name in ways}
    for name, way in ways.items():
        for measure, pairs in selections(years).items():
            wrong = [((way(used) - numbers)[asked]) ** 2 for used, asked in pairs]
            made[name][measure] = float(np.concatenate(wrong).mean() / VARIANCE)
    return pd.DataFrame(made).T


def _mean_of(form: Form, numbers: Values, count: int, epochs: int, used: Mask) -> Values:
    return np.asarray(fit(form, numbers, used, count, epochs).guesses.mean(axis=0))
