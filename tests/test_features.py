"""Features of recordings, against loops over steps and features."""

import json

import numpy as np
import pytest

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


def test_silence_before_and_after_is_trimmed() -> None:
    energies = [[-9, 0, 3, -20, 1, -4, -4], [2], [5, -1, 4]]
    xs = [np.column_stack([e, np.arange(len(e))]) for e in energies]
    kept = [made[:, 1].tolist() for made in features.SpeechFeatures(0, False, silence=4.0)(xs)]
    assert kept == [[1, 2, 3, 4], [0], [0, 1, 2]]
    assert [features.trim(x, 4.0)[:, 1].tolist() for x in xs] == kept


def test_many_recordings_are_seen_as_one_by_one() -> None:
    xs = [X, X[:1], 2 * X[:4]]
    for x, made in zip(xs, features.SpeechFeatures(deltas=2, frames=3)(xs), strict=True):
        wanted = features.stack(features.normalise(features.with_deltas(x)), 3)
        np.testing.assert_allclose(made, wanted, atol=1e-5)
        assert made.dtype == np.float32
    (centred,) = features.SpeechFeatures(deltas=1, normalised="mean")([X])
    np.testing.assert_allclose(centred, features.normalise(features.with_deltas(X, 1), deviation=False), atol=1e-5)
    (plain,) = features.SpeechFeatures(deltas=0, normalised=False)([X])
    np.testing.assert_allclose(plain, X, rtol=1e-6)


def test_a_prior_counts_as_so_many_steps_more_of_each_recording() -> None:
    xs = [X, X[:1], 2 * X[:4]]
    prior = features.Prior((3.0, -7.0, 0.5), 5)
    for x, made in zip(xs, features.SpeechFeatures(0, "mean", prior=prior)(xs), strict=True):
        longer = np.vstack([x, np.tile(prior.mean, (5, 1))])
        np.testing.assert_allclose(made, x - longer.mean(axis=0), atol=1e-5)
    (alone,) = features.SpeechFeatures(1, "mean", prior=features.Prior((9.0,) * 6, 0))([X])
    np.testing.assert_allclose(alone, features.SpeechFeatures(1, "mean")([X])[0], atol=1e-5)
    taken = features.Prior.of(xs, 4)
    assert taken.steps == 4
    np.testing.assert_allclose(taken.mean, np.mean([x.mean(axis=0) for x in xs], axis=0))


def test_settings_tell_the_features() -> None:
    own = features.SpeechFeatures(deltas=1, normalised=False, frames=2)
    told = own.settings(coefficients=12, rate=8000)
    assert told == {
        "kind": "mfcc", "coefficients": 12, "deltas": 1, "normalised": False, "frames": 2, "silence": None, "prior": None,
        "rate": 8000
    }  # fmt: skip
    assert features.SpeechFeatures.of(told) == own
    trimmed = features.SpeechFeatures(silence=5.0)
    assert features.SpeechFeatures.of(trimmed.settings()) == trimmed
    short = features.SpeechFeatures(0, "mean", silence=5.0, prior=features.Prior((0.1, -2.0), 20))
    assert features.SpeechFeatures.of(json.loads(json.dumps(short.settings()))) == short
    before = {"deltas": 2, "normalised": True, "frames": 1}  # of files older than trimming and priors
    assert features.SpeechFeatures.of(before) == features.SpeechFeatures()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: features.normalise(np.zeros(3)), r"shape \(T, I\) with T at least 1, not \(3,\)"),
        (lambda: features.delta(X, 0), "reach must be at least 1"),
        (lambda: features.stack(X, 0), "frames must be at least 1"),
        (lambda: features.Prior((0.0,), -3), "at least 0 steps, not -3"),
        (lambda: features.SpeechFeatures()([]), "there is no recording"),
        (lambda: features.SpeechFeatures()([X, X[:, :1]]), r"different numbers of features: \[1, 3\]"),
        (
            lambda: features.SpeechFeatures(prior=features.Prior((0.0,), 1)),
            "normalised must be 'mean' with it, not True",
        ),
        (
            lambda: features.SpeechFeatures(1, "mean", prior=features.Prior((0.0,) * 3, 1))([X]),
            "of 3 features, .* are 6",
        ),
    ],
)
def test_what_is_wrong_is_said(call, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
