"""BPTT over segments gives the numbers of one sweep over the stretch, with the tape of one segment at a time."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference
import throughtime as tt
import zoo
from test_exactness import ERROR, TOLERANCE, case
from throughtime import Network
from throughtime.learners import segments
from wirings import wirings


@settings(max_examples=3)
@given(wirings(), st.integers(1, 4))
def test_random_wirings(network: Network, size: int) -> None:
    """Sequences of two lengths, in segments of any size; the zoo's are in the laws of exactness."""
    weights, xs, targets = case(network, steps=5)
    known = reference.learn(network, weights, xs, targets, ERROR, (5, 3))
    lesson = zoo.lessons(network, tt.BPTT(segment=size), weights, xs, targets, ERROR, lengths=(5, 3))
    assert lesson.loss == pytest.approx(known.loss, rel=TOLERANCE)
    assert zoo.distance(lesson.gradients, known.gradients) < TOLERANCE
    assert zoo.distance(lesson.outputs, known.tape["activities"][network.output]) < TOLERANCE


def test_errors_that_stay_in_their_segment_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""
    network, learner, handed = zoo.NETWORKS["lstm start"], tt.BPTT(segment=4), segments.sweep
    weights, xs, targets = case(network)
    monkeypatch.setattr(segments, "sweep", lambda *given: handed(*given[:4], None, given[5]))
    learn = tt.BPTT.learn.__wrapped__  # type: ignore[attr-defined]  # not what was compiled elsewhere
    args = network, weights, learner.init(network, weights, zoo.BATCH), xs, targets, ERROR
    lesson = jax.jit(lambda: learn(learner, *args)[1])()
    known = reference.learn(network, weights, xs, targets, ERROR)
    assert lesson.loss == pytest.approx(known.loss, rel=TOLERANCE)
    assert zoo.distance(lesson.gradients, known.gradients) > 1e-3


def test_stretch_follows_stretch() -> None:
    """What is carried on is what one sweep carries on: a(0) is paid once, whoever has begun."""
    network = zoo.NETWORKS["lstm start"]
    weights, xs, targets = case(network, steps=8)
    rules = (tt.BPTT(), tt.BPTT(segment=3))
    one, other = (zoo.lessons(network, rule, weights, xs, targets, ERROR, (4, 4), (8, 5)) for rule in rules)
    assert zoo.alive(one.gradients["hidden"])
    assert zoo.distance(other.gradients, one.gradients) < TOLERANCE
    assert zoo.distance(other.outputs, one.outputs) < TOLERANCE


def test_memory_does_not_grow_with_the_stretch() -> None:
    """But for outputs, their errors and what a loss makes of them, one number each, and a history for every segment."""
    network = tt.lstm(1, 8, 1)
    weights = tt.init(network, 0)

    def bytes_of(learner: Any, steps: int) -> int:
        carry, xs = learner.init(network, weights, 1), jnp.ones((steps, 1, 1))
        taught = jax.jit(lambda *given: learner.learn(network, *given, ERROR)[1].gradients)
        return int(taught.lower(weights, carry, xs, xs).compile().memory_analysis().temp_size_in_bytes)

    few, many = (bytes_of(tt.BPTT(segment=20), steps) for steps in (1000, 2000))
    assert many - few < 8 * (1000 * 4 + 50 * 16)
    assert bytes_of(tt.BPTT(), 2000) > 10 * many


def test_the_usual_size() -> None:
    """A tape of 2 MB, that divides the stretch if such a size is near; all, if that has no more than 4 MB."""
    learner, network = tt.BPTT(segment="auto"), tt.fully_recurrent(1, 64, 1)
    assert learner.taped(network, 3000, 1) == 3000
    assert learner.taped(network, 1_000_000, 1) == 1600
    assert learner.taped(network, 1_000_003, 1) == 1915  # a prime number
    assert learner.taped(network, 1_000_000, 1, 8) == 800
    assert learner.taped(network, 1000, 10**6) == segments.LEAST == 16
    assert learner.taped(tt.tdnn(1, 64, 1, [range(200), 0]), 1000, 10**6) == 199, (
        "a history that is no longer than a segment"
    )
    assert learner.taped(tt.lstm(1, 8, 1, bidirectional=True), 10**7, 1) == 10**7
    assert tt.BPTT(segment=7).taped(network, 5, 1) == 5
    assert tt.BPTT().taped(network, 10**7, 1) == 10**7


def test_what_has_no_segments_is_refused() -> None:
    network = zoo.BACKWARD["to and fro"]
    with pytest.raises(ValueError, match=r"BPTT\(segment\) goes forward in time, but layer 'b' runs backward"):
        tt.BPTT(segment=4).init(network, zoo.weights_of(network), 2)
    for segment in (0, 2.5, "whole"):
        with pytest.raises(ValueError, match="segment, if not 'auto', must be a whole number of at least 1, not"):
            tt.BPTT(segment=segment)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a horizon is not for segments; leave one out"):
        tt.BPTT(horizon=3, segment="auto")
