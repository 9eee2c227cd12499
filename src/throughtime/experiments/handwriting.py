"""Which digit, which letter was written? From the way of the pen, by a TDNN, an LSTM and a bidirectional LSTM.

    digits, lower  UNIPEN; the writers of the test, a fifth of all, and those of validation are never trained on
    pendigits      8 points per digit, official test by other writers; who wrote the training rows is not told, so validation
                   is by writers who are trained on, too

A network sees a drawing at points equally far apart on the way of the pen (`PenFeatures`), pendigits at the eight that
the files have. Of letters it hears, too, how high they are beside what is usual for their writer: the median of all that the
writer wrote, whatever it was; "each letter alone" are answers without that. It says something at every point, and its answer
is the mean over all of them. Training drawings are turned, slanted, stretched and bent anew in every epoch. The weights,
averaged over updates, are those of the epoch with the lowest validation error. Beside them: the nearest neighbour and linear
discriminant analysis on the same points' positions. UNIPEN's own test was never released, so published figures (97.1 % digits
and 90.7 % lower case, CSDTW, recalled) are of other splits.

A course can be interrupted: its state is in `training/` in the output folder.

What was tried, and how choices were made: `docs/handwriting.md`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from throughtime import architectures
from throughtime.datasets.corpus import Corpus, Values
from throughtime.drawing import weight_count
from throughtime.experiments import Bar, Progress, Result, Results, result_rows
from throughtime.experiments.course_states import CourseResult
from throughtime.experiments.courses import Contestant, Course
from throughtime.experiments.handwriting_data import (
    BEST,
    FEATURES,
    METRIC,
    SEEDS,
    PenAugmentation,
    corpora,
    pen_baselines,
)
from throughtime.experiments.judging import (
    committee_error,
    confusion_picture,
    curves_picture,
    recording_error,
    time_means,
)
from throughtime.features.pen import PenChanges, in_usual_heights
from throughtime.io import files
from throughtime.learners import BPTT
from throughtime.losses import CrossEntropy, Integrated
from throughtime.models.each import run_each
from throughtime.models.model import Model
from throughtime.models.saving import save
from throughtime.plots import new_figure
from throughtime.sequences import inputs_of

BARS = {"digits": 1.0, "pendigits": 0.7, "lower": 5.5}
CHANGES = {
    "digits": PenChanges(),
    "pendigits": PenChanges(0.07, 0.15, 0.0, 0.02),
    "lower": PenChanges(unknown=0.25),
}
UNITS = {"digits": 100, "pendigits": 64, "lower": 100}  # of each direction and layer of the bidirectional LSTM
EPOCHS = {"digits": (32, 10), "pendigits": (40, 40), "lower": (20, 4)}  # of the bidirectional LSTM, and of the others


def pen_contestants(name: str, outputs: int, quick: bool) -> dict[str, Contestant]:
    """The networks to compare on a data set; `quick`: the best one, small."""
    inputs = len(FEATURES[name].columns)
    if quick:
        return {BEST: Contestant(architectures.lstm(inputs, [32, 32], outputs, bidirectional=True), 16, 0.01)}
    long, short = EPOCHS[name]
    both = architectures.lstm(inputs, [UNITS[name]] * 2, outputs, bidirectional=True).with_dropout(0.2)
    windows: list[Any] = [range(5), range(0, 9, 2), 0]
    return {
        BEST: Contestant(both, long, 0.005),
        "LSTM": Contestant(architectures.lstm(inputs, 100, outputs), short, 0.005),
        "TDNN": Contestant(architectures.tdnn(inputs, [64, 64], outputs, windows), short, 0.003),
    }


def trained_on_drawings(
    name: str, label: str, corpus: Corpus, entry: Contestant, seed: int, out: Path, progress: Progress
) -> tuple[CourseResult, list[Any]]:
    """One network from one seed, and its outputs for the test; the model is saved."""
    features = FEATURES[name]
    course = Course(
        entry.network, BPTT(), Integrated(CrossEntropy()), entry.epochs, 64, entry.rate, recording_error,
        augment=PenAugmentation(CHANGES[name], features), average=500, look=2, steps=600_000,
    )  # fmt: skip
    validation = corpus.part("validation")
    seen = list(zip(features(validation.xs), validation.targets, strict=True))
    stem = f"handwriting-{name}-{label.replace(' ', '-')}-{seed}"
    done = course.follow(corpus.part("train").sequences, seen, seed, out / "training" / f"{stem}.progress", progress)
    raw = replace(features, kept=False)  # who uses the model has drawings of as many points as a pen gives, not eight
    settings = {"data": name, "seed": seed, "features": raw.settings, "answer": "mean over time"}
    save(
        out / f"{stem}.safetensors",
        Model(entry.network, done.weights, classes=corpus.names, settings=settings),
    )
    return done, drawing_outputs(name, entry, done, corpus.part("test").xs)


def drawing_outputs(name: str, entry: Contestant, done: CourseResult, drawings: Sequence[Values]) -> list[Any]:
    """What a network says of drawings, point by point."""
    seen = FEATURES[name](drawings)
    return run_each(entry.network, done.weights, [inputs_of(entry.network, x) for x in seen])


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Train every network on every data set from every seed, write table and pictures."""
    count = seeds or (1 if quick else SEEDS)
    results: list[Result] = []
    known, notes, data = [], [], corpora(quick)
    for place, (name, corpus) in enumerate(data.items()):
        known += pen_baselines(name, corpus)
        test, curves = corpus.part("test"), {}
        unknown = in_usual_heights(test.xs, np.arange(len(test.xs))) if "size" in FEATURES[name].columns else []
        wanted = pen_contestants(name, len(corpus.names), quick)
        for number, (label, entry) in enumerate(wanted.items()):
            said, alone = [], []
            for seed in range(count):
                share = (place + (number + seed / count) / len(wanted)) / len(data)

                def told(_: float, remark: str, share: float = share, what: str = f"{name}, {label}") -> None:
                    progress(share, f"{what}: {remark}")

                done, ys = trained_on_drawings(name, label, corpus, entry, seed, out, told)
                curves[label, seed] = done.curve[np.isfinite(done.curve[:, 2])]
                said.append(ys)
                if unknown:
                    alone.append(drawing_outputs(name, entry, done, unknown))
            results.append(Result(label, name, METRIC, [recording_error(ys, test.targets) for ys in said]))
            if alone:
                of_one = f"{label}, each letter alone"
                results.append(Result(of_one, name, METRIC, [recording_error(ys, test.targets) for ys in alone]))
            best = [float(np.nanmin(curves[label, seed][:, 2])) for seed in range(count)]
            results.append(Result(label, f"{name}, validation", "validation error, %", best))
            if count > 1:
                results.append(
                    Result(f"{label}, {count} together", name, METRIC, [committee_error(said, test.targets)])
                )
            if label == BEST:
                _pictures(name, said[0], test, out)
            notes.append(f"{name}, {label}: {weight_count(entry.network):,} weights, {entry.epochs} epochs")
            files.write(out / "handwriting.csv", pd.DataFrame(result_rows(results)).to_csv(index=False))
        files.write_whole(out / f"handwriting-{name}-curves.png", curves_picture(curves, "validation error, %"))
    progress(1.0, "done")
    bars = [Bar(BEST, n, most, "mean of the seeds") for n, most in BARS.items()]
    return Results(
        results=results,
        baselines=known,
        bars=[] if quick else bars,
        notes=notes,
    )


