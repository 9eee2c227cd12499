"""Which word was written? A string of letters from the way of the pen, by a bidirectional LSTM and CTC.

UNIPEN, 17,531 words of 2 to 17 letters for training and validation and 5,000 for the test, by writers who are not met before.
A network sees a word at points equally far apart on the way of the pen (`PenFeatures`), at least 40. Training words
are turned, slanted, stretched and bent anew in every epoch. The weights, averaged over updates, are those of the epoch
with the lowest character error in validation.

    greedy      the most probable path, without any list of words
    vocabulary  the most probable of the 2,724 words of the corpus, exactly (`decoding.Lexicon`); words alike, no frequencies

A course can be interrupted: its state is in `training/` in the output folder. What was tried: `docs/handwriting.md`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from throughtime import architectures
from throughtime.datasets import pens
from throughtime.datasets.corpus import Corpus
from throughtime.decoding import Lexicon, ctc_greedy, edit_distance, label_error_rate
from throughtime.drawing import weight_count
from throughtime.experiments import Bar, Progress, Result, Results, part_of, result_rows
from throughtime.experiments.courses import Course
from throughtime.experiments.handwriting import examples_picture
from throughtime.experiments.handwriting_data import PenAugmentation
from throughtime.experiments.judging import (
    character_error,
    committee_outputs,
    curves_picture,
    edits_picture,
)
from throughtime.features.pen import COLUMNS, PenChanges, PenFeatures
from throughtime.io import files
from throughtime.learners import BPTT
from throughtime.losses import CTC
from throughtime.models.each import run_each
from throughtime.models.model import Model
from throughtime.models.saving import save
from throughtime.sequences import inputs_of

FEATURES = PenFeatures(points=None, spacing=0.15, least=40, most=160, widest=15.0)
COARSE = PenFeatures(points=None, spacing=0.3, least=12, most=40, widest=15.0)  # for the small version
CHANGES = PenChanges(turn=0.05, slant=0.2, stretch=0.12, bend=0.03)
NAME, SEEDS, QUICK_LETTERS = "bidirectional LSTM + CTC", 3, 3
CER, WER = "character error, %", "word error, %"


def writing_course(outputs: int, quick: bool) -> Course:
    """Two stacked layers, and how they are taught; `quick`: one, small."""
    changes = PenAugmentation(CHANGES, COARSE if quick else FEATURES)
    how: dict[str, Any] = {"wrong": character_error, "augment": changes, "look": 2, "steps": 600_000}
    if quick:
        small = architectures.lstm(len(COLUMNS), 48, outputs, bidirectional=True)
        return Course(small, BPTT(), CTC(), 14, 16, 0.01, average=100, **how)
    network = architectures.lstm(len(COLUMNS), [80, 80], outputs, bidirectional=True).with_dropout(0.2)
    return Course(network, BPTT(), CTC(), 20, 32, 0.006, average=500, **how)


def word_error(targets: Sequence[Any], given: list[Any]) -> float:
    """The share of words that are not what was written, in per cent.

    >>> word_error([[1, 2], [3]], [(1, 2), (1,)])
    50.0
    """
    return float(100 * np.mean([tuple(a) != tuple(b) for a, b in zip(targets, given, strict=True)]))


def word_drawings(quick: bool) -> Corpus:
    """Raw drawings; `quick`: the words of 2 and 3 letters."""
    corpus = pens.unipen("words")
    if not quick:
        return corpus
    return corpus.pick([len(target) <= QUICK_LETTERS for target in corpus.targets])


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Train from every seed, write table and pictures."""
    count, corpus = seeds or (1 if quick else SEEDS), word_drawings(quick)
    course = writing_course(len(corpus.names), quick)
    network, features = course.network, COARSE if quick else FEATURES
    lexicon = Lexicon(sorted({tuple(target) for target in corpus.targets}))
    test, validation = corpus.part("test"), corpus.part("validation")
    held = list(zip(features(validation.xs), validation.targets, strict=True))
    said, curves = [], {}
    for seed in range(count):
        told = part_of(progress, seed, count, f"seed {seed}: ")
        stem = f"handwriting-words-{seed}"
        file = out / "training" / f"{stem}{'-quick' if quick else ''}.npz"
        done = course.follow(corpus.part("train").sequences, held, seed, file, told)
        curves[NAME, seed] = done.curve[np.isfinite(done.curve[:, 2])]
        settings = {
            "data": "words", "seed": seed, "features": features.settings, "answer": "ctc", "blank": 0,
            "vocabulary": ["".join(corpus.names[k] for k in word) for word in lexicon.words],
        }  # fmt: skip
        save(
            out / f"{stem}.safetensors",
            Model(network, done.weights, classes=corpus.names, settings=settings),
        )
        said.append(run_each(network, done.weights, [inputs_of(network, x) for x in features(test.xs)]))
    read = [Readings.of(ys, lexicon) for ys in said]
    results = reading_results(NAME, read, test.targets)
    checked = [float(np.nanmin(curve[:, 2])) for curve in curves.values()]
    results.append(Result(f"{NAME}, greedy", "validation", CER, checked))
    if count > 1:
        results += reading_results(
            f"{NAME}, {count} together", [Readings.of(committee_outputs(said), lexicon)], test.targets
        )
    files.write(out / "handwriting-words.csv", pd.DataFrame(result_rows(results)).to_csv(index=False))
    files.write_whole(out / "handwriting-words-curves.png", curves_picture(curves, "validation character error, %"))
    picture = edits_picture(test.targets, read[0].greedy, corpus.names)
    picture.axes[0].set_ylabel("written")
    files.write_whole(out / "handwriting-words-confusion.png", picture)
    _examples(said[0], read[0], test, out)
    progress(1.0, "done")
    bars = [
        Bar(f"{NAME}, greedy", "test", 12.0, "characters, mean of the seeds"),
        Bar(f"{NAME}, vocabulary", "test", 8.0, "words, mean of the seeds"),
    ]
    return Results(
        results=results,
        bars=[] if quick else bars,
        notes=[
            f"{weight_count(network):,} weights, {course.epochs} epochs, {len(lexicon.words):,} words in the vocabulary"
        ],
    )


