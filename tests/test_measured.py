"""Columns of one record: the values, names and times they came with, from arrays and from tables alike."""

import numpy as np
import pandas as pd
import pytest

from throughtime.dynamics.measured import Measured

TIMES = pd.date_range("2024-03-01", periods=4, freq="h", name="hour")


def test_tables_keep_their_names_and_times():
    u, y = pd.DataFrame({"pump": range(4)}, TIMES), pd.Series([1.0, np.nan, 3.0, 4.0], TIMES, name="level")
    measured = Measured.of(u, y)
    assert (measured.inputs, measured.outputs, measured.time) == (["pump"], ["level"], "hour")
    heard, seen = measured.frames(slice(1, 3))
    pd.testing.assert_frame_equal(heard, u.astype(float).iloc[1:3], check_freq=False)
    pd.testing.assert_frame_equal(seen, y.to_frame().iloc[1:3], check_freq=False)


def test_arrays_are_numbered():
    measured = Measured.of(np.zeros((3, 2)), [1.0, 2.0, 3.0])
    assert (measured.inputs, measured.outputs, measured.time) == (["u1", "u2"], ["y"], None)
    assert len(measured) == 3
    assert list(measured.times) == [0, 1, 2]


def test_a_series_has_no_inputs():
    heard, seen = Measured.of(None, [1.0, 2.0]).frames()
    assert heard is None
    assert seen["y"].tolist() == [1.0, 2.0]


def test_several_records_are_refused():
    with pytest.raises(ValueError, match="2 records; give one at a time"):
        Measured.of(None, [np.zeros(3), np.zeros(4)])
