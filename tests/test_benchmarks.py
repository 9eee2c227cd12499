"""The benchmarks refuse wrong results; nothing here looks at a clock."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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
machine.settle = lambda cores: None
sys.exit(main(["--table", "rtrl", "--quick", "--cores", "1"]))
"""


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python process in the repository's root, where the benchmarks are found."""
    ours = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": ours}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def quick(folder: Path, *asked: str) -> list[dict[str, Any]]:
    """The tables of one quick run."""
    file = folder / "figures.json"
    done = started("-m", "benchmarks", "--quick", "--cores", "1", "--report-only", "--json", str(file), *asked)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(file.read_text())["runs"]
    return list(run["tables"])


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
    (table,) = quick(tmp_path, "--table", "rtrl")
    assert {row["values"]["peer"] for row in table["rows"]} > {"RTRL(1)"}
    assert all(row["values"]["times faster"] > 0 for row in table["rows"])


@pytest.mark.peers
def test_quick_grid_against_its_peers(tmp_path: Path) -> None:
    if os.environ.get("THROUGHTIME_REQUIRE_PEERS") != "1":
        for peer in ("torch", "flax"):
            pytest.importorskip(peer)
    networks = ("gru", "tdnn")
    (table,) = quick(tmp_path, "--table", "grid", *(word for name in networks for word in ("--network", name)))
    *points, overall = table["rows"]
    assert [row["values"]["network"] for row in points] == list(networks)
    ratios = [row["values"]["times faster"] for row in points]
    assert overall["values"]["times faster"] == pytest.approx(np.prod(ratios) ** (1 / len(ratios)))
    assert all(0 < row["values"][share] < 150 for row in points for share in ("% of peak", "forward %"))


def test_a_table_survives_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.table import Table, barred

    rows = [
        barred({"case": "a", "ms": 1.5}, [(">= 1", True), (">= 60 %", False)]),
        barred({"case": "b", "ms": 1.0}, []),
    ]
    table = Table("name", "title", rows)
    again = Table.from_json(json.loads(json.dumps(table.as_json())))
    assert again == table
    assert not again.met
    assert [row.verdict for row in again.rows] == ["SHORT >= 60 %", ""]


def test_the_operations_of_an_lstm(monkeypatch: pytest.MonkeyPatch) -> None:
    """T B (inputs + recurrent) x four nets, a multiplication and an addition each; biases are not counted."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.works import work

    assert work("lstm", 7, 3, 5).flops == 2 * 7 * 3 * (5 + 5) * 5 * 4
    assert work("lstm", 7, 3, 5).spared == 2 * 7 * 3 * 5 * 5 * 4
    assert work("elman", 7, 3, 5).flops == 2 * 7 * 3 * 5 * 5  # its context units copy, they do not multiply
    assert work("narx", 7, 3, 5).flops == 2 * 7 * 3 * (3 * 5 + 2 * 5 + 5)
