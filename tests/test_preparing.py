"""Records become sequences with a true past; running over them gives what a plain recursion on the raw numbers gives."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import throughtime as tt
from throughtime import blocks
from throughtime.dynamics.holding import held_out, split
from throughtime.dynamics.preparing import filled, prepare
from throughtime.dynamics.records import Record, records_of
from throughtime.models import forecasts, rollout
from throughtime.models.members import stack_members
from throughtime.times import following

NETWORK = tt.narx(2, 4, 2, (0, 3), (1, 2))
WEIGHTS = tt.init(NETWORK, 0)
DRAWN = np.random.default_rng(0)
U, Y = DRAWN.normal(size=(12, 2)), DRAWN.normal(size=(12, 2))
USED = 3


def recursion(u: Any, y: Any, free_from: int) -> Any:
    """The NARX network as one reads it: measured outputs in the past before row `free_from`, and where known after it, NaN else."""
    hidden, output = ({k: np.asarray(v) for k, v in WEIGHTS[name].items()} for name in ("hidden", "output"))
    heard, made = np.array(y), np.full_like(y, np.nan)
    for t in range(USED, len(u)):
        net = hidden["bias"][0].copy()
        for place, d in enumerate((0, 3)):
            net += u[t - d] @ hidden["input"][place, :, 0]
        for place, d in enumerate((1, 2)):
            net += heard[t - d] @ hidden["output"][place, :, 0]
        made[t] = np.tanh(net) @ output["hidden"][0, :, 0] + output["bias"][0]
        if t >= free_from:
            heard[t] = np.where(np.isnan(y[t]), made[t], heard[t])
    return made


def gaps(y: Any, *rows: int) -> Any:
    made = y.copy()
    made[list(rows)] = np.nan
    return made


def test_a_closed_loop_starts_from_the_true_past() -> None:
    made = prepare(NETWORK, U, Y)
    assert made.used == USED
    xs, targets, history, lengths = made.batch(NETWORK, WEIGHTS)
    ys, _ = tt.run(NETWORK, WEIGHTS, xs, history)
    free = np.where((np.arange(12) < USED)[:, None], Y, np.nan)
    np.testing.assert_allclose(ys[:, 0], recursion(U, free, USED)[USED:], atol=1e-12)
    np.testing.assert_array_equal(targets[:, 0], Y[USED:])
    assert lengths.tolist() == [9]


def test_an_open_loop_hears_what_was_measured() -> None:
    opened = NETWORK.open_loop()
    made = prepare(opened, U, Y)
    xs, _, history, _ = made.batch(opened, WEIGHTS)
    ys, _ = tt.run(opened, WEIGHTS, xs, history)
    np.testing.assert_allclose(ys[:, 0], recursion(U, Y, USED)[USED:], atol=1e-12)


def test_nothing_is_asked_where_an_open_loop_hears_a_gap() -> None:
    y = gaps(Y, 6)
    (_, target, _), *_ = prepare(NETWORK.open_loop(), U, y).sequences
    assert (np.flatnonzero(np.isnan(target).all(axis=1)) + USED).tolist() == [6, 7, 8]
    (_, target, _), *_ = prepare(NETWORK, U, y).sequences
    assert (np.flatnonzero(np.isnan(target).all(axis=1)) + USED).tolist() == [6]


def test_runs_of_a_horizon_begin_from_the_true_past_each_and_ask_everything_once() -> None:
    made = prepare(NETWORK, U, Y, horizon=4)
    assert [len(target) for _, target, _ in made.sequences] == [4, 4, 4]
    xs, targets, history, _ = made.batch(NETWORK, WEIGHTS)
    ys, _ = tt.run(NETWORK, WEIGHTS, xs, history)
    for run, first in enumerate((3, 7, 8)):
        free = np.where((np.arange(12) < first)[:, None], Y, np.nan)
        np.testing.assert_allclose(ys[:, run], recursion(U, free, first)[first : first + 4], atol=1e-12)
    asked = np.concatenate([np.asarray(targets[:, run]) for run in range(3)])
    assert np.isfinite(asked).all(axis=1).sum() == 12 - USED
    np.testing.assert_array_equal(np.sort(asked[np.isfinite(asked)]), np.sort(Y[USED:].ravel()))


def test_with_a_lead_the_targets_are_later() -> None:
    network = tt.narx(2, 4, 2, (1, 3), (1, 2)).remove_delay()
    for form in (network, network.open_loop()):
        made = prepare(form, U, Y)
        (_, target, before), *_ = made.sequences
        np.testing.assert_array_equal(target[:-1], Y[made.used + 1 :])
        assert np.isnan(target[-1]).all()
        assert np.array_equal(before[form.feedback][-1], Y[made.used] if form is network else Y[made.used - 1])


def test_what_does_not_fit_is_refused() -> None:
    for given, words in (
        ((NETWORK, U[:3], Y[:3]), "record 0 has 3 steps, but the network hears 3 steps back"),
        ((NETWORK, U[:, :1], Y), "the records have 1 input and 2 outputs, but the network takes 2 and gives 2"),
        ((NETWORK, U[:5], Y), "inputs have 5 steps, but outputs 12"),
        ((NETWORK, gaps(U, 4), Y), "inputs u: row 4, column 0 is NaN; fill the gap"),
        ((NETWORK, [U, U], [Y]), "there are 2 records of inputs, but 1 of outputs"),
        ((tt.lstm(2, 2, 2), U, Y, 4), "what layer 'hidden' remembers is not measured"),
        ((tt.lstm(2, 2, 2, bidirectional=True), U, Y, 4), "backward layers"),
    ):
        with pytest.raises(ValueError, match=words):
            prepare(*given)  # type: ignore[arg-type]


def test_gaps_are_filled_with_what_was_last_known() -> None:
    y = np.array([[np.nan, 1.0], [2.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])
    assert filled(y).tolist() == [[2.0, 1.0], [2.0, 1.0], [2.0, 1.0], [3.0, 1.0]]
    assert filled(np.full((2, 1), np.nan)).tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize("known", ["all", "none", "first", "gaps", "many gaps", "one output"])
def test_following_a_record_is_the_recursion(known: str) -> None:
    y = Y.copy()
    if known in ("none", "first"):
        y[USED if known == "first" else 0 :] = np.nan
    elif known == "gaps":
        y[[4, 7]] = np.nan
    elif known == "many gaps":
        y = np.tile(y, (4, 1))
        y[::2] = np.nan
    elif known == "one output":
        y[5:, 1] = np.nan
    u = np.tile(U, (len(y) // 12, 1))
    both = stack_members([WEIGHTS, tt.init(NETWORK, 1)])
    ys = rollout.follow(NETWORK, both, u, y).outputs
    assert ys.shape == (2, len(y), 2)
    padded_u, padded_y = np.pad(u, ((USED, 0), (0, 0))), np.pad(y, ((USED, 0), (0, 0)))  # the start: zeros
    np.testing.assert_allclose(ys[0], recursion(padded_u, padded_y, USED)[USED:], atol=1e-12)


def test_following_in_parts_is_following_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    both, y = stack_members([WEIGHTS, tt.init(NETWORK, 1)]), gaps(Y, 5, 6, 7, 8)
    whole = rollout.follow(NETWORK, both, U, y)
    first = rollout.follow(NETWORK, both, U[:6], y[:6])
    second = rollout.follow(NETWORK, both, U[6:], y[6:], first.history)
    np.testing.assert_allclose(np.concatenate([first.outputs, second.outputs], axis=1), whole.outputs, atol=1e-12)
    monkeypatch.setattr(blocks, "STEPS", (2, 5))
    monkeypatch.setattr(rollout, "STEPS", (2, 5))
    np.testing.assert_allclose(rollout.follow(NETWORK, both, U, y).outputs, whole.outputs, atol=1e-12)


def test_forecasts_from_every_origin_are_runs_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    both, y = stack_members([WEIGHTS, tt.init(NETWORK, 1)]), gaps(Y, 5)
    monkeypatch.setattr(forecasts, "PLACES", (2, 3))
    monkeypatch.setattr(forecasts, "AHEAD", (1, 3))
    for places in ((3, 6), (1, 2, 3, 4, 5, 6, 7, 8)):
        found = np.concatenate(list(forecasts.forecasts(NETWORK, both, U, y, places, 4)), axis=1)
        assert found.shape == (2, len(places), 4, 2)
        for place, origin in enumerate(places):
            known = y.copy()
            known[origin:] = np.nan
            ys = rollout.follow(NETWORK, both, U, known).outputs
            np.testing.assert_allclose(found[:, place], ys[:, origin : origin + 4], atol=1e-12)


def test_blocks_are_held_out_in_turn() -> None:
    records = [Record(np.zeros((n, 1)), np.zeros((n, 1))) for n in (8, 5)]
    masks = held_out(records, 2, 3, 0.2)
    assert [m.shape for m in masks] == [(3, 8), (3, 5)]
    both = np.concatenate([m[:, 2:] for m in masks], axis=1)
    assert both.sum(axis=0).tolist() == [1] * 9
    assert both.sum(axis=1).tolist() == [3, 3, 3]
    assert not any(m[:, :2].any() for m in masks)
    (last, short) = held_out(records, 2, 0, 0.5)
    assert last[0].tolist() == [False] * 5 + [True] * 3
    assert short[0].tolist() == [False] * 3 + [True] * 2
    with pytest.raises(ValueError, match="folds must be 0"):
        held_out(records, 2, 1, 0.2)
    with pytest.raises(ValueError, match="too few for 6 folds"):
        held_out(records, 2, 6, 0.2)
    with pytest.raises(ValueError, match="add up to 1"):
        split(records[0], (0.5, 0.4))


def test_tables_keep_their_names_and_their_time() -> None:
    days = pd.date_range("2026-02-27", periods=12, freq="D")
    frame = pd.DataFrame(Y, index=days, columns=["level", "flow"])
    (record,) = records_of(pd.DataFrame(U, index=days), frame)
    assert record.index is not None
    assert record.index.equals(days)
    later = following(record.index, 2)
    assert later is not None
    assert later.strftime("%m-%d").tolist() == ["03-11", "03-12"]
    assert list(following(pd.Index([0.0, 0.5]), 2)) == [1.0, 1.5]  # type: ignore[arg-type]
    assert list(following(pd.period_range("2026-01", periods=3, freq="M"), 1).astype(str)) == ["2026-04"]  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="different indices"):
        records_of(pd.DataFrame(U, index=days[::-1]), frame)
