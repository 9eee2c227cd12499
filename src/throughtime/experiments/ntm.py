"""Neural Turing machines learn small programs from examples. Do they go on working beyond the lengths they were trained on?

    copy                hear a list of vectors, then say it                                  (trained with 1 to 20 vectors)
    repeat copy         hear a list and a number n, then say the list n times and an end     (1 to 10 vectors, 1 to 10 times)
    associative recall  hear items of three vectors, then one of them; say the next          (2 to 6 items)

as in A. Graves, G. Wayne, I. Danihelka, arXiv:1410.5401. Bits are shown as -1 and 1, silence as 0. An LSTM without such a
memory is trained on the same sequences beside it. All seeds have the same number of rounds, lists grow from round to
round, every sequence is new, and nothing is chosen by looking at longer ones.

A course can be interrupted: it is written to `training/` in the output folder, and goes on from there.

What was tried, and how choices were made: `docs/neural-turing-machine.md`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from throughtime import engine
from throughtime.architectures import lstm
from throughtime.experiments import Bar, Progress, Result, Results, result_rows
from throughtime.experiments.course_states import keep_state, resumed_state
from throughtime.experiments.ntm_tasks import COPY, QUICK, RECALL, REPEAT, ROUND, ProgramTask, Size
from throughtime.external_memory import looked, ntm
from throughtime.io import files
from throughtime.learners import BPTT
from throughtime.losses import BinaryCrossEntropy
from throughtime.models.model import Model
from throughtime.models.saving import save
from throughtime.network import Network
from throughtime.plots import COLOURS, new_figure
from throughtime.training import train

METRIC = "wrong bits per sequence"
LOSS, LEARNER = BinaryCrossEntropy(), BPTT()
SEEDS, TESTED = 10, 20  # TESTED: sequences of each size
SAVED = 20  # rounds from one saving to the next


def networks(task: ProgramTask, quick: bool) -> dict[str, Network]:
    """Who learns the task."""
    if quick:
        return {"NTM": ntm(task.inputs, 32, task.outputs, slots=16, width=12)}
    return {"NTM": ntm(task.inputs, 64, task.outputs, slots=task.slots), "LSTM": lstm(task.inputs, 128, task.outputs)}


def ntm_optimizer(task: ProgramTask) -> optax.GradientTransformation:
    """Adam on clipped gradients; its steps get smaller in the last third of the course."""
    updates = task.rounds * ROUND // task.batch
    rate = optax.linear_schedule(task.rate, task.rate / 20, updates // 3, updates - updates // 3)
    return optax.chain(optax.clip(10.0), optax.clip_by_global_norm(1.0), optax.adam(rate))


class Milestone(NamedTuple):
    """How far a course is: rounds done, and the weights after them."""

    done: int
    weights: Any


def course(task: ProgramTask, network: Network, optimizer: Any, seed: int, file: Path) -> Iterator[Milestone]:
    """Train from one seed, and tell now and then how far it is; begins where `file` stands."""
    weights = engine.init(network, seed, jnp.float32)
    done, (weights, state) = resumed_state(file, (weights, jax.jit(optimizer.init)(weights)))
    yield Milestone(done, weights)
    while done < task.rounds:
        reports = train(
            network,
            weights,
            LEARNER,
            LOSS,
            optimizer,
            task.lesson(seed, done),
            epochs=1,
            batch=task.batch,
            seed=done,
            padding=task.padding,
            optimizer_state=state,
        )
        (report,) = reports
        weights, state, done = report.weights, report.optimizer_state, done + 1
        if done % SAVED == 0 or done == task.rounds:
            keep_state(file, done, (weights, state))
            yield Milestone(done, weights)


def wrong_bits(task: ProgramTask, network: Network, weights: Any, size: Size) -> float:
    """Mean number of wrong bits in new sequences of that size."""
    random = np.random.default_rng((10_000, *size))
    xs, ys = (np.stack(part, axis=1) for part in zip(*(task.example(size, random) for _ in range(TESTED)), strict=True))
    said, _ = engine.run(network, weights, jnp.asarray(xs))
    return float((((np.asarray(said) > 0) != (ys > 0.5)) & ~np.isnan(ys)).sum() / TESTED)


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Train on every task from every seed, ask, write tables and pictures."""
    count = seeds or (1 if quick else SEEDS)
    tasks = [QUICK] if quick else [COPY, REPEAT, RECALL]
    courses = [(task, name, network) for task in tasks for name, network in networks(task, quick).items()]
    results: list[Result] = []
    for place, (task, name, network) in enumerate(courses):
        optimizer, errors = ntm_optimizer(task), []
        for seed in range(count):
            label = f"{task.name}, {name}, seed {seed}"
            file = (
                out / "training" / f"{label.replace(', ', '-').replace(' ', '-')}{'-quick' if quick else ''}.progress"
            )
            for at in course(task, network, optimizer, seed, file):
                progress((place + (seed + at.done / task.rounds) / count) / len(courses), label)
            errors.append([wrong_bits(task, network, at.weights, size) for size in task.sizes])
            _leave(task, name, network, at.weights, seed, out)
        for size, values in zip(task.sizes, zip(*errors, strict=True), strict=True):
            results.append(Result(name, _split(task, size), METRIC, values))
        files.write(out / "ntm.csv", pd.DataFrame(result_rows(results)).to_csv(index=False))
    for task in tasks:
        files.write_whole(out / f"{task.name.replace(' ', '-')}.png", _errors_picture(task, results))
    return Results(
        results=results,
        baselines=[Result("guessing", _split(t, size), METRIC, [_guessed(t, size)]) for t in tasks for size in t.sizes],
        bars=[
            Bar("NTM", _split(task, size), most, about) for task in tasks for size, (most, about) in task.bars.items()
        ],
        notes=[f"each figure is the mean over {TESTED} new sequences; seconds are those of the last start"],
    )


