"""Correlations equal naive sums over known pairs, bounds hold what they promise, and delays that were put in are found."""

from math import comb
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from throughtime.dynamics import correlation
from throughtime.dynamics.correlation import autocorrelation, cross_correlation, partial_autocorrelation
from throughtime.dynamics.delays import suggest_delays
from throughtime.dynamics.residuals import residual_tests

Values = NDArray[np.float64]


def naive(x: list[Values], y: list[Values], lag: int) -> tuple[float, int]:
    """The correlation of x(t) with y(t + lag), and the number of pairs, one pair at a time."""
    mean_x, mean_y = (np.mean([v for record in side for v in record if not np.isnan(v)]) for side in (x, y))
    pairs = [
        (first[t] - mean_x, second[t + lag] - mean_y)
        for first, second in zip(x, y, strict=True)
        for t in range(len(first))
        if 0 <= t + lag < len(second) and not np.isnan(first[t]) and not np.isnan(second[t + lag])
    ]
    power_x, power_y = sum(a * a for a, _ in pairs), sum(b * b for _, b in pairs)
    return sum(a * b for a, b in pairs) / np.sqrt(power_x * power_y), len(pairs)


def first_order(random: np.random.Generator, steps: int, pole: float, gain: float = 1.0) -> Values:
    """x(t) = pole x(t-1) + noise."""
    x = gain * random.normal(size=steps)
    for t in range(1, steps):
        x[t] += pole * x[t - 1]
    return x


def with_gaps(steps: list[int]) -> tuple[list[Values], list[Values]]:
    random = np.random.default_rng(5)
    x, y = ([5 + 100 * first_order(random, n, 0.7) for n in steps] for _ in range(2))
    for record in (*x, *y):
        record[random.random(len(record)) < 0.2] = np.nan
    return x, y


@pytest.mark.parametrize("steps", [[40], [31, 4, 17, 1]])
def test_correlations_equal_a_double_loop_over_known_pairs(steps: list[int]) -> None:
    x, y = with_gaps(steps)
    crossed = cross_correlation(x, y, 6)
    wanted = [naive(x, y, lag) for lag in range(-6, 7)]
    np.testing.assert_array_equal(crossed.lags, range(-6, 7))
    np.testing.assert_allclose(crossed.values, [r for r, _ in wanted], atol=1e-12)
    auto = autocorrelation(x, [1, 2, 5], level=0.9)
    wanted = [naive(x, x, lag) for lag in (1, 2, 5)]
    np.testing.assert_allclose(auto.values, [r for r, _ in wanted], atol=1e-12)
    np.testing.assert_allclose(auto.bound, [1.6448536 / np.sqrt(n) for _, n in wanted], rtol=1e-7)


def test_where_no_pair_is_known_there_is_no_correlation() -> None:
    found = cross_correlation([1.0, 2.0, np.nan, np.nan], [np.nan, np.nan, 1.0, 3.0], [0, 2])
    assert np.isnan([found.values[0], found.bound[0]]).all()
    assert np.isfinite(found.values[1])
    assert found.outside == ()
    assert np.isnan(autocorrelation([1.0, 2.0, 4.0], 5).values[2:]).all()  # lags as long as the record


def test_partial_autocorrelation_equals_regressions() -> None:
    records, _ = with_gaps([80, 6, 60])
    mean = np.nanmean(np.concatenate(records))
    rows = [r[t - 4 : t + 1][::-1] - mean for r in records for t in range(4, len(r))]
    told = np.array([row for row in rows if not np.isnan(row).any()])
    found = partial_autocorrelation(records, 4)
    for lag in range(1, 5):
        between = told[:, 1:lag]
        left = [told[:, i] - between @ np.linalg.lstsq(between, told[:, i], rcond=None)[0] for i in (0, lag)]
        wanted = left[0] @ left[1] / np.sqrt((left[0] @ left[0]) * (left[1] @ left[1]))
        np.testing.assert_allclose(found.values[lag - 1], wanted, atol=1e-12)
    np.testing.assert_allclose(found.bound, 1.959964 / np.sqrt(len(told)), rtol=1e-6)


def test_long_records_are_regressed_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    records, _ = with_gaps([80, 6, 60])
    whole = partial_autocorrelation(records, 4).values
    monkeypatch.setattr("throughtime.dynamics.correlation.ROWS", 3)
    np.testing.assert_allclose(partial_autocorrelation(records, 4).values, whole, atol=1e-12)


def test_nothing_is_left_to_explain_of_a_sine() -> None:
    found = partial_autocorrelation(np.sin(0.1 * np.pi * np.arange(200)), 6).values
    assert abs(found[1]) > 0.99
    np.testing.assert_array_equal(found[2:], 0)


