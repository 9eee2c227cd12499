"""Sunspots: can a small network predict next year's sunspot number better than a linear model?

The standard task: fit to the years 1700-1920, then predict one year ahead, from the twelve years before, on 1921-55
and 1956-79. The measure is the average relative variance, mean squared error over 1535. The linear model, AR(12) with
bias by least squares, is fitted in the same run; so is AR(12) of the square roots, not the standard but a fair rival.

The network is NARX without exogenous input, trained on measured past values. Its form is chosen anew in every run, on
1712-1920 alone: five blocks of years are held out in turn, and the lowest error of the mean prediction of five seeds
wins. Then it is trained on all years to 1920, for a fixed number of epochs. All seeds are reported, and the mean of
their predictions; the saved model is seed 0's. Restarts run side by side, as one vmap over seeds and blocks.
"""

import time
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from operator import itemgetter
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from jax import Array, lax
from numpy.typing import NDArray

from throughtime import units
from throughtime.datasets import sunspots
from throughtime.drawing import draw
from throughtime.engine import Weights, init
from throughtime.engine import run as activate
from throughtime.experiments import Progress
from throughtime.learners import BPTT
from throughtime.losses import SquaredError
from throughtime.network import Connection, Layer, Network
from throughtime.plots import plot_prediction, plot_training
from throughtime.storage import Column, Model, restore, save, standardise

Values = NDArray[np.float64]
LAST_FITTED, VARIANCE, ORDER = 1920, 1535.0, 12
SPLITS = {"1712-1920, fitted": (1712, 1920), "1921-1955": (1921, 1955), "1956-1979": (1956, 1979)}
SEEDS, EPOCHS, RATE, BLOCKS = 10, 600, 0.02, 5
MEASURED = "measured output"
MEASURE = "average relative variance"


@dataclass(frozen=True)
class Choice:
    """What is open in the model.

    units  in the hidden layer
    roots  predict the square roots of the numbers, whose errors are more alike in size
    skip   let the output hear the past directly too, so that the tanh units only bend a linear model
    decay  weight decay: decay |w|^2 is added to the mean squared error, biases left out
    """

    units: int = 4
    roots: bool = True
    skip: bool = False
    decay: float = 0.003

    @property
    def network(self) -> Network:
        """The wiring: the twelve years before, in the open loop."""
        past = Connection(MEASURED, tuple(range(1, ORDER + 1)))
        heard = (Connection("hidden"), past) if self.skip else (Connection("hidden"),)
        hidden = Layer("hidden", self.units, units.tanh, (past,))
        return Network({MEASURED: 1}, (hidden, Layer("output", 1, units.linear, heard)), "output")  # type: ignore[arg-type]


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> dict[str, Any]:
    """Choose the form and fit every seed on the years to 1920, predict every year, write table, model and pictures."""
    began, count = time.perf_counter(), seeds or (2 if quick else SEEDS)
    years, numbers = sunspots()
    known = years <= LAST_FITTED
    tried = {} if quick else held_out_errors(numbers[known], progress)
    choice = min(tried, key=lambda c: tried[c]) if tried else Choice()
    models, losses = fitted(choice, numbers, known[None], range(count), EPOCHS // 4 if quick else EPOCHS)
    predictions = np.stack([predict(choice, model, numbers) for model in models])
    linear = {f"AR({ORDER})": autoregression(numbers, known, False)}
    linear[f"AR({ORDER}) of square roots"] = autoregression(numbers, known, True)
    judge = partial(_entries, years, numbers)
    _write(out, years, numbers, models[0], losses[0], predictions, linear)
    progress(1.0, "done")
    return {
        "experiment": "sunspots",
        "quick": quick,
        "seconds": time.perf_counter() - began,
        "chosen": asdict(choice),
        "held_out_in_1712_1920": [{**asdict(c), MEASURE: error} for c, error in tried.items()],
        "results": [*judge("NARX", predictions), *judge(f"mean of {count} NARX", predictions.mean(0, keepdims=True))],
        "baselines": [entry for name, made in linear.items() for entry in judge(name, made[None])],
    }


def held_out_errors(numbers: Values, progress: Progress) -> dict[Choice, float]:
    """For every choice the error in blocks of years that were held out, of the mean prediction of several seeds."""
    blocks = np.array_split(np.arange(ORDER, len(numbers)), BLOCKS)
    used = np.stack([~np.isin(np.arange(len(numbers)), block) for block in blocks])
    choices = [Choice(*c) for c in product((2, 4, 8), (False, True), (False, True), (0.001, 0.003, 0.01, 0.03))]
    found = {}
    for done, choice in enumerate(choices):
        progress(done / (len(choices) + 1), f"choosing on 1712-1920, {done + 1} of {len(choices)}")
        models, _ = fitted(choice, numbers, used, range(BLOCKS), EPOCHS)
        guesses = np.array([predict(choice, model, numbers) for model in models]).reshape(len(blocks), BLOCKS, -1)
        wrong = [guess.mean(0)[block] - numbers[block] for guess, block in zip(guesses, blocks, strict=True)]
        found[choice] = float(np.mean(np.concatenate(wrong) ** 2) / VARIANCE)
    return found


def fitted(
    choice: Choice, numbers: Values, used: NDArray[np.bool_], seeds: range, epochs: int
) -> tuple[list[Model], Values]:
    """Networks trained on the years `used` (a row for each training), from every seed, and their losses per epoch."""
    seen = _transformed(numbers, choice.roots)[:, None]
    columns = [Column(_name(choice.roots), float(seen[row].mean()), float(seen[row].std())) for row in used]
    xs = np.stack([standardise(seen, [column]) for column in columns])
    asked = np.where((used & (np.arange(len(numbers)) >= ORDER))[:, :, None], xs, np.nan)
    cases = [(row, seed) for row in range(len(used)) for seed in seeds]
    weights = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(init(choice.network, seed) for _, seed in cases))
    rows = np.array([row for row, _ in cases])
    dtype = jax.tree.leaves(weights)[0].dtype
    learned = jnp.asarray(xs[rows], dtype), jnp.asarray(asked[rows], dtype)
    weights, losses = _teach(choice.network, epochs, choice.decay, weights, *learned)
    settings = {"network": "narx", "learner": "bptt", "loop": "open", **asdict(choice)}
    models = [
        Model(
            choice.network,
            jax.tree.map(itemgetter(case), weights),
            (columns[row],),
            (columns[row],),
            washout=ORDER,
            settings={**settings, "seed": seed, "best_epoch": epochs},
        )
        for case, (row, seed) in enumerate(cases)
    ]
    return models, np.asarray(losses)


