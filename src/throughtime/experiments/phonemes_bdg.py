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
from throughtime.engine import anneal, harden
from throughtime.experiments import Bar, Progress, Result, Results, rows_of
from throughtime.experiments.course_states import keep, resumed
from throughtime.experiments.courses import Course
from throughtime.experiments.judging import confusion_picture, curves_picture, outputs_picture, weight_count
from throughtime.experiments.phonemes_bdg_data import (
    ASKED,
    BAR,
    FRAMES,
    METRIC,
    SEEDS,
    Changes,
    Form,
    baselines,
    decided,
    forms,
    middle,
    question,
    tokens,
    wrong,
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


class Taught(NamedTuple):
    """A plain network, its weights, and its curve."""

    network: Network
    weights: Any
    curve: Values


def followed(form: Form, learnt: Any, validation: Any, seed: int, file: Path, progress: Progress) -> Taught:
    """A network with given delays."""
    course = Course(
        form.network, BPTT(), form.loss, form.epochs, 32, form.rate, wrong, augment=Changes(), average=500, look=2
    )
    done = course.follow(learnt, validation, seed, file, progress)
    return Taught(form.network, done.weights, done.curve)


def selected(form: Form, learnt: Any, _: Any, seed: int, file: Path, progress: Progress) -> Taught:
    """Learned delays: sharper from stage to stage, then hardened; a stage is kept when it is done."""
    weights = engine.init(form.network, seed, jnp.float32)
    each = form.epochs // len(TEMPERATURES)
    fresh = (weights, _optimizer(form, 0, len(learnt)).init(weights))
    done, (weights, state) = resumed(file, fresh)
    xs, targets = (list(part) for part in zip(*learnt, strict=True))
    for number in range(done, len(TEMPERATURES)):
        stage, optimizer = anneal(form.network, TEMPERATURES[number]), _optimizer(form, number, len(learnt))
        for epoch in range(each):
            changed = Changes()(xs, targets, np.random.default_rng((seed, number, epoch)))
            pairs, order = list(zip(*changed, strict=True)), seed * 1000 + number * each + epoch
            (report,) = train(
                stage, weights, BPTT(), form.loss, optimizer, pairs, epochs=1, batch=32, seed=order,
                clip=1.0, optimizer_state=state,
            )  # fmt: skip
            weights, state = report.weights, report.optimizer_state
        keep(file, number + 1, (weights, state))
        progress((number + 1) / len(TEMPERATURES), f"temperature {TEMPERATURES[number]:.2f}")
    plain = harden(anneal(form.network, TEMPERATURES[-1]), weights)
    return Taught(*plain, np.zeros((0, 4)))


@cache
def _optimizer(form: Form, number: int, tokens: int) -> Any:
    """Of a stage; one object for all seeds, since compiled code belongs to it. Adam's state goes on through the stages."""
    updates = form.epochs * -(-tokens // 32)
    rate = optax.warmup_cosine_decay_schedule(0.0, form.rate, updates // 20, updates)
    return optax.chain(sharpen(anneal(form.network, TEMPERATURES[number]), STRENGTHS[number]), optax.adam(rate))


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Train every network from every seed, write table and pictures."""
    count = seeds or (1 if quick else SEEDS)
    corpus, results, curves, notes = tokens(), [], {}, []
    parts = {name: corpus.part(name).sequences for name in ("train", "validation", "test")}
    truth, wanted = np.array([label for _, label in parts["test"]]), forms(quick)
    for place, (name, form) in enumerate(wanted.items()):
        learnt = [(x, question(form, k)) for x, k in parts["train"]]
        validation, test = ([(middle(x), question(form, k)) for x, k in parts[part]] for part in ("validation", "test"))
        teach: Callable[..., Taught] = selected if form.learned else followed
        said, checked = [], []
        for seed in range(count):
            share, stem = (place + seed / count) / len(wanted), f"bdg-{_plain(name)}-{seed}"

            def told(_: float, remark: str, share: float = share, what: str = name) -> None:
                progress(share, f"{what}: {remark}")

            file = out / "training" / f"{stem}{'-quick' if quick else ''}.progress"
            network, weights, curve = teach(form, learnt, validation, seed, file, told)
            ys = _outputs(network, weights, test)
            said.append(ys)
            checked.append(wrong(_outputs(network, weights, validation), [t for _, t in validation]))
            curves.update({(name, seed): curve} if len(curve) else {})
            about = {"seed": seed, "features": "normalise(with_deltas(mfcc13, 1))", "asked": ASKED}
            model = Model(network, weights, classes=corpus.names, settings=about)
            save(out / f"{stem}.safetensors", model)
        results += [
            Result(name, "festvox_ru", METRIC, [wrong(ys, [t for _, t in test]) for ys in said]),
            Result(name, "validation", "validation error, %", checked),
        ]
        chances = np.mean([_chances(form, decided(ys)) for ys in said], axis=0)
        if count > 1:
            together = [100 * np.mean(chances.argmax(1) != truth)]
            results.append(Result(f"{name}, {count} together", "festvox_ru", METRIC, together))
        notes.append(f"{name}: {weight_count(network):,} weights")
        _pictures(_plain(name), said[0], truth, corpus, out)
        files.write(out / "phonemes-bdg.csv", pd.DataFrame(rows_of(results)).to_csv(index=False))
    files.write_whole(out / "bdg-curves.png", curves_picture(curves, "validation error, %"))
    progress(1.0, "done")
    notes.append("Waibel et al. 1989 report 98.5 % right for a TDNN and 93.7 % for an HMM, on Japanese b, d, g")
    return Results(
        results=results,
        baselines=baselines(corpus),
        bars=[] if quick else [Bar(n, "festvox_ru", BAR, "mean of the seeds") for n in wanted],
        notes=notes,
    )


def _outputs(network: Network, weights: Any, pairs: Any) -> list[Any]:
    return run_each(network, weights, [inputs_of(network, x) for x, _ in pairs])


def _chances(form: Form, outputs: Values) -> Values:
    """As probabilities, to be averaged: evidence between 0 and 1 is taken as it is."""
    return outputs if form.loss.targets == "numbers" else np.asarray(jax.nn.softmax(outputs))


def _plain(name: str) -> str:
    return name.lower().replace(",", "").replace("'", "").replace(" ", "-")


def _pictures(stem: str, outputs: list[Any], truth: Values, corpus: Corpus, out: Path) -> None:
    files.write_whole(out / f"bdg-{stem}-confusion.png", confusion_picture([decided(outputs)], [truth], corpus.names))
    files.write_whole(
        out / f"bdg-{stem}-outputs.png", outputs_picture(outputs[0], np.full(FRAMES, truth[0]), corpus.names)
    )
