"""Changes that keep the label, of many recordings at once, against loops over recordings, steps and filters."""

import numpy as np
import pytest
import scipy.fft

from throughtime import features
from throughtime.features import Cepstrum, SpeechChanges

RNG = np.random.default_rng(0)
XS = [RNG.normal(size=(steps, 3)) * [1, 10, 0.1] + [5, 0, -2] for steps in (7, 1, 4, 12)]


def seeds() -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(20)]


def test_a_time_warp_is_the_line_between_neighbours_and_keeps_both_ends() -> None:
    lengths = set()
    for rng in seeds():
        made = features.time_warp(XS, rng, 0.3)
        lengths.add(len(made[0]))
        for x, warped in zip(XS, made, strict=True):
            places = np.linspace(0, len(x) - 1, len(warped))
            wanted = [np.interp(places, np.arange(len(x)), x[:, i]) for i in range(3)]
            np.testing.assert_allclose(warped, np.transpose(wanted), atol=1e-12)
            assert abs(np.log(len(warped) / len(x))) <= 0.3 + 0.5 / len(x)
        np.testing.assert_array_equal(made[1], XS[1])
    assert lengths <= {5, 6, 7, 8, 9}
    assert len(lengths) > 3


def test_time_masks_leave_the_rest_of_every_recording() -> None:
    hidden: list[set[int]] = [set() for _ in XS]
    for rng in seeds():
        for number, (x, made) in enumerate(zip(XS, features.time_masks(XS, rng, 1, 3), strict=True)):
            changed = np.flatnonzero((made != x).any(axis=1))
            np.testing.assert_allclose(made[changed], np.tile(x.mean(axis=0), (len(changed), 1)), atol=1e-12)
            assert len(changed) == 0 or changed[-1] - changed[0] == len(changed) - 1
            hidden[number].add(len(changed))
    assert hidden == [{0, 1, 2, 3}, {0}, {0, 1, 2, 3}, {0, 1, 2, 3}]  # a single step is its own mean
    twice = features.time_masks([XS[3]] * 50, np.random.default_rng(1), 2, 3)
    assert max((made != XS[3]).any(axis=1).sum() for made in twice) > 3


def test_a_share_of_the_recording_is_not_exceeded() -> None:
    xs = [np.arange(1.0, steps + 1)[:, None] ** 2 for steps in (3, 9, 40)]
    hidden = np.zeros(3, int)
    for rng in seeds():
        made = features.time_masks(xs, rng, 1, 6, 0.25)
        hidden = np.maximum(hidden, [(y != x).sum() for x, y in zip(xs, made, strict=True)])
    assert hidden.tolist() == [0, 2, 6]


def put_together(x: np.ndarray, z: np.ndarray, cut: int, first: bool) -> np.ndarray:
    """Step by step: z, in as many steps as x and with its mean, before the cut or after it."""
    places = np.linspace(0, len(z) - 1, len(x))
    other = np.transpose([np.interp(places, np.arange(len(z)), column) for column in z.T])
    other += x.mean(axis=0) - other.mean(axis=0)
    return np.array([other[t] if (t < cut) == first else x[t] for t in range(len(x))])


def test_recordings_are_put_together_of_two_with_the_same_label() -> None:
    xs = [np.random.default_rng(n).normal(size=(steps, 2)) + n for n, steps in enumerate((8, 5, 12, 9, 20, 7))]
    labels = [3, 1, 3, 3, 1, 0]
    seen: set[tuple[int, int, bool]] = set()
    for rng in seeds():
        made = features.splice(xs, labels, rng, 1.0)
        partners = []
        for n, (x, y) in enumerate(zip(xs, made, strict=True)):
            found = [
                (m, cut, first)
                for m in range(6)
                if labels[m] == labels[n]
                for cut in range(round(0.25 * len(x)), round(0.75 * len(x)) + 1)
                for first in (False, True)
                if np.allclose(y, put_together(x, xs[m], cut, first), atol=1e-12)
            ]
            assert found
            partners.append(found[0][0])
            seen |= {(n, *found[0][:1], found[0][2])}
        assert sorted(partners) == [0, 1, 2, 3, 4, 5]
        assert partners[5] == 5
    assert {(0, 2, False), (0, 3, True), (1, 4, True), (4, 1, False), (2, 3, False)} <= seen
    many = [np.random.default_rng(n).normal(size=(9, 2)) for n in range(300)]
    made = features.splice(many, ["a", "b", "c"] * 100, np.random.default_rng(1), 0.3)
    changed = [not np.array_equal(x, y) for x, y in zip(many, made, strict=True)]
    assert 0.2 < np.mean(changed) < 0.4


