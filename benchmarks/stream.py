"""A stream that does not end: a million steps of learning, stretch by stretch, in the memory of one stretch."""

from typing import Any

import jax
import numpy as np

import throughtime as tt
from benchmarks import gate
from benchmarks.machine import fresh
from benchmarks.one_stream import LEARNERS, STRETCH, UNITS, network, stretch
from benchmarks.table import Row, Table

GROWTH = 2.0  # percent, from a tenth of the stream to the most there ever was


def stream(quick: bool) -> Table:
    """Resident memory after a tenth of the stream and at its end, and the time per step."""
    for name in LEARNERS:
        exactness(name)
    steps = 20_000 if quick else 1_000_000
    rows = [_row(name, steps, fresh("one_stream", name, str(steps))) for name in LEARNERS]
    title = f"stream: {steps} steps in stretches of {STRETCH}, {UNITS} tanh units, an update after each, one core"
    return Table("stream", title, rows)


def _row(name: str, steps: int, found: dict[str, Any]) -> Row:
    early, late, most = found["resident"][0], found["resident"][-1], max(found["resident"])
    growth = 100 * (most - early) / early
    values = {
        "learner": name,
        "us per step": 1e6 * found["seconds"] / steps,
        "MB at 10 %": f"{early:.1f}",
        "MB at the end": f"{late:.1f}",
        "most MB": f"{most:.1f}",
        "growth %": growth,
    }
    return Row(values, f"< {GROWTH:g} %", growth < GROWTH)


def exactness(name: str) -> None:
    """At fixed weights, the lessons of two stretches add up to the lesson of the whole."""
    wiring, learner, loss = network(), LEARNERS[name], tt.SquaredError()
    with jax.enable_x64(True):
        weights = tt.init(wiring, 0, np.float64)
        xs, targets = (part.astype(np.float64) for part in stretch(np.random.default_rng(0), 60))
        first = learner.init(wiring, weights, 1)
        _, right = learner.learn(wiring, weights, first, xs, targets, loss)
        carry, one = learner.learn(wiring, weights, first, xs[:30], targets[:30], loss)
        _, two = learner.learn(wiring, weights, carry, xs[30:], targets[30:], loss)
    total = jax.tree.map(lambda a, b: np.asarray(a) + np.asarray(b), one.gradients, two.gradients)
    gate.same(f"{name} over a cut", gate.leaves(total), gate.leaves(right.gradients), 1e-10)
