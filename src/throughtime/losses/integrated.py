"""The loss of one decision for a sequence: what the outputs are when integrated over time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import jax.numpy as jnp
from jax import Array

from throughtime.layers import an_instance
from throughtime.losses.contract import Kind, Per, asked, traits_of
from throughtime.units import Unit


@dataclass(frozen=True)
class Integrated:
    """A loss of what the outputs are when integrated over time, over the steps of a sequence at which something is asked.

    z = mean over the asked steps t of y(t)     how="mean"
    z = sum over the asked steps t of y(t)      how="sum", the evidence adds up
    z = sum over the asked steps t of y(t)^2    how="squares"

    Every asked step costs loss(z, target): one decision per sequence, whose cost counts once for every asked step, so the
    mean per target asked is that of the decision. Where nothing is asked, nothing is integrated: label -1, or NaN in all
    outputs, leaves out the first steps, at which the delays are not filled yet. One label for a whole sequence is
    asked at all its steps. What is integrated must lie in one stretch (`every=None`).

    loss  what judges z (B, O), as if it were an output at each asked step: `CrossEntropy`, `SquaredError`, ...
    how   "mean", "sum" or "squares"

    returns, when called, the losses (T, B)

    >>> from throughtime.losses import CrossEntropy
    >>> loss = Integrated(CrossEntropy(), "mean")
    >>> ys = jnp.array([[[2.0, 0.0]], [[-1.0, 1.0]], [[1.0, 3.0]]])
    >>> loss.integral(ys, jnp.array([[-1], [1], [1]])).tolist()
    [[0.0, 2.0]]
    >>> loss(ys, jnp.array([[-1], [1], [1]])).round(3).tolist()
    [[0.0], [0.127...], [0.127...]]

    Source: A. Waibel, T. Hanazawa, G. Hinton, K. Shikano, K. Lang, IEEE Trans. ASSP 37, 1989: the evidence of each output
    unit is summed over time with equal weights; squares: as in Lang, Waibel and Hinton, Neural Networks 3, 1990 (recalled).
    """

    loss: Callable[[Array, Any], Array]
    how: Literal["mean", "sum", "squares"] = "mean"
    everywhere: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.how not in ("mean", "sum", "squares"):
            raise ValueError(f"Integrated: how must be 'mean', 'sum' or 'squares', not {self.how!r}")
        traits = traits_of(an_instance(self.loss, "Integrated: loss"))
        if traits.per != "step" or traits.everywhere:
            raise ValueError(f"Integrated needs a loss per step, such as CrossEntropy(), not {self.loss!r}")

    @property
    def targets(self) -> Kind:
        """What the loss within takes."""
        return traits_of(self.loss).targets

    @property
    def per(self) -> Per:
        """What the loss within gives."""
        return traits_of(self.loss).per

    @property
    def unit(self) -> Unit | None:
        """The unit whose function the loss within puts on the outputs."""
        return traits_of(self.loss).unit

    def integral(self, ys: Array, targets: Array) -> Array:
        """(B, O): the outputs (T, B, O), integrated over the steps at which the targets ask."""
        counts = asked(targets)[..., None]
        kept = jnp.where(counts, ys, 0)
        if self.how == "squares":
            kept = kept * kept
        return kept.sum(0) / (jnp.maximum(counts.sum(0), 1) if self.how == "mean" else 1)

    def __call__(self, ys: Array, targets: Array) -> Array:
        """The losses (T, B); a step that asks for nothing costs nothing."""
        return self.loss(jnp.broadcast_to(self.integral(ys, targets), ys.shape), targets)