def _pictures(name: str, outputs: list[Any], test: Corpus, out: Path) -> None:
    figure = confusion_picture([time_means(outputs)], [np.asarray(test.targets)], test.names)
    figure.axes[0].set_ylabel("written")
    files.write_whole(out / f"handwriting-{name}-confusion.png", figure)
    missed = np.flatnonzero(time_means(outputs).argmax(1) != np.asarray(test.targets))
    shown = [0, *missed[:: max(1, len(missed) // 3)][:3].tolist()]
    chosen = [(test.xs[n], np.asarray(outputs[n]), test.names[test.targets[n]]) for n in shown]
    files.write_whole(out / f"handwriting-{name}-examples.png", examples_picture(chosen, test.names))


def examples_picture(examples: list[tuple[Values, Values, str]], names: tuple[str, ...]) -> Figure:
    """Drawings (P, 3), and beside each what a network says of it, point by point: (T, O) net inputs of a softmax."""
    figure, panels = new_figure(len(examples), 2.2 * len(examples), width=9.0, columns=2, share=False)
    for (drawing, ys, text), left, right in zip(examples, panels[::2], panels[1::2], strict=True):
        for stroke in np.split(drawing, np.flatnonzero(drawing[:-1, 2]) + 1):
            left.plot(stroke[:, 0], stroke[:, 1], color="#33475b", lw=1.5, marker=".", ms=2)
        left.set_aspect("equal", adjustable="datalim")
        left.set(xticks=[], yticks=[], title=f"written: {text}")
        chances = np.asarray(jax.nn.softmax(np.asarray(ys, float)))
        used = np.flatnonzero(chances.max(0) > 0.3)
        right.imshow(chances[:, used].T, aspect="auto", cmap="Greys", vmin=0, vmax=1, interpolation="none")
        right.set_yticks(range(len(used)), [names[k] or "blank" for k in used], fontsize=7)
        right.grid(False)
    panels[-1].set_xlabel("point")
    return figure
