"""What an index says of time: `times/` and its `steps.py`, and the models that ask them."""

from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import throughtime as tt
from throughtime.dynamics.correlation import autocorrelation
from throughtime.dynamics.records import many, records_of
from throughtime.times import coming, following, refuse, told_uneven, uneven
from throughtime.times.steps import told_step, usual_step

BERLIN = "Europe/Berlin"
WORKING = pd.offsets.CustomBusinessDay(weekmask="Sun Mon Tue Wed Thu")


def days(first: str, periods: int, freq: Any, *missing: int, **more: Any) -> pd.DatetimeIndex:
    """Dates that pandas counts, some of them missing, without the name of their rate."""
    return pd.DatetimeIndex(list(pd.date_range(first, periods=periods, freq=freq, **more).delete(list(missing))))


@pytest.mark.parametrize("missing", [(), (5,), (2, 9, 10)])
@pytest.mark.parametrize(
    ("freq", "said"),
    [
        ("h", "1 h"),
        ("15min", "15 min"),
        ("D", "1 d"),
        ("W-WED", "7 d"),
        ("B", "1 business day"),
        (WORKING, "1 working day"),
        ("MS", "1 month"),
        ("ME", "1 month"),
        ("BME", "1 month"),
        ("BMS", "1 month"),
        ("QS", "3 months"),
        ("QE-FEB", "3 months"),
        ("YS", "1 year"),
        ("YE-JUN", "1 year"),
    ],
)
def test_a_forecast_goes_on_at_the_usual_step(freq: Any, said: str, missing: tuple[int, ...]) -> None:
    whole = pd.date_range("2021-03-01", periods=40, freq=freq)
    record = pd.DatetimeIndex(list(whole[:30].delete(list(missing))), name="when")
    later = following(record, 10)
    assert later is not None
    assert later.tolist() == whole[30:].tolist()
    assert (later.name, told_step(usual_step(record))) == ("when", said)
    found = uneven(record)
    assert (found is None) == (not missing)
    if found is not None:
        assert f"{len(found.wide)} such gap" in told_uneven(record, found)
        assert (len(found.wide), len(found.narrow)) == (1 if len(missing) == 1 else 2, 0)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (["2026-01-31", "2026-02-28"], ["2026-03-31", "2026-04-30"]),
        (["2025-12-15", "2026-01-15", "2026-03-15"], ["2026-04-15", "2026-05-15"]),
        (["2025-12-30", "2026-01-30", "2026-02-28"], ["2026-03-30", "2026-04-30"]),
        (["2024-02-29", "2025-02-28"], ["2026-02-28", "2027-02-28"]),
        (["2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08", "2026-01-09"], ["2026-01-10", "2026-01-11"]),
        (["2026-01-08", "2026-01-09", "2026-01-12"], ["2026-01-13", "2026-01-14"]),
        (["2026-01-01", "2026-01-11", "2026-01-21"], ["2026-01-31", "2026-02-10"]),
    ],
)
def test_the_calendar_is_seen_in_few_rows(index: list[str], expected: list[str]) -> None:
    for unit in ("s", "ns"):
        later = following(pd.DatetimeIndex(index).as_unit(unit), 2)
        assert isinstance(later, pd.DatetimeIndex)
        assert (later.strftime("%Y-%m-%d").tolist(), later.unit) == (expected, unit)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (pd.Index([0.0, 1, 2, 3, 4, 5, 9], name="k"), [10.0, 11.0]),
        (pd.Index([1, 2, 3, 7]), [8, 9]),
        (pd.Index([1, 2, 3, 7], dtype="Int64"), [8, 9]),
        (pd.Index(np.array([250, 251, 255], np.uint8)), [256, 257]),
        (pd.RangeIndex(5), [5, 6]),
        (pd.RangeIndex(1), [1, 2]),
        (pd.timedelta_range("1h", periods=5, freq="h").delete(2), [pd.Timedelta("6h"), pd.Timedelta("7h")]),
        (
            pd.period_range("2026-01", periods=5, freq="M").delete(2),
            list(pd.period_range("2026-06", periods=2, freq="M")),
        ),
        (pd.period_range("2026-01", periods=5, freq="2M"), list(pd.period_range("2026-11", periods=2, freq="2M"))),
        (pd.Index([date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 4)]), [date(2026, 1, 5), date(2026, 1, 6)]),
        (pd.CategoricalIndex(days("2026-01-01", 4, "D", 1)), list(pd.date_range("2026-01-05", periods=2))),
        (
            pd.date_range("2026-01-01", periods=1, freq="h"),
            list(pd.date_range("2026-01-01 01:00", periods=2, freq="h")),
        ),
    ],
)
def test_every_kind_of_index_goes_on(index: pd.Index, expected: list[Any]) -> None:
    later = following(index, 2)
    assert later is not None
    assert (later.tolist(), later.name) == (expected, index.name)
    assert all(type(a) is type(b) for a, b in zip(later.tolist(), expected, strict=True))


