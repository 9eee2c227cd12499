"""One process, many lengths: `python -m benchmarks.one_length KIND COUNT` prints what a new and a known length cost."""

import json
import sys
import time
from statistics import median
from typing import Any

import jax
import numpy as np

import throughtime as tt
from benchmarks.machine import resident
from benchmarks.one_record import network, record

KINDS = ("forecast, growing", "forecast, sliding", "simulate", "predict, gaps", "predict, 6 ahead")
LENGTHS, MEMBERS, FIRST = 300, 5, 300
RECORD = record(FIRST + LENGTHS)


def model() -> tt.DynamicModel:
    """Five networks as they were drawn."""
    drawn = [tt.init(network(), seed) for seed in range(MEMBERS)]
    weights = jax.tree.map(lambda *leaves: np.stack(leaves), *drawn)
    columns = (tt.Column("u"),), (tt.Column("y"),)
    return tt.DynamicModel.from_model(tt.Model(network(), weights, *columns, members=MEMBERS))


def asked(made: tt.DynamicModel, kind: str, number: int) -> Any:
    """One call, at the length of that number."""
    u, y = RECORD
    end = FIRST + number
    match kind:
        case "forecast, growing":
            return made.forecast(5, u[:5], history=(u[:end], y[:end]))
        case "forecast, sliding":
            return made.forecast(5 + number, u[: 5 + number], history=(u[number:end], y[number:end]))
        case "simulate":
            return made.simulate(u[:end])
        case "predict, gaps":
            return made.predict(u[:end], np.where(np.arange(end) % 50 < 40, y[:end], np.nan))
        case _:
            return made.predict(u[:end], y[:end], ahead=6)


def measured(kind: str, count: int) -> dict[str, Any]:
    """Milliseconds per call, medians: a new length, the same again; programs compiled meanwhile; resident MB before and after."""
    made, compiled = model(), list[str]()
    for number in range(0, count, max(1, count // 5)):  # the sizes of blocks
        asked(made, kind, number)
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, _, **__: compiled.append(event) if event.endswith("backend_compile_duration") else None
    )
    before = resident()
    times = [(_timed(made, kind, number), _timed(made, kind, number)) for number in range(count)]
    new, known = (1e3 * median(side) for side in zip(*times, strict=True))
    return {"new": new, "known": known, "programs": len(compiled), "before": before, "after": resident()}


def _timed(made: tt.DynamicModel, kind: str, number: int) -> float:
    begin = time.perf_counter()
    asked(made, kind, number)
    return time.perf_counter() - begin


if __name__ == "__main__":  # started by `lengths`, whose settled environment it inherits
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
