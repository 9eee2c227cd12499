"""The drawings that are recognised: what is drawn, what is heard of it, who is held out."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import KNeighborsClassifier

from throughtime.datasets import pens
from throughtime.datasets.corpus import Corpus
from throughtime.experiments import Result
from throughtime.features.pen import COLUMNS, PenChanges, PenFeatures, in_usual_heights

BEST, METRIC, SEEDS = "bidirectional LSTM", "test error, %", 3
ALL = PenFeatures(36, boxed=True, columns=(*COLUMNS, "dx", "dy"))
FEATURES = {
    "digits": ALL,
    "pendigits": PenFeatures(8, kept=True, boxed=True, columns=("x", "y", "dx", "dy", "turn", "ahead")),
    "lower": replace(ALL, columns=(*ALL.columns, "size")),
}


@dataclass(frozen=True)
class PenAugmentation:
    """Augmentation: raw drawings to the features of changed ones."""

    changes: PenChanges
    features: PenFeatures

    def __call__(self, xs: list[Any], targets: list[Any], rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
        """(P, 3) each, to (T, columns); the targets stay."""
        return self.features(self.changes(xs, rng)), targets


def corpora(quick: bool) -> dict[str, Corpus]:
    """Drawings as the files have them; letters in heights that are usual for their writer."""
    small = {"pendigits": pens.pendigits()}
    return small if quick else {"digits": pens.unipen("digits"), **small, "lower": letters()}


def letters() -> Corpus:
    """UNIPEN's lower case, in heights that are usual for their writer: what is measured is all their letters, not the labels."""
    corpus = pens.unipen("lower")
    return replace(corpus, xs=in_usual_heights(corpus.xs, corpus.who))


def pen_baselines(name: str, corpus: Corpus) -> list[Result]:
    """What is known without a network: positions of all points, side by side; learnt from training and validation."""
    flat = np.stack([x[:, :2].ravel() for x in FEATURES[name](corpus.xs)])
    test, truth = corpus.parts == "test", np.array(corpus.targets)
    known = {"nearest neighbour": KNeighborsClassifier(1, algorithm="brute"), "LDA": LinearDiscriminantAnalysis()}
    return [
        Result(
            label, name, METRIC, [100 * np.mean(m.fit(flat[~test], truth[~test]).predict(flat[test]) != truth[test])]
        )
        for label, m in known.items()
    ]