@partial(jax.jit, static_argnames=("network", "epochs"))
@partial(jax.vmap, in_axes=(None, None, None, 0, 0, 0))
def _teach(network: Network, epochs: int, decay: Array, weights: Weights, x: Array, target: Array) -> Any:
    """Adam on the mean squared error + decay |w|^2, on the whole record; its step size falls as a half cosine."""
    learner, optimizer = BPTT(), optax.adam(optax.cosine_decay_schedule(RATE, epochs))

    def epoch(state: Any, _: Any) -> Any:
        weights, moments = state
        carry = learner.init(network, weights, 1)
        _, lesson = learner.learn(network, weights, carry, x[:, None], target[:, None], SquaredError())
        gradients = jax.tree_util.tree_map_with_path(partial(_decayed, decay, lesson.asked), lesson.gradients, weights)
        steps, moments = optimizer.update(gradients, moments)
        return (optax.apply_updates(weights, steps), moments), lesson.loss / lesson.asked

    (weights, _), losses = lax.scan(epoch, (weights, optimizer.init(weights)), length=epochs)
    return weights, losses


def _decayed(decay: Array, asked: Array, path: Any, gradient: Array, weight: Array) -> Array:
    """The mean gradient, with the decay's; biases do not decay."""
    return gradient / asked + (0.0 if path[-1].key == "bias" else 2 * decay * weight)


def predict(choice: Choice, model: Model, numbers: Values) -> Values:
    """One-step predictions for all years; the first twelve of them mean nothing."""
    x = standardise(_transformed(numbers, choice.roots)[:, None], model.inputs)
    ys, _ = activate(model.network, model.weights, jnp.asarray(x[:, None]))
    return _back(restore(np.asarray(ys)[:, 0], model.outputs)[:, 0], choice.roots)


def autoregression(numbers: Values, used: NDArray[np.bool_], roots: bool) -> Values:
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


def _entries(years: Values, numbers: Values, name: str, predictions: Values) -> list[dict[str, Any]]:
    made = []
    for split, (first, last) in SPLITS.items():
        rows = (years >= first) & (years <= last)
        values = np.mean((predictions[:, rows] - numbers[rows]) ** 2, axis=1) / VARIANCE
        made.append({"network": name, "split": split, "metric": MEASURE, "values": values.tolist()})
    return made


def _write(
    out: Path,
    years: Values,
    numbers: Values,
    model: Model,
    losses: Values,
    predictions: Values,
    linear: dict[str, Values],
) -> None:
    save(out / "model.safetensors", model)
    columns = {"YEAR": years, _name(False): numbers, _name(True): np.sqrt(numbers)}
    columns |= {"NARX mean": predictions.mean(0), **linear}
    columns |= {f"NARX seed {seed}": made for seed, made in enumerate(predictions)}
    pd.DataFrame(columns).to_csv(out / "sunspots.csv", index=False, float_format="%.6g")
    draw(model.network, out / "wiring.png")
    plot_training(losses.tolist(), unit="mean squared error, standardised").savefig(out / "training.png")
    picture = plot_prediction(
        numbers[ORDER:],
        predictions.mean(0)[ORDER:],
        ["sunspot number"],
        years[ORDER:],
        held_out=int(np.sum(years <= LAST_FITTED)) - ORDER,
        title=f"One year ahead, mean of {len(predictions)} networks",
        time_name="year",
    )
    picture.savefig(out / "prediction.png")
