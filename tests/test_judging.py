"""A judgement holds what naive loops over the predictions give: scores of every part, rivals, coverage, residuals."""

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import throughtime as tt
from throughtime.dynamics.holding import Parts, held_out
from throughtime.dynamics.measured import Measured
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.records import Record
from throughtime.reports.judgement import Judgement, Span, checked
from throughtime.reports.judging import judge, residuals, spans_of
from throughtime.reports.verdicts import Held

Values = NDArray[np.float64]
ROWS, END, FIRST = 200, 160, 3  # delays up to 2, a step of washout
FREE, NEAR = "free run", "one step"


def made() -> Measured:
    """A system of two outputs with gaps, one of them in the last row before the test."""
    random = np.random.default_rng(0)
    u, y = random.normal(size=(ROWS, 1)), np.zeros((ROWS, 2))
    for t in range(2, ROWS):
        y[t, 0] = 0.6 * y[t - 1, 0] + np.tanh(2 * u[t - 1, 0])
        y[t, 1] = 4 + 0.5 * y[t - 2, 0] + 0.3 * u[t, 0] ** 2
    y += 0.05 * random.normal(size=y.shape)
    y[[70, 71, END - 1, END + 5], [0, 0, 1, 0]] = np.nan
    return Measured(u, y, ["pump"], ["level", "flow"], pd.RangeIndex(ROWS))


MEASURED = made()


@cache
def fitted(folds: int) -> tuple[DynamicModel, Parts]:
    network = tt.narx(1, 3, 2, (0, 1), (1, 2))
    model = DynamicModel(network, restarts=2, folds=folds, washout=1, horizon=6, low=[-1.5, None], random_state=0)
    model.teaching = [tt.Teaching(epochs=3, look=1)]
    model.fit(*MEASURED.frames(slice(0, END)))
    masks = held_out([Record(MEASURED.u[:END], MEASURED.y[:END])], 2, folds, 0.2)[0]
    return model, Parts(FIRST, END, masks)


@cache
def judged(folds: int) -> Judgement:
    return judge(fitted(folds)[0], MEASURED, fitted(folds)[1])


def free_run(model: Any, begin: int) -> Values:
    """From what was measured before a row, by `simulate`; NaN before it."""
    u, y = MEASURED.frames()
    before = None if begin == 0 else (u.iloc[:begin], y.iloc[:begin])
    ys = model.simulate(u.iloc[begin:], before).to_numpy()
    return np.concatenate([np.full((begin, 2), np.nan), ys])


def rmse(predicted: Values, rows: Any, output: int) -> float:
    """Row by row."""
    errors = [MEASURED.y[t, output] - predicted[t, output] for t in rows if not np.isnan(MEASURED.y[t, output])]
    return float(np.sqrt(sum(e * e for e in errors) / len(errors)))


def holds(found: Any, mode: str, part: str, predicted: Values, rows: Any, tolerance: float = 1e-9) -> None:
    for place, name in enumerate(MEASURED.outputs):
        score = found[mode][part][name]
        assert score["rmse"] == pytest.approx(rmse(predicted, rows, place), rel=tolerance), (mode, part, name)
        assert score["rows"] == sum(not np.isnan(MEASURED.y[t, place]) for t in rows)


def test_the_network_runs_free_from_what_was_measured_before_each_part() -> None:
    model, parts = fitted(0)
    border = END - round(0.2 * (END - 2))
    assert parts.training == border
    for part, rows in {
        "training": range(FIRST, border),
        "validation": range(border, END),
        "test": range(END, ROWS),
    }.items():
        holds(judged(0).network, FREE, part, free_run(model, rows[0]), rows)
        holds(judged(0).network, NEAR, part, model.predict(*MEASURED.frames()).to_numpy(), rows)
    unlike = rmse(free_run(model, END), range(END, ROWS), 0)
    assert rmse(free_run(model, 0), range(END, ROWS), 0) != pytest.approx(unlike, rel=1e-6)


def test_with_folds_every_row_is_judged_by_networks_that_have_not_seen_it() -> None:
    model, parts = fitted(2)
    joined, near = np.full((ROWS, 2), np.nan), np.full((ROWS, 2), np.nan)
    for fold in range(2):
        rows, apart = np.flatnonzero(parts.held[fold]), model.of_fold(fold)
        rows = rows[rows >= FIRST]
        joined[rows] = free_run(apart, rows[0])[rows]
        near[rows] = apart.predict(*MEASURED.frames()).to_numpy()[rows]
    holds(judged(2).network, FREE, "validation", joined, range(FIRST, END))
    holds(judged(2).network, NEAR, "validation", near, range(FIRST, END))
    holds(judged(2).network, FREE, "training", free_run(model, FIRST), range(FIRST, END))
    own = judged(2).network[NEAR]
    assert own["validation"]["level"]["rmse"] != pytest.approx(own["training"]["level"]["rmse"], rel=1e-6)


