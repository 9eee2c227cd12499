"""Which phone is spoken now? One label for every frame of 10 milliseconds, from the networks of the chapter.

    festvox_ru  51 classes, one speaker, sentences of the test never heard
    an4         34 classes, speakers of the test never heard

Every network hears 13 MFCC, their deltas and the deltas of these, with mean 0 and deviation 1 over each utterance. Those
without layers that run backward are asked 4 frames later, so that they have heard what comes next. Elman, fully
recurrent, Jordan, TDNN and LSTM have about as many weights, 50,000 to 62,000; the bidirectional LSTM two layers of 2 x 128
units, 0.55 million weights, and dropout. All learn from stretches of 256 frames, cut anew in every epoch, with noise
on the inputs; the weights, averaged over updates, are those of the epoch with the lowest validation error. Beside
them: linear discriminant analysis of 7 frames.

What was tried, and how choices were made: `docs/phonemes.md`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from throughtime import architectures
from throughtime.datasets import an4, festvox
from throughtime.datasets.corpus import Corpus
from throughtime.drawing import weight_count
from throughtime.experiments import Bar, Progress, Result, Results, result_rows
from throughtime.experiments.courses import Course
from throughtime.experiments.judging import (
    committee_outputs,
    confusion_picture,
    curves_picture,
    outputs_picture,
)
from throughtime.features import Values, normalise, with_deltas
from throughtime.io import files
from throughtime.learners import BPTT
from throughtime.losses import CrossEntropy
from throughtime.models.each import run_each
from throughtime.models.model import Model
from throughtime.models.saving import save
from throughtime.network import Network
from throughtime.sequences import inputs_of

INPUTS, AHEAD, PIECE, STRETCH = 39, 4, 320, 256
CORPORA = {"festvox_ru": festvox.sentences, "an4": an4.phones}
BARS = {"festvox_ru": 11.0, "an4": 12.0}
BEST, METRIC, SEEDS = "bidirectional LSTM", "frame error, %", 3


class FrameContestant(NamedTuple):
    """A network and how it is taught."""

    network: Network
    ahead: int  # frames that are heard before the answer
    epochs: dict[str, int]  # per corpus
    rate: float


def frame_contestants(outputs: int, quick: bool) -> dict[str, FrameContestant]:
    """The networks to compare; `quick`: two of them, small."""
    plain, short = {"festvox_ru": 6, "an4": 10}, {"festvox_ru": 2, "an4": 2}
    if quick:
        both = architectures.lstm(INPUTS, 32, outputs, bidirectional=True)
        return {
            BEST: FrameContestant(both, 0, short, 0.01),
            "LSTM": FrameContestant(architectures.lstm(INPUTS, 32, outputs), AHEAD, short, 0.01),
        }
    deep = {"festvox_ru": 16, "an4": 30}
    both = architectures.lstm(INPUTS, [128, 128], outputs, bidirectional=True).with_dropout(0.25)
    taps = [range(9), range(3)]
    return {
        BEST: FrameContestant(both, 0, deep, 0.004),
        "LSTM": FrameContestant(architectures.lstm(INPUTS, 100, outputs), AHEAD, plain, 0.005),
        "TDNN": FrameContestant(architectures.tdnn(INPUTS, 110, outputs, taps), AHEAD + 1, plain, 0.002),
        "fully recurrent": FrameContestant(architectures.fully_recurrent(INPUTS, 200, outputs), AHEAD, plain, 0.001),
        "Elman": FrameContestant(architectures.elman(INPUTS, 600, outputs), AHEAD, plain, 0.001),
        "Jordan": FrameContestant(architectures.jordan(INPUTS, 400, outputs), AHEAD, plain, 0.001),
    }


def frame_features(x: Values) -> Values:
    """What a network hears of an utterance: (T, 13) to (T, 39)."""
    return normalise(with_deltas(x)).astype(np.float32)


def sooner(x: Values, steps: int) -> Values:
    """x(t + steps) at t, the last frame repeated: the answer at t comes after that many frames more."""
    return np.concatenate([x[steps:], np.repeat(x[-1:], steps, axis=0)])


@dataclass(frozen=True)
class StretchAugmentation:
    """Augmentation: of every piece a stretch from somewhere in it, with noise on the inputs."""

    long: int = STRETCH
    noise: float = 0.25

    def __call__(self, xs: list[Any], targets: list[Any], rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
        """The stretches of these pieces and their labels."""
        begins = [int(rng.integers(0, max(len(x) - self.long, 0) + 1)) for x in xs]
        cut = [x[begin : begin + self.long] for x, begin in zip(xs, begins, strict=True)]
        spoilt = [x + self.noise * rng.standard_normal(x.shape, np.float32) for x in cut]
        return spoilt, [t[begin : begin + self.long] for t, begin in zip(targets, begins, strict=True)]


def pieces(pairs: list[tuple[Values, Values]], long: int = PIECE) -> list[tuple[Values, Values]]:
    """Utterances in pieces of at most that length; the last ends where the utterance ends."""
    made = []
    for x, target in pairs:
        for begin in range(0, len(x), long):
            first = max(0, min(begin, len(x) - long))
            made.append((x[first : first + long], target[first : first + long]))
    return made


def frame_error(outputs: list[Any], targets: list[Any]) -> float:
    """The share of frames with another label, in per cent.

    >>> frame_error([np.array([[0.0, 1.0], [1.0, 0.0]])], [np.array([1, 1])])
    50.0
    """
    said = np.concatenate([np.asarray(y).argmax(-1) for y in outputs])
    return float(100 * np.mean(said != np.concatenate(targets)))


def linear_error(corpus: Corpus) -> float:
    """The error of linear discriminant analysis on 7 frames, side by side."""

    def seen(part: Any, stride: int) -> tuple[Values, Values]:
        own = corpus.part(part)
        rows = [np.concatenate([np.roll(x, s, axis=0) for s in range(-3, 4)], axis=1)[::stride] for x in own.xs]
        return np.concatenate(rows), np.concatenate([target[::stride] for target in own.targets])

    found = LinearDiscriminantAnalysis().fit(*seen("train", 4))
    xs, truth = seen("test", 1)
    return float(100 * np.mean(found.predict(xs) != truth))


def trained_on_frames(
    name: str, label: str, corpus: Corpus, entry: FrameContestant, seed: int, out: Path, quick: bool, progress: Progress
) -> tuple[Any, list[Any], Any]:
    """One network from one seed: its weights, its outputs for the test, and its curve."""
    seen = corpus.seen_through(lambda x: sooner(x, entry.ahead))
    how: dict[str, Any] = {"augment": StretchAugmentation(), "average": 300}
    course = Course(entry.network, BPTT(), CrossEntropy(), entry.epochs[name], 16, entry.rate, frame_error, **how)
    file = out / "training" / f"framewise-{name}-{label.replace(' ', '-')}-{seed}{'-quick' if quick else ''}.progress"
    learnt = pieces(seen.part("train").sequences)
    done = course.follow(learnt, seen.part("validation").sequences, seed, file, progress)
    ys = run_each(entry.network, done.weights, [inputs_of(entry.network, x) for x in seen.part("test").xs])
    settings = {"corpus": name, "seed": seed, "features": "normalise(with_deltas(mfcc13))", "ahead": entry.ahead}
    model = Model(entry.network, done.weights, classes=corpus.names, settings=settings)
    save(out / f"framewise-{name}-{label.replace(' ', '-')}-{seed}.safetensors", model)
    return done, ys, done.curve


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Train every network on both corpora from every seed, write table and pictures."""
    count = seeds or (1 if quick else SEEDS)
    results, baselines, notes = list[Result](), [], []
    names = ["an4"] if quick else list(CORPORA)
    for place, name in enumerate(names):
        corpus = CORPORA[name]().seen_through(frame_features)
        if quick:
            corpus = corpus.pick((corpus.parts != "train") | (np.arange(len(corpus.xs)) % 3 == 0))
        truth = list(corpus.part("test").targets)
        wanted, curves = frame_contestants(len(corpus.names), quick), {}
        for number, (label, entry) in enumerate(wanted.items()):
            said = []
            for seed in range(count):
                share = (place + (number + seed / count) / len(wanted)) / len(names)

                def told(_: float, remark: str, share: float = share, what: str = f"{name}, {label}") -> None:
                    progress(share, f"{what}: {remark}")

                _, ys, curves[label, seed] = trained_on_frames(name, label, corpus, entry, seed, out, quick, told)
                said.append(ys)
            results.append(Result(label, name, METRIC, [frame_error(ys, truth) for ys in said]))
            if label == BEST:
                results.append(
                    Result(f"{BEST}, {count} together", name, METRIC, [frame_error(committee_outputs(said), truth)])
                )
                files.write_whole(
                    out / f"framewise-{name}-confusion.png", confusion_picture(said[0], truth, corpus.names)
                )
                files.write_whole(
                    out / f"framewise-{name}-outputs.png", outputs_picture(said[0][0], truth[0], corpus.names)
                )
            notes.append(f"{name}, {label}: {weight_count(entry.network):,} weights")
            files.write(out / "phonemes-framewise.csv", pd.DataFrame(result_rows(results)).to_csv(index=False))
        baselines.append(Result("LDA, 7 frames", name, METRIC, [linear_error(corpus)]))
        files.write_whole(out / f"framewise-{name}-curves.png", curves_picture(curves, "validation frame error, %"))
    progress(1.0, "done")
    return Results(
        results=results,
        baselines=baselines,
        bars=[] if quick else [Bar(BEST, n, most, "mean of the seeds") for n, most in BARS.items()],
        notes=notes,
    )
