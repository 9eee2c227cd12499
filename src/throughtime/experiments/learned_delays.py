"""Learned delays: are the delays of a system found again, from its inputs and noisy outputs?

A system (`delay_data`) has 6 inputs and 3 outputs; every output hears every input at a delay of its own, drawn from 1..40. The
network has the system's form and must find 18 delays and weights (with feedback 27, with two per pair 36). Tasks: white
inputs; smooth inputs, which hardly differ from one step to the next (autocorrelation 0.9); two delays per pair; and a NARX
system, whose outputs are fed back at delays that are learned too: taught with measured outputs, asked in a free run. 800
steps to learn from, noise of standard deviation 0.3.

    learned delays      a softmax over 1..40 per pair, by stages of falling temperature and growing penalty, then hardened
    DCLS, Gaussian      one position per tap, a Gaussian around it whose width falls, rounded for the last quarter of training
    DCLS, triangle      the same with a triangle
    random delays       fixed, weights trained
    all delays          a weight for every delay, the one-dimensional convolution; kept where validation is best
    known delays        the system's own, weights trained: the floor

All are trained with Adam on the same series, in as many updates. Only the last is told the delays. The error is on
1000 new steps without noise, in parts of their variance, in a free run where there is feedback; beside it, the share of the
system's delays found. Each seed has a system of its own. Choices were made on other systems (seeds 1000 and 1001, here 0-9), by
validation: rates 0.01 and 0.03; for DCLS how much faster positions move (3, 10, 30 times) and the first width (5, 15); for learned
delays the schedule and the size of the first weights. `--quick`: white inputs, four methods.

Source of DCLS: I. Khalfaoui Hassani, T. Pellegrini, T. Masquelier, ICLR 2023; with Gaussians and a falling width for
delays: I. Hammouamri, I. Khalfaoui Hassani, T. Masquelier, ICLR 2024. Written anew here.
"""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from matplotlib.figure import Figure

from throughtime import engine
from throughtime.engine import anneal, harden, selected_delays
from throughtime.experiments import Progress, Result, Results, result_rows
from throughtime.experiments.delay_data import INPUTS, LONGEST, OUTPUTS, DelaySystem, DelayTask, Values, data, found
from throughtime.experiments.learned_delays_positions import (
    ADAM,
    FASTER,
    SEEDS,
    STEPS,
    UPDATES,
    FoundDelays,
    network_taught,
    positioned,
    sequence_taught,
)
from throughtime.experiments.ledger import Ledger
from throughtime.io import files
from throughtime.learners import BPTT
from throughtime.losses import SquaredError
from throughtime.network import Network
from throughtime.plots import COLOURS
from throughtime.texts import literal
from throughtime.training import sharpen, train

TASKS = {
    "white inputs": DelayTask(),
    "smooth inputs": DelayTask(smooth=0.9),
    "two delays per pair": DelayTask(taps=2),
    "NARX": DelayTask(feedback=True),
}
TEMPERATURES, STRENGTHS = np.geomspace(1, 0.3, 6).tolist(), np.geomspace(3e-3, 0.1, 6).tolist()
QUICK = ("learned delays", "DCLS, Gaussian", "random delays", "known delays")


def softly(task: DelayTask, given: DelaySystem, seed: int) -> FoundDelays:
    """Learned delays: stage by stage sharper, then hardened."""
    network = network_taught(task, learned=True)
    weights, state, lesson = engine.init(network, seed), None, [sequence_taught(network, *given.training)]
    for temperature, strength in zip(TEMPERATURES, STRENGTHS, strict=True):
        stage, epochs = anneal(network, temperature), UPDATES // len(TEMPERATURES)
        optimizer = _sharpening(stage, strength)
        how: dict[str, Any] = {"epochs": epochs, "look": epochs, "optimizer_state": state}
        *_, last = train(stage, weights, BPTT(), SquaredError(), optimizer, lesson, **how)
        weights, state = last.weights, last.optimizer_state
    own = selected_delays(stage, weights)["output"]
    of = {"input": "input", "output": network.measured}
    keys = {s: [c.key for c in network.layers[0].connections if c.source in (s, of[s])] for s in task.sources}
    return FoundDelays(*harden(stage, weights), {s: np.stack([own[key].delay for key in keys[s]]) for s in keys})


@cache
def _sharpening(network: Network, strength: float) -> optax.GradientTransformation:
    """One object for every seed, so that its compiled training is shared."""
    return optax.chain(sharpen(network, strength), ADAM)