def test_one_row_shows_no_step() -> None:
    with pytest.raises(ValueError, match="a record of one row shows no step of time: give a longer one"):
        following(pd.DatetimeIndex(["2026-01-01"]), 2)


def test_days_are_those_of_the_clock_on_the_wall_and_hours_pass() -> None:
    def later(index: pd.DatetimeIndex, steps: int) -> list[str]:
        made = following(index, steps)
        assert isinstance(made, pd.DatetimeIndex)
        return [str(at)[5:] for at in made]

    before = days("2026-03-25 02:30", 4, "D", tz=BERLIN)
    missed, second = "03-29 03:00:00+02:00", "03-30 02:30:00+02:00"
    assert later(before, 2) == [missed, second]
    moved = days("2026-03-24 02:30", 6, "D").tz_localize(BERLIN, nonexistent="shift_forward")
    assert str(moved[-1])[5:] == missed
    assert later(moved, 1) == [second]
    assert later(moved.delete(2), 1) == [second]
    assert later(days("2026-10-23 02:30", 2, "D", tz=BERLIN), 2) == ["10-25 02:30:00+02:00", "10-26 02:30:00+01:00"]
    night = days("2026-10-24 22:00", 4, "h", 2, tz=BERLIN)
    assert later(night, 3) == ["10-25 02:00:00+02:00", "10-25 02:00:00+01:00", "10-25 03:00:00+01:00"]


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (
            ["2026-01-01", "2026-01-02", "2026-01-03"],
            "its index holds string, such as '2026-01-01', not times; turn it into da",
        ),
        (
            pd.MultiIndex.from_product([["a"], [1, 2, 3]]),
            "its index has 2 levels, where a record has one time for each row",
        ),
        (pd.DatetimeIndex(["2026-01-01", None, "2026-01-03"]), "row 1 of its index: NaT is no time; give every row"),
        ([0.0, 1.0, np.inf], "row 2 of its index: inf is no time"),
        ([0, 1, 1], "row 2 of its index: 1 is not after 1, the row before; keep one row for each time"),
        (
            pd.date_range("2026-01-01", periods=3)[::-1],
            "row 1 .* 2026-01-02 00:00:00 is not after 2026-01-03 .*y.sort_index()",
        ),
        (pd.RangeIndex(3)[::-1], "row 1 of its index: 1 is not after 2, the row before; sort the rows"),
        ([True, False, True], "its index holds boolean, such as"),
        (
            pd.date_range("2026-10-25 01:00", periods=3, freq="h", tz=BERLIN).tz_localize(None),
            "row 2 of its index: 2026-10-25 02:00:00 comes after 2026-10-25 02:00:00: the hour that comes twice when summer time "
            "ends; give times in UTC, or in their zone",
        ),
        (
            pd.DatetimeIndex(["2026-10-25 02:30", "2026-10-25 02:45", "2026-10-25 02:00"]),
            "row 2 of its index: 2026-10-25 02:00:00 comes after 2026-10-25 02:45:00: the hour that comes twice",
        ),
    ],
)
def test_rows_out_of_order_are_refused_wherever_they_come_in(index: Any, words: str) -> None:
    y = pd.Series([1.0, 3.0, 2.0], index)
    model = fitted()
    for given in (
        lambda: records_of(None, y),
        lambda: records_of(y, y.to_numpy()),
        lambda: model.fit(y, y),
        lambda: model.predict(y, y),
        lambda: model.simulate(y),
        lambda: model.forecast(1, [0.0], (y, y)),
        lambda: model.forecast(3, y),
        lambda: autocorrelation(y, 1),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            given()
        assert "\n" not in str(caught.value)
    refuse(pd.Series([1.0, 2.0]).index, "y")


RECORD = pd.date_range("2026-01-01", periods=60, freq="h", name="hour")


@cache
def fitted() -> tt.DynamicModel:
    u = np.random.default_rng(0).normal(size=60)
    stages = [tt.Teaching(loop="open", epochs=1)]
    model = tt.DynamicModel(tt.narx(1, 2, 1, (0, 1), 1), stages, restarts=1, horizon=0)
    return model.fit(pd.Series(u, RECORD), pd.Series(np.r_[0, u[:-1]], RECORD))


def test_a_forecast_has_the_times_of_the_plan() -> None:
    model, after = fitted(), pd.date_range("2026-01-03 12:00", periods=2, freq="h")
    free = model.forecast(2, [1.0, 2.0])
    assert free.index.tolist() == after.tolist()
    assert free.index.name == "hour"
    for plan in (after, None, pd.RangeIndex(2), after.rename("other")):
        told = model.forecast(2, pd.Series([1.0, 2.0], plan))
        pd.testing.assert_series_equal(told, free, check_freq=False)
    utc = RECORD.tz_localize("UTC")
    made = coming(utc, 2, after.tz_localize("UTC").tz_convert(BERLIN))
    assert str(made[0]) == "2026-01-03 12:00:00+00:00"  # type: ignore[index]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (RECORD[-2:], "u_future begins at 2026-01-03 10:00:00, but the last row of the record is 2026-01-03 11:00:00"),
        (
            pd.date_range("2030-05-05", periods=2, freq="h"),
            "u_future begins at 2030-05-05 .*, but the record ends at 2026-01-03",
        ),
        (pd.date_range("2026-01-03 12:00", periods=2), "rows of u_future are 1 d apart, but those of the record 1 h"),
        (pd.date_range("2026-01-03 12:00", periods=2, freq="30min"), "rows of u_future are 30 min apart"),
        (
            pd.date_range("2026-01-03 12:00", periods=2, freq="h", tz="UTC"),
            "times of u_future have offsets from UTC, those of th",
        ),
        (pd.Index([60, 61]), "times are dates in one, numbers in the other, of the record and u_future"),
        (pd.Index(["2026-01-03 12:00", "2026-01-03 13:00"]), "u_future: its index holds string"),
    ],
)
def test_a_plan_of_other_times_is_refused(plan: pd.Index, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fitted().forecast(2, pd.Series([1.0, 2.0], plan))


def test_a_plan_may_begin_after_a_gap_no_longer_than_those_of_the_record() -> None:
    record, plan = RECORD.delete([30, 31]), pd.date_range("2026-01-03 14:00", periods=2, freq="h")
    assert coming(record, 2, plan).tolist() == plan.tolist()  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="and its rows are 1 h apart: inputs to come are the rows that follow"):
        coming(record, 2, plan + pd.Timedelta(hours=4))
    with pytest.raises(ValueError, match="and its rows are 1 h apart"):
        coming(RECORD[:1], 2, plan)
    monday = days("2026-01-12", 2, "B")
    assert coming(days("2025-12-01", 30, "B"), 2, monday).tolist() == monday.tolist()  # type: ignore[union-attr]


