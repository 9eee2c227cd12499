"""Learning to learn: can a recurrent network whose weights do not change learn a new function from examples?

An LSTM is shown an unknown function example by example: at step t it hears x(t) and the target of the step before, y(t-1),
and must say y(t). Over many functions of a family its weights are trained by BPTT. Then they are frozen, and what it does
with a function it has never met is an algorithm that runs in its activities (Hochreiter, Younger & Conwell 2001).

Data, drawn anew for every lesson: x is uniform in its domain, and a lesson has 51 examples.

    quadratic functions   y = a x1^2 + b x2^2 + c x1 x2 + d x1 + e x2 + f,  coefficients and x in [-1, 1], y divided by 0.852,
                          which is its standard deviation; new functions have new coefficients
    boolean functions     the 256 functions of three inputs, all numbers -1 or 1; one half, drawn once, is taught, the
                          other is new (of two inputs there are only 16, too few to hold out 100)

After 10, 20, 35 and 50 examples of each of 128 new functions everybody is asked at the same 100 points (the boolean ones: all 8).
The measure is the mean squared error; guessing 0 has 1. Beside the LSTM, on the same examples: feedforward networks
trained by online backpropagation, an update per example, with as many hidden units, with as many weights, and a smaller one,
each with the learning rate that is best after 35 examples of 128 other functions; the mean of the targets so far; and as
the ceiling what knows the family, least squares on the quadratic features or a table of the eight answers.

Bar: after 35 examples at most a tenth of the error of the best backpropagation. `--quick`: boolean
functions, one seed, a quarter of the lessons, the same bar.

Choices (units, rates, lessons) were made on quadratic functions and a split of the boolean ones that are not used here.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from jax import Array
from matplotlib.figure import Figure
from numpy.typing import NDArray

from throughtime import engine
from throughtime.architectures import feedforward, lstm
from throughtime.descent import TEACHER
from throughtime.experiments import Bar, Progress, Result, Results, part_of, rows_of
from throughtime.io import files
from throughtime.learners import BPTT, Backprop
from throughtime.losses import SquaredError
from throughtime.network import Network
from throughtime.plots import COLOURS
from throughtime.training import train

Values = NDArray[np.floating[Any]]
STEPS, ASKED, POINTS = 51, (10, 20, 35, 50), (1, 2, 3, 5, 7, 10, 14, 20, 27, 35, 42, 50)
DECISIVE, SHARE = 35, 0.1
SEEDS, NEW, QUERIES, UNITS = 3, 128, 100, 64
BATCH, LESSONS, VISITS, CLIP, RATE = 32, 6400, 2, 1.0, 0.01
SIZES: dict[str, list[int]] = {"64 units": [UNITS], "as many weights": [130, 130], "16 units": [16]}
RATES = (0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1)
SPREAD = 0.852  # of the quadratic functions
METRIC, LEARNER = "squared error", "LSTM, frozen"


class Functions(NamedTuple):
    """F functions: examples x (F, T, I) and y (F, T, 1), and the points asked, (F, Q, I), with their answers (F, Q, 1)."""

    x: Any
    y: Any
    asked: Any
    answers: Any


class Family(NamedTuple):
    """Functions of some inputs, known ones to learn from and new ones; `rounds` of lessons; what the ceiling knows."""

    inputs: int
    rounds: int
    draw: Callable[[np.random.Generator, int, bool], Functions]
    features: Callable[[Values], Values]

    @property
    def network(self) -> Network:
        """The network that learns to learn."""
        return lstm({"x": self.inputs, TEACHER: 1}, UNITS, 1)


def quadratic_features(x: Values) -> Values:
    """x1^2, x2^2, x1 x2, x1, x2, 1."""
    a, b = x[..., 0], x[..., 1]
    return np.stack([a * a, b * b, a * b, a, b, np.ones_like(a)], axis=-1)


def quadratics(random: np.random.Generator, count: int, new: bool) -> Functions:  # noqa: ARG001  # all are new
    """Quadratic functions with coefficients in [-1, 1]."""
    coefficients = random.uniform(-1, 1, (count, 6, 1)) / SPREAD
    x, asked = (random.uniform(-1, 1, (count, size, 2)).astype(np.float32) for size in (STEPS, QUERIES))
    y, answers = ((quadratic_features(points) @ coefficients).astype(np.float32) for points in (x, asked))
    return Functions(x, y, asked, answers)


CORNERS = 2.0 * (np.arange(8)[:, None] >> np.arange(3) & 1).astype(np.float32) - 1
TABLES = 2.0 * (np.random.default_rng(2).permutation(256)[:, None] >> np.arange(8) & 1).astype(np.float32) - 1


def table_features(x: Values) -> Values:
    """Which of the eight corners x is."""
    return np.asarray((x[..., None, :] == CORNERS).all(-1), np.float32)


def booleans(random: np.random.Generator, count: int, new: bool) -> Functions:
    """Boolean functions of three inputs from one half of all, or from the other."""
    half = TABLES[128:] if new else TABLES[:128]
    tables = half[np.resize(random.permutation(128), count)]  # 128: each once
    seen = random.integers(0, 8, (count, STEPS))
    y = np.take_along_axis(tables, seen, axis=1)[..., None]
    return Functions(CORNERS[seen], y, np.broadcast_to(CORNERS, (count, 8, 3)), tables[..., None])


FAMILIES = {
    "quadratic": Family(2, 30, quadratics, quadratic_features),
    "boolean": Family(3, 15, booleans, table_features),
}
QUICK = {"boolean": FAMILIES["boolean"]._replace(rounds=4)}


def shown(x: Values, y: Values) -> dict[str, Values]:
    """What the network hears: x(t), and the target of the step before."""
    return {"x": x, TEACHER: np.concatenate([np.zeros_like(y[..., :1, :]), y[..., :-1, :]], axis=-2)}


def taught(family: Family, optimizer: optax.GradientTransformation, seed: int, tell: Callable[[float], None]) -> Any:
    """Weights that have learned to learn; every round draws new functions."""
    weights, state = engine.init(family.network, seed), None
    for number in range(family.rounds):
        drawn = family.draw(np.random.default_rng((seed, number)), LESSONS, False)
        lessons = [(shown(x, y), y) for x, y in zip(drawn.x, drawn.y, strict=True)]
        how: dict[str, Any] = {"epochs": VISITS, "look": VISITS, "batch": BATCH, "clip": CLIP, "seed": number}
        (report,) = train(
            family.network, weights, BPTT(), SquaredError(), optimizer, lessons, optimizer_state=state, **how
        )
        weights, state = report.weights, report.optimizer_state
        tell((number + 1) / family.rounds)
    return weights


def falling(family: Family) -> optax.GradientTransformation:
    """Adam with a rate that falls to a hundredth."""
    updates = family.rounds * VISITS * (LESSONS // BATCH)
    return optax.adam(optax.cosine_decay_schedule(RATE, updates, 0.01))


@partial(jax.jit, static_argnames=("network", "count"))
def answers_after(network: Network, weights: Any, functions: Functions, count: int) -> Array:
    """What the frozen network says at the points asked, (F, Q, 1), after so many examples."""
    x, y, asked = (jnp.swapaxes(part, 0, 1) for part in functions[:3])
    previous = jnp.concatenate([jnp.zeros_like(y[:1]), y])
    _, history = engine.run(network, weights, {"x": x[:count], TEACHER: previous[:count]})
    said = jax.vmap(lambda q: engine.step(network, weights, history, {"x": q, TEACHER: previous[count]})[0])(asked)
    return jnp.swapaxes(said, 0, 1)


def error(said: Any, functions: Functions) -> float:
    """The mean squared error over all functions and points."""
    return float(np.mean((np.asarray(said) - functions.answers) ** 2))


@partial(jax.jit, static_argnames="network")
def backpropagation(network: Network, rate: Any, weights: Any, functions: Functions) -> Array:
    """Mean squared errors (T,) after 0, 1, ... T-1 examples, an update after each; `weights` have a leading axis F."""
    learner, loss = Backprop(), SquaredError()

    def one(weights: Any, functions: Functions) -> Array:
        def example(weights: Any, pair: tuple[Array, Array]) -> tuple[Any, Array]:
            said, _ = engine.run(network, weights, functions.asked[None])
            x, y = (part[None, None] for part in pair)
            carry = learner.init(network, weights, 1)
            _, lesson = learner.learn(network, weights, carry, x, y, loss)
            weights = jax.tree.map(lambda w, g: w - rate * g, weights, lesson.gradients)
            return weights, jnp.mean((said[0] - functions.answers) ** 2)

        return jax.lax.scan(example, weights, (functions.x, functions.y))[1]

    return jax.vmap(one)(weights, functions).mean(0)


def several(network: Network, count: int, seed: int) -> Any:
    """First weights of `count` networks, with a leading axis."""
    made = [engine.init(network, seed * count + number) for number in range(count)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *made)


def best_rate(network: Network, others: Functions) -> float:
    """The learning rate with the lowest error after 35 examples; what diverges is no candidate."""
    weights = several(network, len(others.x), seed=1000)
    errors = [float(backpropagation(network, rate, weights, others)[DECISIVE]) for rate in RATES]
    return RATES[int(np.argmin(np.nan_to_num(errors, nan=np.inf)))]


def mean_so_far(_: Family, functions: Functions, count: int) -> Values:
    """The mean of the targets seen, whatever is asked."""
    return np.mean(functions.y[:, :count], axis=1, keepdims=True)


def least_squares(family: Family, functions: Functions, count: int) -> Values:
    """The smallest coefficients that fit all examples seen, on the features of the family."""
    seen, asked = (family.features(part.astype(np.float64)) for part in (functions.x[:, :count], functions.asked))
    return np.asarray(asked @ np.linalg.pinv(seen, rcond=1e-9) @ functions.y[:, :count])


class Compared(NamedTuple):
    """What one family brought: entries, the bar, a remark, and the weights of every seed."""

    results: list[Result]
    baselines: list[Result]
    bar: Bar
    note: str
    learned: list[Any]


def compared(name: str, family: Family, seeds: int, tell: Callable[[float, str], None]) -> Compared:
    """Teach a family from every seed, and compare on new functions."""
    new, others = (family.draw(np.random.default_rng((77, n)), NEW, n == 0) for n in (0, 1))
    optimizer, learned = falling(family), []
    for seed in range(seeds):
        learned.append(taught(family, optimizer, seed, partial(_told, tell, seeds, f"{name}, seed {seed}", seed)))
    said = {n: [error(answers_after(family.network, weights, new, n), new) for weights in learned] for n in POINTS}
    rivals, rates = backpropagations(family, new, others, seeds)
    baselines = [made for rival, found in rivals.items() for made in _entries(name, rival, found)]
    for known, guess in {"mean so far": mean_so_far, "knows the family": least_squares}.items():
        baselines += _entries(name, known, {n: [error(guess(family, new, n), new)] for n in POINTS})
    best = min(float(np.mean(found[DECISIVE])) for found in rivals.values())
    about = f"a tenth of the best backpropagation, {best:.3f}"
    bar = Bar(LEARNER, _split(name, DECISIVE), SHARE * best, about)
    note = f"{name} functions, best rates: {', '.join(f'{rival} {rate}' for rival, rate in rates.items())}"
    return Compared(_entries(name, LEARNER, said), baselines, bar, note, learned)


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Compare in every family; write table and picture."""
    count, families = seeds or (1 if quick else SEEDS), QUICK if quick else FAMILIES
    found = {}
    for place, (name, family) in enumerate(families.items()):
        found[name] = compared(name, family, count, part_of(progress, place, len(families)))
    results = [one for made in found.values() for one in made.results]
    baselines = [one for made in found.values() for one in made.baselines]
    sight = {} if quick else landscapes(FAMILIES["quadratic"], found["quadratic"].learned[0])
    files.write_figure(out / "learning-to-learn.png", _picture(list(families), [*results, *baselines], sight))
    files.write(out / "learning-to-learn.csv", pd.DataFrame(rows_of([*results, *baselines])).to_csv(index=False))
    told = {_split(name, n) for name in families for n in ASKED}
    return Results(
        results=[made for made in results if made.split in told],
        baselines=[made for made in baselines if made.split in told],
        bars=[made.bar for made in found.values()],
        notes=[made.note for made in found.values()],
    )


