"""What is said? Characters from speech, by a bidirectional LSTM and CTC.

AN4: 948 utterances of 74 speakers to learn from, 42 minutes, and the official 130 of 10 others for the test. A network hears
13 MFCC, their deltas and the deltas of these, with mean 0 and deviation 1 over each utterance, two frames of 10
milliseconds as one step. In every epoch all utterances are changed: faster or slower, as of a longer or shorter vocal
tract, with parts masked; and some are put together anew from words of the same speaker.

Nine speakers of the 74 are held out first. One network, trained without them, tells the learning curve and chooses the
decoder: order and weight of an n-gram of words, and a bonus for each word. Then every seed is trained on all 74 in the same
way, and its averaged weights after the last epoch are those that the test is asked with, once.

    greedy   the most probable path
    decoder  the most probable sentence of words of the training texts, by beam search; no other word can come out

A course can be interrupted: its state is in `training/` in the output folder, and it goes on from there.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from throughtime import architectures
from throughtime.datasets import an4
from throughtime.datasets.an4 import NAMES, text_of
from throughtime.decoding import Sentences, ctc_greedy, edit_distance, label_error_rate, word_error_rate
from throughtime.drawing import weight_count
from throughtime.experiments import Bar, Progress, Result, Results, part_of, result_rows
from throughtime.experiments.courses import Course
from throughtime.experiments.judging import (
    character_error,
    committee_outputs,
    curves_picture,
    edits_picture,
)
from throughtime.experiments.speech_data import INPUTS, SETTINGS, Pairs, UtteranceAugmentation
from throughtime.experiments.speech_pictures import example_picture
from throughtime.experiments.speech_text import chosen, greedy
from throughtime.io import files
from throughtime.learners import BPTT
from throughtime.losses import CTC
from throughtime.models.model import Model
from throughtime.models.saving import save

NAME, SEEDS = "bidirectional LSTM + CTC", 3
CER, WER = "character error, %", "word error, %"
BARS = {"greedy": {"test": 4.5, "test words": 9.0}, "decoder": {"test words": 8.0}}
PUBLISHED = {"test": [4.4, 4.3], "test words": [9.2, 8.4]}  # two transformers with language models, ESPnet2


def speech_course(quick: bool) -> tuple[Course, int]:
    """Two stacked layers, and the frames of the longest utterance; `quick`: a small one, on the short utterances."""
    if quick:
        network = architectures.lstm(INPUTS, 48, len(NAMES), bidirectional=True)
        course = Course(
            network,
            BPTT(),
            CTC(),
            14,
            8,
            0.01,
            character_error,
            UtteranceAugmentation(0.1, 0.1, 1, 10, 0.0),
            average=100,
            padding=1.0,
        )
        return course, 200
    network = architectures.lstm(INPUTS, [128, 128], len(NAMES), bidirectional=True).with_dropout(0.35)
    course = Course(
        network,
        BPTT(),
        CTC(),
        100,
        16,
        0.004,
        character_error,
        UtteranceAugmentation(),
        average=100,
        look=5,
        padding=0.3,
    )
    return course, 10_000


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Choose on held-out speakers, train every seed on all, write table, models and pictures."""
    count, (course, longest) = seeds or (1 if quick else SEEDS), speech_course(quick)
    corpus = an4.utterances()
    corpus = corpus.pick([len(x) <= longest for x in corpus.xs])
    held, test = Pairs.of(corpus.part("validation")), Pairs.of(corpus.part("test"))
    checking = list(zip(held.xs, held.labels, strict=True))
    folder, suffix = out / "training", "-quick" if quick else ""

    network, learning = course.network, corpus.part("train")
    told = part_of(progress, 0, count + 1, "held out: ")
    first = course.follow(learning.sequences, checking, 0, folder / f"held-out{suffix}.progress", told)
    checked = held.said(network, first.weights)
    decoder, error = chosen([text_of(s.labels) for s in learning.targets], checked, held.texts)
    everything = corpus.pick(corpus.parts != "test")
    decoder = replace(decoder, sentences=tuple(text_of(s.labels) for s in everything.targets))
    last = replace(course, look=course.epochs)  # nothing is chosen by the speakers that are trained on now
    said = []
    for seed in range(count):
        file = folder / f"speech-{seed}{suffix}.progress"
        told = part_of(progress, seed + 1, count + 1, f"seed {seed}: ")
        done = last.follow(everything.sequences, checking, seed, file, told)
        said.append(test.said(network, done.weights))
        _leave(network, done.weights, seed, decoder, out)
    results = speech_results(NAME, said, test.texts, decoder)
    if count > 1:
        results += speech_results(f"{NAME}, {count} together", [committee_outputs(said)], test.texts, decoder)
    results += [
        Result(f"{NAME}, greedy", "held out", CER, [100 * label_error_rate(held.texts, greedy(checked))]),
        Result(f"{NAME}, greedy", "held out words", WER, [100 * word_error_rate(held.texts, greedy(checked))]),
        Result(f"{NAME}, decoder", "held out words", WER, [error]),
    ]
    files.write(out / "speech.csv", pd.DataFrame(result_rows(results)).to_csv(index=False))
    files.write(out / "speech-texts.csv", mistakes(said[0], test.texts, decoder).to_csv(index=False))
    curve = first.curve[np.isfinite(first.curve[:, 2])]
    files.write_whole(
        out / "speech-curve.png", curves_picture({(NAME, 0): curve}, "character error of held-out speakers, %")
    )
    files.write_whole(out / "speech-example.png", example_picture(said[0], test.texts, decoder))
    names, read = ["", "space", *NAMES[2:]], [ctc_greedy(y) for y in said[0]]
    files.write_whole(out / "speech-confusion.png", edits_picture(test.labels, read, names))
    progress(1.0, "done")
    return Results(
        results=results,
        baselines=[
            Result("the same answer always", "test", CER, [constant_error(decoder.sentences, test.texts)]),
            *([] if quick else _published()),
        ],
        bars=[] if quick else _bars(),
        notes=[
            f"{weight_count(network):,} weights, {course.epochs} epochs; decoder: order {decoder.order}, weight "
            f"{decoder.weight}, bonus {decoder.bonus}",
            "published: ESPnet2, jkang/espnet2_an4_asr and espnet2_an4_transformer, on all of this test",
        ],
    )


