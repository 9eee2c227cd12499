"""Unequal lengths: a padded batch against as many real steps in a batch of equal lengths."""

from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import throughtime as tt
from benchmarks import gate, machine
from benchmarks.table import Row, Table
from benchmarks.timing import Contestant, interleave

BATCH, SHORTEST, LONGEST, INPUTS, BAR = 32, 10, 1000, 8, 1.15
NETWORKS = {"LSTM, 128 units": tt.lstm(INPUTS, 128, 1), "fully recurrent, 64 units": tt.fully_recurrent(INPUTS, 64, 1)}


def unequal(quick: bool) -> Table:
    """Lengths uniform from 10 to 1000."""
    lengths = np.random.default_rng(0).integers(SHORTEST, LONGEST // (10 if quick else 1) + 1, BATCH)
    rows = [_row(name, lengths, quick) for name in list(NETWORKS)[1 if quick else 0 :]]
    words = f"B {BATCH}, lengths {lengths.min()} to {lengths.max()}, {lengths.mean():.0f} in the mean"
    title = f"unequal: forward + backward, float32, {words}, {INPUTS} inputs; {machine.in_words()}"
    return Table("unequal", title, rows)


def _row(name: str, lengths: np.ndarray, quick: bool) -> Row:
    padded = _learning("padded", name, int(lengths.max()), lengths)
    gate.same(f"{name}, unequal lengths", padded.found(), _by_autodiff(name, lengths), 1e-4)
    even = _learning("equal lengths", name, round(lengths.mean()), None)
    times = interleave([padded, even], rounds=3 if quick else 7, turn=0.02 if quick else 0.1, seconds=10)
    cost = median(own / other for own, other in zip(times["padded"], times["equal lengths"], strict=True))
    values = {
        "network": name,
        "ours ms": 1e3 * median(times["padded"]),
        "equal lengths ms": 1e3 * median(times["equal lengths"]),
        "times the cost": cost,
        "share of padding %": 100 * (1 - lengths.mean() / lengths.max()),
    }
    return Row(values, f"<= {BAR:g}", cost <= BAR)


def _learning(what: str, name: str, steps: int, lengths: np.ndarray | None) -> Contestant:
    network, learner, loss = NETWORKS[name], tt.BPTT(), tt.SquaredError()
    weights = jax.device_put(tt.init(network, 0))
    carry = learner.init(network, weights, BATCH)
    xs, targets = jax.device_put(_data(steps, lengths))
    given = None if lengths is None else jnp.asarray(lengths)

    def call() -> Any:
        return jax.block_until_ready(learner.learn(network, weights, carry, xs, targets, loss, given)[1])

    return Contestant(what, call, lambda lesson: {"loss": lesson.loss, **gate.leaves(lesson.gradients)})


def _data(steps: int, lengths: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """NaN in the padding, which nobody may notice."""
    random = np.random.default_rng(1)
    made = (
        random.standard_normal((steps, BATCH, INPUTS), np.float32),
        random.standard_normal((steps, BATCH, 1), np.float32),
    )
    if lengths is not None:
        for array in made:
            array[np.arange(steps)[:, None] >= lengths] = np.nan
    return made


def _by_autodiff(name: str, lengths: np.ndarray) -> dict[str, Any]:
    """No lengths: what comes after a sequence's end reaches none of its outputs, and no target asks for it."""
    network = NETWORKS[name]
    xs, targets = (np.nan_to_num(part) for part in _data(int(lengths.max()), lengths))
    asked = (np.arange(len(xs))[:, None] < lengths)[..., None]

    @jax.jit
    def right(weights: Any) -> Any:
        return jax.value_and_grad(lambda w: (asked * (tt.run(network, w, xs)[0] - targets) ** 2).sum())(weights)

    loss, gradients = right(tt.init(network, 0))
    return {"loss": loss, **gate.leaves(gradients)}
