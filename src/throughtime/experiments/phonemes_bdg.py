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
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import KNeighborsClassifier

from throughtime import architectures, engine
from throughtime.datasets import festvox
from throughtime.datasets.corpus import Corpus, Values
from throughtime.engine import anneal, harden
from throughtime.experiments import Bar, Progress, Result, Results, rows_of
from throughtime.experiments.courses import Course, keep, resumed
from throughtime.experiments.judging import confusion_picture, curves_picture, outputs_picture, weight_count
from throughtime.features import normalise, with_deltas
from throughtime.io import files
from throughtime.layers import LearnedDelays
from throughtime.learners import BPTT
from throughtime.losses import CrossEntropy, Integrated, SquaredError
from throughtime.models.model import Model
from throughtime.models.saving import save
from throughtime.network import Network
from throughtime.sequences import inputs_of, run_each
from throughtime.training import sharpen, train

FRAMES, BEFORE, MARGIN, INPUTS, ASKED = 15, 10, 3, 26, 9
LEARNED = [[LearnedDelays(4, 0)] * 2, [LearnedDelays(6, 0)] * 3]
TEMPERATURES, STRENGTHS = np.geomspace(1, 0.1, 6).tolist(), np.geomspace(1e-5, 1e-3, 6).tolist()
SEEDS, METRIC, BAR = 3, "test error, %", 3.0
LEARNED_NAME = "TDNN, learned delays"


class Form(NamedTuple):
    """A network, its loss, the epochs and the highest rate; `learned`: its delays are."""

    network: Network
    loss: Any
    epochs: int
    rate: float
    learned: bool = False


def forms(quick: bool) -> dict[str, Form]:
    """The networks to compare."""
    evidence, decision = Integrated(SquaredError()), Integrated(CrossEntropy())
    fixed: list[Any] = [range(3), range(5)]
    wider = Form(architectures.tdnn(INPUTS, 64, 3, fixed), decision, 10 if quick else 60, 0.005)
    if quick:
        return {"TDNN, wider": wider}
    return {
        "Waibel's TDNN": Form(architectures.waibel(INPUTS), evidence, 120, 0.02),
        "TDNN, wider": wider,
        LEARNED_NAME: Form(architectures.tdnn(INPUTS, 64, 3, LEARNED), decision, 60, 0.005, learned=True),
        "LSTM": Form(architectures.lstm(INPUTS, 64, 3), decision, 60, 0.005),
        "bidirectional LSTM": Form(architectures.lstm(INPUTS, 64, 3, bidirectional=True), decision, 60, 0.005),
    }


def heard(x: Values) -> Values:
    """What a network hears of a sentence: (T, 13) to (T, 26)."""
    return normalise(with_deltas(x, 1)).astype(np.float32)


def tokens() -> Corpus:
    """The windows, with a margin on both sides to be moved in."""
    return festvox.plosives(heard, BEFORE + MARGIN, FRAMES - BEFORE + MARGIN)


@dataclass(frozen=True)
class Changes:
    """Augmentation of all windows at once: moved, drawn out, noisy, at another level; and cut to 15 frames.

    moved, drawn, noise, level  the largest shift in frames, the largest logarithm of the change of speed, the deviation of
                                the noise in every number and of that in every feature
    """

    moved: float = 1.0
    drawn: float = 0.12
    noise: float = 0.3
    level: float = 0.2

    def __call__(self, xs: list[Any], targets: list[Any], rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
        """Windows (21, I) to other windows (15, I); the labels stay."""
        windows, count = np.stack(xs), len(xs)
        faster = np.exp(rng.uniform(-self.drawn, self.drawn, (count, 1)))
        places = np.arange(FRAMES) - BEFORE
        at = np.clip(BEFORE + MARGIN + rng.uniform(-self.moved, self.moved, (count, 1)) + places * faster, 0, 19.999)
        low, row = at.astype(int), np.arange(count)[:, None]
        part = (at - low)[..., None].astype(np.float32)
        made = (1 - part) * windows[row, low] + part * windows[row, low + 1]
        made += self.noise * rng.standard_normal(made.shape, np.float32)
        made += self.level * rng.standard_normal((count, 1, made.shape[2]), np.float32)
        return list(made), targets


def middle(x: Values) -> Values:
    """The 15 frames themselves."""
    return x[MARGIN : MARGIN + FRAMES]


def question(form: Form, label: int) -> Values:
    """The target of a token: its label, or its output 1 and the others 0, at the last 9 frames."""
    if not isinstance(form.loss.loss, SquaredError):
        return np.repeat(np.array([-1, label], np.int32), [FRAMES - ASKED, ASKED])
    wanted = np.tile(np.eye(3)[label], (FRAMES, 1))
    wanted[: FRAMES - ASKED] = np.nan
    return wanted


def decided(outputs: list[Any]) -> Values:
    """The outputs (N, 3), integrated over the frames at which they are asked."""
    return np.stack([np.asarray(y)[-ASKED:].mean(0) for y in outputs])


def wrong(outputs: list[Any], targets: list[Any]) -> float:
    """The share of tokens taken for another, in per cent."""
    truth = [int(t[-1] if t.ndim == 1 else t[-1].argmax()) for t in map(np.asarray, targets)]
    return float(100 * np.mean(decided(outputs).argmax(1) != truth))


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
        file.parent.mkdir(parents=True, exist_ok=True)
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


def baselines(corpus: Corpus) -> list[Result]:
    """What is known without a network: all 15 frames side by side."""
    train, test = (corpus.part("train"), corpus.part("test"))
    seen, new = (np.stack([middle(x).ravel() for x in part.xs]) for part in (train, test))
    made: dict[str, Any] = {
        "LDA": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        "nearest neighbour": KNeighborsClassifier(1),
    }
    errors = {name: 100 * np.mean(m.fit(seen, train.targets).predict(new) != test.targets) for name, m in made.items()}
    return [Result(name, "festvox_ru", METRIC, [error]) for name, error in errors.items()]


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

            file = out / "training" / f"{stem}{'-quick' if quick else ''}.npz"
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
    files.write_figure(out / "bdg-curves.png", curves_picture(curves, "validation error, %"))
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
    return outputs if isinstance(form.loss.loss, SquaredError) else np.asarray(jax.nn.softmax(outputs))


def _plain(name: str) -> str:
    return name.lower().replace(",", "").replace("'", "").replace(" ", "-")


def _pictures(stem: str, outputs: list[Any], truth: Values, corpus: Corpus, out: Path) -> None:
    files.write_figure(out / f"bdg-{stem}-confusion.png", confusion_picture([decided(outputs)], [truth], corpus.names))
    files.write_figure(
        out / f"bdg-{stem}-outputs.png", outputs_picture(outputs[0], np.full(FRAMES, truth[0]), corpus.names)
    )