def speech_results(name: str, said: list[list[Any]], texts: list[str], decoder: Sentences) -> list[Result]:
    """The rows of the table: of each seed what it says of every utterance of the test."""
    made = []
    for how, read in (("greedy", greedy), ("decoder", decoder)):
        given = [read(outputs) for outputs in said]
        made += [
            Result(f"{name}, {how}", "test", CER, [100 * label_error_rate(texts, own) for own in given]),
            Result(f"{name}, {how}", "test words", WER, [100 * word_error_rate(texts, own) for own in given]),
        ]
    return made


def constant_error(known: Sequence[str], texts: list[str]) -> float:
    """The character error, in per cent, of the known text that is closest to others of its kind, said always."""
    some = known[:: max(1, len(known) // 60)]
    guess = min(some, key=lambda text: sum(edit_distance(other, text) for other in some))
    return 100 * label_error_rate(texts, [guess] * len(texts))


def mistakes(outputs: list[Any], texts: list[str], decoder: Sentences) -> pd.DataFrame:
    """Every utterance of the test: what is said, and what was read."""
    return pd.DataFrame({"said": texts, "greedy": greedy(outputs), "decoder": decoder(outputs)})


def _leave(network: Any, weights: Any, seed: int, decoder: Sentences, out: Path) -> None:
    """The model of a seed, with what is needed to use it."""
    settings = {
        "data": "an4", "seed": seed, "features": SETTINGS, "answer": "ctc", "blank": 0, "decoder": decoder.settings
    }  # fmt: skip
    save(out / f"speech-{seed}.safetensors", Model(network, weights, classes=NAMES, settings=settings))


def _published() -> list[Result]:
    metrics = {"test": CER, "test words": WER}
    return [Result("transformers, published", split, metrics[split], values) for split, values in PUBLISHED.items()]


def _bars() -> list[Bar]:
    return [
        Bar(f"{NAME}, {how}", split, most, "mean of the seeds")
        for how, splits in BARS.items()
        for split, most in splits.items()
    ]
