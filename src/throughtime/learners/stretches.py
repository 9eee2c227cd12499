"""One stretch, whatever way errors then travel: made ready, run forward and judged."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from throughtime.engine.effective import Weights, effective
from throughtime.engine.first import check
from throughtime.engine.forward import forward
from throughtime.engine.looking import errors
from throughtime.engine.running import as_history, as_inputs, as_lengths, outputs
from throughtime.engine.tape import Arrays, History, Tape, within
from throughtime.learners.lesson import Lesson
from throughtime.losses import Loss, asked, judged
from throughtime.network import Network


class Ready(NamedTuple):
    """One stretch before it is run: checked, with the weights that act."""

    acting: Weights
    chain: Callable[[Weights], Weights]  # dL/d effective weights -> dL/d weights
    inputs: Arrays
    history: History
    lengths: Array | None


class JudgedStretch(NamedTuple):
    """One stretch, run and judged: what every learner starts from."""

    acting: Weights
    chain: Callable[[Weights], Weights]  # dL/d effective weights -> dL/d weights
    tape: Tape
    history: History
    seed: Array  # dL/dy (T, B, O)
    loss: Array
    asked: Array
    outputs: Array
    lengths: Array | None

    def lesson(self, gradients: Weights) -> Lesson:
        """The lesson, given dL/d effective weights."""
        return Lesson(self.loss, self.asked, self.outputs, self.chain(gradients))


def made_ready(network: Network, weights: Weights, history: History, xs: Any, lengths: Any) -> Ready:
    """A stretch that can be run, or an error in one line."""
    inputs = as_inputs(network, weights, xs)
    steps, batch, _ = next(iter(inputs.values())).shape
    if steps < 1:
        raise ValueError("a stretch to learn from needs at least one time step, T >= 1")
    check(network, weights)
    history, lengths = as_history(network, weights, history, batch), as_lengths(lengths, steps, batch)
    acting, pull = jax.vjp(lambda w: effective(network, w), weights)
    return Ready(acting, _chain(acting, pull), inputs, history, lengths)


def judged_stretch(
    network: Network, weights: Weights, history: History, xs: Any, targets: Any, loss: Loss, lengths: Any
) -> JudgedStretch:
    """Run a stretch forward and find the errors at its outputs."""
    ready = made_ready(network, weights, history, xs, lengths)
    tape, after = forward(network, ready.acting, ready.inputs, ready.history, ready.lengths)
    ys = outputs(network, tape, ready.lengths)
    return JudgedStretch(
        ready.acting, ready.chain, tape, after, *verdict(loss, ys, targets, ready.lengths), ys, ready.lengths
    )


def verdict(loss: Loss, ys: Array, targets: Any, lengths: Array | None) -> tuple[Array, Array, Array]:
    """dL/dy (T, B, O), the sum of the losses, and how many targets are asked for."""
    seed, value = errors(partial(judged, loss), ys, targets, lengths)
    return seed, value, _count(targets, lengths, len(ys))


def _chain(acting: Weights, pull: Callable[[Weights], tuple[Weights]]) -> Callable[[Weights], Weights]:
    def chain(found: Weights) -> Weights:
        silent = jax.tree.map(jnp.zeros_like, acting)
        whole = {
            name: {
                key: found[name].get(key, part) if key != "start" else {**part, **found[name].get("start", {})}
                for key, part in own.items()
            }
            for name, own in silent.items()
        }
        return pull(jax.tree.map(lambda g, like: g.astype(like.dtype), whole, acting))[0]

    return chain


def _count(targets: Any, lengths: Array | None, steps: int) -> Array:
    wanted = asked(targets)
    valid = within(lengths, steps)
    if valid is not None and wanted.shape == valid.shape:
        wanted = wanted & valid
    return wanted.sum()
