"""Tables on the console keep every digit, however narrow it is."""

import pytest

from throughtime.cli import output


@pytest.mark.parametrize("columns", ["20", "80"])
def test_no_cell_is_cut(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    figures = ["0.02398", "97.4 %", "0.01299", "98.5 %", "0.03968", "95.5 %"]
    output.table(
        "RMSE",
        ["RMSE, fit", "output", "", "free run", "", "one step", "", "5 steps", ""],
        [["all", "level [m]", "last value", *figures]],
        3,
    )
    shown = capsys.readouterr().out
    assert all(cell in shown for cell in (*figures, "level [m]", "last value", "RMSE, fit"))
