"""A fit that goes on from where it stood, in memory or in a file, ends with the numbers of one that was never stopped."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from command_line import FILES, plant, refused, run
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.shares import Shares
from throughtime.dynamics.stages import Asked, stages_of
from throughtime.dynamics.standing import Standing, load_standing, save_standing
from throughtime.dynamics.study import Study
from throughtime.dynamics.table import Columns
from throughtime.dynamics.wirings import Wiring
from throughtime.io import container
from throughtime.reports import run_folder

NARX = Wiring("narx", (2,), {"input_delays": [1], "output_delays": [1]})


def study(wiring: Wiring = NARX, inputs: tuple[str, ...] = ("u",), parts: Shares | None = None, **asked: Any) -> Study:
    network = wiring.build(len(inputs), 1)
    stages = stages_of(network, "", 48, None, Asked(**asked))
    return Study(wiring, Columns(inputs, ("y",)), stages, parts or Shares(), restarts=2, keep=1, seed=3)


STUDIES = {
    "adam": study(rate=0.03, epochs=4, look=1, every=20),
    "adam, looks of several epochs": study(rate=0.03, epochs=7, look=3, every=20),
    "adam with patience and decay": study(rate=0.5, epochs=8, look=1, patience=2, decay=1e-3),
    "lm in folds": study(optimizer="lm", epochs=3, look=1, parts=Shares(folds=2)),
    "br": study(epochs=4, look=2),
    "br without validation": study(epochs=3, look=1, parts=Shares(validation=0.0)),
    "a series": study(Wiring("narx", (2,), {"output_delays": [1, 2]}), (), optimizer="adam", epochs=3, look=1),
    "rtrl": study(Wiring("elman", (2,)), learner="rtrl:3", epochs=3, look=1, every=10),
}


def records(asked: Study) -> tuple[Any, Any]:
    table = plant()
    return (table[list(asked.columns.inputs)] if asked.columns.inputs else None), table[["y"]]


def numbers(model: DynamicModel) -> Any:
    widths = model.intervals_.to_dict() if model.intervals_ else None
    return (jax.tree.map(np.asarray, model.weights_), model.members_, model.losses_, model.validations_, widths)


def same(one: Any, other: Any) -> None:
    """Equal bit by bit, in value and in type."""
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def stage_of(look: Any) -> Any:
    """What a look says, and what its stage for itself has found, by which patience counts."""
    own = look.at.own
    return look.figures, own.epoch, own.best_loss.tolist(), own.best_epoch.tolist()


@pytest.mark.parametrize("name", STUDIES)
def test_it_goes_on_from_any_look_to_the_same_numbers(name: str, tmp_path: Path) -> None:
    asked = STUDIES[name]
    measured = records(asked)
    whole = list(asked.run(measured))
    assert whole[-1].model is not None
    looks = [look for look in whole if look.at is not None]
    assert len(looks) > 2
    for number, look in enumerate(looks):
        assert look.at is not None
        save_standing(tmp_path / "progress", Standing(asked, look.at, 2.5))
        kept = load_standing(tmp_path / "progress")
        assert (kept.study, kept.seconds) == (asked, 2.5)
        *others, last = asked.run(measured, after=kept.at if number % 2 else look.at)
        assert last.model is not None
        same(numbers(last.model), numbers(whole[-1].model))
        assert list(map(stage_of, filter(lambda other: other.at, others))) == list(map(stage_of, looks[number + 1 :]))


def test_a_standing_of_another_study_is_refused() -> None:
    asked = STUDIES["adam"]
    _, _, look, *_ = asked.run(records(asked))
    assert look.at is not None
    u, y = records(asked)
    for other, measured in ((asked, (u, y + 1e-6 * np.arange(60)[:, None] ** 2)), (replace(asked, restarts=3), (u, y))):
        with pytest.raises(ValueError, match=r"^[^\n]*$"):
            list(other.run(measured, after=look.at))


def test_what_is_no_standing_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    save_standing(path, Standing(STUDIES["br"]))
    assert load_standing(path) == Standing(STUDIES["br"])
    data = path.read_bytes()
    for place in range(0, len(data), 97):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(ValueError, match=r"^[^\n]*$"):
            load_standing(path)
    path.write_bytes(container.pack({"about": "progress of a fit of throughtime, version 1", "tree": "{}"}, {}))
    with pytest.raises(ValueError, match="damaged"):
        load_standing(path)


TINY = [
    "--inputs",
    "u",
    "--outputs",
    "y",
    "--network",
    "narx",
    "--hidden",
    "2",
    "--epochs",
    "6",
    "--look",
    "1",
    "--restarts",
    "2",
]
DROPPED = {"seconds": 0}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    plant().to_csv("plant.csv", index=False)
    return tmp_path


class Stopped(Exception):
    """A run that ends here, as if it were killed: it does nothing on its way out."""


def stop_at(monkeypatch: pytest.MonkeyPatch, place: int, how: type[BaseException]) -> None:
    """Let the fit end when it is told of its look of that number."""
    told, note = iter(range(10**6)), run_folder._Run.note

    def watched(self: Any, look: Any) -> None:
        note(self, look)
        if next(told) == place:
            raise how

    monkeypatch.setattr(run_folder._Run, "note", watched)


@pytest.mark.parametrize("place", [1, 4, 6, 12])
def test_what_ctrl_c_ended_goes_on_to_the_same_files(place: int, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("fit", "plant.csv", *TINY, "--out", here / "whole/x", "--quiet").exit_code == 0
    with monkeypatch.context() as patched:
        stop_at(patched, place, KeyboardInterrupt)
        stopped = run("fit", "plant.csv", *TINY, "--out", "x", "--quiet")
    assert stopped.exit_code == 130
    if place < 4:  # before there was a model
        assert not Path("x").exists()
        return
    assert "throughtime fit --resume x goes on" in stopped.stderr
    assert {p.name for p in Path("x").iterdir()} == {*FILES, "progress.safetensors"}
    said = run("fit", "--resume", "x", "--json")
    assert said.exit_code == 0, said.stderr
    assert json.loads(said.stdout)["settings"]["ended"] == "finished"
    alike(here / "whole/x", Path("x"))
    refused(run("fit", "--resume", "x"), "--resume x: the fit in it has ended", "--study x/study.json")


def alike(one: Path, other: Path) -> None:
    """Two folders with the same numbers."""
    assert {p.name for p in one.iterdir()} == {p.name for p in other.iterdir()} == FILES
    for name in FILES - {"metrics.json", "events.jsonl"}:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    metrics = [json.loads((folder / "metrics.json").read_text()) | DROPPED for folder in (one, other)]
    assert metrics[0] == metrics[1]


def test_a_folder_that_is_written_over_keeps_its_old_files_until_the_new_ones_are_there(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = [*TINY, "--seed", "5"]
    for folder, words in (("whole/x", other), ("x", TINY)):
        assert run("fit", "plant.csv", *words, "--out", here / folder, "--quiet").exit_code == 0
    before = {p.name: p.read_bytes() for p in Path("x").iterdir()}
    with monkeypatch.context() as patched:
        stop_at(patched, 6, Stopped)
        patched.setattr(run_folder._Run, "_sweep", lambda *_: None)
        run("fit", "plant.csv", *other, "--out", "x", "--overwrite", "--quiet")
    after = {p.name: p.read_bytes() for p in Path("x").iterdir()}
    assert after.keys() == before.keys() | {"progress.safetensors"}
    assert {name for name in before if after[name] != before[name]} == {"events.jsonl"}
    assert run("fit", "--resume", "x", "--quiet").exit_code == 0
    alike(here / "whole/x", Path("x"))


def test_there_must_be_something_to_go_on_with(here: Path) -> None:
    refused(run("fit", "--resume", "gone"), "--resume gone: there is no study.json", "--out gone")
    refused(run("fit", "--resume", "x", "--out", "x"), "--out beside --resume")
    refused(run("fit", "--resume", "x", "--overwrite"), "--overwrite beside --resume")
    Path("x").mkdir()
    (here / "x/study.json").write_text(STUDIES["br"].of_table("plant.csv", "0" * 64).to_json())
    refused(run("fit", "--resume", "x"), "plant.csv is not the table of x/study.json")
    (here / "x/progress.safetensors").write_bytes(b"x")
    refused(run("fit", "--resume", "x"), "x/progress.safetensors")
