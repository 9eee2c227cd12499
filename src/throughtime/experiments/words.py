"""Which word was spoken? One answer for a whole recording, by a TDNN, an LSTM and a bidirectional LSTM.

    fsdd             English digits of six speakers, each left out once: the test is one who was never heard
    japanese_vowels  which of nine men says /ae/; the official test is by the same nine
    an4              single letters and single digits, cut out of utterances; the official test is by other speakers

A network hears mel cepstra (LPC cepstra, the vowels) with their deltas, says something at every step, and its answer is
the mean over all of them. In every epoch all recordings are changed: faster or slower, as of a longer or shorter vocal
tract (not the vowels), with stretches hidden and with noise; half of those of fsdd end as another recording of the same digit.

First one network of each kind is trained without the speakers of validation (fsdd: the one after the one left out;
an4: nine of 74; the vowels: six recordings of each): it tells the learning curve, and all choices were made by such networks. Then
every seed is trained in the same way on all but the test, and its averaged weights after the last epoch are those that
the test is asked with, once. Beside them: linear discriminant analysis and the nearest neighbour, on 20 points in
time of what the networks hear.

A course can be interrupted: its state is in `training/` in the output folder, and it goes on from there.

What was tried, and how choices were made: `docs/words-and-speech.md`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from throughtime.datasets.corpus import Values
from throughtime.drawing import weight_count
from throughtime.engine.programs import forget
from throughtime.experiments import Bar, Progress, Result, Results, part_of, result_rows
from throughtime.experiments.courses import Contestant, Course
from throughtime.experiments.judging import (
    committee_error,
    confusion_picture,
    curves_picture,
    outputs_picture,
    recording_error,
    time_means,
)
from throughtime.experiments.words_data import WordQuestion, tasks
from throughtime.experiments.words_networks import BEST, SETTINGS, SeedAnswers, word_contestants
from throughtime.experiments.words_rivals import CHECKED, METRIC, SEEDS, word_baselines
from throughtime.io import files
from throughtime.learners import BPTT
from throughtime.losses import CrossEntropy, Integrated
from throughtime.models.each import run_each
from throughtime.models.model import Model
from throughtime.models.saving import save
from throughtime.sequences import inputs_of

BARS = {"fsdd": 14.0, "japanese_vowels": 1.5, "an4 letters": 8.0, "an4 digits": 2.0}


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Answer every question with every network, write table, models and pictures."""
    count, asked = seeds or (1 if quick else SEEDS), tasks(quick)
    answers: dict[tuple[str, str], SeedAnswers] = {}
    curves: dict[tuple[str, str], Values] = {}
    known = [row for name, task in asked.items() for row in word_baselines(name, task)]
    todo = [
        (name, task, label, entry)
        for name, task in asked.items()
        for label, entry in word_contestants(task, quick).items()
    ]
    for number, (name, task, label, entry) in enumerate(todo):
        if task.data != todo[number - 1][1].data:
            forget()  # a process holds so much compiled code only
        told = part_of(progress, number, len(todo))
        answers[name, label], curves[name, label] = word_answers(name, label, task, entry, count, out, told)
        files.write(out / "words.csv", pd.DataFrame(result_rows(results(answers, asked))).to_csv(index=False))
    _pictures(answers, asked, curves, out)
    progress(1.0, "done")
    bars = [Bar(BEST, data, most, "mean of the seeds") for data, most in BARS.items()]
    return Results(
        results=results(answers, asked),
        baselines=known + _over_folds(known, asked),
        bars=[] if quick else bars,
        notes=[
            f"{name}, {label}: {weight_count(entry.network):,} weights, {entry.epochs} epochs"
            for name, _, label, entry in todo
        ],
    )


