"""Counting: which networks learn a^n b^n and a^n b^n c^n from n = 1..10, and to what n do they go on being right?

A string is told symbol by symbol, S a...a b...b, and at every step the network must name the symbols that may come next: after S
only a; after some a, a or b; then b until there are as many as there were a, and at last T, the end (Gers & Schmidhuber
2001). To know when the end comes it must count; a^n b^n c^n, which no context-free grammar describes, takes two counters.

Data: the ten strings with n = 1..10, for a^n b^n and for a^n b^n c^n. Inputs are 1 for the symbol told and 0 for the others;
targets are 1 for what may come next and -1 for what may not, and an answer is right if all outputs have the right
sign. A string counts if every step of it is right, and a seed's result is the largest n so that it and all
shorter strings count, asked up to n = 1000.

Every network has 8 hidden units and linear outputs and is trained by BPTT on the squared error, an update after every string,
6000 epochs of Adam with a rate that falls from 0.01 to a hundredth of it (Elman, Jordan, NARX, focused: 0.003), gradients
clipped at 1. Gates begin open, so that what is stored stays: bias 9 for the forget gates of LSTM, 4 for the update gates of
GRU. The neural Turing machine has an LSTM of 8 units for its controller, with the same bias, and a memory of 32 slots of 8
numbers, a slot for every step of the longest training string. The window and the TDNN see just what training shows, the
longest string. Beside them, as the yardstick, what a finite memory of training can do: right up to n = 10 and no further.
`--quick`: the LSTM on a^n b^n; half of its seeds are right up to n = 100 and more.

The extended Kalman filter, decoupled unit by unit, also updates after every string, but sees every string only 40 times. It
teaches an LSTM of 4 units, by an error that is 0 for an output beyond its target on the right side, so that a count may show
as it is; an LSTM of 4 units with that error and Adam stands beside it, so that only the teacher differs.

Sources: F. Gers, J. Schmidhuber, IEEE Trans. Neural Networks 12, 2001, whose LSTM has peepholes and linear cell outputs; with
the Kalman filter: J. A. Perez-Ortiz, F. Gers, D. Eck, J. Schmidhuber, Neural Networks 16, 2003 (noise and P recalled).

What was tried, and how choices were made: `docs/counting.md`.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from matplotlib.figure import Figure

from throughtime import engine
from throughtime.architectures import (
    elman,
    feedforward,
    focused,
    fully_recurrent,
    gru,
    jordan,
    lstm,
    narx,
    tdnn,
    window,
)
from throughtime.experiments import Progress, Result, Results, result_rows
from throughtime.experiments.counting_data import ASKED, TRAINED, counting_strings, longest_right
from throughtime.experiments.ledger import Ledger, Looks
from throughtime.external_memory import ntm
from throughtime.io import files
from throughtime.learners import BPTT
from throughtime.losses import SquaredError
from throughtime.network import Network
from throughtime.plots import COLOURS
from throughtime.training import train
from throughtime.training.kalman_filter import KalmanFilter

LANGUAGES = {"a^n b^n": 2, "a^n b^n c^n": 3}
SEEDS, FIRST_SEED, EPOCHS, LOOK, UNITS, CLIP = 10, 100, 6000, 500, 8, 1.0
# The Kalman filter, and the epochs with it.
FILTER, FILTERED = KalmanFilter((100.0, 3.0), (1e-2, 1e-6), covariance=10.0, annealing=200.0), 40
SLOTS = 32  # of the memory of the neural Turing machine: as many as the longest training string has steps
METRIC = "right up to n"


class Pupil(NamedTuple):
    """A network for so many letters, and how it is taught.

    rate     of Adam, at first
    gate     the net input of the first layer that begins with a bias, if one does
    limited  outputs beyond 1 and -1 cost nothing where they are on the right side
    filter   what teaches it in the place of Adam
    """

    network: Network
    rate: float = 0.01
    gate: str | None = None
    bias: float = 0.0
    limited: bool = False
    filter: KalmanFilter | None = None


def pupils(letters: int) -> dict[str, Pupil]:
    """The networks of the library; inputs S, a, b, ..., outputs a, b, ..., T."""
    sizes = letters + 1, UNITS, letters + 1
    small = lstm(letters + 1, UNITS // 2, letters + 1)
    width = letters * max(TRAINED) + 1
    half = range(width // 2 + 1)
    return {
        "LSTM": Pupil(lstm(*sizes), gate="forget", bias=9.0),
        "LSTM, 4 units": Pupil(small, gate="forget", bias=15.0, limited=True),
        "LSTM, Kalman filter": Pupil(small, gate="forget", bias=15.0, limited=True, filter=FILTER),
        "NTM": Pupil(ntm(*sizes, slots=SLOTS, width=UNITS), gate="forget", bias=9.0),
        "GRU": Pupil(gru(*sizes), gate="update", bias=4.0),
        "fully recurrent": Pupil(fully_recurrent(*sizes)),
        "Elman": Pupil(elman(*sizes), rate=0.003),
        "Jordan": Pupil(jordan(*sizes), rate=0.003),
        "NARX": Pupil(narx(*sizes), rate=0.003),
        "focused": Pupil(focused(*sizes), rate=0.003),
        "window": Pupil(window(*sizes, width)),
        "TDNN": Pupil(tdnn(*sizes, [half, half])),
        "feedforward": Pupil(feedforward(*sizes)),
    }


def first_weights(pupil: Pupil, seed: int) -> Any:
    """First weights, with the bias of the gate."""
    weights = engine.init(pupil.network, seed)
    if pupil.gate is not None:
        first = pupil.network.layers[0]
        row = first.biased.index(first.nets.index(pupil.gate))
        weights[first.name]["bias"] = weights[first.name]["bias"].at[row].set(pupil.bias)
    return weights


def trained_seeds(pupil: Pupil, letters: int, seeds: int, epochs: int, looks: Looks) -> tuple[Any, Any]:
    """Weights of all seeds, trained side by side, and their last mean losses."""
    made = [first_weights(pupil, FIRST_SEED + seed) for seed in range(seeds)]
    adam = optax.adam(optax.cosine_decay_schedule(pupil.rate, epochs * len(TRAINED), 0.01))
    weights = jax.tree.map(lambda *leaves: jnp.stack(leaves), *made)
    ends = (1.0,) * (letters + 1)
    loss = SquaredError(tuple(-end for end in ends), ends) if pupil.limited else SquaredError()
    how: dict[str, Any] = {"epochs": epochs, "look": min(LOOK, epochs), "batch": 1, "padding": 9.0}
    how["clip"] = None if pupil.filter else CLIP
    optimizer = pupil.filter or adam
    args = pupil.network, weights, BPTT(), loss, optimizer, counting_strings(letters)
    *_, last = looks(partial(train, *args, members=seeds, **how), pupil, seeds, epochs)
    return last.weights, last.loss


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Train every network from every seed, ask how far it counts, write table and picture."""
    count = seeds or SEEDS
    languages = dict(list(LANGUAGES.items())[:1]) if quick else LANGUAGES
    ledger, results, notes = Ledger.of(out, "counting", quick), list[Result](), list[str]()
    for place, (language, letters) in enumerate(languages.items()):
        known = {"LSTM": pupils(letters)["LSTM"]} if quick else pupils(letters)
        for number, (name, pupil) in enumerate(known.items()):
            progress((place + number / len(known)) / len(languages), f"{language}, {name}")
            looks = partial(ledger.looks, f"{language}, {name}")
            weights, losses = trained_seeds(pupil, letters, count, FILTERED if pupil.filter else EPOCHS, looks)
            results.append(Result(name, language, METRIC, longest_right(pupil.network, letters, weights)))
            notes.append(f"{language}, {name}: training error {min(losses):.1e} to {max(losses):.1e}")
    progress(1.0, "done")
    baselines = [Result("memory of training", language, METRIC, [max(TRAINED)]) for language in languages]
    files.write(out / "counting.csv", pd.DataFrame(result_rows([*results, *baselines])).to_csv(index=False))
    files.write_whole(out / "counting.png", _picture(results, count))
    return Results(results, baselines, notes=notes)


