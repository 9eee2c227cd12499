"""Levenberg-Marquardt: an epoch against numpy's, and what it reaches against Adam and L-BFGS in the same time."""

import time
from dataclasses import dataclass
from functools import cache, partial
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize
from jax.flatten_util import ravel_pytree

import throughtime as tt
from benchmarks import gate, numpy_lm
from benchmarks.table import Row, Table, against
from benchmarks.timing import Contestant, Times, interleave
from throughtime.sequences import buckets, examples_of
from throughtime.training.levenberg_marquardt import LevenbergMarquardt
from throughtime.training.levenberg_marquardt.steps import epoch_of_steps, first_iterate

LOSS, METHOD = tt.SquaredError(), LevenbergMarquardt()
STEPS, QUICK_STEPS, UNITS, EPOCHS = 1000, 200, 10, 3
DELAYS = {
    "2 + 3 delays": numpy_lm.Delays((0, 1, 2), (1, 2)),
    "3 + 40 delays": numpy_lm.Delays(tuple(range(40)), (1, 2, 3)),
}
FORMS = {
    "numpy as published": (numpy_lm.kronecker, numpy_lm.inverse),
    "numpy, careful": (numpy_lm.careful, numpy_lm.cholesky),
}
SEEDS, RATES, LOOK = range(5), (0.003, 0.01, 0.03, 0.1), 50


def levenberg(quick: bool) -> Table:
    """Seconds per epoch, closed loop; the numbers are the same."""
    rows = [row for case in list(DELAYS)[: 1 if quick else None] for row in _case(case, quick)]
    return Table(
        "levenberg", f"levenberg: an epoch on {_steps(quick)} steps in closed loop, {UNITS} units, one core", rows
    )


def _steps(quick: bool) -> int:
    return QUICK_STEPS if quick else STEPS


def _case(case: str, quick: bool) -> list[Row]:
    steps = _steps(quick)
    peers = [numpy(case, name, steps) for name in FORMS]
    mine = ours(case, steps)
    right = peers[1].found()
    for contestant in (mine, peers[0]):
        gate.same(f"{contestant.name}, {case}, {EPOCHS} epochs", contestant.found(), right, 1e-6)
    times: Times = interleave([mine, *peers], rounds=3 if quick else 7, turn=0.02 if quick else 0.06)
    return [against(case, times, mine.name, name, "ms", 10 if name == peers[0].name else None) for name in FORMS]


def ours(case: str, steps: int) -> Contestant:
    """Some epochs of `LevenbergMarquardt`."""
    network, data = _network(case), _bucket(_network(case), steps)
    first = tt.init(network, 0)

    def call() -> Any:
        return jax.device_get(epoch_of_steps(network, LOSS, METHOD, first_iterate(METHOD, first), data, EPOCHS))

    def read(progress: Any) -> dict[str, Any]:
        plain = _plain(progress.weights)
        return {"inner": plain.inner, "outer": plain.outer, "error": progress.squares / progress.asked}

    return Contestant("ours", call, read, EPOCHS)


def numpy(case: str, name: str, steps: int) -> Contestant:
    """The same epochs by one of the numpy forms."""
    u, y = plant(steps)
    first = _plain(tt.init(_network(case), 0))

    def read(found: tuple[numpy_lm.Weights, float]) -> dict[str, Any]:
        return {"inner": found[0].inner, "outer": found[0].outer, "error": found[1]}

    return Contestant(name, lambda: numpy_lm.train(first, DELAYS[case], u, y, EPOCHS, *FORMS[name]), read, EPOCHS)


