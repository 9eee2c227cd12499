"""Delays that are tried: the free runs over held-out blocks are those of the linear model fitted to all other rows."""

import numpy as np
import pytest
from numpy.typing import NDArray

from throughtime.dynamics import pruning
from throughtime.dynamics.delays import suggest_delays
from throughtime.dynamics.holding import held_out
from throughtime.dynamics.preparing import filled
from throughtime.dynamics.pruning import FOLDS, RIDGE, UNITS, Blocks, Tried, fewest, random_units, searched
from throughtime.dynamics.records import Record

Values = NDArray[np.float64]
RANDOM = np.random.default_rng(0)


def record(rows: int, gap: int | None = None) -> Record:
    """Two inputs, two outputs."""
    u, y = RANDOM.normal(size=(rows, 2)), 0.1 * RANDOM.normal(size=(rows, 2))
    for t in range(2, rows):
        y[t] += [0.6 * y[t - 1, 0] - 0.3 * y[t - 2, 1] + u[t - 1, 0], 0.5 * y[t - 1, 1] + np.tanh(u[t, 1])]
    if gap is not None:
        y[gap, 1] = np.nan
    return Record(u, y)


RECORDS = [record(90), record(61, gap=30), record(4)]
MOST = 3


Pair = tuple[tuple[int, ...], tuple[int, ...]]


def naive(inputs: tuple[int, ...], outputs: tuple[int, ...], seed: int | None = None) -> float:
    """Row by row: least squares of each fold's other rows, then step by step over what it holds out."""
    masks, squares, known = held_out(RECORDS, MOST, FOLDS, 0.0), 0.0, 0
    units = None if seed is None else random_units(2 * (len(inputs) + len(outputs)), seed)

    def heard(u: Values, y: Values, t: int) -> Values:
        x = np.concatenate([*(u[t - d] for d in inputs), *(y[t - d] for d in outputs)])
        bent = [] if units is None else np.tanh(units.biases + units.weights.T @ x)
        return np.array([*x, 1.0, *bent])

    for fold in range(FOLDS):
        rows, wanted = [], []
        for one, mask in zip(RECORDS, masks, strict=True):
            y = np.where(mask[fold][:, None], np.nan, one.y)
            usable = [t for t in range(MOST, len(y)) if np.isfinite(y[t - MOST : t + 1]).all()]
            rows += [heard(one.u, y, t) for t in usable]
            wanted += [y[t] for t in usable]
        x, small = np.array(rows), np.zeros(len(rows[0]))
        if seed is not None:
            small = np.array([1e-9] * (len(small) - UNITS) + [RIDGE] * UNITS) * len(x)
        theta = np.linalg.lstsq(
            np.vstack([x, np.diag(small**0.5)]), np.vstack([wanted, np.zeros((len(small), 2))]), rcond=None
        )[0]
        for one, mask in zip(RECORDS, masks, strict=True):
            past = filled(one.y)
            for t in np.flatnonzero(mask[fold]):
                past[t] = heard(one.u, past, t) @ theta
                left = past[t] - one.y[t]
                squares, known = squares + float(np.nansum(left**2)), known + int((~np.isnan(left)).sum())
    return float(np.sqrt(squares / known))


@pytest.mark.parametrize("seed", [None, 0, 1])
@pytest.mark.parametrize("delays", [((1,), (1, 2)), ((0, 1, 2), (1,)), ((0, 2), ()), ((0,), (2, 3))])
def test_the_error_is_that_of_least_squares_on_the_other_rows(delays: Pair, seed: int | None) -> None:
    found = Blocks(RECORDS, MOST).error(*delays, seed)
    assert found == pytest.approx(naive(*delays, seed), rel=1e-6)
    assert found != pytest.approx(naive((1,), (1,), seed), rel=1e-3)


def test_a_pair_is_judged_by_the_better_of_both_models() -> None:
    blocks = Blocks(RECORDS, MOST)
    bent = sorted(blocks.error((0, 1), (1, 2), seed) for seed in (0, 1, 2))
    assert blocks.tried((0, 1), (1, 2)) == ((0, 1), (1, 2), min(bent[1], blocks.error((0, 1), (1, 2))))


def test_the_fewest_delays_are_taken_that_are_about_as_good_as_the_best() -> None:
    best, near, far = Tried((0, 1), (1, 2), 1.0), Tried((0,), (1,), 1.049), Tried((), (1,), 1.06)
    assert fewest([best, near, far]) == near
    assert fewest([best, far]) == best


def test_few_rows_are_told_no_more_delays_than_they_can_teach() -> None:
    found = searched([record(60)], [0], 30)
    assert found is not None
    assert 1 < found.looked < 30
    assert searched([record(9)], [0], 30) is None


def test_no_more_is_proposed_than_one_step_ahead_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = record(300)
    blocks = Blocks([rows], 12)
    assert blocks.criterion((0, 1), (1, 2)) < blocks.criterion((0, 1, 2), (1, 2, 3))
    assert blocks.criterion((0, 1), (1, 2)) < blocks.criterion((1,), (1,))
    found = searched([rows], [0], 12)
    assert found is not None
    assert (found.wanted, len(found.tried)) == (((0, 1), (1, 2)), 6)
    assert found.chosen == fewest(found.tried)
    monkeypatch.setattr(pruning, "BLIND", 0.0)
    blind = searched([rows], [0], 12)
    assert blind is not None
    assert (blind.chosen.inputs, blind.chosen.outputs) == ((0, 1), (1, 2))
    monkeypatch.setattr(pruning, "MOST", 1)
    capped = searched([rows], [0], 12)
    assert capped is not None
    assert (capped.wanted, capped.chosen[:2]) == (((0, 1), (1, 2)), ((0,), (1,)))


def test_a_long_block_is_run_over_for_some_steps_only(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Blocks(RECORDS, MOST).error((1,), (1, 2))
    monkeypatch.setattr(pruning, "STEPS", 10)
    assert Blocks(RECORDS, MOST).error((1,), (1, 2)) != pytest.approx(whole, rel=1e-3)


def test_what_was_tried_is_told_and_an_end_that_may_be_too_near() -> None:
    u, y = RANDOM.normal(size=300), np.zeros(300)
    for t in range(1, 300):
        y[t] = 0.8 * y[t - 1] + u[t] + 0.1 * RANDOM.normal()
    found = suggest_delays(u, y, lags=6)
    assert (found.inputs, found.outputs) == ((0,), (1,))
    (told,) = found.sentences
    assert told.startswith(
        "2 pairs of delays were tried in free run over blocks held out in turn: a small model misses by "
    )
    assert told.endswith(" with the best, inputs 0 and outputs 1")
    late = suggest_delays(u, np.concatenate([np.zeros(6), u[:-6]]) + 0.1 * RANDOM.normal(size=300), lags=6)
    assert late.inputs == (6,)
    assert late.sentences[-1] == "that is as far as was looked, 6: look further"
    assert suggest_delays(None, y, lags=6).sentences == []
