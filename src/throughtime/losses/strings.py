"""The loss of strings of labels that are shorter than the sequence, and not aligned with it."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import optax
from jax import Array

from throughtime.checks import is_whole
from throughtime.losses.contract import Kind, Per, refuse_blank, whole_numbers
from throughtime.units import Unit, softmax

NEVER = -1e30  # logarithm of the probability of what is impossible: finite, for the sake of gradients


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
    targets: ClassVar[Kind] = "strings"
    per: ClassVar[Per] = "sequence"
    unit: ClassVar[Unit] = softmax

    def __post_init__(self) -> None:
        if not is_whole(self.blank, 0):
            raise ValueError(f"CTC: the blank must be the number of an output, from 0, not {self.blank!r}")

    def __call__(self, ys: Array, targets: tuple[Array, Array]) -> Array:
        """The losses (B,)."""
        if not isinstance(targets, tuple) or len(targets) != 2:
            raise ValueError(f"CTC: targets must be a pair (labels (B, L), frames (B,)), not {type(targets).__name__}")
        labels, frames = jnp.asarray(targets[0]), jnp.asarray(targets[1])
        whole_numbers("CTC", labels)
        if labels.ndim != 2 or labels.shape[:1] != ys.shape[1:2] or frames.shape != ys.shape[1:2]:
            raise ValueError(
                f"CTC: labels {labels.shape} and frames {frames.shape} must be (B, L) and (B,) for outputs {ys.shape}"
            )
        refuse_blank(self, ys.shape[-1])
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