def _told(tell: Callable[[float, str], None], seeds: int, remark: str, seed: int, done: float) -> None:
    tell(0.95 * (seed + done) / seeds, remark)


def _split(name: str, count: int) -> str:
    return f"{name}, {count} examples"


def _entries(name: str, network: str, found: dict[int, list[float]]) -> list[Result]:
    return [Result(network, _split(name, n), METRIC, values) for n, values in found.items()]


def backpropagations(
    family: Family, new: Functions, others: Functions, seeds: int
) -> tuple[dict[str, dict[int, list[float]]], dict[str, float]]:
    """{network: {examples: errors by seed}}, and the rates that were best on other functions."""
    found, rates = {}, {}
    for size, hidden in SIZES.items():
        network, name = feedforward(family.inputs, hidden, 1), f"backprop, {size}"
        rates[name] = best_rate(network, others)
        runs = [backpropagation(network, rates[name], several(network, NEW, seed), new) for seed in range(seeds)]
        found[name] = {n: [float(errors[n]) for errors in runs] for n in POINTS}
    return found, rates


def landscapes(family: Family, weights: Any, side: int = 21) -> dict[str, Values]:
    """A new quadratic function, and what the network takes it for after some examples: {title: (side, side)}."""
    drawn = family.draw(np.random.default_rng(79), 1, True)
    coefficients = np.linalg.lstsq(family.features(drawn.asked[0]), drawn.answers[0], rcond=None)[0]
    line = np.linspace(-1, 1, side, dtype=np.float32)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(1, -1, 2)
    said = {
        f"after {n} examples": answers_after(family.network, weights, drawn._replace(asked=grid), n)
        for n in (2, 5, 10, 35)
    }
    truth = {"the function": family.features(grid) @ coefficients}
    return {title: np.reshape(values, (side, side)) for title, values in {**said, **truth}.items()}


def _picture(names: list[str], entries: list[Result], sight: dict[str, Values]) -> Figure:
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
        lines = np.array([own[_split(name, n)] for n in POINTS])
        axes.plot(POINTS, lines, color=colour, lw=0.7, alpha=0.5)
        axes.plot(POINTS, lines.mean(1), color=colour, lw=1.8, label=network)
    axes.axvline(DECISIVE, color="black", lw=0.6, ls=":")
    axes.set(yscale="log", ylim=(7e-4, 3), xlabel="examples seen", ylabel=METRIC, title=f"New {name} functions")
    axes.legend(frameon=False, fontsize=7, loc="lower left")