def word_answers(
    name: str, label: str, task: WordQuestion, entry: Contestant, count: int, out: Path, progress: Progress
) -> tuple[SeedAnswers, Values]:
    """What every seed says about the test, and the learning curve of the one that was held back from validation."""
    course = Course(
        entry.network, BPTT(), Integrated(CrossEntropy()), entry.epochs, SETTINGS[task.data].batch, entry.rate, recording_error,
        augment=task.changed, average=200, look=max(1, entry.epochs // 10), padding=task.lengths,
    )  # fmt: skip
    stem = f"words-{name} {label}".replace(" ", "-")
    folder, validation, corpus = out / "training", task.pairs("validation"), task.corpus

    told = part_of(progress, 0, count + 1, f"{name}, {label}, held out: ")
    first = course.follow(corpus.part("train").sequences, validation, 0, folder / f"{stem}-held-out.progress", told)
    everything, last = corpus.pick(corpus.parts != "test"), replace(course, look=entry.epochs)
    test, said = task.pairs("test"), []
    for seed in range(count):
        file = folder / f"{stem}-{seed}.progress"
        told = part_of(progress, seed + 1, count + 1, f"{name}, {label}, seed {seed}: ")
        done = last.follow(everything.sequences, validation[:1], seed, file, told)
        said.append(run_each(entry.network, done.weights, [inputs_of(entry.network, x) for x, _ in test]))
        settings = {"data": name, "seed": seed, "features": task.settings, "answer": "mean over time"}
        model = Model(entry.network, done.weights, task.heard.columns, classes=corpus.names, settings=settings)
        save(out / f"{stem}-{seed}.safetensors", model)
    curve = first.curve[np.isfinite(first.curve[:, 2])]
    return SeedAnswers(said, [k for _, k in test], float(curve[-1, 2])), curve


def results(answers: dict[tuple[str, str], SeedAnswers], asked: dict[str, WordQuestion]) -> list[Result]:
    """The rows of the table: every test, kind by kind and all kinds together, and the mean over the folds of a data set."""
    made = []
    for (name, label), (said, targets, checked) in answers.items():
        made.append(Result(label, name, METRIC, [recording_error(ys, targets) for ys in said]))
        if len(said) > 1:
            made.append(Result(f"{label}, {len(said)} together", name, METRIC, [committee_error(said, targets)]))
        made.append(Result(label, f"{name}, validation", CHECKED, [checked]))
    for name in asked:
        kinds = [answer for (own, _), answer in answers.items() if own == name]
        said = [ys for answer in kinds for ys in answer.said]
        if len(kinds) > 1:
            made.append(Result("all kinds together", name, METRIC, [committee_error(said, kinds[0].targets)]))
    return made + _over_folds(made, asked)


def _over_folds(rows: list[Result], asked: dict[str, WordQuestion]) -> list[Result]:
    """For each network the mean over the folds of a data set, seed by seed; once all of them are there."""
    folds: dict[tuple[str, str, str], list[Any]] = {}
    for row in rows:
        name, comma, rest = row.split.partition(", ")
        if asked[name].data != name:
            folds.setdefault((row.network, asked[name].data + comma + rest, row.metric), []).append(row.values)
    count = sum(task.data != name for name, task in asked.items())  # one data set only has folds
    return [Result(*key, np.mean(values, axis=0).tolist()) for key, values in folds.items() if len(values) == count]


def _pictures(
    answers: dict[tuple[str, str], SeedAnswers],
    asked: dict[str, WordQuestion],
    curves: dict[tuple[str, str], Values],
    out: Path,
) -> None:
    """Of each data set what was learnt, and what the best network, its first seed, takes for what; folds side by side."""
    for data in dict.fromkeys(task.data for task in asked.values()):
        folds = [name for name, task in asked.items() if task.data == data]
        stem, names = f"words-{data.replace(' ', '-')}", asked[folds[0]].corpus.names
        learning = {(label, folds.index(name)): curve for (name, label), curve in curves.items() if name in folds}
        figure = curves_picture(learning, CHECKED)
        figure.axes[0].set_title(
            "Learning, without the speakers of validation" + "; a line is a fold" * (len(folds) > 1)
        )
        files.write_whole(out / f"{stem}-curves.png", figure)
        best = [answers[name, BEST] for name in folds]
        outputs, targets = ([y for a in best for y in a.said[0]], [k for a in best for k in a.targets])
        files.write_whole(
            out / f"{stem}-confusion.png", confusion_picture([time_means(outputs)], [np.array(targets)], names)
        )
        missed = np.flatnonzero(time_means(outputs).argmax(1) != targets)
        shown = int(missed[len(missed) // 2]) if len(missed) else 0
        truth = np.full(len(outputs[shown]), targets[shown])
        files.write_whole(out / f"{stem}-outputs.png", outputs_picture(outputs[shown], truth, names))
