"""Law 2: how a sequence is cut changes neither RTRL nor BPTT(h); blocks and long horizons change nothing either."""

from typing import Any

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

import reference
import throughtime as tt
import zoo
from test_exactness import ERROR, TOLERANCE, case
from throughtime import Network
from wirings import wirings

STEPS = 5
NAMES = (
    "tdnn start",
    "tdnn learned delays",
    "jordan start",
    "narx gaps",
    "narx start",
    "lstm start",
    "two layers in a loop, start",
    "loop in a loop",
    "delays across layers",
    "own memory",
)
NETWORKS = [pytest.param(zoo.FORWARD[name], id=name) for name in NAMES]


@st.composite
def cuts(draw: st.DrawFn) -> tuple[int, ...]:
    """The lengths of the stretches of a sequence."""
    borders = sorted(draw(st.sets(st.integers(1, STEPS - 1), max_size=3)))
    return tuple(b - a for a, b in zip([0, *borders], [*borders, STEPS], strict=True))


lengths = st.lists(st.integers(0, STEPS), min_size=2, max_size=2) | st.just([STEPS, STEPS])


@pytest.mark.parametrize("network", NETWORKS)
@settings(max_examples=4)
@given(cuts(), st.integers(1, 3), lengths)
def test_rtrl_over_any_cuts_is_the_whole_gradient(
    network: Network, stretches: tuple[int, ...], block: int, lengths: list[int]
) -> None:
    weights, xs, targets = case(network, steps=STEPS)
    wanted = reference.learn(network, weights, xs, targets, ERROR, lengths).gradients
    lesson = zoo.lessons(network, tt.RTRL(block), weights, xs, targets, ERROR, stretches, lengths)
    assert zoo.distance(lesson.gradients, wanted) < TOLERANCE


@pytest.mark.parametrize("network", NETWORKS)
@settings(max_examples=4)
@given(cuts(), st.integers(1, 6), lengths)
def test_truncated_bptt_is_autograd_with_the_graph_cut_behind_each_loss(
    network: Network, stretches: tuple[int, ...], horizon: int, lengths: list[int]
) -> None:
    weights, xs, targets = case(network, steps=STEPS)
    wanted = reference.learn(network, weights, xs, targets, ERROR, lengths, horizon).gradients
    lesson = zoo.lessons(network, tt.BPTT(horizon), weights, xs, targets, ERROR, stretches, lengths)
    assert zoo.distance(lesson.gradients, wanted) < TOLERANCE


@pytest.mark.parametrize("name", ["jordan start", "narx start", "lstm start"])
def test_a_horizon_that_reaches_a0_is_the_whole_gradient(name: str) -> None:
    """The row of a(0) at time -j is reached by the loss at s if s + j < h: all are if h >= T + D, not if h = T."""
    network = zoo.FORWARD[name]
    weights, xs, targets = case(network, steps=STEPS)
    wanted = reference.learn(network, weights, xs, targets, ERROR).gradients
    enough = STEPS + max(
        1, *(reference.delay_of(network, layer.name) for layer in network.layers if layer.start == "learned")
    )
    reached = zoo.lessons(network, tt.BPTT(enough), weights, xs, targets, ERROR).gradients
    assert zoo.distance(reached, wanted) < TOLERANCE
    missed = zoo.lessons(network, tt.BPTT(STEPS), weights, xs, targets, ERROR).gradients
    assert zoo.distance(missed, wanted) > 1e-6


@pytest.mark.parametrize("name", ["recurrent", "narx gaps", "tdnn", "lstm"])
def test_without_a_learned_a0_the_horizon_need_only_be_the_sequence(name: str) -> None:
    network = zoo.FORWARD[name]
    weights, xs, targets = case(network, steps=STEPS)
    whole, short = (reference.learn(network, weights, xs, targets, ERROR, horizon=h).gradients for h in (None, 1))
    reached = zoo.lessons(network, tt.BPTT(STEPS), weights, xs, targets, ERROR).gradients
    assert zoo.distance(reached, whole) < TOLERANCE
    assert zoo.distance(short, whole) > 1e-3


