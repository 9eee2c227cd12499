"""Losses: what an output costs at every time step, or every sequence.

    loss(ys (T, B, O), targets) -> (T, B) or (B,)

A loss is a frozen dataclass, or a function of a module, so that equal losses share compiled code. What it takes and gives it
says in its attributes, as told in `Traits`. Learners sum it; nothing is averaged here. A NaN target, or the label -1, asks
for nothing: it costs 0 and gives no gradient, whatever the output. Masks are put on twice, inside the formula and on its
value, because 0 * NaN is NaN, also in a gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import optax
from jax import Array

from throughtime.losses.contract import (
    Kind,
    Loss,
    Targets,
    Traits,
    asked,
    fit,
    judged,
    named,
    refuse_blank,
    same,
    traits_of,
    whole_numbers,
)
from throughtime.losses.integrated import Integrated
from throughtime.losses.strings import CTC
from throughtime.units import Unit, logistic, softmax

__all__ = [
    "CTC",
    "LOSSES",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Integrated",
    "Loss",
    "SquaredError",
    "Targets",
    "Traits",
    "asked",
    "judged",
    "named",
    "refuse_blank",
    "traits_of",
]


@dataclass(frozen=True)
class SquaredError:
    """E = sum over outputs k of (y_k - target_k)^2, not halved; targets (T, B, O).

    low, high  a limit for each output, beyond which the sensor cannot show it (None: no limits; infinite: not this one).
               Where the target stands at its limit, an output beyond the limit costs nothing: the true value may be
               there. Elsewhere nothing changes, so an output that is wrongly beyond the limit is drawn back.

    >>> SquaredError(high=(1.0,))(jnp.array([[[1.5]], [[1.5]]]), jnp.array([[[1.0]], [[0.5]]])).tolist()
    [[0.0], [1.0]]
    """

    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None

    def __call__(self, ys: Array, targets: Array) -> Array:
        """The squared errors (T, B); an output whose target is NaN costs nothing."""
        error = self.residual(ys, targets)
        return jnp.sum(error * error, axis=-1)

    def residual(self, ys: Array, targets: Array) -> Array:
        """y - target (T, B, O); 0 where the target is NaN, and beyond a limit at which it stands."""
        targets = jnp.asarray(targets)
        same("SquaredError", ys, targets)
        known = ~jnp.isnan(targets)
        error = jnp.where(known, ys - jnp.where(known, targets, 0), 0)
        if self.high is not None:
            error = jnp.where((targets >= jnp.asarray(self.high, targets.dtype)) & (error > 0), 0, error)
        if self.low is not None:
            error = jnp.where((targets <= jnp.asarray(self.low, targets.dtype)) & (error < 0), 0, error)
        return error


@dataclass(frozen=True)
class CrossEntropy:
    """E = -log softmax(y)_label; ys are net inputs (logits: a linear output layer), targets labels (T, B).

    raises  ValueError if a label is none of the outputs; where JAX traces, so that it is not known yet, its loss is NaN
    """

    targets: ClassVar[Kind] = "labels"
    unit: ClassVar[Unit] = softmax

    def __call__(self, ys: Array, targets: Array) -> Array:
        """The cross-entropies (T, B); label -1 costs nothing."""
        targets = jnp.asarray(targets)
        whole_numbers("CrossEntropy", targets)
        fit("CrossEntropy", ys, targets, ys.shape[:2], "one label per step")
        wrong, outputs = targets >= ys.shape[-1], ys.shape[-1]
        if not isinstance(wrong, jax.core.Tracer) and wrong.any():
            raise ValueError(
                f"CrossEntropy: label {int(targets.max())} is none of the {outputs} outputs, which are 0 to {outputs - 1}"
            )
        known = targets >= 0
        logits = jnp.where(known[..., None], ys, 0)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.where(known, targets, 0))
        return jnp.where(known, losses, 0)


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """E = -sum over outputs of t log p + (1 - t) log(1 - p), p = logistic(y); ys are logits, targets 0..1 (T, B, O)."""

    unit: ClassVar[Unit] = logistic

    def __call__(self, ys: Array, targets: Array) -> Array:
        """The binary cross-entropies (T, B); an output whose target is NaN costs nothing."""
        targets = jnp.asarray(targets)
        same("BinaryCrossEntropy", ys, targets)
        known = ~jnp.isnan(targets)
        logits, truth = jnp.where(known, ys, 0), jnp.where(known, targets, 0)
        # a term each: of their difference nothing would be left where the output is sure and right
        losses = truth * jax.nn.softplus(-logits) + (1 - truth) * jax.nn.softplus(logits)
        return jnp.sum(jnp.where(known, losses, 0), axis=-1)


LOSSES: dict[str, Callable[..., Loss]] = {
    "squared_error": SquaredError,
    "cross_entropy": CrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "ctc": CTC,
    "integrated": Integrated,
}
