"""Tables on the console keep every digit, however narrow it is."""

import pytest

from throughtime.cli import output

FIGURES = ["0.02398", "97.4 %", "0.01299", "98.5 %", "0.03968", "95.5 %"]
HEADS = ["RMSE, fit", "output", "", "free run", "", "one step", "", "5 steps", ""]


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    output.table("RMSE", HEADS, [["all", "level [m]", "last value", *FIGURES]], 3)
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", ["20", "80"])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_cell_is_cut_and_who_is_no_terminal_gets_whole_lines(
    columns: str, terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(output.Console, "is_terminal", terminal)
    said = shown(capsys)
    assert all(cell in said for cell in (*FIGURES, "level [m]", "last value", "RMSE, fit"))
    whole = "free run" in said and "one step" in said and "5 steps" in said
    assert whole is not (terminal and columns == "20")  # a narrow one breaks what stands above the numbers