class Readings(NamedTuple):
    """What a network read: strings of labels."""

    greedy: list[tuple[int, ...]]
    known: list[tuple[int, ...]]

    @staticmethod
    def of(outputs: list[Any], lexicon: Lexicon) -> "Readings":
        """Greedy, and the best word of the list."""
        return Readings([ctc_greedy(y) for y in outputs], [lexicon.best(y)[0].labels for y in outputs])


def reading_results(name: str, read: list[Readings], targets: Sequence[Any]) -> list[Result]:
    """The rows of the table."""
    return [
        Result(f"{name}, greedy", "test", CER, [100 * label_error_rate(targets, r.greedy) for r in read]),
        Result(f"{name}, greedy", "test words", WER, [word_error(targets, r.greedy) for r in read]),
        Result(f"{name}, vocabulary", "test", WER, [word_error(targets, r.known) for r in read]),
    ]


def _examples(outputs: list[Any], read: Readings, test: Corpus, out: Path) -> None:
    """Words without a mistake, with one, and the worst."""
    edits = np.array([edit_distance(t, g) for t, g in zip(test.targets, read.greedy, strict=True)])
    order = np.argsort(edits, kind="stable")
    shown = [order[0], order[np.searchsorted(edits[order], 1) % len(order)], order[int(0.95 * len(order))], order[-1]]

    def spelled(labels: Any) -> str:
        return "".join(test.names[k] for k in labels)

    chosen = [
        (test.xs[n], np.asarray(outputs[n]), f"{spelled(test.targets[n])}, read: {spelled(read.greedy[n])}")
        for n in shown
    ]
    files.write_whole(out / "handwriting-words-examples.png", examples_picture(chosen, test.names))
