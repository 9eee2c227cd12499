"""What recognises whole recordings without a network over time."""

from dataclasses import replace

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import KNeighborsClassifier

from throughtime.datasets.corpus import Values
from throughtime.experiments import Result
from throughtime.experiments.words_data import WordQuestion

SEEDS, METRIC, CHECKED, POINTS = 3, "test error, %", "validation error, %", 20


def word_baselines(name: str, task: WordQuestion) -> list[Result]:
    """What is known without a network, learnt from all but the test: 20 points in time of what networks hear, no deltas."""
    own, features = task.corpus.xs[0].shape[1], replace(task.heard.features, frames=1)
    flat = np.stack([_points(x[:, :own]) for x in features(task.corpus.xs)])
    test, truth = task.corpus.parts == "test", np.array(task.corpus.targets)
    known = {
        "LDA": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        "nearest neighbour": KNeighborsClassifier(1, algorithm="brute"),
    }
    return [
        Result(
            label, name, METRIC, [100 * np.mean(m.fit(flat[~test], truth[~test]).predict(flat[test]) != truth[test])]
        )
        for label, m in known.items()
    ]


def _points(values: Values) -> Values:
    places = np.linspace(0, len(values) - 1, POINTS)
    return np.concatenate([np.interp(places, np.arange(len(values)), column) for column in values.T])
