"""What does not vary: one bound, wherever a variance is divided by."""

import math

import numpy as np
import pytest

from throughtime import SequenceRegressor, features
from throughtime.dynamics.choosing import _relative
from throughtime.dynamics.correlation import autocorrelation
from throughtime.dynamics.linear import Linear
from throughtime.dynamics.residuals import residual_tests
from throughtime.dynamics.scores import scores
from throughtime.dynamics.signals import unchanging
from throughtime.models.columns import columns_of, standardise
from throughtime.rounding import unvarying

RANDOM = np.random.default_rng(0)
LONG = 100_000
CONSTANTS = {
    "5": np.full(LONG, 5.0),
    "14.62": np.full(LONG, 14.62),
    "tiny": np.full(LONG, 1e-9),
    "huge": np.full(LONG, 1e12),
    "float32": np.full(LONG, 14.62, np.float32),
    "rounded": 14.62 * (1 + 2e-16 * RANDOM.integers(-3, 4, LONG)),
    "rounded float32": np.nextafter(np.float32(14.62), np.float32(RANDOM.choice([0, 20], LONG))),
    "rounded, came as float32": np.nextafter(np.float32(14.62), np.float32(RANDOM.choice([0, 20], LONG))).astype(float),
    "gaps": np.where(RANDOM.random(LONG) < 0.1, np.nan, 14.62),
}
VARYING = {
    "little": 14.62 + 1e-9 * RANDOM.normal(size=LONG),
    "tiny": 1e-9 * RANDOM.normal(size=LONG),
    "a counter": 1e7 + np.arange(LONG) % 2,
    "once": np.r_[np.full(LONG - 1, 14.62), 14.63],
    "float32": (14.62 + 1e-4 * RANDOM.normal(size=LONG)).astype(np.float32),
    "infinite": np.r_[np.full(LONG - 1, 14.62), np.inf],
}
constant = pytest.mark.parametrize("values", CONSTANTS.values(), ids=CONSTANTS)
varying = pytest.mark.parametrize("values", VARYING.values(), ids=VARYING)


@constant
def test_a_constant_does_not_vary(values: np.ndarray) -> None:
    assert unvarying(values)
    assert unvarying(np.stack([values, np.nan_to_num(values) + 1.5 * np.arange(LONG)], axis=1)).tolist() == [
        True,
        False,
    ]
    assert unchanging([values[:10], values[10:]])


@varying
def test_what_varies_by_more_than_rounding_varies(values: np.ndarray) -> None:
    assert not unvarying(values)
    assert not unvarying(-values[:, None]).any()


def test_what_is_not_known_does_not_vary() -> None:
    assert unvarying(np.full((5, 2), np.nan)).tolist() == [True, True]
    assert unvarying(np.zeros((0, 2))).tolist() == [True, True]


@constant
def test_a_constant_column_only_loses_its_mean(values: np.ndarray) -> None:
    (column,) = columns_of(values[:, None], ["a"])
    assert column.scale == 1
    seen = standardise(values[:, None], [column])
    assert np.nanmax(np.abs(seen)) <= 1e-6 * np.nanmax(values)
    if np.nanmax(values) == np.nanmin(values):
        assert np.nanmax(np.abs(seen)) == 0


def test_a_small_deviation_far_from_zero_is_the_scale() -> None:
    wave = np.sin(np.arange(LONG))
    (column,) = columns_of(1e6 + 1e-3 * wave[:, None], ["a"])
    assert column.scale == pytest.approx(1e-3 * wave.std(), rel=1e-6)
    assert column.mean == pytest.approx(1e6, rel=1e-12)


@constant
def test_a_constant_output_has_no_variance_to_compare_with(values: np.ndarray) -> None:
    found = scores(values[:, None], values[:, None] + 0.1, ["y"])["y"]
    assert found["fit_percent"] is found["relative_variance"] is None
    assert found["rmse"] == pytest.approx(0.1, rel=1e-3)
    assert found["rows"] == np.count_nonzero(~np.isnan(values))


def test_a_score_is_that_of_the_outputs_that_vary() -> None:
    wave = np.sin(np.arange(50.0))
    measured = np.stack([wave, np.full(50, 14.62)], axis=1)
    assert _relative(measured, 0 * measured) == pytest.approx(np.mean(wave**2) / np.var(wave))
    assert _relative(measured[:, 1:], measured[:, 1:]) == math.inf
    assert _relative(measured, np.where(measured == 14.62, np.inf, 0)) == math.inf  # exploded is not constant
    assert _relative(1e-9 * measured[:, :1], 1e153 + measured[:, :1]) == math.inf


@constant
def test_a_constant_is_not_correlated(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="never changes"):
        autocorrelation(values, 3)
    tests = residual_tests(values[:200], RANDOM.normal(size=200), lags=5)
    assert tests.verdicts == ("residual of y never changes: nothing to test",)


@constant
def test_a_constant_feature_becomes_zero(values: np.ndarray) -> None:
    if not np.isnan(values).any():
        xs = [np.stack([x, RANDOM.normal(size=len(x))], axis=1) for x in (values[:50], values[50:])]
        for seen in features.SpeechFeatures(deltas=0)(xs):
            assert not seen[:, 0].any()
            assert seen[:, 1].std() == pytest.approx(1, abs=1e-3)


@constant
def test_a_linear_model_hears_nothing_in_a_constant(values: np.ndarray) -> None:
    values = np.nan_to_num(values[:300], nan=14.62)
    u = RANDOM.normal(size=(300, 1))
    y = 2 * u + 7
    with_constant = Linear.fit([(np.column_stack([u, values]), y)], (0,), ())
    np.testing.assert_allclose(with_constant.coefficients[:, 0], [2, 0, 7], atol=1e-9)
    still = Linear.fit([(u, values[:, None])], (0, 1), (1,))
    assert not still.coefficients[:-1].any()
    assert still.coefficients[-1] == pytest.approx([14.62 if values.max() == 14.62 else values.mean()])


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_a_linear_model_does_not_depend_on_units(unit: float) -> None:
    u = RANDOM.normal(size=(300, 2)) + np.array([0, 5])
    y = u @ [[2.0], [-3.0]] + 0.01 * RANDOM.normal(size=(300, 1))
    plain = Linear.fit([(u, y)], (0, 1), (1,)).one_step(u, y)
    scaled = Linear.fit([(u * [unit, 1], y)], (0, 1), (1,)).one_step(u * [unit, 1], y)
    np.testing.assert_allclose(scaled, plain, atol=1e-9)


@pytest.mark.parametrize("level", [5.0, 14.62, 1e12])
def test_r_squared_of_a_constant_is_not_a_quotient_of_rounding(level: float) -> None:
    xs = [RANDOM.normal(size=(6, 1)) for _ in range(3)]
    model = SequenceRegressor(hidden=2, epochs=1).fit(xs, [x[:, 0] for x in xs])
    assert model.score(xs, [np.full(6, level) for _ in xs]) == 0  # as scikit-learn's r2_score has it
    assert model.score(xs, [x[:, 0] for x in xs]) > -100
