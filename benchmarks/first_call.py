"""The first call, compilation included, each in a process of its own without any cache of compiled programs.

`python -m benchmarks.first_call NETWORK LEARN_OR_RUN` prints what one such process measured.
"""

import json
import sys
import time
from statistics import median
from typing import Any

from benchmarks import gate
from benchmarks.machine import fresh, settle
from benchmarks.table import Row, Table

BARS = {"tanh": 2.0, "lstm": 4.0, "narx": 5.0}
WORDS = {
    "tanh": "fully recurrent, 64 units",
    "lstm": "LSTM, 64 units",
    "narx": "NARX, closed loop, 50 output delays, 10 units",
}
STEPS, BATCH = 100, 8


def first_call(quick: bool) -> Table:
    """Import, first weights and carry, first `BPTT().learn`, first `run`."""
    for name in BARS:
        exactness(name)
    count = 1 if quick else 3
    learn = {name: [fresh("first_call", name, "learn") for _ in range(count)] for name in BARS}
    run = {name: [fresh("first_call", name, "run") for _ in range(count)] for name in BARS}
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


def setting(name: str) -> tuple[Any, ...]:
    """Network, weights, inputs and targets."""
    import numpy as np

    import throughtime as tt

    network = {
        "tanh": lambda: tt.fully_recurrent(4, 64, 1),
        "lstm": lambda: tt.lstm(4, 64, 1),
        "narx": lambda: tt.narx(4, 10, 1, range(3), range(1, 51)),
    }[name]()
    random = np.random.default_rng(0)
    xs = random.standard_normal((STEPS, BATCH, 4), np.float32)
    return network, tt.init(network, 0), xs, random.standard_normal((STEPS, BATCH, 1), np.float32)


def exactness(name: str) -> None:
    """The gradient about to be timed equals automatic differentiation through `run`."""
    import jax

    import throughtime as tt

    network, weights, xs, targets = setting(name)
    learner, loss = tt.BPTT(), tt.SquaredError()
    right = jax.jit(jax.grad(lambda w: loss(tt.run(network, w, xs)[0], targets).sum()))(weights)
    _, lesson = learner.learn(network, weights, learner.init(network, weights, BATCH), xs, targets, loss)
    gate.same(f"BPTT(), {WORDS[name]}", _flat(lesson.gradients), _flat(right), 1e-4)


def _flat(tree: Any) -> dict[str, Any]:
    return {f"{layer} {key}": array for layer, own in tree.items() for key, array in own.items()}


def _measured(name: str, what: str) -> dict[str, float]:
    begin = time.perf_counter()
    import jax

    import throughtime as tt

    imported = time.perf_counter()
    network, weights, xs, targets = setting(name)
    learner = tt.BPTT()
    carry = learner.init(network, weights, BATCH)
    jax.block_until_ready((weights, carry))
    ready = time.perf_counter()
    if what == "learn":
        jax.block_until_ready(learner.learn(network, weights, carry, xs, targets, tt.SquaredError()))
    else:
        jax.block_until_ready(tt.run(network, weights, xs))
    done = time.perf_counter()
    return {"import": imported - begin, "init": ready - imported, "call": done - ready}


if __name__ == "__main__":
    settle()
    print(json.dumps(_measured(*sys.argv[1:])))
