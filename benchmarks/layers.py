"""Forward and backward of one recurrent layer, against torch's own layer and plain JAX."""

from typing import Any

import jax
import numpy as np

import throughtime as tt
from benchmarks import gate
from benchmarks.plain import Arrays, jax_scan, torch_layer
from benchmarks.table import Row, Table, against
from benchmarks.timing import Contestant, interleave

SIZES = ((1000, 1, 32), (100, 32, 64), (200, 64, 128), (100, 32, 256), (100, 64, 512), (1000, 1, 256))
TOLERANCE = 1e-4  # float32, relative


def tanh(quick: bool) -> Table:
    """One fully recurrent tanh layer; at least as fast as both peers at every size."""
    return _table("tanh", quick, bar=1.0)


def lstm(quick: bool) -> Table:
    """One LSTM layer; reported."""
    return _table("lstm", quick, bar=None)


def _table(kind: str, quick: bool, bar: float | None) -> Table:
    rows = [row for size in SIZES[: 2 if quick else None] for row in _size(kind, *size, quick, bar)]
    return Table(kind, f"{kind}: forward + backward of one recurrent layer, inputs = units, float32, one core", rows)


def _size(kind: str, steps: int, batch: int, units: int, quick: bool, bar: float | None) -> list[Row]:
    case = f"T {steps}, B {batch}, units {units}"
    mine, *peers = contestants(kind, steps, batch, units)
    found = mine.found()
    for peer in peers:
        gate.same(f"{kind}, {case}, against {peer.name}", found, peer.found(), TOLERANCE)
    times = interleave([mine, *peers], rounds=3 if quick else 11, turn=0.02 if quick else 0.06)
    return [against(case, times, mine.name, peer.name, "ms", bar) for peer in peers]


def contestants(kind: str, steps: int, batch: int, units: int) -> list[Contestant]:
    """Ours first, then the peers, on the same weights and data."""
    unit = {"tanh": tt.units.tanh, "lstm": tt.units.lstm}[kind]
    layer = tt.Layer("h", units, unit, ["x", tt.Connection("h", 1, name="r")])
    network = tt.Network({"x": units}, [layer], "h")
    random = np.random.default_rng(0)
    xs = random.standard_normal((steps, batch, units), np.float32)
    targets = random.standard_normal((steps, batch, units), np.float32)
    weights = tt.init(network, 0, np.float32)
    shared = _shared(weights)
    return [
        ours(network, weights, xs, targets),
        torch_layer(kind, shared, xs, targets),
        jax_scan(kind, shared, xs, targets),
    ]


def ours(network: tt.Network, weights: Any, xs: np.ndarray, targets: np.ndarray) -> Contestant:
    """`BPTT().learn` as a training step uses it: loss and gradients, in one compiled function."""
    learner, loss = tt.BPTT(), tt.SquaredError()
    data = jax.device_put((weights, learner.init(network, weights, xs.shape[1]), xs, targets))

    @jax.jit
    def step(weights: Any, carry: Any, xs: Any, targets: Any) -> Any:
        _, lesson = learner.learn(network, weights, carry, xs, targets, loss)
        return lesson.loss, lesson.gradients

    def read(found: Any) -> Arrays:
        return {"loss": np.asarray(found[0]), **_shared(found[1])}

    return Contestant("BPTT()", lambda: jax.block_until_ready(step(*data)), read)


def _shared(weights: Any) -> Arrays:
    """From throughtime's (D, S, nets, N) to the layout all contestants share."""
    own = weights["h"]
    dense = {key: np.asarray(own[key]).reshape(own[key].shape[1], -1) for key in ("x", "r")}
    return {**dense, "b": np.asarray(own["bias"]).reshape(-1)}
