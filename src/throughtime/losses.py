"""Losses: what an output costs at every time step, or every sequence.

    loss(ys (T, B, O), targets) -> (T, B) or (B,)

A loss is a frozen dataclass, or a function of a module, so that equal losses share compiled code. Learners sum it;
nothing is averaged here. A NaN target, or the label -1, asks for nothing: it costs 0 and gives no gradient, whatever
the output. Masks are put on twice, inside the formula and on its value, because 0 * NaN is NaN, also in a gradient.
"""

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from jax import Array

from throughtime.checks import is_whole
from throughtime.layers import an_instance

NEVER = -1e30  # logarithm of the probability of what is impossible: finite, for the sake of gradients
Targets = Any  # Array, or for CTC the pair (labels, frames)


def asked(targets: Targets) -> Array:
    """True where something is asked: (T, B) per step, (B,) for the pairs of CTC.

    floats (T, B, O): any output that is not NaN; whole numbers (T, B): labels >= 0; (labels, frames): frames > 0.

    >>> asked(jnp.array([[3, -1]])).tolist()
    [[True, False]]
    """
    if isinstance(targets, tuple):
        targets = jnp.asarray(targets[1]) - 1  # whole numbers: 0 frames become -1
    targets = jnp.asarray(targets)
    if jnp.issubdtype(targets.dtype, jnp.floating):
        return jnp.any(~jnp.isnan(targets), axis=-1)
    return jnp.greater_equal(targets, 0)


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
        _same("SquaredError", ys, targets)
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

    def __call__(self, ys: Array, targets: Array) -> Array:
        """The cross-entropies (T, B); label -1 costs nothing."""
        targets = jnp.asarray(targets)
        _whole_numbers("CrossEntropy", targets)
        _fit("CrossEntropy", ys, targets, ys.shape[:2], "one label per step")
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

    def __call__(self, ys: Array, targets: Array) -> Array:
        """The binary cross-entropies (T, B); an output whose target is NaN costs nothing."""
        targets = jnp.asarray(targets)
        _same("BinaryCrossEntropy", ys, targets)
        known = ~jnp.isnan(targets)
        logits, truth = jnp.where(known, ys, 0), jnp.where(known, targets, 0)
        losses = jax.nn.softplus(logits) - truth * logits
        return jnp.sum(jnp.where(known, losses, 0), axis=-1)


