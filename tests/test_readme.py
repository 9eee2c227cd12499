"""What the README shows is what happens."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_truth_table_is_the_generated_one():
    generator = runpy.run_path(str(ROOT / "docs" / "truth_table.py"))
    assert generator["placed"](README) == README, "run: python docs/truth_table.py --write"


def test_the_python_lines_run(capsys: pytest.CaptureFixture[str]):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    said = capsys.readouterr().out
    assert "(199, 1, 1, 8)" in said
    losses = [float(line.split()[-1]) for line in said.splitlines() if line.startswith(("BPTT(", "RTRL("))]
    assert len(losses) == 3
    assert max(losses) < 0.1


def test_the_pictures_it_shows_are_there():
    for path in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / path).is_file()
