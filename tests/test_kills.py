"""A few kills of `tests/kills.py`, which has many at random moments: what it looks for it finds, and runs leave none of it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import kills


@pytest.mark.parametrize(
    ("kind", "number"), [("fit", signal.SIGKILL), ("choose", signal.SIGINT), ("course", signal.SIGTERM)], ids=str
)
def test_a_killed_run_leaves_nothing_broken_or_behind(kind: str, number: signal.Signals, tmp_path: Path) -> None:
    place = kills.new_place(kind, tmp_path)
    wrong, finished = kills.kill(place, place.folder, number)
    assert wrong == []
    assert not finished


def test_an_experiment_that_is_killed_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    torn, whole = (kills.new_place("pieces", tmp_path) for _ in range(2))
    wrong, finished = kills.kill(torn, torn.folder, signal.SIGKILL)
    assert (wrong, finished) == ([], False)
    for place in (torn, whole):
        assert kills.whole_run(place)[1] == []
    assert torn.numbers == whole.numbers != "[]"


def test_what_is_broken_or_behind_is_found(tmp_path: Path) -> None:
    """The control: half files, a mixture of two runs, a process that lives on, a traceback."""
    place = kills.new_place("fit", tmp_path)
    for name in ("model.safetensors", "metrics.json", "training.png", "seed-0.progress", "search.jsonl"):
        (place.folder / name).write_bytes(b"x")
    assert len(kills.broken(place)) == 5
    (old,) = (kills.Place("fit", place.folder, {p.name: p.read_bytes() for p in place.folder.iterdir()}),)
    (place.folder / "metrics.json").write_text("{}")
    assert "these are old: model.safetensors, training.png" in kills.broken(old)[-1]
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as behind:
        assert kills.orphans(behind.pid, 0.2) == [behind.pid]
        behind.kill()
    assert kills.said_too_much("Traceback:\n  at main\nKeyboardInterrupt", signal.SIGTERM)


def test_a_killed_fit_goes_on_to_the_numbers_of_one_that_nobody_killed(tmp_path: Path) -> None:
    whole, place = kills.new_place("fit", tmp_path), kills.new_place("fit --resume", tmp_path)
    assert kills.whole_run(whole)[1] == []
    wrong, finished = kills.kill(place, place.folder / "progress.safetensors", signal.SIGKILL)
    assert (wrong, finished) == ([], False)
    assert kills.whole_run(place)[1] == []
    assert place.numbers == whole.numbers