def rows_of(u: Values, y: Values, t: int) -> list[float]:
    """What the linear model with delays 0, 1 of u and 1, 2 of y hears at step t."""
    return [u[t, 0], u[t - 1, 0], *y[t - 1], *y[t - 2], 1.0]


@pytest.mark.parametrize("part", ["validation", "test"])
def test_the_linear_rival_is_least_squares_on_all_rows_that_the_networks_know(part: str) -> None:
    u, y, training = MEASURED.u, MEASURED.y, fitted(0)[1].training
    border, rows = (training, range(training, END)) if part == "validation" else (END, range(END, ROWS))
    usable = [t for t in range(2, border) if np.isfinite([*rows_of(u, y, t), *y[t]]).all()]
    theta = np.linalg.lstsq(np.array([rows_of(u, y, t) for t in usable]), y[usable], rcond=None)[0]
    known = y.copy()
    for t in range(2, rows.stop):  # free from the last row before the part; it fills the gaps by itself
        made = rows_of(u, known, t) @ theta
        known[t] = np.where(np.isnan(y[t]) | (t in rows), made, y[t])
    known = np.maximum(known, [-1.5, -np.inf])  # the sensor's limit
    holds(judged(0).baselines["linear"], FREE, part, known, rows, 1e-6)


def test_the_mean_is_that_of_the_rows_before_the_test_and_the_last_value_the_last_one_known() -> None:
    y, rivals = MEASURED.y, judged(0).baselines
    mean = np.tile(np.nanmean(y[:END], axis=0), (ROWS, 1))
    last = np.full_like(y, np.nan)
    for t in range(END, ROWS):
        for output in range(2):
            last[t, output] = next(v for v in y[:t, output][::-1] if not np.isnan(v))
    for mode in (FREE, NEAR):
        holds(rivals["mean"], mode, "test", mean, range(END, ROWS))
    holds(rivals["last value"], NEAR, "test", last, range(END, ROWS))
    assert list(rivals) == ["linear", "mean", "last value"]
    assert list(rivals["last value"]) == [NEAR]


def test_steps_ahead_count_from_where_delays_and_washout_were_over_so_many_steps_before() -> None:
    model = fitted(0)[0]
    found = judge(model, MEASURED, ahead=4)
    y, later = MEASURED.y, model.predict(*MEASURED.frames(), ahead=4).to_numpy()
    assert list(found.network) == [FREE, NEAR, "4 steps"]
    holds(found.network, "4 steps", "all", later, range(FIRST + 3, ROWS))
    holds(found.network, NEAR, "all", model.predict(*MEASURED.frames()).to_numpy(), range(FIRST, ROWS))
    last = np.array(
        [[next((v for v in y[: t - 3, o][::-1] if not np.isnan(v)), np.nan) for o in (0, 1)] for t in range(ROWS)]
    )
    holds(found.baselines["last value"], "4 steps", "all", last, range(FIRST + 3, ROWS))
    assert "linear" not in found.baselines
    assert found.verdicts == ()


def test_coverage_is_counted_forecast_by_forecast_where_nothing_was_learned() -> None:
    model = fitted(0)[0]
    assert model.intervals_ is not None
    widths = np.array(model.intervals_.widths)[:, :6]
    u, y = MEASURED.frames()
    inside, count = [[] for _ in model.intervals_.levels], 0
    for origin in range(END, ROWS - 5):
        ys = model.forecast(6, u.iloc[origin : origin + 6], (u.iloc[:origin], y.iloc[:origin])).to_numpy()
        count += 1
        for level, kept in enumerate(inside):
            for step in range(6):
                for output in range(2):
                    truth = MEASURED.y[origin + step, output]
                    if not np.isnan(truth):
                        kept.append(
                            abs(truth - ys[step, output]) <= widths[level][min(step, len(widths[level]) - 1)][output]
                        )
    wanted = tuple(
        Held(level, pytest.approx(np.mean(kept)), count)
        for level, kept in zip(model.intervals_.levels, inside, strict=True)
    )
    assert judged(0).coverage == wanted
    assert judge(model, MEASURED, [Span("new data", slice(FIRST, ROWS))], learned=END).coverage == wanted
    assert judge(model, MEASURED).coverage != wanted
    assert judge(model, MEASURED, learned=ROWS - 1).coverage == ()


