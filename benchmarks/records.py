"""Long records: a fit with many restarts, and a free run, in bounded memory."""

from typing import Any

import numpy as np

import throughtime as tt
from benchmarks import gate
from benchmarks.machine import fresh
from benchmarks.one_record import EPOCHS, network, record
from benchmarks.table import Row, Table

LIMITS = {"fit": 2000.0, "run": 700.0}  # MB in all, of the process


def records(quick: bool) -> Table:
    """A fit of 20 restarts on 100,000 steps, and free runs of a million."""
    exactness()
    scale = 50 if quick else 1
    rows = [_row("fit", 100_000 // scale, 20, EPOCHS)]
    rows += [_row("run", 1_000_000 // scale, members, None) for members in (1, 20)]
    return Table("records", "long records: NARX, 10 units, 3 input and 2 output delays, one core", rows)


def _row(kind: str, steps: int, members: int, epochs: Any) -> Row:
    found, limit = fresh("one_record", kind, str(steps), str(members)), LIMITS[kind]
    words = "free run" if epochs is None else f"fit, {epochs['open']} epochs open, {epochs['closed']} closed"
    values = {
        "case": f"{words}, {steps} steps",
        "members": members,
        "s": found["seconds"],
        "us per step and member": 1e6 * found["seconds"] / steps / members / sum((epochs or {"run": 1}).values()),
        "MB before": f"{found['before']:.0f}",
        "most MB": f"{found['most']:.0f}",
    }
    return Row(values, f"< {limit:g} MB", found["most"] < limit)


def exactness() -> None:
    """A free run in pieces is the free run of the whole."""
    wiring, (u, _) = network(), record(300)
    model = tt.DynamicModel.from_model(tt.Model(wiring, tt.init(wiring, 0), (tt.Column("u"),), (tt.Column("y"),)))
    whole = model.simulate(u)
    first = model.start()
    parts = np.array([first.step(x) for x in u])
    gate.same("free run, step by step", {"y": parts}, {"y": whole}, 1e-4)
