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
from numpy.typing import NDArray

from throughtime import engine
from throughtime.descent import TEACHER
from throughtime.experiments import Bar, Progress, Result, Results, part_of, result_rows
from throughtime.experiments.course_states import keep_state, resumed_state
from throughtime.experiments.learning_families import ASKED, FAMILIES, NEW, POINTS, SEEDS, Family, Functions
from throughtime.experiments.learning_pictures import LEARNER, METRIC, learning_picture, split_of
from throughtime.experiments.learning_rivals import (
    DECISIVE,
    SHARE,
    backpropagations,
    least_squares_answers,
    mean_so_far,
    query_error,
)
from throughtime.io import files
from throughtime.learners import BPTT
from throughtime.losses import SquaredError
from throughtime.network import Network
from throughtime.training import train
from throughtime.training.origin import in_words

Values = NDArray[np.floating[Any]]
BATCH, LESSONS, VISITS, CLIP, RATE = 32, 6400, 2, 1.0, 0.01


QUICK = {"boolean": FAMILIES["boolean"]._replace(rounds=4)}


def shown(x: Values, y: Values) -> dict[str, Values]:
    """What the network hears: x(t), and the target of the step before."""
    return {"x": x, TEACHER: np.concatenate([np.zeros_like(y[..., :1, :]), y[..., :-1, :]], axis=-2)}


def trained_learner(
    family: Family, optimizer: optax.GradientTransformation, seed: int, file: Path, tell: Callable[[float], None]
) -> Any:
    """Weights that have learned to learn; every round draws new functions, and what stands after it is kept in `file`."""
    weights = engine.init(family.network, seed)
    about = in_words((family.network, family.rounds, LESSONS, VISITS, BATCH, CLIP, RATE, seed))
    done, (weights, state) = resumed_state(file, (weights, optimizer.init(weights)), about)
    for number in range(done, family.rounds):
        drawn = family.draw(np.random.default_rng((seed, number)), LESSONS, False)
        lessons = [(shown(x, y), y) for x, y in zip(drawn.x, drawn.y, strict=True)]
        how: dict[str, Any] = {"epochs": VISITS, "look": VISITS, "batch": BATCH, "clip": CLIP, "seed": number}
        (report,) = train(
            family.network, weights, BPTT(), SquaredError(), optimizer, lessons, optimizer_state=state, **how
        )
        weights, state = report.weights, report.optimizer_state
        keep_state(file, number + 1, (weights, state), about)
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


class Comparison(NamedTuple):
    """What one family brought: entries, the bar, a remark, and the weights of every seed."""

    results: list[Result]
    baselines: list[Result]
    bar: Bar
    note: str
    learned: list[Any]


def compared(name: str, family: Family, seeds: int, folder: Path, tell: Callable[[float, str], None]) -> Comparison:
    """Teach a family from every seed, and compare on new functions."""
    new, others = (family.draw(np.random.default_rng((77, n)), NEW, n == 0) for n in (0, 1))
    optimizer, learned = falling(family), []
    for seed in range(seeds):
        told = partial(_told, tell, seeds, f"{name}, seed {seed}", seed)
        file = folder / f"{name}-{family.rounds}-rounds-{seed}.progress"
        learned.append(trained_learner(family, optimizer, seed, file, told))
    said = {
        n: [query_error(answers_after(family.network, weights, new, n), new) for weights in learned] for n in POINTS
    }
    rivals, rates = backpropagations(family, new, others, seeds)
    baselines = [made for rival, found in rivals.items() for made in _entries(name, rival, found)]
    for known, guess in {"mean so far": mean_so_far, "knows the family": least_squares_answers}.items():
        baselines += _entries(name, known, {n: [query_error(guess(family, new, n), new)] for n in POINTS})
    best = min(float(np.mean(found[DECISIVE])) for found in rivals.values())
    about = f"a tenth of the best backpropagation, {best:.3f}"
    bar = Bar(LEARNER, split_of(name, DECISIVE), SHARE * best, about)
    note = f"{name} functions, best rates: {', '.join(f'{rival} {rate}' for rival, rate in rates.items())}"
    return Comparison(_entries(name, LEARNER, said), baselines, bar, note, learned)


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Compare in every family; write table and picture."""
    count, families = seeds or (1 if quick else SEEDS), QUICK if quick else FAMILIES
    found = {}
    for place, (name, family) in enumerate(families.items()):
        found[name] = compared(name, family, count, out / "training", part_of(progress, place, len(families)))
    results = [one for made in found.values() for one in made.results]
    baselines = [one for made in found.values() for one in made.baselines]
    sight = {} if quick else landscapes(FAMILIES["quadratic"], found["quadratic"].learned[0])
    files.write_whole(out / "learning-to-learn.png", learning_picture(list(families), [*results, *baselines], sight))
    files.write(out / "learning-to-learn.csv", pd.DataFrame(result_rows([*results, *baselines])).to_csv(index=False))
    told = {split_of(name, n) for name in families for n in ASKED}
    return Results(
        results=[made for made in results if made.split in told],
        baselines=[made for made in baselines if made.split in told],
        bars=[made.bar for made in found.values()],
        notes=[made.note for made in found.values()],
    )


def _told(tell: Callable[[float, str], None], seeds: int, remark: str, seed: int, done: float) -> None:
    tell(0.95 * (seed + done) / seeds, remark)


def _entries(name: str, network: str, found: dict[int, list[float]]) -> list[Result]:
    return [Result(network, split_of(name, n), METRIC, values) for n, values in found.items()]


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
