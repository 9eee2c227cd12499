"""Learned delays against the one-dimensional convolution of their width: a softmax over D delays costs no more than D weights."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import throughtime as tt
from benchmarks import gate, machine
from benchmarks.table import Row, Table, against
from benchmarks.timing import Contestant, interleave
from benchmarks.torch_peer import from_kernel, kernel, learning, torch
from throughtime.engine.effective import effective

SIZES = ((100, 32, 64, 8), (100, 32, 64, 32), (200, 16, 128, 16))  # steps, sequences, units, delays
TOLERANCE = 1e-4


def learned_delays(quick: bool) -> Table:
    """Loss and gradients of one layer, n inputs and n units, by `BPTT().learn`."""
    rows = [_row(*size, quick) for size in (((20, 8, 16, 4),) if quick else SIZES)]
    title = f"learned-delays: one layer of n units on n inputs, forward + backward, float32; {machine.in_words()}"
    return Table("learned-delays", title, rows)


def _row(steps: int, batch: int, units: int, width: int, quick: bool) -> Row:
    network = _network(units, width)
    random = np.random.default_rng(0)
    xs, targets = (random.standard_normal((steps, batch, units), np.float32) for _ in range(2))
    mine = _ours(network, xs, targets)
    peer = _torch(network, width, xs, targets)
    case = f"T {steps}, B {batch}, n {units}, {width} delays"
    gate.same(f"{case}, against {peer.name}", mine.found(), peer.found(), TOLERANCE)
    times = interleave([mine, peer], rounds=3 if quick else 11, turn=0.02 if quick else 0.04, seconds=1 if quick else 5)
    return against(case, times, mine.name, peer.name, "ms", 1.0)


def _network(units: int, width: int) -> tt.Network:
    heard = tt.Connection("input", weight=tt.LearnedDelays(width - 1, 0))
    return tt.Network(units, [tt.Layer("hidden", units, tt.units.tanh, [heard])], "hidden")


def _ours(network: tt.Network, xs: Any, targets: Any) -> Contestant:
    learner, loss, weights = tt.BPTT(), tt.SquaredError(), tt.init(network, 0)
    data = jax.device_put((weights, learner.init(network, weights, xs.shape[1]), xs, targets))

    @jax.jit
    def step(weights: Any, carry: Any, xs: Any, targets: Any) -> Any:
        _, lesson = learner.learn(network, weights, carry, xs, targets, loss)
        return lesson.loss, lesson.gradients["hidden"]

    return Contestant(
        "BPTT(), learned delays",
        lambda: jax.block_until_ready(step(*data)),
        lambda found: {"loss": found[0], "bias": found[1]["bias"].ravel(), **found[1]["input"]},
    )


def _torch(network: tt.Network, width: int, xs: Any, targets: Any) -> Contestant:
    """A convolution with the weights that act; what its gradient means for softmax and weight is found outside the clock."""
    t, weights = torch(), tt.init(network, 0)
    acting, pull = jax.vjp(lambda w: effective(network, w), weights)
    units = xs.shape[-1]
    layer = t.nn.Conv1d(units, units, width)
    with t.no_grad():
        layer.weight.copy_(t.tensor(kernel(np.asarray(acting["hidden"]["input"]).reshape(width * units, units), width)))
        layer.bias.copy_(t.tensor(np.asarray(acting["hidden"]["bias"]).ravel()))
    x, wanted = (t.tensor(array.transpose(1, 2, 0).copy()) for array in (xs, targets))
    made = t.nn.Sequential(t.nn.ConstantPad1d((width - 1, 0), 0.0), layer, t.nn.Tanh())

    def read() -> Mapping[str, Any]:
        found = from_kernel(layer.weight.grad.numpy()).reshape(width, units, 1, units)
        bias = layer.bias.grad.numpy()
        (own,) = pull({"hidden": {"input": jnp.asarray(found), "bias": jnp.asarray(bias)[None]}})
        return {"bias": bias, **own["hidden"]["input"]}

    return learning("torch.nn.Conv1d", made.parameters(), lambda: made(x), wanted, read)
