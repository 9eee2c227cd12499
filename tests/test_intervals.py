"""Intervals hold what they promise on exchangeable errors, and are what sorting by hand gives."""

import json
import math
from typing import Any

import numpy as np
import pytest

from throughtime.dynamics.intervals import Conformal, learned


def by_hand(errors: list[float], level: float) -> float:
    """The smallest width w so that at least (n + 1) level of the n errors are within w."""
    known = [abs(e) for e in errors if not math.isnan(e)]
    for width in sorted(known):
        if sum(e <= width for e in known) >= (len(known) + 1) * level - 1e-9:
            return width
    return math.inf


@pytest.mark.parametrize("level", [0.1, 0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("count", [1, 4, 9, 10, 19, 40])
def test_widths_are_what_sorting_by_hand_gives(count: int, level: float) -> None:
    errors = np.random.default_rng(count).normal(size=(count, 3, 2))
    errors[0, 1, 0] = np.nan
    wanted = [[by_hand(errors[:, h, o].tolist(), level) for o in range(2)] for h in range(3)]
    np.testing.assert_array_equal(Conformal.fit(errors, [level]).widths[0], wanted)


def test_a_small_case() -> None:
    errors = [[float(e)] for e in (3, -1, 4, -2, 9, -5, 6, 8, -7)]  # sizes 1..9
    assert Conformal.fit(errors, [0.95, 0.8, 0.9]).levels == (0.8, 0.9, 0.95)
    assert Conformal.fit(errors, [0.8, 0.9, 0.95]).widths == (((8.0,),), ((9.0,),), ((math.inf,),))


def test_coverage_is_as_promised_on_exchangeable_errors() -> None:
    random = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        drawn = random.standard_t(3, size=(249, 4, 2)) * np.array([1, 2, 3, 5])[None, :, None]
        shares.append([c.overall for c in Conformal.fit(drawn[:99]).coverage(drawn[99:])])
    np.testing.assert_allclose(np.mean(shares, axis=0), [0.8, 0.95], atol=0.005)


def test_without_the_correction_few_errors_cover_too_little() -> None:
    drawn = np.abs(np.random.default_rng(0).normal(size=(4000, 9)))
    made = [Conformal.fit(row[:8, None], [0.75]).widths[0][0][0] for row in drawn]
    plain = np.sort(drawn[:, :8])[:, math.ceil(8 * 0.75) - 1]
    np.testing.assert_allclose(np.mean(drawn[:, 8] <= made), 7 / 9, atol=0.02)
    np.testing.assert_allclose(np.mean(drawn[:, 8] <= plain), 6 / 9, atol=0.02)  # below 0.75


def test_coverage_counts_what_was_measured() -> None:
    made = Conformal((0.5,), (((1.0, 1.0), (2.0, 2.0)),))
    errors = np.array([[[0.5, np.nan], [3.0, -2.0]], [[-1.5, np.nan], [1.0, 2.5]]])
    (found,) = made.coverage(errors)
    assert (found.level, found.overall, found.windows) == (0.5, 0.5, 2)
    assert found.by_step == (0.5, 0.5)
    assert found.by_output == (0.5, 0.5)
    (beyond,) = made.coverage(np.full((1, 3, 2), 1.5))
    assert beyond.by_step == (0.0, 1.0, 1.0)
    (nothing,) = made.coverage(np.full((3, 1, 2), np.nan))
    assert math.isnan(nothing.overall)


def test_intervals_lie_around_the_forecast_and_hold_the_widest_beyond_the_fit() -> None:
    made = Conformal((0.8,), (((1.0, 10.0), (3.0, 5.0)),))
    forecast = np.arange(8.0).reshape(4, 2)
    low, high = made.interval(forecast, 0.8)
    np.testing.assert_array_equal(high - forecast, [[1, 10], [3, 5], [3, 10], [3, 10]])
    np.testing.assert_array_equal(forecast - low, high - forecast)
    assert made.interval(forecast[:1], 0.8)[0].shape == (1, 2)
    low, high = Conformal((0.8,), (((1.0,), (3.0,)),)).interval([0.0, 0.0], 0.8)
    assert (low.tolist(), high.tolist()) == ([-1.0, -3.0], [1.0, 3.0])


def test_monotone_widths_only_widen() -> None:
    errors = np.random.default_rng(0).normal(size=(30, 8, 2))
    plain, made = (np.array(Conformal.fit(errors, monotone=m).widths) for m in (False, True))
    assert (np.diff(plain, axis=1) < 0).any()
    assert (np.diff(made, axis=1) >= 0).all()
    np.testing.assert_array_equal(made, np.maximum.accumulate(plain, axis=1))


def test_records_teach_intervals_as_far_ahead_as_each_goes() -> None:
    random = np.random.default_rng(0)
    long, short, few = (random.normal(size=shape) for shape in ((25, 6, 2), (30, 2, 2), (4, 9, 2)))
    long[6:, 4, 0] = np.nan  # a gap, but the other output is known
    made = learned([long, short, few])
    assert made is not None
    sizes = [len(step) for step in made.widths]
    assert sizes == [6, 6]
    both = [np.concatenate([e[:, h] for e in (long, short, few) if h < e.shape[1]]) for h in range(6)]
    wanted = [[by_hand(both[h][:, o].tolist(), 0.8) for o in range(2)] for h in range(6)]
    np.testing.assert_array_equal(made.widths[0], wanted)
    assert math.inf not in [w for h in (0, 1, 2, 3, 5) for w in made.widths[1][h]]
    assert made.widths[1][4][0] == math.inf
    assert learned([]) is None
    assert learned([random.normal(size=(19, 3, 1))]) is None


def test_json_gives_the_same_intervals_back() -> None:
    made = Conformal.fit(np.random.default_rng(0).normal(size=(12, 3, 2)))
    assert math.inf in made.widths[1][0]
    text = json.dumps(made.to_dict(), allow_nan=False)
    assert Conformal.from_dict(json.loads(text)) == made


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Conformal.fit(np.zeros(3)), r"errors have shape \(3,\); wanted \(windows, steps, outputs\)"),
        (lambda: Conformal.fit(np.zeros((0, 3, 1))), "at least one of each"),
        (lambda: Conformal.fit(np.zeros((2, 3)), [80]), r"levels must be between 0 and 1, .*, not \(80,\)"),
        (lambda: Conformal.fit(np.zeros((2, 3)), []), "levels must be between 0 and 1"),
        (lambda: Conformal.fit(np.zeros((2, 3))).interval(np.zeros(3), 0.9), "level 0.9; fitted were 0.8, 0.95"),
        (lambda: Conformal.fit(np.zeros((2, 3))).interval(np.zeros((3, 2)), 0.8), r"intervals are for \(steps, 1\)"),
        (lambda: Conformal.fit(np.zeros((2, 3))).coverage(np.zeros((3, 2, 2))), "errors have 2 outputs; .* for 1"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        call()
    assert "\n" not in str(error.value)
