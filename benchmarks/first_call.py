"""The first call, compilation included, each in a process of its own without any cache of compiled programs."""

from statistics import median
from typing import Any

import jax

import throughtime as tt
from benchmarks import gate
from benchmarks.machine import fresh
from benchmarks.one_call import BATCH, setting
from benchmarks.table import Row, Table

BARS = {"tanh": 2.0, "lstm": 4.0, "narx": 5.0}
WORDS = {
    "tanh": "fully recurrent, 64 units",
    "lstm": "LSTM, 64 units",
    "narx": "NARX, closed loop, 50 output delays, 10 units",
}


def first_call(quick: bool) -> Table:
    """Import, first weights and carry, first `BPTT().learn`, first `run`."""
    for name in BARS:
        exactness(name)
    count = 1 if quick else 3
    learn = {name: [fresh("one_call", name, "learn") for _ in range(count)] for name in BARS}
    run = {name: [fresh("one_call", name, "run") for _ in range(count)] for name in BARS}
    rows = [_row("import throughtime", [one for runs in learn.values() for one in runs], "import")]
    for name, bar in BARS.items():
        rows.append(_row(f"{WORDS[name]}: BPTT().learn", learn[name], "call", bar))
        rows.append(_row(f"{WORDS[name]}: run", run[name], "call"))
        rows.append(_row(f"{WORDS[name]}: init, before learn", learn[name], "init"))
    return Table("first-call", "first-call: seconds, in a fresh process, nothing cached, one core", rows)


def _row(case: str, runs: list[dict[str, Any]], key: str, bar: float | None = None) -> Row:
    seconds = [float(one[key]) for one in runs]
    middle = median(seconds)
    values = {"case": case, "median s": middle, "from": f"{min(seconds):.2f} .. {max(seconds):.2f}"}
    return Row(values, f"<= {bar:g} s", middle <= bar) if bar is not None else Row(values)


def exactness(name: str) -> None:
    """The gradient about to be timed equals automatic differentiation through `run`."""
    network, weights, xs, targets = setting(name)
    learner, loss = tt.BPTT(), tt.SquaredError()
    right = jax.jit(jax.grad(lambda w: loss(tt.run(network, w, xs)[0], targets).sum()))(weights)
    _, lesson = learner.learn(network, weights, learner.init(network, weights, BATCH), xs, targets, loss)
    gate.same(f"BPTT(), {WORDS[name]}", gate.leaves(lesson.gradients), gate.leaves(right), 1e-4)
