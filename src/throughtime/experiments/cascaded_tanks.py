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

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from throughtime import datasets
from throughtime.architectures import elman, fully_recurrent, gru, jordan, lstm, narx, window
from throughtime.drawing import draw
from throughtime.dynamics.fitted import leading_only
from throughtime.dynamics.holding import Fold, held_out
from throughtime.dynamics.linear import Linear
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.records import Record
from throughtime.dynamics.teaching import Teaching
from throughtime.engine import Weights, init
from throughtime.experiments import Bar, Progress, Result, Results
from throughtime.io import files
from throughtime.models.saving import save
from throughtime.network import Network
from throughtime.plots import COLOURS, new_figure

Values = NDArray[np.float64]
START, FIRST, LIMIT = 50, 40, 10.0  # samples that initialise, samples before the blocks, volts
FOLDS, SEEDS, QUICK_SEEDS = 6, 4, 2
MEASURE = "RMSE in V"
CALM, LEAK = 0.1, 0.05
TOGETHER = "committee of both GRU [.]"
BARS = {
    True: [Bar("NARX", "test, ensemble", 0.50, "the bar"), Bar("GRU [4, 4]", "test, ensemble", 0.36, "the bar")],
    False: [
        Bar(TOGETHER, "test, ensemble", 0.30, "the bar"),
        Bar("NARX", "test, ensemble", 0.40, "the bar"),
        Bar("NARX", "test, each network", 0.45, "the bar for the median"),
    ],
}


@dataclass(frozen=True)
class Entry:
    """One kind of network, and how it is taught."""

    name: str
    network: Network
    epochs: int
    rate: float
    clip: float = 1.0
    calm: bool = False
    loop: str = "closed"

    def model(self, seeds: int, look: int) -> DynamicModel:
        """Not yet fitted; `restarts` networks for each block."""
        stage = Teaching(self.loop, self.epochs, self.rate, clip=self.clip, look=look)
        first = calm if self.calm else init
        return DynamicModel(self.network, [stage], seeds, folds=FOLDS, high=LIMIT, first=first)

    @property
    def settled(self) -> bool:
        """True if the networks remember what is not measured."""
        return any(layer.start == "learned" for layer in self.network.layers)


def calm(network: Network, seed: int) -> Weights:
    """First weights with which a network of increments begins as a slowly leaking integrator."""
    weights = init(network, seed)
    output = {key: CALM * values if key != "bias" else values for key, values in weights["output"].items()}
    back = jnp.zeros_like(output["output"]).at[0, 0, 0, 0].set(-LEAK)
    return weights | {"output": output | {"output": back}}


NARX = narx(1, 10, 1, range(41), (1, 2, 3), increments=True, skip=True)
QUICK = [
    Entry("NARX", NARX, 1000, 3e-3, calm=True),
    Entry("GRU [4, 4]", gru(1, [4, 4], 1, start="learned"), 600, 4e-2),
]
COMMITTEE = [
    Entry("GRU [3, 3]", gru(1, [3, 3], 1, start="learned"), 1200, 3e-2),
    Entry("GRU [4, 4]", gru(1, [4, 4], 1, start="learned"), 1200, 4e-2),
]
FULL = [
    *COMMITTEE,
    Entry("NARX", NARX, 2000, 3e-3, calm=True),
    Entry("NARX, open loop", NARX, 1500, 3e-3, calm=True, loop="open"),
    Entry("NARX, open loop, plain", narx(1, 10, 1, range(41), (1, 2, 3)), 1500, 3e-3, loop="open"),
    Entry("GRU 6", gru(1, 6, 1, start="learned"), 1500, 2e-2),
    Entry("LSTM [4, 4]", lstm(1, [4, 4], 1, start="learned"), 1000, 3e-2),
    Entry("fully recurrent", fully_recurrent(1, 8, 1, start="learned"), 3000, 5e-3, clip=0.1),
    Entry("Elman", elman(1, 8, 1, start="learned"), 3000, 1e-2, clip=0.1),
    Entry("Jordan", jordan(1, 8, 1), 2000, 1e-2, clip=0.1),
    Entry("TDNN", window(1, 8, 1, 50), 1000, 3e-3),
]
ARX = {"ARX(1, 20)": (range(20), range(1, 2)), "ARX(9, 8)": (range(8), range(1, 10))}


@dataclass(frozen=True)
class Judged:
    """Free runs and one-step predictions on the test record (K, T), of every network, and errors on the held-out blocks."""

    model: DynamicModel
    free: Values
    one_step: Values
    blocks: float


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Train every kind of network, run it free over the test record, write table, model and pictures."""
    data = datasets.load("cascaded_tanks")
    known, test = (Record(data[f"u{part}"][:, None], data[f"y{part}"][:, None]) for part in ("Est", "Val"))
    entries, count = (QUICK, seeds or QUICK_SEEDS) if quick else (FULL, seeds or SEEDS)
    made = {}
    for done, kind in enumerate(entries):
        share = partial(_share, progress, done, len(entries), kind)
        made[kind.name] = judged(kind, known, test, count, 50 if quick else 25, share)
    truth = test.y[START:, 0]
    results = [row for name, found in made.items() for row in _rows(name, found, truth)]
    best = made["GRU [4, 4]"].free.mean(axis=0)
    if not quick:
        best = np.mean([made[kind.name].free.mean(axis=0) for kind in COMMITTEE], axis=0)
        results += [_row(TOGETHER, "test, ensemble", [_rmse(best, truth)])]
    _write(out, made, test, best)
    return Results(
        results=results,
        baselines=_linear(known, test),
        bars=BARS[quick],
    )


def _share(progress: Progress, done: int, total: int, kind: Entry, epoch: int) -> None:
    progress((done + epoch / kind.epochs) / total, f"{kind.name}, epoch {epoch} of {kind.epochs}")


def judged(kind: Entry, known: Record, test: Record, seeds: int, look: int, share: Callable[[int], None]) -> Judged:
    """Train on the estimation record, blocks held out in turn; then the test record."""
    model, masks = kind.model(seeds, look), held_out([known], FIRST, FOLDS, 0.0)[0]
    asked = (np.arange(len(known)) >= FIRST) & ~masks
    fold = Fold(asked, masks if kind.loop == "closed" else np.zeros_like(masks))
    for step in model.lessons(known.u, known.y, [fold], scaled=[np.ones(len(known), bool)]):
        share(step.report.epoch)
    if kind.settled:
        ready = model.settle(test.u[:START], test.y[:START])
        free = one_step = ready.each(test.u, np.full_like(test.y, np.nan))
    else:
        free, one_step = model.each(test.u, leading_only(test.y, START)), model.each(test.u, test.y)
    return Judged(model, free[:, START:, 0], one_step[:, START:, 0], _on_blocks(model, known, masks))


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


def _rows(name: str, found: Judged, truth: Values) -> list[Result]:
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


def _write(out: Path, made: dict[str, Judged], test: Record, best: Values) -> None:
    for name, found in made.items():
        if name in ("NARX", "GRU [4, 4]"):
            about = {"network": name, "table": "cascaded_tanks", "loop": "closed"}
            save(out / f"{name.split()[0].lower()}.safetensors", found.model.to_model(**about))
    draw(NARX, out / "wiring-narx.png")
    shown = {"best model": best} | {
        name: made[name].free.mean(axis=0) for name in ("NARX", "NARX, open loop") if name in made
    }
    files.write_figure(out / "response.png", _picture(test.y[START:, 0], shown))


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
