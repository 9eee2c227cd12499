"""The plosives: tokens, what is asked of them, and how they are changed."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import KNeighborsClassifier

from throughtime import architectures
from throughtime.datasets import festvox
from throughtime.datasets.corpus import Corpus, Values
from throughtime.experiments import Result
from throughtime.features import normalise, with_deltas
from throughtime.layers import LearnedDelays
from throughtime.losses import CrossEntropy, Integrated, SquaredError
from throughtime.network import Network

FRAMES, BEFORE, MARGIN, INPUTS, ASKED = 15, 10, 3, 26, 9
LEARNED = [[LearnedDelays(4, 0)] * 2, [LearnedDelays(6, 0)] * 3]
SEEDS, METRIC, BAR = 3, "test error, %", 3.0
LEARNED_NAME = "TDNN, learned delays"


class TokenContestant(NamedTuple):
    """A network, its loss, the epochs and the highest rate; `learned`: its delays are."""

    network: Network
    loss: Any
    epochs: int
    rate: float
    learned: bool = False


def token_contestants(quick: bool) -> dict[str, TokenContestant]:
    """The networks to compare."""
    evidence, decision = Integrated(SquaredError()), Integrated(CrossEntropy())
    fixed: list[Any] = [range(3), range(5)]
    wider = TokenContestant(architectures.tdnn(INPUTS, 64, 3, fixed), decision, 10 if quick else 60, 0.005)
    if quick:
        return {"TDNN, wider": wider}
    return {
        "Waibel's TDNN": TokenContestant(architectures.waibel(INPUTS), evidence, 120, 0.02),
        "TDNN, wider": wider,
        LEARNED_NAME: TokenContestant(architectures.tdnn(INPUTS, 64, 3, LEARNED), decision, 60, 0.005, learned=True),
        "LSTM": TokenContestant(architectures.lstm(INPUTS, 64, 3), decision, 60, 0.005),
        "bidirectional LSTM": TokenContestant(
            architectures.lstm(INPUTS, 64, 3, bidirectional=True), decision, 60, 0.005
        ),
    }


def token_features(x: Values) -> Values:
    """What a network hears of a sentence: (T, 13) to (T, 26)."""
    return normalise(with_deltas(x, 1)).astype(np.float32)


def tokens() -> Corpus:
    """The windows, with a margin on both sides to be moved in."""
    return festvox.plosives(token_features, BEFORE + MARGIN, FRAMES - BEFORE + MARGIN)


@dataclass(frozen=True)
class TokenAugmentation:
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


def middle_frames(x: Values) -> Values:
    """The 15 frames themselves."""
    return x[MARGIN : MARGIN + FRAMES]


def token_target(entry: TokenContestant, label: int) -> Values:
    """The target of a token: its label, or its output 1 and the others 0, at the last 9 frames."""
    if entry.loss.targets == "labels":
        return np.repeat(np.array([-1, label], np.int32), [FRAMES - ASKED, ASKED])
    wanted = np.tile(np.eye(3)[label], (FRAMES, 1))
    wanted[: FRAMES - ASKED] = np.nan
    return wanted


def asked_means(outputs: list[Any]) -> Values:
    """The outputs (N, 3), integrated over the frames at which they are asked."""
    return np.stack([np.asarray(y)[-ASKED:].mean(0) for y in outputs])


def token_error(outputs: list[Any], targets: list[Any]) -> float:
    """The share of tokens taken for another, in per cent."""
    truth = [int(t[-1] if t.ndim == 1 else t[-1].argmax()) for t in map(np.asarray, targets)]
    return float(100 * np.mean(asked_means(outputs).argmax(1) != truth))


def token_baselines(corpus: Corpus) -> list[Result]:
    """What is known without a network: all 15 frames side by side."""
    train, test = (corpus.part("train"), corpus.part("test"))
    seen, new = (np.stack([middle_frames(x).ravel() for x in part.xs]) for part in (train, test))
    made: dict[str, Any] = {
        "LDA": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        "nearest neighbour": KNeighborsClassifier(1),
    }
    errors = {name: 100 * np.mean(m.fit(seen, train.targets).predict(new) != test.targets) for name, m in made.items()}
    return [Result(name, "festvox_ru", METRIC, [error]) for name, error in errors.items()]
