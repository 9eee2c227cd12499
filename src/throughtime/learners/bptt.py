"""Backpropagation through time, whole or truncated (Werbos 1990; Williams & Peng 1990).

The network is unfolded in time into a deep feedforward network whose layers share their weights:

    delta_l(t) = f'(net_l(t)) * dL/da_l(t)                                                        (1)
    dL/da_s(t) = dL(t)/da_s(t) + sum over connections c from s, delays d:  W_c,d delta_c(t + d)   (2)
    dL/dW_c,d  = sum over t of a_s(t-d) delta_c(t)^T                                              (3)

`BPTT()` sends all losses of a stretch back together, to the start of the stretch: (1) and (2) are `sweep`, (3) is
`gradients`. Time O(T B weights), memory O(T B units). Exact if the sequence is one stretch.

`BPTT(horizon=h)` lets the loss at t reach deltas at t-h+1, ..., t and no further, across the borders of stretches: every
loss is sent back on its own, all of them one step further at a time. Time O(h T B weights), memory O((T + h) B units),
whatever the length of the stream. It is not the exact gradient; how the stream is cut does not matter.

`BPTT(segment=k)` is `BPTT()` with the tape of k steps at a time, see `segments`: the same gradient in memory that does not
grow with the stretch, but for outputs and a history for every segment.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
from jax import Array

from throughtime.engine.effective import Weights
from throughtime.engine.forward import kind, start
from throughtime.engine.running import as_inputs
from throughtime.engine.schedule import schedule, state
from throughtime.engine.sweep import Through, gradients, sweep
from throughtime.engine.tape import Arrays, History
from throughtime.learners.horizon import Window, first_window, reach, truncated
from throughtime.learners.lesson import Exact, Lesson, check_carry, compiled, refuse_backward, start_gradients, together
from throughtime.learners.segments import Segments, usual_size
from throughtime.learners.stretches import judged_stretch, made_ready, verdict
from throughtime.losses import Loss
from throughtime.network import Network, whole_number


class Stretch(NamedTuple):
    """What is carried from stretch to stretch: the history, and which sequences have not begun (B,)."""

    history: History
    first: Array


def one_sweep(
    network: Network,
    weights: Weights,
    carry: Stretch,
    xs: Any,
    targets: Any,
    loss: Loss,
    lengths: Any,
    through: Through,
) -> tuple[Stretch, Lesson]:
    """A lesson from one backward sweep over the stretch."""
    seen = judged_stretch(network, weights, carry.history, xs, targets, loss, lengths)
    found = sweep(
        network, seen.acting, seen.tape, {network.output: seen.seed[:, None]}, None, seen.lengths, through, loose=True
    )
    deltas = {name: delta[:, 0] for name, delta in found.deltas.items()}
    direct = gradients(network, seen.tape, deltas, seen.lengths)
    lesson = seen.lesson(together(direct, _starts(network, carry.first, found.history, found.start)))
    return Stretch(seen.history, _not_begun(carry.first, seen.lengths)), lesson


def by_segments(
    size: int, network: Network, weights: Weights, carry: Stretch, xs: Any, targets: Any, loss: Loss, lengths: Any
) -> tuple[Stretch, Lesson]:
    """The same lesson, with the tape of so many steps at a time."""
    ready = made_ready(network, weights, carry.history, xs, lengths)
    segments = Segments(network, ready, size)
    ys, after, kept = segments.run()
    seed, value, asked = verdict(loss, ys, targets, ready.lengths)
    direct, past = segments.back(seed, kept)
    found = ready.chain(together(direct, _starts(network, carry.first, past, {})))
    return Stretch(after, _not_begun(carry.first, ready.lengths)), Lesson(value, asked, ys, found)


def _not_begun(first: Array, lengths: Array | None) -> Array:
    return jnp.zeros_like(first) if lengths is None else first & (lengths == 0)


def _starts(network: Network, first: Array, history: dict[str, Arrays], start: dict[str, Arrays]) -> Weights:
    a = {name: error[:, 0] for name, error in history["a"].items()}
    memory = {name: error[0] for name, error in history["memory"].items()}
    ahead = start_gradients(network, first, a, memory)
    back: Weights = {
        name: {"start": {k: e.sum((0, 1) if k == "memory" else (1, 2)) for k, e in own.items() if len(e)}}
        for name, own in start.items()
        if network.by_name[name].start == "learned"
    }
    return ahead | back


def stretch_exactness(network: Network) -> Exact:
    """ "always" if errors never leave a stretch, else "whole"."""
    crosses = bool(state(network)) or network.backward
    return "whole" if crosses else "always"


@dataclass(frozen=True)
class BPTT:
    """Backpropagation through time.

    horizon  None: every loss of a stretch reaches back to the start of the stretch; h: the loss at t reaches deltas at
             t-h+1, ..., t, in time, not in depth, across the borders of stretches
    segment  None: the tape of a stretch is kept whole; k: that of k steps at a time, for the same gradient; "auto": so many
             that it has some 2 MB and stays in the cache, or whole where it has no more than 4, or layers run backward

    Cost, with W weights: horizon=None: time O(T B W), memory O(T B units) per stretch; horizon=h: time O(h T B W), memory
    O((T + h) B units); segment=k: time O(T B W), a forward pass more than without, memory O(k B units + T B outputs) and T/k
    histories. Source: Werbos 1990; Williams & Peng 1990 (truncated).

    raises  ValueError for a horizon or a segment that is none, for both, and by `init` for backward layers with one of them

    >>> import jax.numpy as jnp, throughtime as tt
    >>> network = tt.fully_recurrent(1, 3, 1)
    >>> weights, learner = tt.init(network, 0), tt.BPTT()
    >>> carry = learner.init(network, weights, batch=2)
    >>> xs, targets = jnp.ones((5, 2, 1)), jnp.zeros((5, 2, 1))
    >>> carry, lesson = learner.learn(network, weights, carry, xs, targets, tt.SquaredError())
    >>> lesson.gradients["hidden"]["recurrent"].shape
    (1, 3, 1, 3)
    """

    horizon: int | None = None
    segment: int | Literal["auto"] | None = None

    def __post_init__(self) -> None:
        if self.horizon is not None:
            whole_number(self.horizon, "BPTT: horizon", 1)
        if self.segment not in (None, "auto"):
            whole_number(self.segment, "BPTT: segment, if not 'auto',", 1)
        if self.segment is not None and self.horizon is not None:
            raise ValueError(
                "BPTT: a horizon is not for segments; leave one out (with a horizon it does not matter how sequences are cut)"
            )

    def init(self, network: Network, weights: Weights, batch: int, key: Array | None = None) -> Stretch | Window:
        """The history before the first step, and for a horizon the last steps (none yet)."""
        history = start(network, weights, batch, key)
        if self.horizon is None:
            self.taped(network, 1, batch)
            return Stretch(history, jnp.ones(batch, bool))
        refuse_backward(network, "BPTT(horizon)")
        return first_window(network, history, self.horizon, batch, kind(weights))

    def taped(self, network: Network, steps: int, batch: int, itemsize: int = 4) -> int:
        """Of how many steps there is a tape at a time, in a stretch of `steps`; itemsize: bytes of a number."""
        if self.segment is None or (self.segment == "auto" and network.backward):
            return steps
        refuse_backward(network, "BPTT(segment)")
        if self.segment == "auto":
            return usual_size(network, steps, batch, itemsize)
        return min(steps, self.segment)

    @compiled
    def learn(
        self, network: Network, weights: Weights, carry: Any, xs: Any, targets: Any, loss: Loss, lengths: Any = None
    ) -> tuple[Any, Lesson]:
        """One stretch: what is carried on, and its loss and gradients (sums)."""
        check_carry(self, network, weights, carry, xs)
        if self.horizon is not None:
            return truncated(self.horizon, network, weights, carry, xs, targets, loss, lengths)
        like = next(iter(as_inputs(network, weights, xs).values()))
        size = self.taped(network, len(like), like.shape[1], like.dtype.itemsize)
        if size < len(like):
            return by_segments(size, network, weights, carry, xs, targets, loss, lengths)
        return one_sweep(network, weights, carry, xs, targets, loss, lengths, "time")

    def exact_on(self, network: Network) -> Exact:
        """ "whole" for a network with history; with a horizon, "always" if no path of delays reaches beyond it, else "never"."""
        if self.horizon is None:
            return stretch_exactness(network)
        if network.backward or any(part.stepped for part in schedule(network)):
            return "never"
        return "always" if reach(network) < self.horizon else "never"
