"""One process, one stream: `python -m benchmarks.one_stream LEARNER STEPS` prints its memory and its time."""

import json
import sys
import time
from typing import Any

import jax
import numpy as np

import throughtime as tt
from benchmarks.machine import resident

INPUTS, UNITS, STRETCH, RATE = 4, 8, 100, 1e-4
LEARNERS = {"RTRL(1)": tt.RTRL(1), "RTRL(16)": tt.RTRL(16), "BPTT(horizon=20)": tt.BPTT(20)}


def network() -> tt.Network:
    """The network that learns."""
    return tt.fully_recurrent(INPUTS, UNITS, 1)


def stretch(random: np.random.Generator, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """White inputs; the target is their sum."""
    xs = random.standard_normal((steps, 1, INPUTS), np.float32)
    return xs, xs.sum(-1, keepdims=True)


def measured(name: str, steps: int) -> dict[str, Any]:
    """One stream through the public interface, in a Python loop; resident memory at every tenth."""
    wiring, learner, loss = network(), LEARNERS[name], tt.SquaredError()
    weights = tt.init(wiring, 0)
    carry = learner.init(wiring, weights, 1)
    update = jax.jit(lambda w, g: jax.tree.map(lambda a, b: a - RATE * b, w, g))
    random, marks, begin, value = np.random.default_rng(0), [], 0.0, 0.0
    stretches = steps // STRETCH
    for count in range(stretches + 1):
        carry, lesson = learner.learn(wiring, weights, carry, *stretch(random, STRETCH), loss)
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


if __name__ == "__main__":  # started by `stream`, whose settled environment it inherits
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
