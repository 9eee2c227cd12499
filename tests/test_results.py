"""The page of results is what the files say: every seed, which bars are met, and nothing of small runs."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
MADE = runpy.run_path(str(ROOT / "docs" / "results_table.py"))

SAID: dict[str, Any] = {
    "experiment": "tones",
    "quick": False,
    "seconds": 3.0,
    "results": [
        {"network": "good", "split": "a|b", "metric": "error, %", "values": [1.0, 2.0, 4.5]},
        {"network": "good", "split": "other", "metric": "error, %", "values": [1234.56]},
        {"network": "bad", "split": "a|b", "metric": "error, %", "values": [0.1, 4.0, 0.2]},
    ],
    "baselines": [{"network": "guess", "split": "a|b", "metric": "error, %", "values": [50.0]}],
    "bars": [
        {"network": "good", "split": "a|b", "at_most": 2.5, "about": "mean of the seeds"},
        {"network": "bad", "split": "a|b", "at_most": 1.0, "about": "mean of the seeds"},
        {"network": "bad", "split": "a|b", "at_most": 1.0, "about": "most seeds"},
        {"network": "bad", "split": "a|b", "at_most": 1.0, "about": "every seed"},
    ],
    "notes": ["published: 3 %"],
}


def test_the_page_is_the_generated_one() -> None:
    assert MADE["page"]() == (ROOT / "docs" / "results.md").read_text(), "run: python docs/results_table.py --write"


def test_every_file_is_on_it_with_every_seed() -> None:
    page = (ROOT / "docs" / "results.md").read_text()
    files = sorted((ROOT / "docs" / "results").glob("*.json"))
    assert files
    for path in files:
        said = json.loads(path.read_text())
        assert f"## {said['experiment']}\n" in page
        for entry in said["results"]:
            cells = ", ".join(map(MADE["figure"], entry["values"]))
            assert f"| {entry['network']} | {entry['split']} | {entry['metric']} | " in page
            assert f"| {cells} |" in page or len(entry["values"]) == 1


def test_a_section_says_what_is_met_and_has_baselines_beside() -> None:
    rows = [line for line in MADE["section"](SAID).splitlines() if line.startswith("| ")][2:]
    assert rows == [
        "| good | a\\|b | error, % | 2.5 | 1, 2, 4.5 | 2.5 (mean of the seeds) | met |",
        "| bad | a\\|b | error, % | 1.43 | 0.1, 4, 0.2 | 1 (mean of the seeds), 1 (most seeds), 1 (every seed) "
        "| **SHORT**, met, **SHORT** |",
        "| *guess* | a\\|b | error, % | 50 |  |  |  |",
        "| good | other | error, % | 1235 |  |  |  |",
    ]
    assert MADE["section"](SAID).endswith("\n\n- published: 3 %\n")
    assert "Of 2 results that were to reach a bar, 1 reach it." in MADE["summary"]([SAID])


def test_a_small_run_and_a_bar_for_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tones.json"
    for wrong in ({"quick": True}, {"experiment": "colours"}):
        path.write_text(json.dumps(SAID | wrong))
        with pytest.raises(ValueError, match=r"tones.json must hold a full run of 'tones'"):
            MADE["page"](tmp_path)
    bars = [{"network": "best", "split": "other", "at_most": 1.0, "about": ""}]
    with pytest.raises(ValueError, match="no result of 'best' on 'other', for which there is a bar"):
        MADE["section"](SAID | {"bars": bars})
