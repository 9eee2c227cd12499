"""The benchmarks refuse wrong results; nothing here looks at a clock."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
SEEDED_FAULT = """
import sys
from benchmarks import machine
machine.settle()
from benchmarks import numpy_rtrl, online
right = numpy_rtrl.learn
online.numpy_rtrl.learn = lambda *given: (lambda found: found._replace(inner=-found.inner))(right(*given))
from benchmarks.__main__ import main
machine.settle = lambda: None
sys.exit(main(["--table", "rtrl", "--quick"]))
"""


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python process in the repository's root, where the benchmarks are found."""
    ours = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": ours}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_the_gate_wants_every_array_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import gate

    right = {"w": np.arange(1.0, 4.0)}
    gate.same("equal", {"w": right["w"] * (1 + 1e-12)}, right, 1e-10)
    wrong = {
        "sign": {"w": -right["w"]},
        "nan": {"w": right["w"] * np.nan},
        "shape": {"w": right["w"][:2]},
        "missing": {},
    }
    for name, found in wrong.items():
        with pytest.raises(gate.Red):
            gate.same(name, found, right, 1e-10)
    with pytest.raises(gate.Red, match="zero"):
        gate.same("vacuous", {"w": np.zeros(3)}, {"w": np.zeros(3)}, 1e-10)


def test_a_seeded_sign_error_shows_no_figure() -> None:
    done = started("-c", SEEDED_FAULT)
    assert done.returncode == 3, done.stderr
    assert done.stdout == ""
    assert "the exactness gate is red" in done.stderr


def test_quick_rtrl_table(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = started("-m", "benchmarks", "--table", "rtrl", "--quick", "--report-only", "--json", str(file))
    assert done.returncode == 0, done.stderr
    (table,) = json.loads(file.read_text())["tables"]
    assert {row["values"]["peer"] for row in table["rows"]} > {"RTRL(1)"}
    assert all(row["values"]["times faster"] > 0 for row in table["rows"])
