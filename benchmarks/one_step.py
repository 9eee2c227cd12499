"""Streaming from Python: `tt.step` against a jitted function that does nothing."""

from collections.abc import Callable
from statistics import median
from typing import Any

import jax
import numpy as np

import throughtime as tt
from benchmarks import gate, machine
from benchmarks.table import Row, Table
from benchmarks.timing import Contestant, interleave

INPUTS, UNITS, STEPS, BAR = 4, 32, 200, 2.0
NETWORKS = {"fully recurrent": tt.fully_recurrent, "LSTM": tt.lstm}


def one_step(quick: bool) -> Table:
    """Each call waits for its output, as whoever must act on it does."""
    rows = [row for name in NETWORKS for row in _rows(name, quick)]
    title = f"step: tt.step from Python, one sequence, {INPUTS} inputs, {UNITS} units, 1 output; {machine.in_words()}"
    return Table("step", title, rows)


def _rows(name: str, quick: bool) -> list[Row]:
    network = NETWORKS[name](INPUTS, UNITS, 1)
    weights = jax.device_put(tt.init(network, 0))
    exactness(name, network, weights)
    history, x = tt.start(network, weights, 1), jax.device_put(np.ones((1, INPUTS), np.float32))
    empty = jax.jit(lambda given: given)

    def ours() -> None:
        before = history
        for _ in range(STEPS):
            y, before = tt.step(network, weights, before, x)
            y.block_until_ready()

    contestants = [
        Contestant("tt.step", ours, per=STEPS),
        Contestant("empty call, one array", _calls(lambda: empty(x)), per=STEPS),
        Contestant("empty call, all that step takes", _calls(lambda: empty((weights, history, x))), per=STEPS),
    ]
    times = interleave(contestants, rounds=3 if quick else 11, turn=0.02 if quick else 0.1)
    return [_row(name, times, peer.name, BAR if peer is contestants[1] else None) for peer in contestants[1:]]


def _calls(call: Callable[[], Any]) -> Callable[[], None]:
    def repeated() -> None:
        for _ in range(STEPS):
            jax.block_until_ready(call())

    return repeated


def _row(name: str, times: dict[str, list[float]], peer: str, bar: float | None) -> Row:
    cost = median(own / other for own, other in zip(times["tt.step"], times[peer], strict=True))
    values = {
        "network": name,
        "step us": 1e6 * median(times["tt.step"]),
        "against": peer,
        "its us": 1e6 * median(times[peer]),
        "times the cost": cost,
    }
    return Row(values) if bar is None else Row(values, f"<= {bar:g}", cost <= bar)


def exactness(name: str, network: tt.Network, weights: Any) -> None:
    """Step by step is the run of the whole."""
    xs = np.random.default_rng(0).standard_normal((20, 1, INPUTS), np.float32)
    history, found = tt.start(network, weights, 1), []
    for x in xs:
        y, history = tt.step(network, weights, history, x)
        found.append(y)
    gate.same(f"step, {name}", {"y": np.stack(found)}, {"y": tt.run(network, weights, xs)[0]}, 1e-5)
