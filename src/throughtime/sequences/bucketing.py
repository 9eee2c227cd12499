"""Sequences of similar length side by side in padded arrays; padding asks nothing."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from throughtime import losses
from throughtime.engine import History
from throughtime.engine.door import placed
from throughtime.sequences.examples import Example
from throughtime.sequences.inputs import steps_of
from throughtime.sequences.numbers import Values
from throughtime.sequences.padding import Padding, grid_to, padded_lengths


@partial(
    jax.tree_util.register_dataclass, data_fields=["xs", "targets", "lengths", "history"], meta_fields=["full", "apart"]
)
@dataclass(frozen=True)
class Bucket:
    """Padded sequences; the last one, or several, are empty (length 0, asks nothing) and fill up batches.

    xs       {input: (T, N+1, S)}
    targets  (T, N+1, O) numbers, (T, N+1) labels, or the pair of strings: labels (N+1, L), frames (N+1,)
    lengths  (N+1,)
    full     True if all columns but the last are known to be sequences of T steps
    history  {source: (D, N+1, S)} what went before, where it is given
    apart    True if every member is asked targets of its own, numbers (K, T, N+1, O)
    """

    xs: dict[str, Array]
    targets: Any
    lengths: Array
    full: bool
    history: dict[str, Array]
    apart: bool = False

    @cached_property
    def count(self) -> int:
        """The number of sequences, without the empty ones; they come first. Read from the arrays once."""
        return int(np.count_nonzero(self.lengths))

    @property
    def places(self) -> int:
        """The number of columns N, without the last, which is always empty; a shape, so known while JAX traces."""
        return int(self.lengths.shape[0]) - 1

    def pick(self, index: Array) -> "Bucket":
        """Some of the sequences, in that order, as one member is asked them; `full` is about all of them."""
        axis = 0 if isinstance(self.targets, tuple) else 1
        targets = jax.tree.map(lambda t: jnp.take(t, index, axis=axis), self.targets)
        xs, history = (
            {name: jnp.take(values, index, axis=1) for name, values in part.items()} for part in (self.xs, self.history)
        )
        return Bucket(xs, targets, self.lengths[index], self.full, history, self.apart)

    def member_axes(self) -> "Bucket":
        """For vmap over members: 0 where the parts differ from one to another (targets, where they are asked apart), else None."""
        return Bucket(None, 0 if self.apart else None, None, self.full, None, self.apart)  # type: ignore[arg-type]

    def begin(self, history: History) -> History:
        """That history, with the true past in the place of its start."""
        return history | {"a": history["a"] | self.history} if self.history else history


def buckets(
    examples: Sequence[Example],
    loss: Any,
    dtype: Any,
    padding: Padding = 0.25,
    every: int | None = None,
    batch: int = 1,
) -> list[Bucket]:
    """The sequences in padded buckets, the shortest first.

    padding  share of steps that may be added to have fewer buckets, so fewer compilations; or the lengths to pad to: then
             whole batches come in numbers of the grid of `padded_lengths`, and lists of labels in lengths of it, filled up
             with what asks nothing, so that other sequences of these lengths find their shapes compiled
    every    pad on to a multiple of that many steps (of what is longer than it)
    batch    how many sequences a batch will have; matters where the lengths to pad to are given
    """
    lengths = [steps_of(e.x) for e in examples]
    ends = padded_lengths(lengths, padding)
    shared: dict[int, list[Example]] = {}
    for example, length in zip(examples, lengths, strict=True):
        shared.setdefault(ends[bisect_left(ends, length)], []).append(example)
    widest, given = max((len(e.target) for e in examples), default=0), isinstance(padding, Sequence)
    if given:
        widest = grid_to(widest)[-1]
    made = []
    for end in sorted(shared):
        steps = end if every is None or end <= every else -(-end // every) * every
        places = batch * grid_to(-(-len(shared[end]) // batch))[-1] if given else None
        made.append(_bucket(shared[end], steps, loss, dtype, widest, places))
    return made


def _bucket(examples: list[Example], steps: int, loss: Any, dtype: Any, widest: int, places: int | None) -> Bucket:
    columns = 1 + (len(examples) if places is None else places)
    pad, lengths = partial(beside, columns=columns), np.zeros(columns, np.int32)
    lengths[: len(examples)] = [steps_of(e.x) for e in examples]
    full = places is None and lengths[:-1].min() == steps  # a number of places is for more calls, of which some are not
    xs = {name: placed(pad([e.x[name] for e in examples], steps, 0.0, dtype)) for name in examples[0].x}
    history = {
        name: placed(pad([e.before[name] for e in examples], len(b), 0.0, dtype))
        for name, b in examples[0].before.items()
    }
    asked = [e.target for e in examples]
    takes = losses.traits_of(loss).targets
    apart = takes == "numbers" and asked[0].ndim == 3
    targets: Any
    if takes == "strings":
        targets = (placed(pad(asked, widest, -1, np.int32).T), placed(lengths))
    elif takes == "labels":
        targets = placed(pad(asked, steps, -1, np.int32))
    elif apart:
        targets = placed(np.stack([pad(list(part), steps, np.nan, dtype) for part in zip(*asked, strict=True)]))
    else:
        targets = placed(pad(asked, steps, np.nan, dtype))
    return Bucket(xs, targets, placed(lengths), bool(full), history, apart)


def beside(arrays: Sequence[Values], steps: int, filling: float, dtype: Any, columns: int) -> Values:
    """The arrays (T_i, ...), and empty ones after them, side by side: (steps, columns, ...)."""
    padded = np.full((steps, columns, *arrays[0].shape[1:]), filling, dtype)
    for n, values in enumerate(arrays):
        padded[: len(values), n] = values
    return padded