def _split(task: ProgramTask, size: Size) -> str:
    return f"{task.name} {' x '.join(map(str, size))}"


def _guessed(task: ProgramTask, size: Size) -> float:
    """Half of all bits."""
    return float(np.isfinite(task.example(size, np.random.default_rng(0))[1]).sum() / 2)


def _leave(task: ProgramTask, name: str, network: Network, weights: Any, seed: int, out: Path) -> None:
    """The model of a seed, and for the first a picture of where its heads look."""
    stem = f"{task.name.replace(' ', '-')}-{name}-{seed}"
    settings = {"task": task.name, "seed": seed, "rounds": task.rounds}
    save(out / f"{stem}.safetensors", Model(network, weights, settings=settings))
    if name == "NTM" and seed == 0:
        files.write_whole(out / f"{task.name.replace(' ', '-')}-heads.png", heads_picture(task, network, weights))


def heads_picture(task: ProgramTask, network: Network, weights: Any) -> Figure:
    """What is shown, what is said, and where the heads write and read, over time; the first slot is 0, and both ways lead round."""
    x, y = task.example(task.shown, np.random.default_rng(0))
    found = engine.trace(network, weights, jnp.asarray(x[:, None]))
    places = np.asarray(looked(network, found["memories"])[:, 0])  # (T, 2, slots)
    half = places.shape[-1] // 2
    ring = np.roll(places, half, axis=-1)
    used = np.flatnonzero((ring > 0.1).any((0, 1)))
    near = slice(max(used.min() - 1, 0), used.max() + 2)
    said = np.where(np.isnan(y), np.nan, jax.nn.sigmoid(found["activities"]["output"][:, 0]))
    figure, panels = new_figure(4, 8.0, heights=[1, 1, 2, 2], width=7.0)
    _image(panels[0], "shown", x, 0, "RdBu_r")
    _image(panels[1], "said", said, 0)
    _image(panels[2], "written at slot", ring[:, 1, near], near.start - half)
    _image(panels[3], "read at slot", ring[:, 0, near], near.start - half)
    panels[-1].set_xlabel("time step")
    panels[0].set_title(f"{_split(task, task.shown)}: where the heads look", loc="left")
    figure.align_ylabels()
    return figure


def _image(axes: Axes, label: str, values: Any, first: int, colours: str = "Greys") -> None:
    """Values (T, rows) as an image, time to the right; `first`: the number of the first row."""
    steps, rows = values.shape
    low = 0 if colours == "Greys" else -1
    edges = (0.5, steps + 0.5, first + rows - 0.5, first - 0.5)
    axes.imshow(values.T, aspect="auto", cmap=colours, vmin=low, vmax=1, interpolation="none", extent=edges)
    axes.grid(False)
    axes.set_ylabel(label)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))


def _errors_picture(task: ProgramTask, results: list[Result]) -> Figure:
    """The share of wrong bits at every size, a line for each seed."""
    figure, (axes,) = new_figure(1, 4.0)
    splits = [_split(task, size) for size in task.sizes]
    total = np.array([2 * _guessed(task, size) for size in task.sizes])[:, None]
    for colour, name in zip(COLOURS, dict.fromkeys(r.network for r in results), strict=False):
        values = np.array([r.values for split in splits for r in results if (r.split, r.network) == (split, name)])
        axes.plot(values / total, color=colour, lw=0.7, alpha=0.5)
        axes.plot(np.median(values / total, axis=1), color=colour, lw=2, marker="o", ms=4, label=f"{name}, median")
    axes.set_xticks(range(len(splits)), [" x ".join(map(str, size)) for size in task.sizes])
    axes.axhline(0.5, color="grey", lw=0.8, ls=":")
    axes.set(xlabel="size", ylabel="share of wrong bits", title=f"{task.name}; each seed thin")
    axes.legend(frameon=False)
    return figure
