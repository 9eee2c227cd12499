"""Data with known delays, for the experiment on learned ones: systems y_j(t) = tanh(what is heard) + noise.

Every output hears every input at one delay of its own (`taps`: at several), and in the task with feedback every output too:

    y_j(t) = tanh(sum over i, k of w_ijk x_i(t - d_ijk)  +  sum over l of v_lj y_l(t - e_lj)) + noise
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from throughtime import units
from throughtime.layers import Connection, Layer, LearnedDelays
from throughtime.network import Network

LONGEST, INPUTS, OUTPUTS, NOISE = 40, 6, 3, 0.3
Values = NDArray[Any]


class DelayTask(NamedTuple):
    """smooth: how an input resembles its last value, 0 to 1; taps: delays per pair of input and output; feedback: a NARX system."""

    smooth: float = 0.0
    taps: int = 1
    feedback: bool = False

    @property
    def sources(self) -> dict[str, tuple[int, int]]:
        """{source: (size, delays per pair)} of what an output hears."""
        return {"input": (INPUTS, self.taps)} | ({"output": (OUTPUTS, 1)} if self.feedback else {})

    def network(self, learned: bool) -> Network:
        """The network that can be the system: with learned delays, as many as there are, or with a weight for every delay."""
        heard = []
        for source, (_, taps) in self.sources.items():
            names = [None, *(f"{source} {k}" for k in range(2, taps + 1))]
            soft = [Connection(source, weight=LearnedDelays(LONGEST), name=name) for name in names]
            heard += soft if learned else [Connection(source, tuple(range(1, LONGEST + 1)))]
        return Network(INPUTS, (Layer("output", OUTPUTS, units.tanh, tuple(heard)),), "output")


class Taps(NamedTuple):
    """Of one source: delays (K, S, N) and their weights (K, S, N)."""

    delays: Values
    weights: Values


class DelaySystem(NamedTuple):
    """A system and its series: for training and validation with noise; for the test the outputs are those without any."""

    known: dict[str, Taps]
    training: tuple[Values, Values]
    validation: tuple[Values, Values]
    test: tuple[Values, Values]


def data(task: DelayTask, seed: int, steps: int) -> DelaySystem:
    """A system drawn at random, and three series of it; the test one has a thousand steps."""
    random = np.random.default_rng(seed)
    known = {source: _drawn(source, size, taps, random) for source, (size, taps) in task.sources.items()}
    made = [_series(task, known, random, long, noise) for long, noise in ((steps, NOISE), (steps, NOISE), (1000, 0.0))]
    return DelaySystem(known, *made)


def _drawn(source: str, size: int, taps: int, random: np.random.Generator) -> Taps:
    pairs = [[random.choice(LONGEST, taps, replace=False) + 1 for _ in range(OUTPUTS)] for _ in range(size)]
    delays = np.moveaxis(np.array(pairs), -1, 0)
    scale = 0.9 / size if source == "output" else 1.5 / np.sqrt(size * taps)  # feedback that dies away
    return Taps(delays, scale * random.uniform(0.5, 1, delays.shape) * random.choice([-1, 1], delays.shape))


def _series(
    task: DelayTask, known: dict[str, Taps], random: np.random.Generator, steps: int, noise: float
) -> tuple[Values, Values]:
    """x and y, from y = 0; the first LONGEST steps only fill the delays."""
    x, y = random.normal(size=(steps + LONGEST, INPUTS)), np.zeros((steps + LONGEST, OUTPUTS))
    for t in range(1, len(x)):
        x[t] = task.smooth * x[t - 1] + (1 - task.smooth**2) ** 0.5 * x[t]
    past = {"input": x, "output": y}
    for t in range(LONGEST, len(x)):
        net = sum((past[s][t - d, np.arange(d.shape[1])[:, None]] * w).sum((0, 1)) for s, (d, w) in known.items())
        y[t] = np.tanh(net) + noise * random.normal(size=OUTPUTS)
    return x, y


def found(known: dict[str, Taps], delays: dict[str, Values]) -> float:
    """The share of the system's delays that are among those found, (K, S, N) per source."""
    hits = [
        len(set(taps.delays[:, s, n].tolist()) & set(delays[source][:, s, n].tolist())) / len(taps.delays)
        for source, taps in known.items()
        for s, n in np.ndindex(*taps.delays.shape[1:])
    ]
    return float(np.mean(hits))