def plant(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """A record (T, 1), (T, 1) of a nonlinear plant of second order under steps of random height, in float32's numbers.

    y(t) = 0.6 y(t-1) y(t-2) (y(t-1) + 2.5) / (1 + y(t-1)^2 + y(t-2)^2) + u(t-1), after Narendra & Parthasarathy 1990
    """
    u = np.repeat(np.random.default_rng(0).uniform(-2, 2, (-(-steps // 10), 1)), 10, axis=0)[:steps]
    y = np.zeros_like(u)
    for t in range(2, steps):
        a, b = y[t - 1], y[t - 2]
        y[t] = 0.6 * a * b * (a + 2.5) / (1 + a * a + b * b) + u[t - 1]
    return u.astype(np.float32).astype(float), ((y - y.mean()) / y.std()).astype(np.float32).astype(float)


def _network(case: str) -> tt.Network:
    delays = DELAYS[case]
    return tt.narx(1, UNITS, 1, delays.inputs, delays.outputs)


def _plain(weights: Any) -> numpy_lm.Weights:
    hidden, output = weights["hidden"], weights["output"]
    heard = [np.asarray(hidden[key], float)[:, :, 0].reshape(-1, UNITS) for key in ("input", "output")]
    inner = np.concatenate([*heard, np.asarray(hidden["bias"], float)])
    outer = np.concatenate([np.asarray(output["hidden"], float)[0, :, 0], np.asarray(output["bias"], float)])
    return numpy_lm.Weights(np.ascontiguousarray(inner.T), np.ascontiguousarray(outer.T))


def _sequence(network: tt.Network, steps: int) -> tuple[Any, np.ndarray]:
    """The record as input and target; an open loop hears measured outputs."""
    u, y = plant(steps)
    given = {"input": u, "measured output": y}
    return {name: given[name] for name, _ in network.inputs}, y


def _bucket(network: tt.Network, steps: int) -> Any:
    return buckets(examples_of(network, [_sequence(network, steps)], LOSS), LOSS, np.float32)


@dataclass(frozen=True)
class Reached:
    """Mean squared error on the training record, and what it took."""

    error: float
    epochs: int
    seconds: float


def fitting(quick: bool) -> Table:
    """The error on the training record after the same time, from the same weights; Adam with the best of four rates."""
    closed = _network("2 + 3 delays")
    networks = {"NARX, closed loop": closed, "NARX, open loop": closed.open_loop(), "Elman": tt.elman(1, UNITS, 1)}
    chosen = list(networks.items())[: 1 if quick else None]
    rows = [row for name, network in chosen for row in _fitted(name, network, quick)]
    seeds = len(SEEDS[: 1 if quick else None])
    return Table(
        "fitting", f"fitting: error on {_steps(quick)} training steps in equal time, {seeds} first weights", rows
    )


def _fitted(name: str, network: tt.Network, quick: bool) -> list[Row]:
    steps, epochs = _steps(quick), 20 if quick else 200
    data = _sequence(network, steps)
    found: dict[str, list[Reached]] = {"Levenberg-Marquardt": [], "Adam, best of 4 rates": [], "L-BFGS": []}
    with jax.enable_x64(True):
        for seed in SEEDS[: 1 if quick else None]:
            first = tt.init(network, seed, np.float64)
            best = _levenberg(network, data, first, epochs)
            adams = [_adam(network, data, first, rate, best.seconds) for rate in RATES]
            every = (best, min(adams, key=lambda one: one.error), _lbfgs(network, data, first, best.seconds))
            for kept, one in zip(found.values(), every, strict=True):
                kept.append(one)
    ours, *peers = (median(one.error for one in kept) for kept in found.values())
    return [
        Row(
            {
                "network": name,
                "optimizer": optimizer,
                "error, median": median(one.error for one in kept),
                "best": min(one.error for one in kept),
                "worst": max(one.error for one in kept),
                "epochs": median(one.epochs for one in kept),
                "seconds": median(one.seconds for one in kept),
            },
            *(("lowest median", ours < min(peers)) if optimizer == "Levenberg-Marquardt" else ()),
        )
        for optimizer, kept in found.items()
    ]


def _levenberg(network: tt.Network, data: Any, first: Any, epochs: int) -> Reached:
    given = _bucket(network, len(data[1]))
    jax.block_until_ready(epoch_of_steps(network, LOSS, METHOD, first_iterate(METHOD, first), given, 1))  # compiles
    clock = time.perf_counter()
    progress = jax.device_get(epoch_of_steps(network, LOSS, METHOD, first_iterate(METHOD, first), given, epochs))
    seconds = time.perf_counter() - clock
    return Reached(_error(network, data, progress.weights), epochs, seconds)


@partial(jax.jit, static_argnames="network")
def _cost(network: tt.Network, weights: Any, xs: Any, targets: Any) -> tuple[Any, Any]:
    """Mean squared error and its gradient."""
    learner = tt.BPTT()
    carry = learner.init(network, weights, batch=1)
    _, lesson = learner.learn(network, weights, carry, xs, targets, LOSS)
    return lesson.loss / lesson.asked, jax.tree.map(lambda g: g / lesson.asked, lesson.gradients)


def _columns(data: Any) -> tuple[Any, Any]:
    return jax.tree.map(lambda values: jnp.asarray(values)[:, None], data)


def _error(network: tt.Network, data: Any, weights: Any) -> float:
    return float(_cost(network, weights, *_columns(data))[0])


@partial(jax.jit, static_argnames=("network", "optimizer"))
def _several(network: tt.Network, optimizer: Any, weights: Any, state: Any, xs: Any, targets: Any) -> Any:
    """`LOOK` epochs of an optax optimizer."""

    def one(going: Any, _: None) -> tuple[Any, None]:
        weights, state = going
        steps, state = optimizer.update(_cost(network, weights, xs, targets)[1], state, weights)
        return (optax.apply_updates(weights, steps), state), None

    return jax.lax.scan(one, (weights, state), None, length=LOOK)[0]


def _adam(network: tt.Network, data: Any, first: Any, rate: float, budget: float) -> Reached:
    """Adam until the time is over; the best error at any look counts."""
    optimizer, given = _optimizer(rate), _columns(data)
    weights, state = first, optimizer.init(first)
    jax.block_until_ready(_several(network, optimizer, weights, state, *given))  # compiles
    seconds, epochs, best = 0.0, 0, np.inf
    while seconds < budget:
        clock = time.perf_counter()
        weights, state = jax.block_until_ready(_several(network, optimizer, weights, state, *given))
        seconds, epochs = seconds + time.perf_counter() - clock, epochs + LOOK
        best = np.nanmin([best, _error(network, data, weights)])
    return Reached(float(best), epochs, seconds)


@cache
def _optimizer(rate: float) -> Any:
    return optax.adam(rate)  # the same object each time, so that it is compiled once


def _lbfgs(network: tt.Network, data: Any, first: Any, budget: float) -> Reached:
    """scipy's L-BFGS-B until the time is over."""
    flat, tree = ravel_pytree(first)
    given, passes, clock = _columns(data), 0, time.perf_counter()

    def cost(point: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal passes
        passes += 1
        value, gradient = _cost(network, tree(jnp.asarray(point)), *given)
        return float(value), np.asarray(ravel_pytree(gradient)[0])

    def over(intermediate_result: Any) -> None:
        del intermediate_result
        if time.perf_counter() - clock > budget:
            raise StopIteration

    cost(np.asarray(flat))  # compiles
    passes, clock = 0, time.perf_counter()
    endless = {"maxcor": 20, "maxiter": 10**9, "maxfun": 10**9, "ftol": 0.0, "gtol": 0.0}
    found = scipy.optimize.minimize(cost, np.asarray(flat), method="L-BFGS-B", jac=True, callback=over, options=endless)
    return Reached(float(found.fun), passes, time.perf_counter() - clock)
