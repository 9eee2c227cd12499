"""What networks say about recordings: errors, several networks together, and pictures of what they learn and confuse."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from throughtime.decoding import alignment, ctc_greedy, label_error_rate, mixed
from throughtime.plots import COLOURS, new_figure
from throughtime.texts import literal


def character_error(outputs: Sequence[Any], targets: Sequence[Any]) -> float:
    """The character error of the most probable paths, in per cent."""
    return 100 * label_error_rate(targets, [ctc_greedy(y) for y in outputs])


def committee_outputs(said: Sequence[Sequence[Any]]) -> list[Any]:
    """What several networks say of each recording, `mixed`; `said`: of each network its outputs."""
    return [mixed(each) for each in zip(*said, strict=True)]


def time_means(outputs: Sequence[Any]) -> Any:
    """The outputs (N, O), integrated over the steps of each recording."""
    return np.stack([np.asarray(y).mean(0) for y in outputs])


def recording_error(outputs: Sequence[Any], targets: Sequence[Any]) -> float:
    """The share of recordings taken for another, in per cent.

    >>> recording_error([np.eye(2), np.eye(2)[:1]], [1, 0])
    50.0
    """
    return float(100 * np.mean(time_means(outputs).argmax(1) != np.asarray(targets)))


def committee_error(said: Sequence[Sequence[Any]], targets: Sequence[Any]) -> float:
    """The same of several networks, by the mean of their probabilities."""
    return float(100 * np.mean(mixed([time_means(ys) for ys in said]).argmax(1) != np.asarray(targets)))


def curves_picture(curves: Mapping[tuple[str, int], Any], what: str) -> Figure:
    """The validation error after each epoch; {(network, seed): (epochs, 4)} as courses leave them."""
    figure, (axes,) = new_figure(1, 4.0)
    names = list(dict.fromkeys(name for name, _ in curves))
    for (name, seed), whole in curves.items():
        curve = whole[~np.isnan(whole[:, 2])]  # the epochs after which the error was measured
        colour = COLOURS[names.index(name) % len(COLOURS)]
        axes.plot(curve[:, 0], curve[:, 2], color=colour, lw=1.2, alpha=0.7, label=name if seed == 0 else None)
    axes.set(xlabel="epoch", ylabel=what, title="Learning; a line is a seed", yscale="log")
    axes.legend(frameon=False)
    return figure


def confusion_picture(outputs: Sequence[Any], targets: Sequence[Any], names: Sequence[str]) -> Figure:
    """How often what was spoken (rows) is taken for what (columns), in parts of each row; (T, O) outputs, (T,) labels."""
    said = np.concatenate([np.asarray(y).argmax(-1) for y in outputs])
    counts = confusion_matrix(np.concatenate(list(targets)), said, labels=np.arange(len(names)))
    return _confusions(counts, names, "Confusions")


def edits_picture(wanted: Sequence[Sequence[Any]], given: Sequence[Sequence[Any]], names: Sequence[str]) -> Figure:
    """The same for strings, aligned by the fewest edits; the first row is what was put in, the first column what was left out.

    wanted, given  strings of labels 1, 2, ...; label 0 is the blank of CTC, and so nothing
    """
    pairs = [(a or 0, b or 0) for one, other in zip(wanted, given, strict=True) for a, b in alignment(one, other)]
    counts = confusion_matrix(*zip(*pairs, strict=True), labels=np.arange(len(names)))
    return _confusions(counts, ["nothing", *names[1:]], "Characters, aligned by the fewest edits")


def _confusions(counts: Any, names: Sequence[str], title: str) -> Figure:
    labels, shown = np.arange(len(names)), [literal(name) for name in names]
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = Figure(figsize=(7.5, 7.5), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares**0.5, cmap="Blues", vmin=0, vmax=1)
    if len(names) <= 5:
        for row, column in np.ndindex(counts.shape):
            colour = "white" if shares[row, column] > 0.4 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
    size = 12 if len(names) <= 5 else 6
    axes.set_xticks(labels, shown, fontsize=size)
    axes.set_yticks(labels, shown, fontsize=size)
    axes.set(xlabel="taken for", ylabel="spoken", title=f"{title}\n(the shade is the root of the share of the row)")
    return figure


def outputs_picture(ys: Any, target: Any, names: Sequence[str]) -> Figure:
    """What a network says over time, and below it what was spoken: outputs (T, O) are net inputs of a softmax."""
    chances = np.asarray(jax.nn.softmax(np.asarray(ys, float)))
    truth = np.asarray(target)
    used = [k for k in range(len(names)) if chances[:, k].max() > 0.5 or (truth == k).any()]
    figure, panels = new_figure(2, 6.0, width=9.0)
    for axes, what, values in zip(panels, ("said", "spoken"), (chances, np.eye(len(names))[truth]), strict=True):
        axes.imshow(values[:, used].T, aspect="auto", cmap="Greys", vmin=0, vmax=1, interpolation="none")
        axes.set_yticks(range(len(used)), [names[k] for k in used], fontsize=6)
        axes.grid(False)
        axes.set_ylabel(what)
    panels[-1].set_xlabel("frame")
    panels[0].set_title("One test recording over time", loc="left")
    return figure
