"""A study is done in a folder from Python as by `throughtime fit`: the same files, the same numbers, however it is ended."""

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import pytest

import throughtime as tt
from command_line import FILES, fit_plant, plant
from throughtime.cli.output import ProgressBar
from throughtime.dynamics.standing import load_study, save_standing
from throughtime.dynamics.study import Study
from throughtime.dynamics.table import Columns
from throughtime.dynamics.teaching import Teaching
from throughtime.dynamics.wirings import Wiring
from throughtime.reports import run_folder
from throughtime.work.looks import Look

PHASES = ["preparing", "compiling open loop", "training open loop", "compiling closed loop", "training closed loop"]
RECORD = plant()[["u"]], plant()[["y"]]


@pytest.fixture(autouse=True, scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        plant().to_csv("plant.csv", index=False)
        fit_plant("command", "--seed", "3")
        yield folder


def study() -> Study:
    return load_study("command/study.json")


def metrics(folder: str) -> Any:
    return json.loads(Path(folder, "metrics.json").read_text())


def same_as_the_commands(folder: str) -> None:
    """All files are those of the command's folder, but for the command, the seconds and the events."""
    assert {p.name for p in Path(folder).iterdir()} == FILES
    for name in FILES - {"metrics.json", "events.jsonl", "model.safetensors"}:
        assert Path(folder, name).read_bytes() == Path("command", name).read_bytes(), name
    own, its = tt.load(f"{folder}/model.safetensors"), tt.load("command/model.safetensors")
    jax.tree.map(np.testing.assert_array_equal, own.weights, its.weights)
    assert (own.inputs, own.outputs, own.network) == (its.inputs, its.outputs, its.network)
    told = dict(its.settings)
    assert told.pop("command").startswith("throughtime fit plant.csv")
    assert own.settings == told
    left, right = metrics(folder), metrics("command")
    del right["settings"]["command"]
    dropped: dict[str, Any] = {"seconds": 0, "data": None, "verdict": None}  # what to do is said in words of their own
    assert left | dropped == right | dropped


def test_python_leaves_the_files_of_the_command() -> None:
    looks = list(tt.RunFolder("python").run(study(), RECORD))
    same_as_the_commands("python")
    assert list(dict.fromkeys(look.phase for look in looks)) == [*PHASES, "fitted", "judging", "drawing", "finished"]
    outcome = looks[-1].outcome
    assert outcome is not None
    assert tt.Judgement.from_dict(metrics("python")) == outcome.judgement
    lines = [json.loads(line) for line in Path("python/events.jsonl").read_text().split("\n") if line]
    assert [line["phase"] for line in lines] == [look.phase for look in looks]
    assert [line["part"] for line in lines] == sorted(line["part"] for line in lines)
    assert [look.outcome for look in looks[:-1]] == [None] * (len(looks) - 1)
    with pytest.raises(ValueError, match=r"^resume python: the fit in it has ended; do it again with study"):
        tt.RunFolder("python").resume(RECORD)
    with pytest.raises(ValueError, match=r"^folder python is not empty .* or overwrite to replace"):
        next(tt.RunFolder("python").run(study(), RECORD))


def test_who_stops_listening_can_go_on_and_who_interrupts_has_a_judged_model() -> None:
    left = tt.RunFolder("left")
    with pytest.raises(ValueError, match=r"^resume left: there is no study\.json, so nothing was begun there"):
        left.resume(RECORD)
    for look in left.run(study(), RECORD):
        if look.at is not None and sum(look.at.epochs) == 2:
            break
    with pytest.raises(ValueError, match=r"^folder left is not empty .* go on with resume left, choose another folder"):
        next(left.run(study(), RECORD))
    standing = left.standing().at
    assert standing is not None
    assert standing.epochs == (2,)
    looks = left.resume(RECORD)
    assert next(look for look in looks if look.at).phase == "training closed loop"
    assert looks.throw(KeyboardInterrupt).phase == "judging"
    *_, stopped = looks
    assert (stopped.phase, stopped.outcome and stopped.outcome.epochs) == ("interrupted", 3)
    assert metrics("left")["settings"]["ended"] == "interrupted"
    *_, last = left.resume(RECORD)
    assert (last.phase, last.outcome and last.outcome.epochs) == ("finished", 4)
    same_as_the_commands("left")


def test_a_full_disk_takes_nothing_of_what_was_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[Any] = []

    def once(path: Path, standing: Any) -> None:
        if any(one.at is not None for one in saved):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved.append(standing)
        save_standing(path, standing)

    monkeypatch.setattr(run_folder, "SECONDS", 0.0)
    monkeypatch.setattr(run_folder, "save_standing", once)
    with pytest.raises(OSError, match="No space left"):
        list(tt.RunFolder("full").run(study(), RECORD))
    monkeypatch.undo()
    assert {p.name for p in Path("full").iterdir()} == {"study.json", "events.jsonl", "progress.safetensors"}
    *_, last = tt.RunFolder("full").resume(RECORD)
    assert last.phase == "finished"
    same_as_the_commands("full")


def test_what_no_file_can_hold_is_refused_before_anything_is_done() -> None:
    own = Study(Wiring("narx", (2,)), Columns(("u",), ("y",)), (Teaching(optimizer=lambda rate: optax.sgd(rate)),))
    with pytest.raises(ValueError, match=r"^study: stages\[0\]: optimizer "):
        tt.RunFolder("never").run(own, RECORD)
    with pytest.raises(ValueError, match=r"^u has no column 'u'"):
        tt.RunFolder("never").run(study(), RECORD[::-1])
    assert not Path("never").exists()


class Interrupted(ProgressBar):
    """A bar in which an interrupt falls at the look of that part."""

    part = 0.5

    def show(self, look: Look) -> None:
        if look.part == self.part:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("part", "heard"), [(0.0, []), (0.5, [0.0]), (1.0, [0.0, 0.5]), (2.0, [0.0, 0.5, 1.0])])
def test_an_interrupt_between_two_looks_is_told_to_the_work(part: float, heard: list[float]) -> None:
    done: list[float] = []

    def work() -> Any:
        try:
            for own in (0.0, 0.5, 1.0):
                yield Look(own, "working")
                done.append(own)
        except KeyboardInterrupt:
            yield Look(9.0, "stopped")

    bar = Interrupted("work", True)
    bar.part = part
    last = bar.follow(work())
    assert done == heard
    assert last.phase == ("working" if part == 2.0 else "stopped")


def test_an_interrupt_that_ends_the_work_ends_the_bar() -> None:
    def work() -> Any:
        yield Look(0.0, "working")
        raise KeyboardInterrupt("of its own")

    with pytest.raises(KeyboardInterrupt, match="of its own"):
        ProgressBar("work", True).follow(work())
