"""Features of recordings, against loops over steps and features."""

import numpy as np
import pytest
import scipy.fft

from throughtime import features

X = np.random.default_rng(0).normal(size=(7, 3)) * [1, 10, 0.1] + [5, 0, -2]


def test_normalised_features_have_mean_0_and_deviation_1() -> None:
    made = features.normalise(np.column_stack([X, np.full(7, 1e9)]))
    np.testing.assert_allclose(made.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(made.std(axis=0), [1, 1, 1, 0], atol=1e-12)
    np.testing.assert_allclose(features.normalise(X, deviation=False), X - X.mean(axis=0), atol=1e-12)


@pytest.mark.parametrize("reach", [1, 2, 9])
def test_deltas_are_the_slopes_of_least_squares(reach: int) -> None:
    made = features.delta(X, reach)
    places = np.arange(-reach, reach + 1)
    for t in range(7):
        for i in range(3):
            seen = [X[min(max(t + n, 0), 6), i] for n in places]
            assert made[t, i] == pytest.approx(np.polyfit(places, seen, 1)[0], abs=1e-10)
    whole = features.with_deltas(X, 2, reach)
    np.testing.assert_array_equal(whole, np.hstack([X, made, features.delta(made, reach)]))


@pytest.mark.parametrize("frames", [1, 2, 3, 7, 10])
def test_stacked_frames_are_the_steps_in_order(frames: int) -> None:
    made = features.stack(X, frames)
    assert made.shape == (-(-7 // frames), 3 * frames)
    for row in range(len(made)):
        for n in range(frames):
            np.testing.assert_array_equal(made[row, 3 * n : 3 * n + 3], X[min(row * frames + n, 6)])


def test_a_time_warp_is_the_line_between_neighbours_and_keeps_both_ends() -> None:
    lengths = set()
    for seed in range(30):
        made = features.time_warp(X, np.random.default_rng(seed), 0.3)
        lengths.add(len(made))
        wanted = [np.interp(np.linspace(0, 6, len(made)), np.arange(7), X[:, i]) for i in range(3)]
        np.testing.assert_allclose(made, np.transpose(wanted), atol=1e-12)
    assert lengths <= {5, 6, 7, 8, 9}
    assert len(lengths) > 3
    np.testing.assert_array_equal(features.time_warp(X[:1], np.random.default_rng(0)), X[:1])


def test_time_masks_leave_the_rest_and_repeat_with_their_seed() -> None:
    hidden = []
    for seed in range(30):
        made = features.time_masks(X, np.random.default_rng(seed), number=1, width=3)
        np.testing.assert_array_equal(made, features.time_masks(X, np.random.default_rng(seed), number=1, width=3))
        changed = np.flatnonzero((made != X).any(axis=1))
        np.testing.assert_array_equal(made[changed], np.tile(X.mean(axis=0), (len(changed), 1)))
        assert len(changed) == 0 or changed[-1] - changed[0] == len(changed) - 1
        hidden.append(len(changed))
    assert set(hidden) == {0, 1, 2, 3}


def test_a_mel_warp_moves_the_logarithms_of_the_filters() -> None:
    """Through scipy's transform to the filters, interpolated there, and back."""
    x, filters = np.random.default_rng(2).normal(size=(4, 13)), 40
    for seed in range(5):
        f = np.exp(np.random.default_rng(seed).uniform(-0.3, 0.3))
        logs = scipy.fft.idct(x, n=filters, norm="ortho", axis=1)
        heard = np.array([np.interp((np.arange(filters) + 0.5) * f, np.arange(filters) + 0.5, row) for row in logs])
        wanted = scipy.fft.dct(heard, norm="ortho", axis=1)[:, :13]
        made = features.mel_warp(x, np.random.default_rng(seed), 0.3, filters)
        np.testing.assert_allclose(made, wanted, atol=1e-12)
        assert np.abs(made - x).max() > 0.01
    np.testing.assert_allclose(features.mel_warp(x, np.random.default_rng(0), 0.0, filters), x, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: features.normalise(np.zeros(3)), r"shape \(T, I\) with T at least 1, not \(3,\)"),
        (lambda: features.delta(X, 0), "reach must be at least 1"),
        (lambda: features.stack(X, 0), "frames must be at least 1"),
    ],
)
def test_what_is_wrong_is_said(call, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
