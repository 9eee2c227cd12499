"""Exact gradients carried forward in time: RTRL per step, against numpy and against its own block form."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

import throughtime as tt
from benchmarks import gate, numpy_rtrl
from benchmarks.table import Row, Table, against
from benchmarks.timing import Contestant, Times, interleave

INPUTS, UNITS, STEPS = 4, (8, 16, 32, 64), 1024
NUMPY_STEPS = 64  # its time per step does not depend on how many there are
PEERS = {
    "numpy, Kronecker, float64": (numpy_rtrl.kronecker, np.float64),
    "numpy, Kronecker, float32": (numpy_rtrl.kronecker, np.float32),
    "numpy, sparse, float32": (numpy_rtrl.sparse, np.float32),
}


def rtrl(quick: bool) -> Table:
    """RTRL(1) and RTRL(block=2n), n units."""
    rows = [row for units in UNITS[: 1 if quick else None] for row in _size(units, quick)]
    return Table("rtrl", f"rtrl: exact gradients online, one step of one sequence, {INPUTS} inputs, one core", rows)


def _size(units: int, quick: bool) -> list[Row]:
    exactness(units)
    steps = 256 if quick else STEPS
    mine = [ours(units, tt.RTRL(block), steps) for block in (1, 2 * units)]
    peers = [numpy(units, name, NUMPY_STEPS) for name in PEERS]
    right = _in_numpy(units, np.float64, steps, numpy_rtrl.sparse)
    for contestant in mine:
        gate.same(f"{contestant.name}, {units} units, {steps} steps, float32", contestant.found(), right, 1e-3)
    times = interleave([*mine, *peers], rounds=3 if quick else 9, turn=0.02 if quick else 0.1)
    names = [contestant.name for contestant in mine]
    return _rows(f"{units} units", times, *names, blocks_bar=10 if units == 64 else None)


def _rows(case: str, times: Times, single: str, block: str, blocks_bar: float | None) -> list[Row]:
    as_it_runs, same_type, careful = PEERS
    return [
        against(case, times, single, as_it_runs, "us", 5),
        against(case, times, single, same_type, "us", None),
        against(case, times, single, careful, "us", None),
        against(case, times, block, same_type, "us", 5),
        against(case, times, block, careful, "us", None),
        against(case, times, block, single, "us", blocks_bar),
    ]


def exactness(units: int) -> None:
    """In float64, on a stretch of two blocks and a remainder, all forms give the same gradient."""
    block = 2 * units
    steps = 2 * block + 3
    right = _in_numpy(units, np.float64, steps, numpy_rtrl.kronecker)
    gate.same("the numpy forms", _in_numpy(units, np.float64, steps, numpy_rtrl.sparse), right, 1e-10)
    with jax.enable_x64(True):
        for size in (1, block):
            found = ours(units, tt.RTRL(size), steps, np.float64).found()
            gate.same(f"RTRL(block={size}), {units} units, float64", found, right, 1e-10)


def ours(units: int, learner: tt.RTRL | tt.BPTT, steps: int, dtype: Any = np.float32) -> Contestant:
    """The learner's `learn` over one stretch."""
    network, loss = _network(units), tt.SquaredError()
    weights, xs, targets = (jax.device_put(part) for part in _data(units, steps, dtype))
    carry = learner.init(network, weights, batch=1)

    def call() -> Any:
        _, lesson = learner.learn(network, weights, carry, xs[:, None], targets[:, None], loss)
        return jax.block_until_ready(lesson)

    name = f"RTRL({learner.block})" if isinstance(learner, tt.RTRL) else "BPTT()"
    return Contestant(name, call, lambda lesson: _named(_plain(lesson.gradients)), steps)


def numpy(units: int, name: str, steps: int) -> Contestant:
    """One of the numpy forms."""
    update, dtype = PEERS[name]
    weights, xs, targets = _data(units, steps, dtype)
    plain = _plain(weights)
    return Contestant(name, lambda: numpy_rtrl.learn(plain, xs, targets, update), _named, steps)


def _network(units: int) -> tt.Network:
    return tt.fully_recurrent(INPUTS, units, 1)


def _data(units: int, steps: int, dtype: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """The same weights, inputs (T, I) and targets (T, O) for all, whatever the precision."""
    random = np.random.default_rng(0)
    weights = jax.tree.map(lambda w: np.asarray(w, dtype), tt.init(_network(units), 0, np.float32))
    xs = random.standard_normal((steps, INPUTS), np.float32).astype(dtype)
    return weights, xs, random.standard_normal((steps, 1), np.float32).astype(dtype)


def _plain(weights: Any) -> numpy_rtrl.Weights:
    hidden, output = weights["hidden"], weights["output"]
    heard = [np.asarray(hidden[key])[0, :, 0] for key in ("recurrent", "input")]
    inner = np.concatenate([*heard, np.asarray(hidden["bias"])])
    outer = np.concatenate([np.asarray(output["hidden"])[0, :, 0], np.asarray(output["bias"])])
    return numpy_rtrl.Weights(np.ascontiguousarray(inner.T), np.ascontiguousarray(outer.T))


def _named(weights: numpy_rtrl.Weights) -> Mapping[str, Any]:
    return weights._asdict()


def _in_numpy(units: int, dtype: Any, steps: int, update: numpy_rtrl.Update) -> Mapping[str, Any]:
    weights, xs, targets = _data(units, steps, dtype)
    return _named(numpy_rtrl.learn(_plain(weights), xs, targets, update))
