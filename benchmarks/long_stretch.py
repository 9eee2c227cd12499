"""One gradient of a long stretch: the memory and the time that segments take, against the whole tape."""

import gc
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import jax
import numpy as np

import throughtime as tt
from benchmarks import gate
from benchmarks.table import Row, Table, barred

STEPS, UNITS = 1_000_000, 64
MAKE: dict[str, Callable[..., tt.Network]] = {"fully recurrent": tt.fully_recurrent, "LSTM": tt.lstm}
SHARE, SLOWER = 50, 1.0  # so many times less memory at least, so many times the time at most
RULES = {"whole": tt.BPTT(), "segments": tt.BPTT(segment="auto")}


def long_stretch(quick: bool) -> Table:
    """Temporary bytes of the compiled program, and CPU seconds of the process, in turn."""
    steps, rounds = (20_000, 3) if quick else (STEPS, 5)
    for name in MAKE:
        exactness(name)
    rows = [_row(name, steps, rounds) for name in MAKE]
    return Table(
        "long", f"long: one gradient of BPTT, {UNITS} units, {steps} steps, one sequence, float32, one core", rows
    )


def _row(name: str, steps: int, rounds: int) -> Row:
    programs = {rule: _program(name, learner, steps) for rule, learner in RULES.items()}
    found = {rule: gate.leaves(call()) for rule, (call, _) in programs.items()}
    gate.same(f"{name}, in segments", found["segments"], found["whole"], 1e-4)
    seconds = _seconds({rule: call for rule, (call, _) in programs.items()}, rounds)
    whole, segments = (programs[rule][1] for rule in RULES)
    slower = median(own / all_ for own, all_ in zip(seconds["segments"], seconds["whole"], strict=True))
    values = {
        "network": name,
        "MB, whole": whole / 1e6,
        "MB, segments": segments / 1e6,
        "times less": whole / segments,
        "CPU s, whole": median(seconds["whole"]),
        "CPU s, segments": median(seconds["segments"]),
        "times the time": slower,
    }
    bars = [(f">= {SHARE} times less", whole >= SHARE * segments), (f"<= {SLOWER:g} times the time", slower <= SLOWER)]
    return barred(values, bars if steps == STEPS else ())


def _program(name: str, learner: tt.BPTT, steps: int) -> tuple[Callable[[], Any], int]:
    """The gradient, compiled, and its temporary bytes."""
    network, random = MAKE[name](1, UNITS, 1), np.random.default_rng(0)
    weights = tt.init(network, 0)
    xs, targets = (random.standard_normal((steps, 1, 1), np.float32) for _ in range(2))
    data = jax.device_put((weights, learner.init(network, weights, 1), xs, targets))
    step = jax.jit(lambda *given: learner.learn(network, *given, tt.SquaredError())[1].gradients)
    made = step.lower(*data).compile()
    return lambda: jax.block_until_ready(made(*data)), int(made.memory_analysis().temp_size_in_bytes)


def _seconds(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each, side by side in each round."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    gc.collect()
    for _ in range(rounds):
        for name, call in calls.items():
            begin = time.process_time()
            call()
            found[name].append(time.process_time() - begin)
    return found


def exactness(name: str) -> None:
    """The same gradient, to 1e-10 in float64."""
    network, loss, random = MAKE[name](1, UNITS, 1), tt.SquaredError(), np.random.default_rng(0)
    with jax.enable_x64(True):
        weights = tt.init(network, 0, np.float64)
        xs, targets = random.standard_normal((2, 205, 1, 1))
        rules = (tt.BPTT(), tt.BPTT(segment=50))
        one, other = (r.learn(network, weights, r.init(network, weights, 1), xs, targets, loss)[1] for r in rules)
    gate.same(f"{name}, in segments", gate.leaves(other.gradients or {}), gate.leaves(one.gradients or {}), 1e-10)
