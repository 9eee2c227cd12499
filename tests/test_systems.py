"""Simulated systems: the same seed gives the same record, and what comes out is what physics allows."""

from functools import cache

import numpy as np
import pytest

from throughtime.experiments.systems import SYSTEMS, hammerstein, record
from throughtime.experiments.systems_plants import Pair, stepped

ROWS = 300
WIDTHS = {"two by two": (2, 2), "ten outputs": (1, 10), "stirred reactor": (1, 2)}


@cache
def made(name: str, seed: int = 0) -> Pair:
    return record(name, seed, ROWS)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_record_has_its_shape_and_its_seed(name: str) -> None:
    u, y = made(name)
    assert (u.shape, y.shape) == tuple((ROWS, width) for width in WIDTHS.get(name, (1, 1)))
    for one, again in zip((u, y), record(name, 0, ROWS), strict=True):
        np.testing.assert_array_equal(one, again)
    assert not np.array_equal(u, made(name, 1)[0])
    assert not np.array_equal(y, made(name, 1)[1], equal_nan=True)
    assert np.isfinite(u).all()
    assert np.isfinite(y).all() == (name != "missing rows")
    assert (np.nanstd(y, axis=0) > 0).all()
    assert np.nanmax(np.abs(y - np.nanmean(y, axis=0))) < 30 * np.nanstd(y)


def test_what_comes_out_is_what_physics_allows() -> None:
    limits = {"two tanks": (0, 30), "two tanks that run over": (0, 5), "neutralisation": (2, 12), "ten outputs": (0, 1)}
    for name, (low, high) in limits.items():
        y = SYSTEMS[name](np.random.default_rng(0), ROWS)[1]
        assert low <= y.min() <= y.max() <= high, name
    concentration, temperature = SYSTEMS["stirred reactor"](np.random.default_rng(0), ROWS)[1].T
    assert 0 < concentration.min() < concentration.max() < 1
    assert 290 < temperature.min() < temperature.max() < 420


def test_the_tanks_do_run_over() -> None:
    free, full = (SYSTEMS[name](np.random.default_rng(0), ROWS)[1] for name in ("two tanks", "two tanks that run over"))
    assert free.max() > 5 == full.max()


def test_what_is_late_or_missing_or_noisy_is_so() -> None:
    late, clean = (make(np.random.default_rng(0), ROWS)[1] for make in (SYSTEMS["dead time"], hammerstein))
    np.testing.assert_array_equal(late[15:], clean[:-15])
    share = np.isnan(made("missing rows")[1]).mean()
    assert 0.06 < share < 0.14
    wiener, heavy = (SYSTEMS[name](np.random.default_rng(0), ROWS)[1] for name in ("Wiener", "heavy noise"))
    assert np.std(heavy - wiener) / np.std(wiener) == pytest.approx(0.5, rel=0.15)


def test_equations_are_stepped_to_what_they_come_to() -> None:
    ends = stepped(lambda x, u: u - x, np.array([[1.0], [1.0], [0.0]]), np.zeros(1), 0.5, 4)[:, 0]
    np.testing.assert_allclose(ends[:2], 1 - np.exp([-0.5, -1.0]), rtol=1e-5)
    np.testing.assert_allclose(ends[2], ends[1] * np.exp(-0.5), rtol=1e-5)
    assert np.abs(stepped(lambda x, u: u - x, np.ones((1, 1)), np.zeros(1), 0.5, 1)[0, 0] - ends[0]) > 1e-6
