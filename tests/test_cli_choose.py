"""`throughtime delays` and `throughtime choose`: what a search begins with, and what it finds."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import dated, refused, run
from throughtime.cli import comparing
from throughtime.dynamics import choosing
from throughtime.work.children import Lost

SMALL = ["--hidden", "1", "--hidden", "2", "--input-delays", "1", "--output-delays", "1", "--folds", "2"]
SMALL += ["--restarts", "1", "--epochs", "2", "--workers", "0"]
SEARCH = ["choose", "hours.csv", "--inputs", "u", "--outputs", "y", *SMALL, "--out", "search.jsonl"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    dated().to_csv("hours.csv", index=False)
    return tmp_path


def test_delays_are_proposed_as_fit_takes_them() -> None:
    random = np.random.default_rng(0)
    table = dated()
    table["u"] = random.normal(size=len(table))
    table["y"] = table["u"].shift(3, fill_value=0.0) + 0.1 * random.normal(size=len(table))
    table.to_csv("late.csv", index=False)
    said = run("delays", "late.csv", "--inputs", "u", "--outputs", "y", "--lags", "8", "--out", "delays.png")
    assert said.exit_code == 0, said.stderr
    assert "--input-delays 3" in said.stdout.splitlines()
    assert Path("delays.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads(run("delays", "late.csv", "--inputs", "u", "--outputs", "y", "--lags", "8", "--json").stdout)
    assert found["inputs"] == [3]
    refused(run("delays", "late.csv", "--inputs", "u", "--outputs", "x"), "no column 'x'")
    refused(run("delays", "late.csv", "--inputs", "u", "--outputs", "u"), "'u' is named twice")
    refused(run("delays", "late.csv", "--outputs", "y", "--out", "delays.png"), "exists")


def test_candidates_are_compared_and_the_best_comes_first() -> None:
    said = run(*SEARCH, "--json")
    assert said.exit_code == 0, said.stderr
    listed = json.loads(said.stdout)["candidates"]
    assert {c["name"] for c in listed} == {
        f"--network narx --hidden {n} --input-delays 1 --output-delays 1" for n in (1, 2)
    }
    assert listed[0]["error"] <= listed[1]["error"]
    assert told("search.events.jsonl") == ["importing", "reading", *["comparing"] * 3, "finished"]
    lines = Path("search.jsonl").read_text()
    again = run(*SEARCH)
    assert again.exit_code == 0, again.stderr
    assert Path("search.jsonl").read_text() == lines
    assert told("search.events.jsonl")[6:] == told("search.events.jsonl")[:6]
    assert f"best: {listed[0]['name']}\n{listed[0]['verdict']}" in again.stdout
    table = again.stdout.split("best:")[0]
    assert "--hidden 1" in table
    assert "--network" not in table


def told(events: str) -> list[str]:
    """The phases in a file of events."""
    return [json.loads(line)["phase"] for line in Path(events).read_text().split("\n") if line]


def test_searches_that_cannot_be_are_refused() -> None:
    refused(run(*SEARCH, "--network", "rnn"), "'rnn' is not known")
    refused(run(*SEARCH, "--learner", "rtrl", "--optimizer", "lm"), "--learner is not for --optimizer lm")
    refused(run(*SEARCH[:-1], "no/where.jsonl"), "no folder no")
    refused(run(*SEARCH[:-1], "."), "folder")
    refused(run(*SEARCH, "--folds", "50"), "too few for 50 folds")
    before = Path("hours.csv").read_bytes()
    refused(run(*SEARCH[:-1], "hours.csv"), "hours.csv is not of a search", "line 1 is no result")
    assert Path("hours.csv").read_bytes() == before
    refused(run(*SEARCH[:-1], os.devnull), "no ordinary file")
    assert not Path("search.jsonl").exists()


def test_what_a_dead_process_had_is_told_and_the_others_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(function: Callable[[Any], Any], work: Mapping[str, Any], _: int | None) -> Iterator[Any]:
        (name, _), *rest = work.items()
        yield from (function(other) for __, other in rest)
        raise Lost(f"no result of {name} (SIGKILL)")

    monkeypatch.setattr(choosing, "side_by_side", dying)
    said = run(*SEARCH, "--workers", "2")
    assert said.exit_code == 1
    assert "best: --network narx --hidden 2" in said.stdout
    assert said.stderr.startswith("error: no result of --network narx --hidden 1 ")
    assert "the others are kept in search.jsonl, and the same command goes on" in said.stderr
    assert told("search.events.jsonl")[2:] == ["comparing", "comparing", "stopped"]
    assert run(*SEARCH, "--json").exit_code == 0
    assert len(Path("search.jsonl").read_text().split("\n")) == 1 + 1 + 2  # an empty line, the search, two results


def test_a_search_goes_on_from_its_file_alone() -> None:
    said = run(*SEARCH, "--json")
    assert said.exit_code == 0, said.stderr
    whole = Path("search.jsonl").read_text()
    *others, last = whole.split("\n")
    Path("search.jsonl").write_text("\n".join(others) + "\n" + last[:40])  # killed while it wrote the last result
    again = run("choose", "--resume", "search.jsonl", "--workers", "0", "--json")
    assert again.exit_code == 0, again.stderr
    assert json.loads(again.stdout) == json.loads(said.stdout)
    assert Path("search.jsonl").read_text().startswith("\n".join(others))
    refused(run("choose", "--resume", "search.jsonl", "--hidden", "3"), "--hidden beside --resume")
    refused(run("choose", "--resume", "gone.jsonl"), "no such file", "--out gone.jsonl")
    Path("search.jsonl").write_text("\n".join(["", *others[2:]]))
    refused(run("choose", "--resume", "search.jsonl"), "does not say what is searched for")
    dated(120).to_csv("hours.csv", index=False)
    Path("search.jsonl").write_text(whole)
    refused(run("choose", "--resume", "search.jsonl"), "hours.csv is not the table of search.jsonl")


def test_the_linear_model_is_a_candidate_whatever_the_sizes() -> None:
    found = [name for name, _ in comparing.wirings(["linear", "narx"], 1, ["1", "2"], ["0:1"], ["1", "1:2"])]
    assert found[:2] == [f"--network linear --input-delays 0:1 --output-delays {o}" for o in ("1", "1:2")]
    assert len(found) == 2 + 4
    assert found[2] == "--network narx --hidden 1 --input-delays 0:1 --output-delays 1"