@dataclass(frozen=True)
class CTC:
    """Connectionist temporal classification: -log of the probability of a label string, over all its alignments.

    ys are net inputs (logits) for the labels and the blank. Targets are a pair: labels (B, L), padded with -1, and
    frames (B,), how many steps of each sequence count; frames 0: nothing asked. One loss per sequence, so a sequence
    must be one stretch. It is never below zero, and infinite, without a gradient, where no alignment is possible: too few
    frames for the labels and a blank between equal ones, or outputs of -inf. An empty string is the blank at every step.

    blank  its output, from 0

    raises  ValueError if the blank, or a label, is none of the outputs, and if labels stand behind the padding; where JAX
            traces, so that labels are not known yet, the loss of such a sequence is NaN

    Source: A. Graves, S. Fernandez, F. Gomez, J. Schmidhuber, ICML 2006.
    """

    blank: int = 0

    def __post_init__(self) -> None:
        if not is_whole(self.blank, 0):
            raise ValueError(f"CTC: the blank must be the number of an output, from 0, not {self.blank!r}")

    def refuse_blank(self, outputs: int) -> None:
        """Raise an error if the blank is none of so many outputs."""
        if self.blank >= outputs:
            raise ValueError(
                f"CTC: the blank {self.blank} is none of the {outputs} outputs, which are 0 to {outputs - 1}; "
                "give one of them, or the network an output more"
            )

    def __call__(self, ys: Array, targets: tuple[Array, Array]) -> Array:
        """The losses (B,)."""
        if not isinstance(targets, tuple) or len(targets) != 2:
            raise ValueError(f"CTC: targets must be a pair (labels (B, L), frames (B,)), not {type(targets).__name__}")
        labels, frames = jnp.asarray(targets[0]), jnp.asarray(targets[1])
        _whole_numbers("CTC", labels)
        if labels.ndim != 2 or labels.shape[:1] != ys.shape[1:2] or frames.shape != ys.shape[1:2]:
            raise ValueError(
                f"CTC: labels {labels.shape} and frames {frames.shape} must be (B, L) and (B,) for outputs {ys.shape}"
            )
        self.refuse_blank(ys.shape[-1])
        wrong = self._wrong(labels, ys.shape[-1])
        if not ys.shape[0]:
            return jnp.zeros(frames.shape, ys.dtype)
        return jnp.where(frames > 0, jnp.where(wrong, jnp.nan, self._losses(ys, labels, frames)), 0)

    def _losses(self, ys: Array, labels: Array, frames: Array) -> Array:
        labels = jnp.pad(labels, ((0, 0), (0, 1)), constant_values=-1)  # so that there is one, also of empty strings
        counts = jnp.arange(ys.shape[0])[None, :] < frames[:, None]  # (B, T)
        logits = jnp.maximum(jnp.where(counts[..., None], jnp.swapaxes(ys, 0, 1), 0), NEVER)
        silent, absent = (~counts).astype(ys.dtype), (labels < 0).astype(ys.dtype)
        labels = jnp.where(labels < 0, 0, labels)
        losses = optax.ctc_loss(logits, silent, labels, absent, blank_id=self.blank, log_epsilon=NEVER).astype(ys.dtype)
        losses = losses - jax.lax.stop_gradient(jnp.minimum(losses, 0))  # rounding may find more than all paths
        return jnp.where(losses > -NEVER / 10, jnp.inf, losses)

    def _wrong(self, labels: Array, outputs: int) -> Array:
        """(B,): True where labels are none of the outputs, or not in front; an error where they are known."""
        behind = (labels[:, :-1] < 0) & (labels[:, 1:] >= 0)
        wrong = ((labels < -1) | (labels >= outputs) | (labels == self.blank)).any(1) | behind.any(1)
        if not isinstance(wrong, jax.core.Tracer) and wrong.any():
            number = int(wrong.argmax())
            raise ValueError(
                f"CTC: the labels of sequence {number} are {labels[number].tolist()}; {outputs} outputs allow 0 to "
                f"{outputs - 1} without the blank {self.blank}, and -1 behind the last one"
            )
        return wrong


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

    >>> loss = Integrated(CrossEntropy(), "mean")
    >>> ys = jnp.array([[[2.0, 0.0]], [[-1.0, 1.0]], [[1.0, 3.0]]])
    >>> loss.integral(ys, jnp.array([[-1], [1], [1]])).tolist()
    [[0.0, 2.0]]
    >>> loss(ys, jnp.array([[-1], [1], [1]])).round(3).tolist()
    [[0.0], [0.127...], [0.127...]]

    Source: A. Waibel, T. Hanazawa, G. Hinton, K. Shikano, K. Lang, IEEE Trans. ASSP 37, 1989: the evidence of each output
    unit is summed over time with equal weights; squares: as in Lang, Waibel and Hinton, Neural Networks 3, 1990 (recalled).
    """

    loss: "SquaredError | CrossEntropy | BinaryCrossEntropy"
    how: Literal["mean", "sum", "squares"] = "mean"

    def __post_init__(self) -> None:
        if self.how not in ("mean", "sum", "squares"):
            raise ValueError(f"Integrated: how must be 'mean', 'sum' or 'squares', not {self.how!r}")
        if isinstance(an_instance(self.loss, "Integrated: loss"), (CTC, Integrated)):
            raise ValueError(f"Integrated needs a loss per step, such as CrossEntropy(), not {self.loss!r}")

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


Loss = SquaredError | CrossEntropy | BinaryCrossEntropy | CTC | Integrated


def _whole_numbers(name: str, labels: Array) -> None:
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(f"{name}: labels must be whole numbers, not {labels.dtype}")


def _same(name: str, ys: Array, targets: Array) -> None:
    if not jnp.issubdtype(targets.dtype, jnp.floating):
        raise ValueError(f"{name}: targets must be floating-point numbers, not {targets.dtype}")
    _fit(name, ys, targets, ys.shape, "one number per output")


def _fit(name: str, ys: Array, targets: Array, wanted: tuple[int, ...], meaning: str) -> None:
    if targets.shape != wanted:
        raise ValueError(f"{name}: targets {targets.shape} do not fit outputs {ys.shape}; wanted {wanted}, {meaning}")
