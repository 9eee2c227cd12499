"""One process, one long record: `python -m benchmarks.one_record fit|run STEPS MEMBERS` prints its memory and its time."""

import json
import sys
import time
from typing import Any

import numpy as np

import throughtime as tt
from benchmarks.machine import resident
from throughtime.dynamics.teaching import Teaching

EPOCHS = {"open": 20, "closed": 20}
STAGES = [Teaching("open", EPOCHS["open"], look=10), Teaching("closed", EPOCHS["closed"], look=10, every=1000)]


def record(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """A damped second-order system with a saturating input, driven by steps of random height."""
    u = np.repeat(np.random.default_rng(0).standard_normal(-(-steps // 5)), 5)[:steps]
    y = np.zeros(steps)
    for t in range(2, steps):
        y[t] = 1.2 * y[t - 1] - 0.5 * y[t - 2] + 0.3 * np.tanh(u[t]) + 0.1 * u[t - 1]
    return u, y


def network() -> tt.Network:
    """NARX, ten hidden units."""
    return tt.narx(1, 10, 1, range(3), (1, 2))


def fit(steps: int, members: int) -> dict[str, Any]:
    """Teacher forcing, then closed loop with an update every 1000 steps; all members side by side."""
    u, y = record(steps)
    before, begin = resident(), time.perf_counter()
    model = tt.DynamicModel(network(), STAGES, restarts=members, random_state=0).fit(u, y)
    best = min(member["error"] for member in model.members_)
    return {"before": before, "seconds": time.perf_counter() - begin, "most": _most(), "error": best}


def run(steps: int, members: int) -> dict[str, Any]:
    """A free run in pieces of 4096 steps; memory grows by the record and the outputs only."""
    u, _ = record(2000)
    weights = [tt.init(network(), seed) for seed in range(members)]
    model = tt.DynamicModel(network(), restarts=members)
    model = model.from_model(_model(weights))
    model.simulate(u[: 2 * 4096 + 1])  # compiled
    drive = np.random.default_rng(1).standard_normal(steps)
    model.simulate(drive[:5000])
    before, begin = resident(), time.perf_counter()
    ys = model.simulate(drive)
    if not np.isfinite(ys).all():
        raise FloatingPointError("the free run did not stay finite")
    return {"before": before, "seconds": time.perf_counter() - begin, "most": _most()}


def _model(weights: list[Any]) -> tt.Model:
    columns = tt.Column("u"), tt.Column("y")
    stacked = {
        layer: {key: np.stack([w[layer][key] for w in weights]) for key in own} for layer, own in weights[0].items()
    }
    return tt.Model(network(), stacked, columns[:1], columns[1:], members=len(weights))


def _most() -> float:
    return resident("VmHWM")


if __name__ == "__main__":  # started by `records`, whose settled environment it inherits
    print(json.dumps({"fit": fit, "run": run}[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]))))
