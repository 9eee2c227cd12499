"""Temporal generalization: which networks learn a rule about sequences of every length?

A sequence is a colour (brown, or green), n times yellow, then blue. At blue the network must say which colour stood at the
start. It is trained with n = 1..10 and asked with n up to 100,000. A network on a sliding window sees the start only while
it lies in the window; a recurrent network can store it.

Every network is trained on the same 20 sequences, by BPTT, with the same optimizer and number of epochs, from every seed.
Nothing is chosen by looking at longer sequences.
"""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from jax import Array
from matplotlib.figure import Figure

from throughtime import engine
from throughtime.architectures import elman, fully_recurrent, jordan, lstm, window
from throughtime.experiments import Progress, Result, Results
from throughtime.experiments.ledger import Ledger
from throughtime.io import files
from throughtime.learners import BPTT
from throughtime.losses import CrossEntropy
from throughtime.network import Network
from throughtime.training import train

BROWN, GREEN, YELLOW, BLUE = np.eye(4, dtype=np.float32)
STARTS = np.stack([BROWN, GREEN])
TRAINED = range(1, 11)
ASKED = (*range(1, 13), 15, 20, 30, 50, 100, 1_000, 10_000, 100_000)
WINDOW = 12  # brown, ten times yellow, blue: just what training shows
SEEDS, EPOCHS, RATE, UNITS = 10, 400, 0.02, 8

NETWORKS: dict[str, Network] = {
    "LSTM": lstm(4, UNITS, 2),
    f"window of {WINDOW}": window(4, UNITS, 2, WINDOW),
    "fully recurrent": fully_recurrent(4, UNITS, 2),
    "Elman": elman(4, UNITS, 2),
    "Jordan": jordan(4, UNITS, 2),
}


def colour_sequences() -> list[tuple[Any, Any]]:
    """The 20 training sequences; the answer is asked at the last step."""
    made = []
    for n in TRAINED:
        for label, first in enumerate(STARTS):
            answers = np.full(n + 2, -1)
            answers[-1] = label
            made.append((np.stack([first, *[YELLOW] * n, BLUE]), answers))
    return made


def trained_weights(network: Network, seed: int, epochs: int, optimizer: optax.GradientTransformation) -> Any:
    """Weights after training from one seed."""
    reports = train(
        network,
        engine.init(network, seed),
        BPTT(),
        CrossEntropy(),
        optimizer,
        colour_sequences(),
        epochs=epochs,
        seed=seed,
        padding=9.0,
    )
    *_, last = reports
    return last.weights


def accuracy(network: Network, weights: Any) -> dict[int, Array]:
    """{n: share of right answers per seed}, for weights with a leading axis of seeds.

    One stream of yellow for all n: where an n is reached, blue is shown to a copy of the network.
    """
    several = partial(jax.vmap, in_axes=(0, 0, None))
    tell = jax.jit(several(partial(engine.step, network)))
    move = jax.jit(several(lambda w, h, xs: engine.run(network, w, xs, h)[1]))
    history = jax.vmap(lambda w: engine.start(network, w, len(STARTS)))(weights)
    _, history = tell(weights, history, jnp.asarray(STARTS))
    found, here = {}, 0
    for n in ASKED:
        while here < n:
            stride = next(size for size in (1000, 100, 1) if here + size <= n)
            history = move(weights, history, jnp.broadcast_to(YELLOW, (stride, len(STARTS), 4)))
            here += stride
        answers, _ = tell(weights, history, jnp.broadcast_to(BLUE, STARTS.shape))
        found[n] = (answers.argmax(-1) == jnp.arange(len(STARTS))).mean(-1)
    return found


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:
    """Train every network from every seed, ask it, write table and picture."""
    count = seeds or SEEDS
    networks = dict(list(NETWORKS.items())[:2]) if quick else NETWORKS
    ledger, optimizer, results = Ledger.of(out, "temporal-generalization", quick), optax.adam(RATE), []
    for place, (name, network) in enumerate(networks.items()):
        made = []
        for seed in range(count):
            piece = partial(trained_weights, network, seed, EPOCHS, optimizer)
            made.append(ledger.once(f"{name}, seed {seed}", piece, EPOCHS, RATE, network))
            progress((place + (seed + 1) / (count + 1)) / len(networks), f"{name}, seed {seed}")
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *made)
        for n, values in accuracy(network, stacked).items():
            results.append(Result(name, f"n={n}", "accuracy", [float(v) for v in values]))
    table = _table(results)
    files.write(out / "temporal-generalization.csv", table.to_csv(index=False))
    files.write_whole(out / "temporal-generalization.png", _picture(table, count))
    return Results(results, [Result("guessing", f"n={n}", "accuracy", [1 / len(STARTS)]) for n in ASKED])


def _table(results: list[Result]) -> pd.DataFrame:
    rows = [
        {"network": r.network, "n": int(r.split[2:]), "seed": seed, "accuracy": value}
        for r in results
        for seed, value in enumerate(r.values)
    ]
    return pd.DataFrame(rows)


def _picture(table: pd.DataFrame, seeds: int) -> Figure:
    names = list(table.network.unique())
    figure = Figure(figsize=(2.6 * len(names) + 0.6, 3.4), dpi=150, layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True)
    for axes, name in zip(panels, names, strict=True):
        lines = table[table.network == name].pivot(index="n", columns="seed", values="accuracy")
        axes.axvspan(0.8, max(TRAINED) + 0.5, color="#f3e6d3", lw=0)
        axes.axhline(0.5, color="grey", lw=0.8, ls=":")
        axes.plot(lines.index, lines, color="#33475b", lw=0.7, alpha=0.4)
        axes.plot(lines.index, lines.mean(axis=1), color="#d1495b", marker="o", ms=3.5, lw=2)
        axes.set(xscale="log", title=name, xlabel="n")
        axes.set_ylim(-0.04, 1.04)
    panels[0].set_ylabel("right answers")
    figure.suptitle(
        f"Which colour stood before n times yellow?{' ' if len(names) > 3 else chr(10)}"
        f"Each of {seeds} seeds thin, the mean bold; shaded: lengths seen in training",
        fontsize=10,
    )
    return figure
