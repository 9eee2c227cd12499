"""What the pages in docs/ show is what happens: all their commands and all their Python, in order, in an empty folder."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = ["from-a-table-to-a-forecast.md"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_followed(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for language, block in re.findall(r"```(python|sh)\n(.*?)```", (DOCS / page).read_text(), re.DOTALL):
        if language == "python":
            exec(compile(block, page, "exec"), names)
        else:
            for line in block.strip().splitlines():
                _run(line, tmp_path)
    assert names["error"] < 0.1 * names["table"]["level"].std()
    forecast = names["pd"].read_csv("forecast.csv")
    truth = names["pd"].read_csv("truth.csv")
    assert forecast["time"].tolist() == truth["time"].tolist()
    wrong = (forecast["level"] - truth["level"]).abs()
    assert wrong.max() < 0.3 * names["table"]["level"].std()
    inside = (truth["level"] >= forecast["level low"]) & (truth["level"] <= forecast["level high"])
    assert inside.mean() >= 0.75  # sixty steps that hang together, of an interval for 95 of 100


def _run(line: str, folder: Path) -> None:
    program, *words = shlex.split(line)
    assert program == "throughtime"
    command = [sys.executable, "-m", "throughtime", *words]
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}\n{done.stderr}"