def _picture(results: list[Result], seeds: int) -> Figure:
    languages = list(dict.fromkeys(made.split for made in results))
    names = list(dict.fromkeys(made.network for made in results))
    figure = Figure(figsize=(1.2 + 5.2 * len(languages), 3.8), dpi=150, layout="constrained")
    for axes, language in zip(
        figure.subplots(1, len(languages), sharey=True, squeeze=False)[0], languages, strict=True
    ):
        axes.axhspan(0.8, max(TRAINED), color="#f3e6d3", lw=0)
        for made in results:
            if made.split == language:
                place = names.index(made.network)
                spread = place + np.linspace(-0.25, 0.25, len(made.values))
                axes.plot(spread, np.maximum(sorted(made.values), 0.9), "o", ms=4, color=COLOURS[0], alpha=0.7)
                axes.plot(place + np.array([-0.3, 0.3]), [np.median(made.values)] * 2, color=COLOURS[1], lw=2)
        axes.set(yscale="log", ylim=(0.8, 1.3 * ASKED[-1][1]), title="$" + language.replace(" ", r"\,") + "$")
        axes.set_xticks(range(len(names)), names, rotation=35, ha="right", fontsize=8)
        axes.axhline(ASKED[-1][1], color="grey", lw=0.8, ls=":")
    figure.axes[0].set_ylabel("right for all n up to")
    figure.suptitle(
        f"Each of {seeds} seeds a dot, red: the median\nshaded: n in training; dotted: not asked further", fontsize=9
    )
    return figure
