"""How runs end: a full disk, a closed pipe, a kill, a signal, another run in the same folder. Files are whole, or as they were."""

import errno
import gc
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from command_line import FILES, TINY, fit_plant, fitted, plant, refused, run
from test_cli import program
from throughtime.cli.errors import Ending
from throughtime.io import files
from throughtime.reports import judging

AGAIN = ["fit", "plant.csv", "--inputs", "u", "--outputs", "y", *TINY, "--seed", "5", "--out", "out", "--overwrite"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    plant().to_csv("plant.csv", index=False)
    return tmp_path


def contents(folder: str) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in Path(folder).iterdir()}


def full_after(monkeypatch: pytest.MonkeyPatch, number: int, kind: str = "") -> None:
    """The disk has no room for what comes after so many files whose names end so."""
    written = [0]

    def sync(handle: int) -> None:
        written[0] += os.readlink(f"/proc/self/fd/{handle}").endswith(kind)
        if written[0] > number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", sync)


def test_a_fit_that_overwrites_replaces_all_its_files_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    fit_plant("out")
    Path("out/mine.txt").write_text("mine")
    before = contents("out")
    with monkeypatch.context() as patch:
        full_after(patch, 1, ".png")
        refused(run(*AGAIN), "cannot write out/training.png: No space left on device; make room", code=1)
    after = contents("out")
    assert after.pop("progress.safetensors")  # what was learned is not lost: it goes on where there is room
    assert after | {"events.jsonl": b""} == before | {"events.jsonl": b""}
    with monkeypatch.context() as patch:
        patch.setattr(judging, "judge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        refused(run(*AGAIN), "out/model.safetensors is saved", code=130)
    after = contents("out")
    kept = {"model.safetensors", "study.json", "events.jsonl", "progress.safetensors", "mine.txt"}
    assert set(after) == kept  # scores and pictures of another model would lie
    assert all(after[name] != before[name] for name in ("model.safetensors", "study.json"))


def test_a_folder_in_use_is_refused_and_what_killed_runs_left_does_not_fill_it() -> None:
    Path("out").mkdir()
    Path("out/.throughtime-0123456789abcdef.png").write_text("half a picture")
    with files.held("out") as ours:
        assert ours
        for more in ([], ["--overwrite"]):
            refused(run(*AGAIN[:-1], *more), "--out out is in use by another run; choose another folder, or wait")
    fit_plant("out")
    assert set(contents("out")) == FILES


def test_on_a_full_disk_every_command_ends_in_one_line_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model, table = fitted() / "out/model.safetensors", fitted() / "hours.csv"
    delays = ["delays", table, "--inputs", "u", "--outputs", "y", "--lags", "3"]
    search = ["choose", table, "--inputs", "u", "--outputs", "y", "--hidden", "1", "--input-delays", "1"]
    search += ["--output-delays", "1", "--folds", "1", "--restarts", "1", "--epochs", "1", "--workers", "0"]
    full_after(monkeypatch, 0)
    for name, command in {
        "free.csv": ["simulate", model, table],
        "free.parquet": ["simulate", model, table],
        "report.html": ["report", model, table],
        "model.c": ["export", model],
        "delays.svg": delays,
        "search.jsonl": search,
    }.items():
        refused(run(*command, "--out", name), f"cannot write {name}: No space left on device; make room", code=1)
    refused(run("show", "narx", "--png", "narx.png"), "cannot write narx.png: No space left", code=1)
    refused(run(*AGAIN), "cannot write out/study.json: No space left", code=1)
    assert {p.name for p in Path().iterdir()} == {
        "plant.csv",
        "search.jsonl",
    }  # which is added to, and may end within a line


def ended(*arguments: object, out: Any) -> tuple[int, str]:
    with program(*arguments, out=out) as process:
        said = process.communicate(timeout=60)[1]
    return process.returncode, said


def test_nobody_hears_what_is_printed() -> None:
    read, write = os.pipe()
    os.close(read)
    model, table = fitted() / "out/model.safetensors", fitted() / "hours.csv"
    with open(write, "wb") as closed, open("/dev/full", "wb") as full:
        assert ended("simulate", model, table, out=closed) == (141, "")  # as of any program before `head`
        assert ended("--help", out=closed) == (141, "")
        said = "error: standard output: No space left on device; not everything was written\n"
        assert ended("show", "jordan", out=full) == (1, said)


def test_an_interrupt_that_falls_into_the_garbage_collector_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """JAX has a callback there, so it happens."""

    def interrupted(*_: object) -> None:
        gc.callbacks.remove(interrupted)
        raise KeyboardInterrupt

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    Ending()
    gc.callbacks.append(interrupted)
    with pytest.raises(KeyboardInterrupt):
        collect_and_work_on()


def collect_and_work_on() -> None:
    gc.collect()
    for _ in range(1000):  # a crowded machine may take its time
        time.sleep(0.01)


def test_a_damaged_course_ends_an_experiment_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from throughtime import experiments
    from throughtime.experiments.course_states import resumed_state

    def goes_on(_: bool, __: int | None, out: Path, ___: Any) -> None:
        resumed_state(out / "seed-0.progress", ())

    monkeypatch.setattr(experiments, "run_function", lambda _: goes_on)
    Path("tried").mkdir()
    Path("tried/seed-0.progress").write_text("garbage")
    told = run("experiment", "words", "--out", "tried", "--overwrite")
    refused(told, "tried/seed-0.progress is not the state of a course", "remove it to begin anew", code=1)