def test_residuals_are_those_of_the_rows_held_out_each_from_its_own_part() -> None:
    model, parts = fitted(0)
    evidence = judged(0).evidence
    assert evidence is not None
    border = parts.training
    assert evidence.checked == slice(border, ROWS)
    left = MEASURED.y - model.predict(*MEASURED.frames()).to_numpy()
    known = left[border:, 0] - np.nanmean(left[border:, 0])
    pairs = [(a, b) for a, b in pairwise(known) if not np.isnan(a + b)]
    a, b = np.array(pairs).T
    tests = evidence.tests[NEAR].auto["level"]
    assert tests.values[0] == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)))
    assert len(tests.lags) == (ROWS - border) // 4
    heard = MEASURED.u[border:, 0] - MEASURED.u[border:, 0].mean()
    pairs = [(a, b) for a, b in zip(heard[:-1], known[1:], strict=True) if not np.isnan(b)]  # u(t), left(t + 1)
    a, b = np.array(pairs).T
    crossed = evidence.tests[NEAR].crossed["pump", "level"]
    assert crossed.values[1] == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)))
    free = np.concatenate([free_run(model, border)[:END], free_run(model, END)[END:]])
    np.testing.assert_allclose(evidence.joined[FREE][border:], free[border:], rtol=1e-9)
    assert [s.split(",")[0] for s in judged(0).residuals] == [NEAR] * 4 + [FREE] * 2


def test_the_residuals_of_few_rows_are_not_tested_and_those_of_equal_modes_once() -> None:
    ys = {FREE: np.zeros((ROWS, 2)), NEAR: np.zeros((ROWS, 2))}
    assert residuals(MEASURED, ys, slice(0, 3)) == {}
    assert list(residuals(MEASURED, ys, slice(0, 4))) == [NEAR]
    assert list(residuals(MEASURED, ys | {FREE: np.ones((ROWS, 2))}, slice(0, ROWS))) == [NEAR, FREE]
    assert len(residuals(MEASURED, ys, slice(0, ROWS))[NEAR].auto["level"].lags) == 25


def test_a_run_that_exploded_leaves_the_rest_of_the_judgement(monkeypatch: pytest.MonkeyPatch) -> None:
    model, parts = fitted(0)
    follow = DynamicModel.follow

    def wild(self: Any, u: Values, y: Values, *more: Any, **how: Any) -> Values:
        return np.where(np.isnan(y), np.inf, follow(self, u, y, *more, **how))

    monkeypatch.setattr(DynamicModel, "follow", wild)
    found = judge(model, MEASURED, parts)
    assert found.network[FREE]["test"]["level"]["rmse"] is None
    assert "NOT better in free run (inf against" in found.verdicts[0].sentence()
    assert found.verdicts[0].network.one_step < np.inf


def test_spans_are_the_parts_in_order_without_the_first_rows() -> None:
    held = np.zeros((2, 10), bool)
    held[0, :5] = held[1, 5:] = True
    assert spans_of(Parts(2, 10, held), 12) == (
        Span("training", slice(2, 10)),
        Span("validation", slice(2, 5), 0),
        Span("validation", slice(5, 10), 1),
        Span("test", slice(10, 12)),
    )
    assert checked((Span("rest", slice(0, 5)), Span("held out", slice(5, 9)))) == slice(5, 9)
    assert checked((Span("training", slice(2, 9)),)) == slice(2, 9)


@pytest.mark.parametrize(
    ("changes", "parts", "words"),
    [
        ({"inputs": ["heat"]}, None, "the model hears pump, but the columns of the table for that are heat"),
        ({"outputs": ["flow", "level"]}, None, "the model says level, flow, but .* are flow, level; give them"),
        ({}, [Span("test", slice(ROWS, None))], "part 'test' has no rows of the 200 of the table"),
    ],
)
def test_what_cannot_be_judged_is_named(changes: Any, parts: Any, words: str) -> None:
    given = {name: getattr(MEASURED, name) for name in ("u", "y", "inputs", "outputs", "times")} | changes
    with pytest.raises(ValueError, match=words) as error:
        judge(fitted(0)[0], Measured(**given), parts)
    assert "\n" not in str(error.value)
    assert "--" not in str(error.value)


def test_rows_before_the_delays_are_over_are_too_few() -> None:
    few = Measured(MEASURED.u[:3], MEASURED.y[:3], ["pump"], ["level", "flow"], pd.RangeIndex(3))
    with pytest.raises(ValueError, match="no rows of the 3 of the table; the first 3 do not count"):
        judge(fitted(0)[0], few)
