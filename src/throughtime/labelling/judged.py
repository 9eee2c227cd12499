"""What a labeller got right, beside the baseline; its mistakes, and their picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from throughtime.labelling import baseline
from throughtime.labelling.labelled import Labelled
from throughtime.plots import MEASURED, new_figure
from throughtime.texts import literal

MOST = 10  # mistakes that are shown
SHOWN = 30  # classes whose names and counts fit into a picture


@dataclass(frozen=True)
class Mistake:
    """A recording that was taken for another class, and how sure the network was."""

    name: str
    label: str
    answer: str
    probability: float


@dataclass(frozen=True, eq=False)
class LabelJudgement:
    """Accuracy on recordings that nothing was learned from, and the baseline's on the same.

    confusion  (C, C): how often the class of a row was answered as the class of a column
    mistakes   the surest first
    """

    classes: tuple[str, ...]
    recordings: int
    accuracy: float
    baseline: float
    confusion: NDArray[np.int64]
    mistakes: tuple[Mistake, ...]

    def sentence(self) -> str:
        """Which of the two is better, and what to do if it is the baseline."""
        right, other = (round(share * self.recordings) for share in (self.accuracy, self.baseline))
        told = f"{right} of {self.recordings} recordings are right ({self.accuracy:.1%}), {baseline.NAME} {self.baseline:.1%}"
        if other > right:
            return f"{told}: the baseline is better; give more recordings, or try other --deltas, --hidden, --copies or --network"
        return told + (": no better than the baseline" if other == right else "")

    def to_dict(self) -> dict[str, Any]:
        """For a file."""
        return {
            "recordings": self.recordings,
            "accuracy": self.accuracy,
            "baseline": {"name": baseline.NAME, "accuracy": self.baseline},
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
            "mistakes": [vars(mistake) for mistake in self.mistakes],
        }


def judged(
    chances: NDArray[np.float64], classes: Sequence[str], new: Labelled, simple: Sequence[str]
) -> LabelJudgement:
    """The judgement of the probabilities (N, C) of each class, and of the baseline's answers."""
    place = {label: k for k, label in enumerate(classes)}
    answers = chances.argmax(axis=1)
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    mistakes = []
    for k, label in enumerate(new.labels):
        answer = int(answers[k])
        if label in place:
            confusion[place[label], answer] += 1
        if classes[answer] != label:
            mistakes.append(Mistake(new.names[k], label, classes[answer], float(chances[k, answer])))
    wrong = tuple(sorted(mistakes, key=lambda one: -one.probability))
    same = float(np.mean([a == b for a, b in zip(simple, new.labels, strict=True)]))
    return LabelJudgement(tuple(classes), len(new), 1 - len(wrong) / len(new), same, confusion, wrong)


def plot_confusion(made: LabelJudgement) -> Figure:
    """How often each class was taken for each; a number in each cell, none where there was nothing."""
    figure, (axes,) = new_figure(1, 5.5)
    share = made.confusion / np.maximum(made.confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.grid(False)
    count = len(made.classes)
    if count <= SHOWN:
        names = [literal(name, 16) for name in made.classes]
        axes.set_xticks(range(count), names, rotation=90 if max(map(len, names)) > 3 else 0)
        axes.set_yticks(range(count), names)
        size = 10 if count <= 12 else 7
        for row, column in zip(*np.nonzero(made.confusion), strict=True):
            colour = "white" if share[row, column] > 0.6 else MEASURED
            axes.text(
                column,
                row,
                str(made.confusion[row, column]),
                ha="center",
                va="center",
                color=colour,
                fontsize=size,
            )
    axes.set(xlabel="answered", ylabel="class", title=f"{made.accuracy:.1%} of {made.recordings} recordings are right")
    return figure
