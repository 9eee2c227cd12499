"""One process, one first call: `python -m benchmarks.one_call NETWORK learn|run` prints what it took.

Nothing heavy is imported at the top: the import of throughtime is part of what is measured.
"""

import json
import sys
import time
from typing import Any

from benchmarks.machine import settle

STEPS, BATCH, INPUTS = 100, 8, 4


def setting(name: str) -> tuple[Any, ...]:
    """Network, weights, inputs and targets."""
    import numpy as np

    import throughtime as tt

    network = {
        "tanh": lambda: tt.fully_recurrent(INPUTS, 64, 1),
        "lstm": lambda: tt.lstm(INPUTS, 64, 1),
        "narx": lambda: tt.narx(INPUTS, 10, 1, range(3), range(1, 51)),
    }[name]()
    random = np.random.default_rng(0)
    xs = random.standard_normal((STEPS, BATCH, INPUTS), np.float32)
    return network, tt.init(network, 0), xs, random.standard_normal((STEPS, BATCH, 1), np.float32)


def measured(name: str, what: str) -> dict[str, float]:
    """Seconds for the import, for first weights and carry, and for the first call."""
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
    print(json.dumps(measured(*sys.argv[1:])))
