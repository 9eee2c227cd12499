"""Cascaded tanks: which networks, trained on one record of a measured plant, simulate it on another?

A pump fills the upper of two tanks, which empties into the lower one; both may overflow, and the level sensor of the lower
tank stops at 10 V. One record (1024 steps of 4 s) is for estimation, another for the test: a free run over it, of which the
first 50 samples may initialise the model; the error is the RMSE in volts over the rest.
(Schoukens, Mattsson, Wigren, Noel; doi.org/10.4121/12960104.v1.)

    limit       targets at 10 V excuse predictions above; these are cut off at 10 V in what is shown, not in what is fed back
    NARX        10 units, inputs at 0..40, outputs at 1..3; the network computes increments, with direct linear connections
                ("calm": its output weights begin at a tenth, the direct ones from the output at a leak of 0.05)
    recurrent   learned a(0); on the test record the state is settled on the first 50 samples, all else fixed
    open loop   the same NARX, trained on one-step errors alone, all epochs: what happens if nobody looks at the free run

What was tried, and how choices were made: `docs/forecasting.md`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from throughtime import datasets
from throughtime.drawing.picture import draw
from throughtime.dynamics.fitted import leading_only
from throughtime.dynamics.holding import Fold, held_out
from throughtime.dynamics.linear import Linear
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.records import Record
from throughtime.experiments import Bar, Progress, Result, Results
from throughtime.experiments.cascaded_tanks_networks import (
    COMMITTEE,
    FIRST,
    FOLDS,
    FULL,
    LIMIT,
    NARX,
    QUICK,
    QUICK_SEEDS,
    SEEDS,
    START,
    Entry,
)
from throughtime.experiments.ledger import OF_MODEL, Ledger, Looks
from throughtime.io import files
from throughtime.models.saving import save
from throughtime.plots import COLOURS, new_figure

Values = NDArray[np.float64]
MEASURE = "RMSE in V"
TOGETHER = "committee of both GRU [.]"
BARS = {
    True: [Bar("NARX", "test, ensemble", 0.50, "the bar"), Bar("GRU [4, 4]", "test, ensemble", 0.36, "the bar")],
    False: [
        Bar(TOGETHER, "test, ensemble", 0.30, "the bar"),
        Bar("NARX", "test, ensemble", 0.40, "the bar"),
        Bar("NARX", "test, each network", 0.45, "the bar for the median"),
    ],
}


ARX = {"ARX(1, 20)": (range(20), range(1, 2)), "ARX(9, 8)": (range(8), range(1, 10))}


@dataclass(frozen=True)
class TankRuns:
    """Free runs and one-step predictions on the test record (K, T), of every network, and errors on the held-out blocks."""

    model: DynamicModel
    free: Values
    one_step: Values
    blocks: float


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Train every kind of network, run it free over the test record, write table, model and pictures."""
    data = datasets.load_dataset("cascaded_tanks")
    known, test = (Record(data[f"u{part}"][:, None], data[f"y{part}"][:, None]) for part in ("Est", "Val"))
    entries, count = (QUICK, seeds or QUICK_SEEDS) if quick else (FULL, seeds or SEEDS)
    ledger, made = Ledger.of(out, "cascaded-tanks", quick), {}
    for done, kind in enumerate(entries):
        share = partial(_share, progress, done, len(entries), kind)
        looks = partial(ledger.looks, kind.name)
        made[kind.name] = tank_runs(kind, known, test, count, 50 if quick else 25, share, looks)
    truth = test.y[START:, 0]
    results = [row for name, found in made.items() for row in _rows(name, found, truth)]
    best = made["GRU [4, 4]"].free.mean(axis=0)
    if not quick:
        best = np.mean([made[kind.name].free.mean(axis=0) for kind in COMMITTEE], axis=0)
        results += [_row(TOGETHER, "test, ensemble", [_rmse(best, truth)])]
    _write(out, made, test, best)
    return Results(results, _linear(known, test), BARS[quick])


def _share(progress: Progress, done: int, total: int, kind: Entry, epoch: int) -> None:
    progress((done + epoch / kind.epochs) / total, f"{kind.name}, epoch {epoch} of {kind.epochs}")