def test_of_white_noise_one_lag_in_twenty_is_outside() -> None:
    random = np.random.default_rng(0)
    outside = [len(autocorrelation(random.normal(size=500), 20).outside) for _ in range(200)]
    assert 0.04 < np.sum(outside) / 4000 < 0.06
    jointly = [len(autocorrelation(random.normal(size=500), 20).jointly.outside) > 0 for _ in range(400)]
    assert 0.02 < np.mean(jointly) < 0.08


def test_a_slow_signal_is_outside_at_lag_one() -> None:
    assert 1 in autocorrelation(first_order(np.random.default_rng(0), 500, 0.4), 20).outside


def test_bartlett_bound_holds_for_two_slow_signals_and_the_bound_of_white_ones_does_not() -> None:
    random, shares, plain = np.random.default_rng(0), [], []
    for _ in range(200):
        x, y = first_order(random, 1000, 0.9), first_order(random, 1000, 0.9)
        found = cross_correlation(x, y, 10)
        shares.append(len(found.outside) / 21)
        plain.append(np.mean(np.abs(found.values) > 1.96 / np.sqrt(1000)))
    assert 0.03 < np.mean(shares) < 0.09
    assert np.mean(plain) > 0.4
    white = cross_correlation(first_order(random, 1000, 0.9), random.normal(size=1000), 10)
    np.testing.assert_allclose(white.bound, 1.96 / np.sqrt(1000), rtol=0.1)


def test_residual_tests_give_few_false_alarms() -> None:
    random = np.random.default_rng(0)
    alarms = [
        [verdict.count("misses") for verdict in residual_tests(random.normal(size=400), slow).verdicts]
        for slow in (first_order(random, 400, 0.9) for _ in range(300))
    ]
    assert (np.mean(alarms, axis=0) > 0).all()
    assert (np.mean(alarms, axis=0) < 0.07).all()


def test_residual_tests_say_what_the_model_misses() -> None:
    random = np.random.default_rng(1)
    u = random.normal(size=(600, 2))
    told = np.column_stack([random.normal(size=600), first_order(random, 600, 0.4)])
    told[3:, 0] += 0.4 * u[:-3, 1]
    found = residual_tests(told, u, 10, input_names=["pump", "heat"], output_names=["level", "flow"])
    assert not found.passed
    assert list(found.auto) == ["level", "flow"]
    assert list(found.crossed) == [("pump", "level"), ("pump", "flow"), ("heat", "level"), ("heat", "flow")]
    assert [verdict.split(" (")[0] for verdict in found.verdicts] == [
        "residual of level: white within bounds",
        "residual of flow: lags 1 to 2 clearly outside: the model misses dynamics, or the noise is not white",
        "pump and residual of level: uncorrelated within bounds",
        "pump and residual of flow: uncorrelated within bounds",
        "heat and residual of level: lag 3 clearly outside: the model misses what heat does",
        "heat and residual of flow: uncorrelated within bounds",
    ]
    assert "of 10 lags outside, 0.5 expected by chance; so many" in found.verdicts[0]
    assert found.crossed["heat", "level"].lags[0] == 0


def test_many_lags_slightly_outside_are_told_although_none_is_far_outside() -> None:
    wave = np.random.default_rng(9).normal(size=1000) + 0.36 * np.cos(0.9 * np.arange(1000))
    found = residual_tests(wave, lags=30)
    assert len(found.auto["y"].jointly.outside) == 0
    assert not found.passed
    assert " and more outside: the model misses dynamics, or the noise is not white" in found.verdicts[0]


def test_what_never_changes_is_not_tested() -> None:
    found = residual_tests([np.zeros((30, 1)), np.zeros((5, 1))], [np.ones((30, 1)), np.ones((5, 1))])
    assert found.verdicts == ("residual of y never changes: nothing to test", "u never changes: nothing to test")
    assert found.passed
    assert residual_tests(np.arange(30.0), np.zeros((30, 0)), 3).crossed == {}


def test_a_pure_delay_is_found_behind_a_slow_input() -> None:
    random = np.random.default_rng(0)
    u = [first_order(random, n, 0.95) for n in (600, 400)]
    y = [np.concatenate([np.zeros(7), record[:-7]]) + 0.3 * random.normal(size=len(record)) for record in u]
    assert suggest_delays(u, y, lags=15).inputs == (7,)
    blurred = cross_correlation(u, y, range(16))
    assert len(blurred.outside) > 10  # what prewhitening is for


