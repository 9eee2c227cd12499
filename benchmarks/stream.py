"""A stream that does not end: a million steps of learning, stretch by stretch, in the memory of one stretch.

`python -m benchmarks.stream LEARNER STEPS` runs one such stream in a process of its own and prints what it measured.
"""

import json
import sys
import time
from typing import Any

from benchmarks import gate
from benchmarks.machine import fresh, resident, settle
from benchmarks.table import Row, Table

LEARNERS = ("RTRL(1)", "RTRL(16)", "BPTT(horizon=20)")
INPUTS, UNITS, STRETCH, RATE = 4, 8, 100, 1e-4
GROWTH = 2.0  # percent, from a tenth of the stream to its end


def stream(quick: bool) -> Table:
    """Resident memory after a tenth of the stream and at its end, and the time per step."""
    for name in LEARNERS:
        exactness(name)
    steps = 20_000 if quick else 1_000_000
    rows = [_row(name, steps, fresh("stream", name, str(steps))) for name in LEARNERS]
    title = f"stream: {steps} steps in stretches of {STRETCH}, {UNITS} tanh units, an update after each, one core"
    return Table("stream", title, rows)


def _row(name: str, steps: int, found: dict[str, Any]) -> Row:
    early, late = found["resident"][0], found["resident"][-1]
    growth = 100 * (late - early) / early
    values = {
        "learner": name,
        "us per step": 1e6 * found["seconds"] / steps,
        "MB at 10 %": f"{early:.1f}",
        "MB at the end": f"{late:.1f}",
        "most MB": f"{max(found['resident']):.1f}",
        "growth %": growth,
    }
    return Row(values, f"< {GROWTH:g} %", growth < GROWTH)


def _learner(name: str) -> Any:
    import throughtime as tt

    return {"RTRL(1)": tt.RTRL(1), "RTRL(16)": tt.RTRL(16), "BPTT(horizon=20)": tt.BPTT(20)}[name]


def _stretch(random: Any, steps: int) -> tuple[Any, Any]:
    """White inputs; the target is their sum."""
    xs = random.standard_normal((steps, 1, INPUTS), "float32")
    return xs, xs.sum(-1, keepdims=True)


def exactness(name: str) -> None:
    """At fixed weights, the lessons of two stretches add up to the lesson of the whole."""
    import jax
    import numpy as np

    import throughtime as tt

    network, learner, loss = tt.fully_recurrent(INPUTS, UNITS, 1), _learner(name), tt.SquaredError()
    with jax.enable_x64(True):
        weights = tt.init(network, 0, np.float64)
        xs, targets = (part.astype(np.float64) for part in _stretch(np.random.default_rng(0), 60))
        _, right = learner.learn(network, weights, learner.init(network, weights, 1), xs, targets, loss)
        carry, first = learner.learn(network, weights, learner.init(network, weights, 1), xs[:30], targets[:30], loss)
        _, second = learner.learn(network, weights, carry, xs[30:], targets[30:], loss)
    total = jax.tree.map(lambda a, b: np.asarray(a) + np.asarray(b), first.gradients, second.gradients)
    gate.same(f"{name} over a cut", _flat(total), _flat(right.gradients), 1e-10)


def _flat(tree: Any) -> dict[str, Any]:
    return {f"{layer} {key}": array for layer, own in tree.items() for key, array in own.items()}


def _measured(name: str, steps: int) -> dict[str, Any]:
    """One stream through the public interface, in a Python loop; resident memory at every tenth."""
    import jax
    import numpy as np

    import throughtime as tt

    network, learner, loss = tt.fully_recurrent(INPUTS, UNITS, 1), _learner(name), tt.SquaredError()
    weights = tt.init(network, 0)
    carry = learner.init(network, weights, 1)
    update = jax.jit(lambda w, g: jax.tree.map(lambda a, b: a - RATE * b, w, g))
    random, marks, begin, value = np.random.default_rng(0), [], 0.0, 0.0
    stretches = steps // STRETCH
    for count in range(stretches + 1):
        carry, lesson = learner.learn(network, weights, carry, *_stretch(random, STRETCH), loss)
        weights = update(weights, lesson.gradients)
        value = float(lesson.loss)
        if count == 0:  # compiled; the stream begins
            begin = time.perf_counter()
        elif count % (stretches // 10) == 0:
            marks.append(resident())
    seconds = time.perf_counter() - begin
    if not np.isfinite(value):
        raise FloatingPointError(f"{name}: the loss is {value} after {steps} steps")
    return {"resident": marks, "seconds": seconds, "loss": value}


if __name__ == "__main__":
    settle()
    print(json.dumps(_measured(sys.argv[1], int(sys.argv[2]))))
