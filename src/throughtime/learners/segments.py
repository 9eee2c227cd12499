"""BPTT over segments: the tape is there for one segment at a time, so it does not grow with the stretch.

Forward, only the history before each segment is kept. Then, from the last segment to the first, each is run once more from
there, now with its tape, and errors go back over it: those of its own losses, and those that the segment after it has sent
to the history between them,

    dL/d history before = sweep(dL/dy of the segment, dL/d history after)                          (1)
    dL/dW               = sum over segments of what `gradients` makes of each sweep's deltas       (2)

until they stand at the history before the stretch. These are the numbers of one sweep over the stretch, added up in another
order. Outputs and dL/dy are kept whole: a loss sees the whole stretch.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from throughtime.engine.effective import Weights
from throughtime.engine.forward import forward
from throughtime.engine.running import outputs
from throughtime.engine.schedule import depths
from throughtime.engine.sweep import gradients, sweep
from throughtime.engine.tape import Arrays, History
from throughtime.learners.stretches import Ready
from throughtime.network import Network

ROOM = 2e6  # bytes of a tape that stays in the cache
LEAST = 16  # steps, and no fewer than a history has: in shorter segments, what each needs anew is too much

Parts = dict[str, Arrays]  # "a" and "memory", of histories or of the errors there


def usual_size(network: Network, steps: int, batch: int, itemsize: int) -> int:
    """The steps of segments whose tape has some 2 MB, or all if that has 4 MB; a size that divides the stretch, if one is near."""
    least = max(LEAST, *depths(network).values())
    most = max(least, int(ROOM / (itemsize * batch * _numbers(network))))
    if steps <= 2 * most:
        return steps
    even = (size for size in range(most, max(most // 2, least - 1), -1) if steps % size == 0)
    return next(even, most)


def _numbers(network: Network) -> int:
    """Those of one step: what is heard, what the units make of it and keep, and the errors at all that."""
    units = sum(layer.size * (2 + 2 * len(layer.nets) + layer.memory) for layer in network.layers)
    return units + sum(size for _, size in network.inputs)


class KeptHistories(NamedTuple):
    """The histories before all whole segments, one after another, and the one after them."""

    before: Parts
    last: Parts


class Segments(NamedTuple):
    """A stretch that is ready to be run, in segments of so many steps; the last may be shorter."""

    network: Network
    ready: Ready
    size: int

    def run(self) -> tuple[Array, History, KeptHistories]:
        """Outputs (T, B, O), the history after the stretch, and what `back` goes on from."""
        whole, rest, like = *self._cut(), next(iter(self.ready.inputs.values()))
        ys = jnp.zeros((*like.shape[:2], self.network.size_of(self.network.output)), like.dtype)
        first = {
            part: {n: x.astype(like.dtype) for n, x in self.ready.history[part].items()} for part in ("a", "memory")
        }

        def on(carry: tuple[Parts, Array], number: Array) -> tuple[tuple[Parts, Array], Parts]:
            return self._run(*carry, number * self.size, self.size), carry[0]

        (last, ys), before = lax.scan(on, (first, ys), jnp.arange(whole))
        after, ys = self._run(last, ys, whole * self.size, rest) if rest else (last, ys)
        return ys, {**after, "dropout": self.ready.history["dropout"]}, KeptHistories(before, last)

    def back(self, seed: Array, kept: KeptHistories) -> tuple[Weights, Parts]:
        """dL/d effective weights and dL/d the history before the stretch, from dL/dy (T, B, O)."""
        (whole, rest), acting = self._cut(), self.ready.acting
        at_rows = {n: jnp.zeros_like(x)[:, None] for n, x in kept.last["a"].items() if n in self.network.by_name}
        later = {"a": at_rows, "memory": {n: jnp.zeros_like(x)[None] for n, x in kept.last["memory"].items()}}
        found = {n: {k: jnp.zeros_like(w) for k, w in own.items() if k != "start"} for n, own in acting.items()}

        def on(carry: tuple[Weights, Parts], given: tuple[Array, Parts]) -> tuple[tuple[Weights, Parts], None]:
            return self._back(*carry, seed, given[1], given[0] * self.size, self.size), None

        carry = self._back(found, later, seed, kept.last, whole * self.size, rest) if rest else (found, later)
        carry, _ = lax.scan(on, carry, (jnp.arange(whole), kept.before), reverse=True)
        return carry

    def _cut(self) -> tuple[int, int]:
        """How many whole segments, and the steps of the shorter one after them."""
        return divmod(len(next(iter(self.ready.inputs.values()))), self.size)

    def _part(self, before: Parts, first: Any, steps: int) -> tuple[Arrays, History, Array | None]:
        """What `forward` is given of so many steps."""
        xs = {source: lax.dynamic_slice_in_dim(x, first, steps) for source, x in self.ready.inputs.items()}
        lengths = None if self.ready.lengths is None else jnp.clip(self.ready.lengths - first, 0, steps)
        return xs, {**before, "dropout": self.ready.history["dropout"]}, lengths

    def _run(self, before: Parts, ys: Array, first: Any, steps: int) -> tuple[Parts, Array]:
        """The history after some steps, and their outputs put into `ys`."""
        xs, history, lengths = self._part(before, first, steps)
        tape, after = forward(self.network, self.ready.acting, xs, history, lengths, taped=False)
        ys = lax.dynamic_update_slice_in_dim(ys, outputs(self.network, tape, lengths), first, 0)
        return {"a": after["a"], "memory": after["memory"]}, ys

    def _back(
        self, found: Weights, later: Parts, seed: Array, before: Parts, first: Any, steps: int
    ) -> tuple[Weights, Parts]:
        """(2) so far with some steps more, and (1)."""
        (xs, history, lengths), network, acting = self._part(before, first, steps), self.network, self.ready.acting
        tape, _ = forward(network, acting, xs, history, lengths)
        seeds = {network.output: lax.dynamic_slice_in_dim(seed, first, steps)[:, None]}
        swept = sweep(network, acting, tape, seeds, later, lengths)
        deltas = {name: delta[:, 0] for name, delta in swept.deltas.items()}
        return jax.tree.map(jnp.add, found, gradients(network, tape, deltas, lengths)), swept.history