@settings(max_examples=5)
@given(wirings(), cuts(), st.integers(1, 3), lengths)
def test_random_wirings_cut_at_random(
    network: Network, stretches: tuple[int, ...], number: int, lengths: list[int]
) -> None:
    """RTRL in blocks of `number` and BPTT with a horizon of `number`."""
    weights, xs, targets = case(network, steps=STEPS)
    for learner, horizon in ((tt.RTRL(number), None), (tt.BPTT(number), number)):
        wanted = reference.learn(network, weights, xs, targets, ERROR, lengths, horizon).gradients
        lesson = zoo.lessons(network, learner, weights, xs, targets, ERROR, stretches, lengths)
        assert zoo.distance(lesson.gradients, wanted) < TOLERANCE


RAGGED = ((2, 1), (0, 3), (3, 1))  # of each stretch, how many steps of the one and the other sequence it holds


RAGGED_CELLS = [
    *((name, rule, None) for name in ("lstm start", "narx gaps", "own memory") for rule in (tt.RTRL(), tt.RTRL(2))),
    *((name, tt.BPTT(3), 3) for name in ("lstm start", "jordan start", "tdnn start")),
    ("focused start", tt.Focused(), None),
]


@pytest.mark.parametrize(("name", "learner", "horizon"), RAGGED_CELLS, ids=str)
def test_every_sequence_may_be_cut_in_its_own_way(name: str, learner: tt.RTRL, horizon: int | None) -> None:
    """A stretch ends where each sequence's `lengths` say, and goes on from there."""
    network = zoo.FORWARD[name]
    weights, xs, targets = case(network, steps=STEPS)
    carry, given, done = learner.init(network, weights, zoo.BATCH), [], np.zeros(2, int)
    for lengths in RAGGED:
        rows = done + np.arange(3)[:, None]
        x, wanted = (jnp.where(rows[..., None] < STEPS, v[rows % STEPS, [0, 1]], jnp.nan) for v in (xs, targets))
        carry, lesson = learner.learn(network, weights, carry, x, wanted, ERROR, lengths=jnp.array(lengths))
        given.append(lesson.gradients)
        done += lengths
    wanted = reference.learn(network, weights, xs, targets, ERROR, horizon=horizon).gradients
    assert zoo.distance(zoo.add(given), wanted) < TOLERANCE


@pytest.mark.parametrize("learner", [tt.BPTT(), tt.Backprop()], ids=repr)
def test_a0_is_paid_once(learner: tt.BPTT) -> None:
    """In the first stretch of each sequence; one that is silent in the first (length 0) begins in the second."""
    network = zoo.FORWARD["tdnn start"]
    weights, xs, targets = case(network, steps=4)
    targets = jnp.nan_to_num(targets)
    carry, paid = learner.init(network, weights, zoo.BATCH), []
    for x, wanted, lengths in zip(
        zoo.cut(xs, (1, 1, 2)), zoo.cut(targets, (1, 1, 2)), ([1, 0], [1, 1], [2, 2]), strict=True
    ):
        carry, lesson = learner.learn(network, weights, carry, x, wanted, ERROR, lengths=jnp.array(lengths))
        paid.append(lesson.gradients["h"]["start"]["activity"])
    firsts = [(xs[:1, :1], targets[:1, :1]), (xs[1:2, 1:], targets[1:2, 1:])]
    for got, (x, wanted) in zip(paid, firsts, strict=False):
        alone = reference.learn(network, weights, x, wanted, ERROR).gradients["h"]["start"]["activity"]
        assert zoo.alive(alone)
        assert zoo.distance(got, alone) < TOLERANCE
    assert not zoo.alive(paid[2])


@pytest.mark.parametrize("learner", [tt.BPTT, tt.RTRL])
def test_a_horizon_or_a_block_of_no_steps_is_refused(learner: type) -> None:
    with pytest.raises(ValueError, match="0"):
        learner(0)


@pytest.mark.parametrize("learner", [tt.BPTT(), tt.BPTT(20), tt.RTRL(2)], ids=repr)
def test_a_given_a0_is_heard_by_every_learner(learner: Any) -> None:
    network = zoo.FORWARD["narx gaps"]
    weights, xs, targets = case(network, steps=STEPS)
    given = jax.tree.map(lambda rows: rows + 0.7, tt.start(network, weights, zoo.BATCH))

    def cost(w: Any) -> jax.Array:
        return ERROR(tt.run(network, w, xs, given)[0], targets).sum()

    carry = learner.init(network, weights, zoo.BATCH)._replace(history=given)
    _, lesson = learner.learn(network, weights, carry, xs, targets, ERROR)
    assert zoo.distance(lesson.gradients, jax.grad(cost)(weights)) < TOLERANCE
