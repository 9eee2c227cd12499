"""What every learner shares: the contract, and what keeps to it.

    learner.init(network, weights, batch, key=None) -> carry
    learner.learn(network, weights, carry, xs, targets, loss, lengths=None) -> (carry, Lesson)
    learner.exact_on(network) -> "always" | "whole" | "never"

A learner is a frozen dataclass; what it carries from one stretch to the next is a pytree.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Literal, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from throughtime.engine.door import own_order
from throughtime.engine.effective import Weights
from throughtime.engine.elsewhere import found_by_platform
from throughtime.engine.running import as_inputs
from throughtime.engine.tape import Arrays
from throughtime.losses import Loss
from throughtime.network import Network

Exact = Literal["always", "whole", "never"]


class Lesson(NamedTuple):
    """What one stretch taught: sums, not means.

    loss       the sum of all losses
    asked      how many targets were asked for
    outputs    (T, B, O); None in the report of an epoch
    gradients  dloss/dweights, shaped like the weights; None in the report of an epoch
    """

    loss: Array | float
    asked: Array | int
    outputs: Array | None
    gradients: Weights | None


class Learner(Protocol):
    """How a gradient is found: a value with these three methods, which is all that `train` knows of it.

    A learner of your own is a frozen dataclass (compiled code is kept by its hash), which may hold other learners. It keeps:

    xs         `train` gives {input: (T, B, S)}, always a dict; by hand a learner is also given (T, B, I), where the network
               has one input (`judged_stretch` in `learners.stretches`, from which ours begin, takes both)
    targets    numbers (T, B, O), NaN where nothing is asked; labels (T, B), -1 where not; for CTC (labels, frames)
    loss       (ys, targets) -> (T, B), a loss for each step, or (B,), one for each sequence
    lengths    (B,) steps of each sequence in this stretch, T or fewer, 0 where it has ended; None: all have T
    carry      a NamedTuple with a field `history`, the network's, as `start(network, weights, batch, key)` gives it, in whose
               place `train` puts the measured past; `learn` gives a carry of the same shapes and types
    key        of this batch of sequences, for what is drawn, such as dropout by `start`, or noise; `train` always gives one,
               made from its seed. None: nothing is drawn
    gradients  of the lesson: sums, not means, one for every weight, of its shape
    state      there is none: a learner is a value, what changes is in the carry. It runs inside `jax.jit`

    raises  `train` tells in one ValueError what breaks this, when it is compiled, so at no cost afterwards

    >>> from dataclasses import dataclass
    >>> import optax, throughtime as tt
    >>> @dataclass(frozen=True)
    ... class Slower:
    ...     "The gradients of another learner, made smaller."
    ...
    ...     learner: tt.BPTT
    ...
    ...     def init(self, network, weights, batch, key=None):
    ...         return self.learner.init(network, weights, batch, key)
    ...
    ...     def learn(self, network, weights, carry, xs, targets, loss, lengths=None):
    ...         carry, lesson = self.learner.learn(network, weights, carry, xs, targets, loss, lengths)
    ...         return carry, lesson._replace(gradients=jax.tree.map(lambda g: 0.1 * g, lesson.gradients))
    ...
    ...     def exact_on(self, network):
    ...         return "never"
    >>> network, echo = tt.elman(1, 3, 1), [([[1.0], [0.0]], [[0.0], [1.0]])]
    >>> args = network, tt.init(network, 0), Slower(tt.BPTT()), tt.SquaredError(), optax.sgd(0.1)
    >>> [report.updates for report in tt.train(*args, echo, epochs=2)]
    [1, 2]
    """

    def init(self, network: Network, weights: Weights, batch: int, key: Array | None = None) -> Any:
        """What is carried into the first stretch of `batch` sequences."""

    def learn(
        self,
        network: Network,
        weights: Weights,
        carry: Any,
        xs: Any,
        targets: Any,
        loss: Loss,
        lengths: Array | None = None,
    ) -> tuple[Any, Lesson]:
        """One stretch of T >= 1 steps: what is carried on, and the lesson."""

    def exact_on(self, network: Network) -> Exact:
        """Where the gradient is exact at fixed weights: "always" (for any cuts), "whole" (the sequence is one stretch), "never"."""


Learn = Callable[..., tuple[Any, Lesson]]


def compiled(learn: Learn) -> Learn:
    """A learner's `learn`, compiled once for each learner, network, loss and shape; arrays in the byte order that JAX takes."""

    @partial(jax.jit, static_argnums=(0, 1, 2))
    def inner(self: Any, network: Network, loss: Loss, *given: Any) -> tuple[Any, Lesson]:
        def of(weights: Any, carry: Any, xs: Any, targets: Any, lengths: Any) -> tuple[Any, Lesson]:
            return learn(self, network, weights, carry, xs, targets, loss, lengths)

        steps = max((x.shape[0] for x in jax.tree.leaves(given[2]) if jnp.ndim(x)), default=0)
        return found_by_platform(steps, of, *given)

    @wraps(learn)
    def call(
        self: Any, network: Network, weights: Any, carry: Any, xs: Any, targets: Any, loss: Loss, lengths: Any = None
    ) -> tuple[Any, Lesson]:
        return inner(self, network, loss, *own_order((weights, carry, xs, targets, lengths)))

    return call


def check_carry(learner: Learner, network: Network, weights: Weights, carry: Any, xs: Any) -> None:
    """Refuse what another learner, or this one with other settings, another network or batch, has carried; looked at while
    JAX traces. The history is checked where it is used."""
    batch = next(iter(as_inputs(network, weights, xs).values())).shape[1]
    wanted = jax.eval_shape(lambda w: learner.init(network, w, batch), weights)
    own_kind(learner, carry, type(wanted))
    found, due = (jax.tree.map(jnp.shape, part._replace(history=())) for part in (carry, wanted))
    if found != due:
        raise ValueError(
            f"the carry is not that of {learner!r} for this network and {batch} sequences; begin with the carry of "
            f"learner.init(network, weights, batch={batch})"
        )


def own_kind(learner: Learner, carry: Any, kind: type) -> None:
    """Refuse what no learner like this has carried."""
    if not isinstance(carry, kind):
        raise ValueError(
            f"{learner!r} goes on from a {kind.__name__}, but the carry is {type(carry).__name__}, of another learner or none; "
            "begin with the carry of learner.init(network, weights, batch)"
        )


def refuse_backward(network: Network, learner: str) -> None:
    """Refuse networks with backward layers where a learner's errors or influences go forward in time only."""
    for layer in network.layers:
        if layer.backward:
            raise ValueError(
                f"{learner} goes forward in time, but layer {layer.name!r} runs backward from the end: use BPTT()"
            )


def start_gradients(network: Network, first: Array, a: Arrays, memory: Arrays) -> Weights:
    """dL/d learned starts from dL/d history, (D, B, N) and (B, M, N), for the sequences in their first stretch."""
    made: Weights = {}
    for layer in network.layers:
        if layer.start == "learned" and not layer.backward:
            own = {}
            if layer.name in a:
                own["activity"] = jnp.where(first[:, None], a[layer.name], 0).sum(1)
            if layer.memory:
                own["memory"] = jnp.where(first[:, None, None], memory[layer.name], 0).sum(0)
            made[layer.name] = {"start": own}
    return made


def together(*parts: Weights) -> Weights:
    """Gradients of different weights in one tree."""
    made: Weights = {}
    for part in parts:
        for name, own in part.items():
            made[name] = made.get(name, {}) | own
    return made