def test_noise_is_as_large_as_the_features_vary() -> None:
    xs = [*XS, np.hstack([XS[0], np.full((7, 1), 3.0)])[:, 1:]]
    moved = [features.noise(xs, rng, 0.5) for rng in np.random.default_rng(2).spawn(600)]
    for number, x in enumerate(xs):
        added = np.array([made[number] - x for made in moved])
        np.testing.assert_allclose(added.std(axis=0), 0.5 * np.tile(x.std(axis=0), (len(x), 1)), rtol=0.15, atol=1e-9)
        np.testing.assert_allclose(added.mean(axis=0), 0, atol=0.1 * x.std(axis=0).max() + 1e-9)
        assert np.allclose(added, added[:, :1]) == (len(x) == 1)


def naive_warp(c: np.ndarray, factor: float, about: Cepstrum) -> np.ndarray:
    """Through scipy's transform to the filters, interpolated there, and back."""
    k = np.arange(len(c))
    lift = 1 + about.lifter / 2 * np.sin(np.pi * k / about.lifter) if about.lifter else np.ones(len(c))
    plain = np.where((k == 0) & about.energy, 0, c / lift)
    logs, centres = scipy.fft.idct(plain, n=about.filters, norm="ortho"), np.arange(about.filters) + 0.5
    heard = np.interp(centres * factor, centres, logs)
    made = scipy.fft.dct(heard, norm="ortho")[: len(c)] * lift
    return np.concatenate([c[:1], made[1:]]) if about.energy else made


@pytest.mark.parametrize("about", [Cepstrum(), Cepstrum(40, 0, False), Cepstrum(7, 5, True)])
def test_a_warp_moves_the_logarithms_of_the_filters(about: Cepstrum) -> None:
    c = np.random.default_rng(3).normal(size=6)
    for factor in (0.8, 1.0, 1.07, 1.3):
        (matrix,) = about.warps([factor], 6)
        np.testing.assert_allclose(matrix @ c, naive_warp(c, factor, about), atol=1e-12)
    np.testing.assert_allclose(about.warps([1.0], 6)[0], np.eye(6), atol=1e-12)


def test_a_longer_vocal_tract_has_lower_peaks() -> None:
    places = np.arange(26) + 0.5

    def peak(place: float, width: float) -> np.ndarray:
        return scipy.fft.dct(np.exp(-(((places - place) / width) ** 2)), norm="ortho")[:13]

    (down,) = Cepstrum(26, 0, False).warps([1.2])
    high, low = peak(12, 3), peak(10, 3 / 1.2)
    assert np.abs(down @ high - low).max() < 0.15 * np.abs(high - low).max()


def test_what_all_filters_hear_alike_changes_no_other_coefficient() -> None:
    (matrix,) = Cepstrum(26, 0, False).warps([1.2])
    np.testing.assert_allclose(matrix[:, 0], np.eye(13)[0], atol=1e-12)


def test_every_recording_is_warped_by_its_own_factor() -> None:
    xs, rng = [np.random.default_rng(4).normal(size=(steps, 13)) for steps in (3, 5, 1)], np.random.default_rng(5)
    factors = np.exp(np.random.default_rng(5).uniform(-0.2, 0.2, 3))
    for x, made, factor in zip(xs, features.mel_warp(xs, rng, 0.2), factors, strict=True):
        np.testing.assert_allclose(made, [naive_warp(row, factor, Cepstrum()) for row in x], atol=1e-12)


def test_all_changes_one_after_the_other_repeat_with_their_seed() -> None:
    xs = [np.random.default_rng(6).normal(size=(steps, 13)) for steps in (30, 20)]
    made, again = (SpeechChanges()(xs, np.random.default_rng(7)) for _ in range(2))
    for one, other in zip(made, again, strict=True):
        np.testing.assert_array_equal(one, other)
    rng = np.random.default_rng(7)
    wanted = features.time_warp(features.mel_warp(xs, rng), rng, 0.15)
    for one, other in zip(made, features.time_masks(wanted, rng, 2, 5, 0.25), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, x in zip(SpeechChanges(0, 0, 0)(xs, rng), xs, strict=True):
        np.testing.assert_array_equal(one, x)


def test_a_splice_without_a_label_for_each_recording_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a label for each of 3 recordings; labels have the shape \(2,\)"):
        features.splice([np.zeros((4, 1))] * 3, [0, 1], np.random.default_rng(0))