def everywhere(task: DelayTask, given: DelaySystem, seed: int) -> FoundDelays:
    """A weight for every delay; the weights with the lowest validation error."""
    network = network_taught(task, learned=False)
    lesson, other = [sequence_taught(network, *given.training)], [sequence_taught(network, *given.validation)]
    how: dict[str, Any] = {"epochs": UPDATES, "look": UPDATES // 40, "validation": other}
    *_, last = train(network, engine.init(network, seed), BPTT(), SquaredError(), ADAM, lesson, **how)
    return FoundDelays(network, last.best, None)


METHODS: dict[str, Callable[[DelayTask, DelaySystem, int], FoundDelays]] = {
    "learned delays": softly,
    "DCLS, Gaussian": partial(positioned, "Gaussian", FASTER, False),
    "DCLS, triangle": partial(positioned, "triangle", FASTER, False),
    "random delays": partial(positioned, "triangle", 0.0, False),
    "all delays": everywhere,
    "known delays": partial(positioned, "triangle", 0.0, True),
}


def free_run_error(answer: FoundDelays, x: Values, y: Values) -> float:
    """The squared error of a free run, in parts of the variance."""
    network = answer.network.close_loop() if answer.network.is_open else answer.network
    ys, _ = engine.run(network, answer.weights, jnp.asarray(x)[:, None])
    return float(np.mean((np.asarray(ys)[LONGEST:, 0] - y[LONGEST:]) ** 2) / y[LONGEST:].var())


def delay_scores(
    find: Callable[[DelayTask, DelaySystem, int], FoundDelays], task: DelayTask, given: DelaySystem, seed: int
) -> tuple[float, float]:
    """The error of what a method finds, and the share of the delays found; NaN where it looks for none."""
    answer = find(task, given, seed)
    share = np.nan if answer.delays is None else found(given.known, answer.delays)
    return free_run_error(answer, *given.test), float(share)


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Find the delays of a system per seed with every method, write table and picture."""
    count = seeds or (2 if quick else SEEDS)
    tasks = dict(list(TASKS.items())[:1]) if quick else TASKS
    methods = {name: METHODS[name] for name in (QUICK if quick else METHODS)}
    ledger, results = Ledger.of(out, "learned-delays", quick), []
    for place, (name, task) in enumerate(tasks.items()):
        systems = [data(task, seed, STEPS) for seed in range(count)]
        for number, (method, find) in enumerate(methods.items()):
            progress((place + number / len(methods)) / len(tasks), f"{name}, {method}")
            asked = [
                ledger.once(
                    f"{name}, {method}, seed {seed}", partial(delay_scores, find, task, given, seed), task, UPDATES
                )
                for seed, given in enumerate(systems)
            ]
            results.append(Result(method, f"{name}, error", "error", [wrong for wrong, _ in asked]))
            if method not in ("all delays", "known delays"):
                results.append(Result(method, f"{name}, found", "share of delays found", [share for _, share in asked]))
    progress(1.0, "done")
    files.write(out / "learned-delays.csv", pd.DataFrame(result_rows(results)).to_csv(index=False))
    files.write_whole(out / "learned-delays.png", _picture(results))
    return Results(results)


def _picture(results: list[Result]) -> Figure:
    """Above the errors, below the shares of delays found; a point is a seed."""
    tasks = list(dict.fromkeys(made.split.rpartition(", ")[0] for made in results))
    names = list(dict.fromkeys(made.network for made in results))
    figure = Figure(figsize=(1.4 + 3.0 * len(tasks), 5.2), dpi=150, layout="constrained")
    panels = figure.subplots(2, len(tasks), squeeze=False, sharex=True, sharey="row")
    for column, task in enumerate(tasks):
        for row, what in enumerate(("error", "found")):
            axes = panels[row, column]
            for made in results:
                if made.split == f"{task}, {what}":
                    place = names.index(made.network)
                    values, colour = np.array(made.values), COLOURS[place % len(COLOURS)]
                    axes.plot(place + np.linspace(-0.2, 0.2, len(values)), values, "o", ms=3, color=colour, alpha=0.6)
                    axes.hlines(np.median(values), place - 0.35, place + 0.35, color=colour, lw=2)
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)
        panels[0, column].set(title=task, yscale="log")
        panels[1, column].set_ylim(-0.03, 1.03)
    panels[0, 0].set_ylabel("error, parts of the variance")
    panels[1, 0].set_ylabel("share of delays found")
    title = f"The delays of a system, found from its data: {INPUTS} inputs, {OUTPUTS} outputs, delays 1 to {LONGEST}"
    figure.suptitle(literal(title, int(11 * figure.get_figwidth())), fontsize=10)
    return figure