def tank_runs(
    kind: Entry, known: Record, test: Record, seeds: int, look: int, share: Callable[[int], None], looks: Looks
) -> TankRuns:
    """Train on the estimation record, blocks held out in turn; then the test record."""
    model, masks = kind.model(seeds, look), held_out([known], FIRST, FOLDS, 0.0)[0]
    asked = (np.arange(len(known)) >= FIRST) & ~masks
    fold = Fold(asked, masks if kind.loop == "closed" else np.zeros_like(masks))
    lessons = partial(model.lessons, known.u, known.y, [fold], scaled=[np.ones(len(known), bool)])
    for step in looks(lessons, kind, seeds, look, form=OF_MODEL):
        share(step.report.epoch)
    if kind.settled:
        ready = model.settle(test.u[:START], test.y[:START])
        free = one_step = ready.each(test.u, np.full_like(test.y, np.nan))
    else:
        free, one_step = model.each(test.u, leading_only(test.y, START)), model.each(test.u, test.y)
    return TankRuns(model, free[:, START:, 0], one_step[:, START:, 0], _on_blocks(model, known, masks))


def _on_blocks(model: DynamicModel, known: Record, masks: NDArray[np.bool_]) -> float:
    """The ensemble error over all blocks, each of the networks for which it was held out; the run passes through it."""
    runs = model.each(known.u, leading_only(known.y, model.used_))
    wrong = []
    for fold, mask in enumerate(masks):
        own = [k for k, member in enumerate(model.members_) if member["fold"] == fold]
        wrong.append(((runs[own].mean(axis=0) - known.y) ** 2)[mask] if own else np.full((mask.sum(), 1), np.inf))
    return float(np.sqrt(np.concatenate(wrong).mean()))


def _rmse(predicted: Values, truth: Values) -> float:
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def _row(network: str, split: str, values: Sequence[float]) -> Result:
    return Result(network, split, MEASURE, values)


def _rows(name: str, found: TankRuns, truth: Values) -> list[Result]:
    each = {
        "test, ensemble": [_rmse(found.free.mean(axis=0), truth)],
        "test, each network": [_rmse(run, truth) for run in found.free],
        "test, one step, ensemble": [_rmse(found.one_step.mean(axis=0), truth)],
        "blocks held out, ensemble": [found.blocks],
    }
    return [_row(name, split, values) for split, values in each.items()]


def _linear(known: Record, test: Record) -> list[Result]:
    """ARX by least squares on the estimation record: the orders that its blocks chose, and those of the literature."""
    leading, made = leading_only(test.y, START), []
    for name, (inputs, outputs) in ARX.items():
        model = Linear.fit([(known.u, known.y)], tuple(inputs), tuple(outputs))
        runs = {
            "test, ensemble": model.free_run(test.u, leading),
            "test, one step, ensemble": model.one_step(test.u, test.y),
        }
        made += [
            _row(name, split, [_rmse(np.minimum(ys, LIMIT)[START:, 0], test.y[START:, 0])])
            for split, ys in runs.items()
        ]
    return made


def _write(out: Path, made: dict[str, TankRuns], test: Record, best: Values) -> None:
    for name, found in made.items():
        if name in ("NARX", "GRU [4, 4]"):
            about = {"network": name, "table": "cascaded_tanks", "loop": "closed"}
            save(out / f"{name.split()[0].lower()}.safetensors", found.model.to_model(**about))
    draw(NARX, out / "wiring-narx.png")
    shown = {"best model": best} | {
        name: made[name].free.mean(axis=0) for name in ("NARX", "NARX, open loop") if name in made
    }
    files.write_whole(out / "response.png", _picture(test.y[START:, 0], shown))


def _picture(truth: Values, shown: dict[str, Values]) -> Figure:
    """Free runs over the test record, and their errors."""
    figure, (upper, lower) = new_figure(2, 4.4, heights=[3, 1], width=9.0)
    steps = np.arange(START, START + len(truth))
    upper.plot(steps, truth, color=COLOURS[0], lw=1.6, label="measured")
    for colour, (name, ys) in zip(COLOURS[1:], shown.items(), strict=False):
        upper.plot(steps, ys, color=colour, lw=1.1, label=f"{name}: {_rmse(ys, truth):.3f} V")
        lower.plot(steps, ys - truth, color=colour, lw=0.9)
    upper.set(ylabel="level [V]", title="Free run over the test record, ensembles")
    lower.set(xlabel="sample, every 4 s", ylabel="error [V]")
    lower.axhline(0, color=COLOURS[0], lw=0.7)
    upper.legend(frameon=False, ncols=2, loc="lower left", fontsize=9)
    figure.align_ylabels()
    return figure
