"""Pictures of what a network says over time."""

from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from throughtime.datasets.an4 import NAMES
from throughtime.decoding import Sentences
from throughtime.experiments.speech_text import greedy
from throughtime.plots import COLOURS, new_figure
from throughtime.texts import literal


def example_picture(outputs: list[Any], texts: list[str], decoder: Sentences) -> Figure:
    """What a network says over time of an utterance with a mistake, the first of middle length."""
    read, length = greedy(outputs), np.median([len(text) for text in texts])
    wrong_ones = [n for n, text in enumerate(texts) if read[n] != text and len(text) >= length]
    number = [*wrong_ones, 0][0]
    chances = np.asarray(jax.nn.softmax(np.asarray(outputs[number], float)))
    figure, (axes,) = new_figure(1, 3.6, width=9.0)
    time_ = 0.02 * np.arange(len(chances))
    axes.plot(time_, chances[:, 0], color="#bbbbbb", lw=0.8, label="nothing")
    for place, k in enumerate(np.flatnonzero(chances[:, 1:].max(0) > 0.1) + 1):
        axes.plot(time_, chances[:, k], color=COLOURS[place % len(COLOURS)], lw=1.2)
        for peak in _peaks(chances[:, k]):
            axes.annotate(NAMES[k].replace(" ", "_"), (time_[peak], chances[peak, k]), ha="center", va="bottom")
    decoded = decoder([outputs[number]])[0]
    axes.set(xlabel="seconds", ylabel="probability", ylim=(0, 1.1))
    told = {"said": texts[number], "greedy": read[number], "decoder": decoded}
    axes.set_title("\n".join(literal(f"{who}: {text}") for who, text in told.items()), loc="left", fontsize=9)
    axes.legend(frameon=False, loc="upper right")
    return figure


def _peaks(chances: Any) -> list[int]:
    """Where it is above 0.1 and higher than around."""
    padded = np.concatenate([[0.0], chances, [0.0]])
    top = (padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:]) & (chances > 0.1)
    return list(np.flatnonzero(top))
