"""Sequences: bad input named in one line, few padded lengths, padding that asks nothing."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import throughtime as tt
from throughtime import sequences
from throughtime.losses import asked
from throughtime.models.each import run_each

NETWORK = tt.fully_recurrent(2, 3, 2)
X = np.zeros((4, 2))


def one_line(error: Any) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([[0.0, 1.0], [np.nan, 0.0]], "sequence 7, input 'input': row 1, column 0 is NaN"),
        ([[0.0, np.inf]], "row 0, column 1 is inf"),
        (np.zeros((4, 3)), "has 3 features, but the network takes 2"),
        (np.zeros(4), r"shape \(4,\); wanted \(steps, features\)"),
        (np.zeros((0, 2)), "is empty"),
        ([["a", "b"]], "cannot be read as numbers"),
        (np.zeros((4, 2), "M8[s]"), r"holds dates \(datetime64\[s\]\), which are no numbers"),
        (np.zeros((4, 2), "m8[s]"), r"holds time spans \(timedelta64\[s\]\)"),
        (np.zeros((4, 2), complex), r"holds complex numbers \(complex128\).*two columns"),
        (np.array([[np.datetime64("2026"), 1.0]], object), "holds dates"),
        ([[np.datetime64("2026"), np.datetime64("2027")]], "holds dates"),
        (pd.DataFrame({"a": [0.0], "b": pd.to_datetime(["2026-01-01"], utc=True)}), "column 'b' holds dates"),
        ([[0.0, 1.0], [2.0]], "cannot be read as numbers"),
        ({"u": X}, "inputs are u; the network has input"),
    ],
)
def test_bad_inputs_are_named(x: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        sequences.inputs_of(NETWORK, x, 7)
    assert "sequence 7" in one_line(error)


@pytest.mark.parametrize(
    ("loss", "target", "words"),
    [
        (tt.SquaredError(), np.zeros((3, 2)), r"has shape \(3, 2\); wanted \(4, 2\), a row per step, or \(2,\)"),
        (tt.SquaredError(), [[0.0, np.inf]], "wanted"),
        (tt.SquaredError(), [0.0, np.inf], "row 0, column 1 is inf"),
        (tt.SquaredError(), np.zeros(2, complex), "holds complex numbers"),
        (tt.CrossEntropy(), np.zeros(4, "M8[D]"), "holds dates"),
        (tt.CrossEntropy(), [0, 1, 2, 0], "labels 0 to 2; 2 outputs allow -1 to 1"),
        (tt.CrossEntropy(), [0.5, 1, 1, 0], "whole numbers"),
        (
            tt.CrossEntropy(),
            [0, 1],
            r"shape \(2,\); wanted one label, or 4, one per step; of one-hot rows give the labels",
        ),
        (tt.CrossEntropy(), np.eye(2)[[0, 1, 1, 0]], r"shape \(4, 2\).* give the labels, target.argmax\(axis=-1\)$"),
        (tt.CrossEntropy(), [1, 1], r"shape \(2,\); wanted one label, or 4, one per step$"),
        (tt.CTC(), [1, 1, 1], "3 labels need at least 5 steps, but the sequence has 4"),
        (tt.CTC(), [0, 1], "without the blank 0"),
    ],
)
def test_bad_targets_are_named(loss: Any, target: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        sequences.target_of(NETWORK, target, 4, loss, 7)
    assert "target of sequence 7" in one_line(error)


def test_numbers_beyond_the_precision_of_networks_are_named() -> None:
    with jax.enable_x64(False):
        with pytest.raises(ValueError, match=r"row 0, column 1 is 1e\+39; networks compute in float32"):
            sequences.inputs_of(NETWORK, [[0.0, 1e39]])
        with pytest.raises(ValueError, match=r"row 0, column 0 is -1e\+39; networks compute in float32"):
            sequences.target_of(NETWORK, [-1e39, 0.0], 4, tt.SquaredError())
    sequences.inputs_of(NETWORK, [[0.0, 1e39]])


def test_a_network_with_two_inputs_takes_a_dict() -> None:
    network = tt.feedforward({"u": 1, "v": 2}, 2, 1)
    assert set(sequences.inputs_of(network, {"u": np.zeros((3, 1)), "v": np.zeros((3, 2))})) == {"u", "v"}
    with pytest.raises(ValueError, match="the network has inputs u, v; give a dict"):
        sequences.inputs_of(network, X)
    with pytest.raises(ValueError, match="different numbers of steps"):
        sequences.inputs_of(network, {"u": np.zeros((3, 1)), "v": np.zeros((4, 2))})


def test_a_target_for_the_sequence_is_asked_at_its_last_step() -> None:
    numbers = sequences.target_of(NETWORK, [1.0, 2.0], 3, tt.SquaredError())
    assert np.isnan(numbers[:2]).all()
    assert numbers[2].tolist() == [1.0, 2.0]
    assert sequences.target_of(NETWORK, 1, 3, tt.CrossEntropy()).tolist() == [-1, -1, 1]
    assert sequences.target_of(tt.elman(1, 2, 1), 5, 1, tt.SquaredError()).tolist() == [[5.0]]


def test_an_integral_asks_at_every_step_of_the_sequence() -> None:
    numbers = sequences.target_of(NETWORK, [1.0, 2.0], 3, tt.Integrated(tt.SquaredError()))
    assert numbers.tolist() == [[1.0, 2.0]] * 3
    assert sequences.target_of(NETWORK, 1, 3, tt.Integrated(tt.CrossEntropy())).tolist() == [1, 1, 1]


@pytest.mark.parametrize(("loss", "target"), [(tt.SquaredError(), [1.0, 2.0]), (tt.CrossEntropy(), 1)])
def test_at_the_last_step_alone_a_backward_layer_is_not_asked(loss: Any, target: Any) -> None:
    """It has heard that step only, so nothing of the sequence would be learned from it."""
    network = tt.elman(2, 3, 2, bidirectional=True)
    with pytest.raises(ValueError, match=r"have heard that step only; take the loss Integrated\(\.\.\.\)"):
        sequences.target_of(network, target, 4, loss)
    assert len(sequences.target_of(network, target, 4, tt.Integrated(loss))) == 4
    assert len(sequences.target_of(network, target, 1, loss)) == 1


@given(st.lists(st.integers(1, 300), min_size=1, max_size=50), st.sampled_from([0.25, 0.5, 1.0]))
def test_padded_lengths_hold_every_sequence_and_waste_little(lengths: list[int], padding: float) -> None:
    ends = sequences.padded_lengths(lengths, padding)
    assert ends == sorted(set(ends))
    padded = [min(end for end in ends if end >= n) for n in lengths]
    assert sum(padded) <= (1 + padding) * sum(lengths)


def test_more_padding_means_fewer_lengths() -> None:
    lengths = list(range(3, 13))
    assert len(sequences.padded_lengths(lengths, 0.25)) > len(sequences.padded_lengths(lengths, 1.0)) == 1
    assert sequences.padded_lengths([12, 12]) == [12]


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (tt.SquaredError(), [np.ones((3, 2)), [1.0, 2.0]]),
        (tt.CrossEntropy(), [[0, 1, -1], 1]),
        (tt.CTC(), [[1], [1, 1]]),
    ],
)
def test_padding_asks_nothing(loss: Any, targets: list[Any]) -> None:
    pairs = sequences.examples_of(NETWORK, [(np.ones((3, 2)), targets[0]), (np.ones((4, 2)), targets[1])], loss)
    (bucket,) = sequences.buckets(pairs, loss, jnp.float32, padding=1.0)
    assert bucket.count == 2
    assert bucket.lengths.tolist() == [3, 4, 0]
    assert bucket.xs["input"].shape == (5, 3, 2)
    wanted = {"SquaredError": 3 + 1, "CrossEntropy": 2 + 1, "CTC": 2}[type(loss).__name__]
    assert int(asked(bucket.targets).sum()) == wanted
    (given,) = sequences.buckets(pairs, loss, jnp.float32, padding=[5], batch=3)
    assert (given.count, given.places, given.full) == (2, 3, False)
    assert given.xs["input"].shape == (5, 4, 2)
    assert int(asked(given.targets).sum()) == wanted
    part = bucket.pick(jnp.array([2, 1]))
    assert part.lengths.tolist() == [0, 4]
    assert int(asked(part.targets).sum()) == 1


def test_stretches_pad_to_a_multiple() -> None:
    pairs = sequences.examples_of(
        NETWORK, [(np.ones((5, 2)), np.ones(2)), (np.ones((2, 2)), np.ones(2))], tt.SquaredError()
    )
    short, long = sequences.buckets(pairs, tt.SquaredError(), jnp.float32, every=3)
    assert short.xs["input"].shape[0] == 2  # not longer than a stretch
    assert long.xs["input"].shape[0] == 6


def test_running_padded_sequences_is_running_each() -> None:
    weights = tt.init(NETWORK, 0)
    rng = np.random.default_rng(0)
    xs = [rng.normal(size=(n, 2)) for n in (5, 2, 4, 5)]
    made = run_each(NETWORK, weights, [sequences.inputs_of(NETWORK, x) for x in xs])
    for x, y in zip(xs, made, strict=True):
        np.testing.assert_allclose(y, tt.run(NETWORK, weights, x[:, None])[0][:, 0], atol=1e-12)


def test_sequences_shorter_than_a_delay_are_refused() -> None:
    network = tt.window(2, 3, 2, width=6)
    pairs = sequences.examples_of(network, [(X, np.zeros(2))], tt.SquaredError())
    with pytest.raises(ValueError, match="longest sequence has 4 steps, but layer 'hidden' hears 'input' 5 steps back"):
        sequences.refuse_short(network, pairs)


def test_a_bucket_says_whether_members_are_asked_apart() -> None:
    both, loss = np.arange(24.0).reshape(2, 4, 3)[..., :2], tt.SquaredError()
    own = sequences.buckets(sequences.examples_of(NETWORK, [(X, both)], loss, 2), loss, jnp.float64)[0]
    shared = sequences.buckets(sequences.examples_of(NETWORK, [(X, both[0])], loss, 2), loss, jnp.float64)[0]
    assert (own.apart, shared.apart) == (True, False)
    order = jnp.array([1, 0])  # the empty sequence first
    for bucket, wanted in ((own, both), (shared, both[[0, 0]])):
        picked = jax.vmap(lambda b: b.pick(order).targets, in_axes=(bucket.member_axes(),), axis_size=2)(bucket)
        np.testing.assert_array_equal(picked[:, :, 1], wanted)
        assert np.isnan(picked[:, :, 0]).all()
