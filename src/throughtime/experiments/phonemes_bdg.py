"""b, d or g? Waibel's task: which of three plosives, from 15 frames around its release.

The tokens are those of festvox_ru, one Russian speaker: b, d and g, palatalised or not, 3011 in all, from 620 sentences; the
sentences of the test are never heard before. A network hears 13 MFCC and their deltas, with mean 0 and deviation 1 over
each sentence. It says something at every frame; its answer is the integral over those asked.

    Waibel's TDNN          8 logistic hidden units, 3 delays on the input, 5 on the hidden units, squared error
    wider TDNN             64 tanh units, the same delays, cross-entropy
    learned delays         64 tanh units, 2 delays per pair of units on the input, 3 on the hidden units, each a softmax made sharp
                           by stages of falling temperature and growing penalty, then hardened to a plain TDNN
    LSTM, bidirectional    64 units, 2 x 64 units, cross-entropy

Training windows are moved by up to a frame either way, drawn out or shortened, disturbed by noise and by a change of every
feature's level. The weights are chosen by the error on the validation sentences; those of learned delays are the last. Beside
them: linear discriminant analysis and the nearest neighbour, on all 15 frames side by side.

What was tried, and how choices were made: `docs/phonemes.md`.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from throughtime import engine
from throughtime.datasets.corpus import Corpus, Values
from throughtime.drawing import weight_count
from throughtime.engine import anneal, harden
from throughtime.experiments import Bar, Progress, Result, Results, result_rows
from throughtime.experiments.course_states import keep_state, resumed_state
from throughtime.experiments.courses import Course
from throughtime.experiments.judging import confusion_picture, curves_picture, outputs_picture
from throughtime.experiments.phonemes_bdg_data import (
    ASKED,
    BAR,
    FRAMES,
    METRIC,
    SEEDS,
    TokenAugmentation,
    TokenContestant,
    asked_means,
    middle_frames,
    token_baselines,
    token_contestants,
    token_error,
    token_target,
    tokens,
)
from throughtime.io import files
from throughtime.learners import BPTT
from throughtime.models.each import run_each
from throughtime.models.model import Model
from throughtime.models.saving import save
from throughtime.network import Network
from throughtime.sequences import inputs_of
from throughtime.training import sharpen, train

TEMPERATURES, STRENGTHS = np.geomspace(1, 0.1, 6).tolist(), np.geomspace(1e-5, 1e-3, 6).tolist()


class TrainedNetwork(NamedTuple):
    """A plain network, its weights, and its curve."""

    network: Network
    weights: Any
    curve: Values


def followed(
    entry: TokenContestant, learnt: Any, validation: Any, seed: int, file: Path, progress: Progress
) -> TrainedNetwork:
    """A network with given delays."""
    course = Course(
        entry.network,
        BPTT(),
        entry.loss,
        entry.epochs,
        32,
        entry.rate,
        token_error,
        augment=TokenAugmentation(),
        average=500,
        look=2,
    )
    done = course.follow(learnt, validation, seed, file, progress)
    return TrainedNetwork(entry.network, done.weights, done.curve)


def selected(entry: TokenContestant, learnt: Any, _: Any, seed: int, file: Path, progress: Progress) -> TrainedNetwork:
    """Learned delays: sharper from stage to stage, then hardened; a stage is kept when it is done."""
    weights = engine.init(entry.network, seed, jnp.float32)
    each = entry.epochs // len(TEMPERATURES)
    fresh = (weights, _optimizer(entry, 0, len(learnt)).init(weights))
    done, (weights, state) = resumed_state(file, fresh)
    xs, targets = (list(part) for part in zip(*learnt, strict=True))
    for number in range(done, len(TEMPERATURES)):
        stage, optimizer = anneal(entry.network, TEMPERATURES[number]), _optimizer(entry, number, len(learnt))
        for epoch in range(each):
            changed = TokenAugmentation()(xs, targets, np.random.default_rng((seed, number, epoch)))
            pairs, order = list(zip(*changed, strict=True)), seed * 1000 + number * each + epoch
            (report,) = train(
                stage, weights, BPTT(), entry.loss, optimizer, pairs, epochs=1, batch=32, seed=order,
                clip=1.0, optimizer_state=state,
            )  # fmt: skip
            weights, state = report.weights, report.optimizer_state
        keep_state(file, number + 1, (weights, state))
        progress((number + 1) / len(TEMPERATURES), f"temperature {TEMPERATURES[number]:.2f}")
    plain = harden(anneal(entry.network, TEMPERATURES[-1]), weights)
    return TrainedNetwork(*plain, np.zeros((0, 4)))


@cache
def _optimizer(entry: TokenContestant, number: int, tokens: int) -> Any:
    """Of a stage; one object for all seeds, since compiled code belongs to it. Adam's state goes on through the stages."""
    updates = entry.epochs * -(-tokens // 32)
    rate = optax.warmup_cosine_decay_schedule(0.0, entry.rate, updates // 20, updates)
    return optax.chain(sharpen(anneal(entry.network, TEMPERATURES[number]), STRENGTHS[number]), optax.adam(rate))


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Train every network from every seed, write table and pictures."""
    count = seeds or (1 if quick else SEEDS)
    corpus, results, curves, notes = tokens(), [], {}, []
    parts = {name: corpus.part(name).sequences for name in ("train", "validation", "test")}
    truth, wanted = np.array([label for _, label in parts["test"]]), token_contestants(quick)
    for place, (name, entry) in enumerate(wanted.items()):
        learnt = [(x, token_target(entry, k)) for x, k in parts["train"]]
        validation, test = (
            [(middle_frames(x), token_target(entry, k)) for x, k in parts[part]] for part in ("validation", "test")
        )
        teach: Callable[..., TrainedNetwork] = selected if entry.learned else followed
        said, checked = [], []
        for seed in range(count):
            share, stem = (place + seed / count) / len(wanted), f"bdg-{_plain(name)}-{seed}"

            def told(_: float, remark: str, share: float = share, what: str = name) -> None:
                progress(share, f"{what}: {remark}")

            file = out / "training" / f"{stem}{'-quick' if quick else ''}.progress"
            network, weights, curve = teach(entry, learnt, validation, seed, file, told)
            ys = _outputs(network, weights, test)
            said.append(ys)
            checked.append(token_error(_outputs(network, weights, validation), [t for _, t in validation]))
            curves.update({(name, seed): curve} if len(curve) else {})
            about = {"seed": seed, "features": "normalise(with_deltas(mfcc13, 1))", "asked": ASKED}
            model = Model(network, weights, classes=corpus.names, settings=about)
            save(out / f"{stem}.safetensors", model)
        results += [
            Result(name, "festvox_ru", METRIC, [token_error(ys, [t for _, t in test]) for ys in said]),
            Result(name, "validation", "validation error, %", checked),
        ]
        chances = np.mean([_chances(entry, asked_means(ys)) for ys in said], axis=0)
        if count > 1:
            together = [100 * np.mean(chances.argmax(1) != truth)]
            results.append(Result(f"{name}, {count} together", "festvox_ru", METRIC, together))
        notes.append(f"{name}: {weight_count(network):,} weights")
        _pictures(_plain(name), said[0], truth, corpus, out)
        files.write(out / "phonemes-bdg.csv", pd.DataFrame(result_rows(results)).to_csv(index=False))
    files.write_whole(out / "bdg-curves.png", curves_picture(curves, "validation error, %"))
    progress(1.0, "done")
    notes.append("Waibel et al. 1989 report 98.5 % right for a TDNN and 93.7 % for an HMM, on Japanese b, d, g")
    return Results(
        results=results,
        baselines=token_baselines(corpus),
        bars=[] if quick else [Bar(n, "festvox_ru", BAR, "mean of the seeds") for n in wanted],
        notes=notes,
    )


def _outputs(network: Network, weights: Any, pairs: Any) -> list[Any]:
    return run_each(network, weights, [inputs_of(network, x) for x, _ in pairs])


def _chances(entry: TokenContestant, outputs: Values) -> Values:
    """As probabilities, to be averaged: evidence between 0 and 1 is taken as it is."""
    return outputs if entry.loss.targets == "numbers" else np.asarray(jax.nn.softmax(outputs))


def _plain(name: str) -> str:
    return name.lower().replace(",", "").replace("'", "").replace(" ", "-")


def _pictures(stem: str, outputs: list[Any], truth: Values, corpus: Corpus, out: Path) -> None:
    files.write_whole(
        out / f"bdg-{stem}-confusion.png", confusion_picture([asked_means(outputs)], [truth], corpus.names)
    )
    files.write_whole(
        out / f"bdg-{stem}-outputs.png", outputs_picture(outputs[0], np.full(FRAMES, truth[0]), corpus.names)
    )