def test_a_run_from_a_history_goes_on_in_time() -> None:
    model, u = fitted(), pd.Series(0.5, RECORD)
    ahead = pd.Series(0.5, pd.date_range("2026-01-03 12:00", periods=3, freq="h"))
    assert model.simulate(ahead, (u, u)).index.equals(ahead.index)
    with pytest.raises(
        ValueError, match="u begins at 2026-01-01 00:00:00, but the last row of history is 2026-01-03 11"
    ):
        model.simulate(u, (u, u))


def test_finer_sampling_is_seen_as_gaps_are() -> None:
    finer = pd.date_range(RECORD[-1] + pd.Timedelta("30min"), periods=40, freq="30min")
    found = uneven(RECORD.append(finer))
    assert found is not None
    said = told_uneven(RECORD.append(finer), found)
    assert said.startswith(
        "2026-01-03 11:30:00 follows 2026-01-03 11:00:00, where rows are usually 1 h apart (40 such finer"
    )
    assert said.endswith("bring all rows to one step")
    spring = pd.date_range("2026-03-28 20:00", periods=10, freq="h", tz=BERLIN)
    assert uneven(spring) is None
    wall = spring.tz_localize(None)
    found = uneven(wall)
    assert found is not None
    assert "03:00:00 follows 2026-03-29 01:00:00 (as summer time begins), where" in told_uneven(wall, found)


def test_a_list_of_lists_is_one_table() -> None:
    u, y = np.random.default_rng(0).normal(size=(2, 20, 1))
    for lists in ((u.tolist(), y.tolist()), (tuple(map(tuple, u.tolist())), y)):
        (record,) = records_of(*lists)
        np.testing.assert_array_equal(record.u, u)
        np.testing.assert_array_equal(record.y, y)
    for listed in (
        [u, y],
        [u[:, 0], y[:5, 0]],
        [u.tolist(), y[:5].tolist()],
        [pd.Series(u[:, 0]), pd.Series(y[:4, 0])],
    ):
        assert many(listed)
        assert [len(r) for r in records_of(None, listed)] == [len(part) for part in listed]
    assert not many([1.0, 2.0])
    with pytest.raises(
        ValueError, match="a list of lists is one table, but its rows have 2 to 3 numbers; for several record"
    ):
        records_of(None, [[1.0, 2.0, 3.0], [1.0, 2.0]])
    model = fitted()
    np.testing.assert_array_equal(model.simulate(u.tolist()), model.simulate(u))
    np.testing.assert_array_equal(model.predict(u.tolist(), y.tolist()), model.predict(u, y))
    assert isinstance(model.predict([u, u], [y, y]), list)


def test_times_of_several_zones_are_told() -> None:
    zones = [
        pd.Timestamp("2026-01-01", tz="UTC"),
        pd.Timestamp("2026-01-02", tz=BERLIN),
        pd.Timestamp("2026-01-03", tz="UTC"),
    ]
    for given in (zones, [*zones[:2], pd.Timestamp("2026-01-03")]):
        with pytest.raises(ValueError, match=r"mixes times of several zones, such as .*; give all in one, .*utc=True"):
            refuse(pd.Index(given, dtype=object), "y")