def test_a_record_shorter_than_the_delays_looked_at_adds_nothing_to_their_choice() -> None:
    random = np.random.default_rng(0)
    us = [random.normal(size=n) for n in (400, 5)]
    ys = [np.roll(u, 3) + 0.1 * random.normal(size=len(u)) for u in us]
    found = suggest_delays(us, ys, 12)
    assert (found.inputs, found.outputs) == ((3,), ())


def test_delays_of_a_system_with_feedback_begin_at_its_dead_time() -> None:
    random = np.random.default_rng(0)
    u, y = random.normal(size=(2000, 2)), 0.1 * random.normal(size=2000)
    for t in range(4, 2000):
        y[t] += 0.6 * y[t - 1] - 0.5 * y[t - 2] + u[t - 4, 0]
    found = suggest_delays(u, y, lags=12, input_names=["heat", "idle"], output_names=["temperature"])
    assert found.inputs[0] == 4
    assert found.outputs == (1, 2)
    assert found.crossed["idle", "temperature"].jointly.outside == ()
    series = suggest_delays(None, y, lags=12)
    assert (series.inputs, series.outputs, series.crossed) == ((), (1, 2), {})


def test_an_input_that_can_be_foretold_exactly_does_no_harm() -> None:
    t = np.arange(800.0)
    u = np.sin(0.3 * t) + np.sin(0.05 * t)
    y = np.roll(u, 3) + 0.01 * np.random.default_rng(0).normal(size=800)
    found = suggest_delays(u, y, lags=10).crossed["u", "y"]
    assert np.isfinite(found.values).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: autocorrelation([1.0, 2.0], 0), "a number of at least 1"),
        (lambda: autocorrelation([1.0, 2.0], [0, 1]), "lags must be at least 1, not 0"),
        (lambda: autocorrelation([0.1] * 3, 1), "autocorrelation never changes, or is not known"),
        (lambda: autocorrelation([np.nan] * 3, 1), "never changes, or is not known"),
        (lambda: autocorrelation(np.eye(3), 1), "has 3 columns; give one signal at a time"),
        (lambda: autocorrelation([1.0, 2.0], 1, level=95), "level must be between 0 and 1, not 95"),
        (lambda: cross_correlation([1.0, 2.0], [1.0, 2.0, 3.0], 1), r"records of \[2\] and \[3\] steps"),
        (lambda: partial_autocorrelation(np.arange(5.0), 3), "only 2 steps have 3 known steps before them"),
        (lambda: residual_tests(np.eye(3), output_names=["a"]), "y has 3 columns, but their names are a"),
        (lambda: residual_tests(np.arange(3.0), np.arange(4.0)), "residuals and inputs have records"),
        (lambda: suggest_delays(np.arange(3.0), np.arange(4.0)), "y and u have records"),
        (lambda: residual_tests([np.eye(2), np.ones((2, 3))]), "records have 2 and 3 columns; they must agree"),
    ],
)
def test_what_cannot_be_correlated_is_named(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


def test_orders_are_those_of_the_system_also_where_its_input_is_slow() -> None:
    random = np.random.default_rng(3)
    u, y = np.repeat(random.normal(size=100), 8), np.zeros(800)
    for t in range(3, 800):
        y[t] = 1.2 * y[t - 1] - 0.5 * y[t - 2] + 0.3 * u[t - 3] + 0.01 * random.normal()
    found = suggest_delays(u, y, lags=20)
    assert found.inputs == (3,)
    assert found.outputs == (1, 2)
    both = suggest_delays([u[:300], u[300:]], [y[:300], y[300:]], lags=20)
    assert (both.inputs, both.outputs) == ((3,), (1, 2))


def test_lags_outside_that_are_no_finding_come_with_how_often_chance_makes_so_many() -> None:
    for seed in range(40):
        (found,) = residual_tests(np.random.default_rng(seed).normal(size=300), lags=9).verdicts
        outside = int(found.split("(")[1].split(" of ")[0])
        less = sum(comb(9, k) * 0.05**k * 0.95 ** (9 - k) for k in range(outside))
        told = f"; so many and more by chance in {100 * (1 - less):.0f} % of tests)"
        assert found.endswith(told) is (outside > 0 and "white within bounds" in found)
        if outside == 2:
            break
    assert (
        "white within bounds (2 of 9 lags outside, 0.5 expected by chance; so many and more by chance in 7 %" in found
    )


@pytest.mark.parametrize(("later", "earlier"), [(1, 1), (5, 3), (500, 501), (501, 501), (900, 700)])
def test_sums_over_all_lags_are_the_same_by_fourier_transforms(later: int, earlier: int) -> None:
    one, other = (np.random.default_rng(n).normal(size=n) for n in (later, earlier))
    np.testing.assert_allclose(correlation._correlate(one, other), np.correlate(one, other, "full"), atol=1e-11)
