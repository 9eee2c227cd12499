"""The linear model in the settings of a file: what was written is read, and nothing else is."""

import json
from typing import Any

import numpy as np
import pytest

from throughtime.dynamics.linear import MOST_DELAYS, Linear

LINEAR = Linear((0, 2), (1,), np.arange(14.0).reshape(7, 2), np.array([3.0, -1.0]))  # of two inputs and two outputs


def plain() -> Any:
    return json.loads(json.dumps(LINEAR.to_dict()))


def test_json_gives_the_same_model_back() -> None:
    read = Linear.from_dict(plain(), 2, 2)
    assert (read.input_delays, read.output_delays) == ((0, 2), (1,))
    u, y = np.random.default_rng(0).normal(size=(2, 9, 2))
    np.testing.assert_array_equal(read.free_run(u, y), LINEAR.free_run(u, y))
    np.testing.assert_array_equal(read.mean, LINEAR.mean)


def test_a_model_with_other_columns_is_refused() -> None:
    for inputs, outputs in ((1, 2), (2, 1), (3, 2)):
        with pytest.raises(ValueError, match="does not fit it; fit it again"):
            Linear.from_dict(plain(), inputs, outputs)


@pytest.mark.parametrize(
    "changes",
    [
        {"input_delays": [0, -1]},
        {"input_delays": [0, 2.5]},
        {"input_delays": [0, MOST_DELAYS + 1]},
        {"output_delays": [0]},
        {"output_delays": 1},
        {"coefficients": [[1.0]]},
        {"coefficients": "none"},
        {"coefficients": (LINEAR.coefficients * np.nan).tolist()},
        {"mean": [1.0]},
        {"mean": [1.0, float("inf")]},
        {"mean": [1.0, 10**400]},
    ],
)
def test_what_cannot_have_been_written_is_refused_in_one_line(changes: Any) -> None:
    with pytest.raises(ValueError, match="does not fit it; fit it again") as error:
        Linear.from_dict(plain() | changes, 2, 2)
    assert "\n" not in str(error.value)
    missing = {key: value for key, value in plain().items() if key not in changes}
    for other in (missing, [], 3, "linear"):
        with pytest.raises(ValueError, match="does not fit it; fit it again"):
            Linear.from_dict(other, 2, 2)


def test_the_largest_pole_says_whether_a_free_run_settles() -> None:
    def growth(*coefficients: float, outputs: int = 1) -> float:
        rows = np.array(coefficients).reshape(-1, outputs)
        linear = Linear((), tuple(range(1, len(rows) // outputs + 1)), np.vstack([rows, rows[:1]]), np.zeros(outputs))
        return linear.pole

    assert growth(1.5, -0.56) == pytest.approx(0.8)  # z^2 - 1.5 z + 0.56 = (z - 0.7)(z - 0.8)
    assert growth(0.0, 1.21) == pytest.approx(1.1)
    assert growth(0.0, 2.0, 0.5, 0.0, outputs=2) == pytest.approx(1.0)  # each hears the other: the root of 2 times 0.5
    assert Linear((0,), (), np.zeros((2, 1)), np.zeros(1)).pole == 0.0
