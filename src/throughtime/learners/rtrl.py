"""Real-time recurrent learning: the exact gradient, carried forward in time (Williams & Zipser 1989; Schmidhuber 1992).

Let h(t) be the state of one sequence (all it remembers of itself: delayed activities and memories, S numbers) and w the W
weights that act on it. The influence matrix P(t) = dh(t)/dw is carried from step to step, or from block to block:

    P(t+h) = A P(t) + E z              A = dh(t+h)/dh(t),  E = dh(t+h)/dnet,  z = what the net inputs heard        (1)
    dL/dw  = dL/dh(t) P(t) + direct    L the losses of the block, direct = their gradient within the block         (2)

A, E and dL/dh(t) are the rows of one backward `sweep` over the block: one row for each number of the state, and one for
the loss. A row that only moves along a delay line is moved, not multiplied. For Jordan and NARX networks the state is the
outputs, so P is small.

`RTRL(1)` is the algorithm of Williams & Zipser: O(S^2 W) time per step, n^4 for n fully recurrent units. `RTRL(block=h)`
gives the same numbers with one product per h steps: O(S W (1 + S/h)), n^3 for h of the order of n. Memory B S W numbers,
however long the stream. Do not use it where the whole sequence is at hand: BPTT gives the same gradient for O(W).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from throughtime.engine.effective import Weights, effective
from throughtime.engine.forward import kind, start
from throughtime.engine.schedule import depths, state
from throughtime.engine.sweep import gradients, identity_rows, sweep
from throughtime.engine.tape import Arrays, History, Tape
from throughtime.learners import influence
from throughtime.learners.influence import Influence
from throughtime.learners.lesson import Exact, Lesson, check_carry, compiled, refuse_backward
from throughtime.learners.stretches import JudgedStretch, judged_stretch
from throughtime.losses import Loss
from throughtime.memory import refuse_size
from throughtime.network import Network, whole_number


class Carried(NamedTuple):
    """The history, and P: {layer: (B, S, N, w)}."""

    history: History
    influence: Influence


@dataclass(frozen=True)
class RTRL:
    """Real-time recurrent learning.

    block  steps between updates of the influence matrix: 1 is Williams & Zipser's algorithm; about twice the number of
           units is fastest; the gradient is the same

    Cost: time O(S^2 W / block + S W) per step and sequence, memory B S W numbers, S the numbers remembered, W the weights
    that act on them; `influence_bytes` tells before anything starts. Source: Williams & Zipser 1989; blocks: Schmidhuber 1992.

    >>> import jax.numpy as jnp, throughtime as tt
    >>> network = tt.fully_recurrent(1, 3, 1)
    >>> weights, learner = tt.init(network, 0), tt.RTRL(block=6)
    >>> carry = learner.init(network, weights, batch=1)
    >>> for _ in range(3):  # a stream, stretch by stretch
    ...     carry, lesson = learner.learn(network, weights, carry, jnp.ones((2, 1, 1)), jnp.ones((2, 1, 1)), tt.SquaredError())
    >>> lesson.asked.item()
    2
    """

    block: int = 1

    def __post_init__(self) -> None:
        whole_number(self.block, "RTRL: block", 1)

    def init(self, network: Network, weights: Weights, batch: int, key: Array | None = None) -> Carried:
        """The history before the first step, and the influence of the weights on it: 0 but for a learned a(0)."""
        refuse_backward(network, "RTRL")
        needed = influence_bytes(network, weights, batch)
        refuse_size(needed, "RTRL, for its influence matrix,", "use fewer units or sequences, or BPTT(horizon=...)")
        return Carried(start(network, weights, batch, key), _first(network, weights, batch))

    @compiled
    def learn(
        self, network: Network, weights: Weights, carry: Any, xs: Any, targets: Any, loss: Loss, lengths: Any = None
    ) -> tuple[Any, Lesson]:
        """One stretch, cut into blocks and a remainder: what is carried on, and its loss and gradients (sums)."""
        check_carry(self, network, weights, carry, xs)
        seen = judged_stretch(network, weights, carry.history, xs, targets, loss, lengths)
        blocks, rest = divmod(seen.outputs.shape[0], self.block)
        direct = jax.tree.map(jnp.zeros_like, seen.acting)
        through = {name: jnp.zeros(p.shape[2:], p.dtype) for name, p in carry.influence.items()}
        state = (carry.influence, direct, through)

        def one(state: _Going, first: Array) -> tuple[_Going, None]:
            return _block(network, seen, state, first, self.block), None

        if blocks:
            state, _ = lax.scan(one, state, self.block * jnp.arange(blocks))
        if rest:
            state = _block(network, seen, state, jnp.asarray(blocks * self.block), rest)
        moved, direct, through = state
        past = influence.as_weights(network, seen.acting, through)
        for name, own in past.items():
            direct[name] = direct[name] | jax.tree.map(jnp.add, {key: direct[name][key] for key in own}, own)
        return Carried(seen.history, moved), seen.lesson(direct)

    def exact_on(self, network: Network) -> Exact:
        """ "always"; "never" where it refuses: a network with backward layers."""
        return "never" if network.backward else "always"


_Going = tuple[Influence, Weights, Influence]  # P; the direct gradient; that through the past, as rows (N, w)


def _first(network: Network, weights: Weights, batch: int) -> Influence:
    return influence.first(network, effective(network, weights), batch, kind(weights))


def influence_bytes(network: Network, weights: Weights, batch: int) -> int:
    """The memory of the influence matrix: B S W numbers."""
    shapes = jax.eval_shape(lambda: _first(network, weights, batch))
    return sum(p.size * p.dtype.itemsize for p in jax.tree.leaves(shapes))


def _block(network: Network, seen: JudgedStretch, going: _Going, first: Array, size: int) -> _Going:
    """Equations (1) and (2) over `size` steps from `first`."""
    old, direct, through = going
    tape, seed = cut(network, seen.tape, first, size), lax.dynamic_slice_in_dim(seen.seed, first, size)
    lengths = None if seen.lengths is None else jnp.clip(seen.lengths - first, 0, size)
    _, batch, outputs = seed.shape
    later, rows = identity_rows(network, batch, seed.dtype, size)
    seeds = jnp.zeros((size, rows + 1, batch, outputs), seed.dtype).at[:, rows].set(seed)
    back = sweep(network, seen.acting, tape, {network.output: seeds}, later, lengths)
    past = transport(network, back.history, rows + 1, batch)
    found = gradients(network, tape, {name: delta[:, rows] for name, delta in back.deltas.items()}, lengths)
    direct = {name: own | {k: own[k] + g for k, g in found[name].items()} for name, own in direct.items()}
    moved, total = {}, {}
    for name, p in old.items():
        layer, deltas = network.by_name[name], back.deltas[name][:, :rows]
        product = influence.transported(past, p)  # one product: P is the largest thing here, so it is read once
        fresh = product[:, :rows]
        if influence.own_units_only(network, layer, size):
            fresh = influence.onto_diagonal(network, tape, layer, deltas, fresh)
        else:
            fresh = fresh + influence.immediate(network, tape, layer, deltas)
        moved[name] = influence.shifted(network, p, fresh, lengths, size)
        total[name] = through[name] + product[:, rows].sum(0)
    return moved, direct, total


def cut(network: Network, tape: Tape, first: Array, size: int) -> Tape:
    """The tape of one block: its steps, and the rows of past before them."""

    def part(values: Array, rows: int) -> Array:
        return lax.dynamic_slice_in_dim(values, first, rows)

    full = {source: part(values, depths(network)[source] + size) for source, values in tape.full.items()}
    nets, gates, before = (
        {name: part(values, size) for name, values in kept.items()} for kept in (tape.nets, tape.gates, tape.before)
    )
    return Tape(full, {}, nets, gates, before, tape.dropout)


def transport(network: Network, history: dict[str, Arrays], rows: int, batch: int) -> Array:
    """(B, K, S): d row/d state before the block."""
    parts = []
    for row in state(network):
        found = history[row.kind][row.layer]  # a: (D, K, B, N), memory: (K, B, M, N)
        ordered = found.transpose(2, 1, 0, 3) if row.kind == "a" else found.transpose(1, 0, 2, 3)
        parts.append(ordered.reshape(batch, rows, row.width))
    return jnp.concatenate(parts, axis=-1) if parts else jnp.zeros((batch, rows, 0))
