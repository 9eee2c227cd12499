"""The neural Turing machine's experiment: its tasks say what they mean, and a course can be interrupted."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import throughtime as tt
from throughtime.experiments import ntm as experiment
from throughtime.experiments import ntm_tasks as tasks
from throughtime.external_memory import ntm

SMALL = replace(tasks.QUICK, stages=(((((1,), (2,))), 4),), sizes=((2,),), shown=(3,), bars={(2,): (8.0, "all")})
NETWORK = ntm(9, 4, 8, slots=5, width=4)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "ROUND", 16)
    monkeypatch.setattr(experiment, "SAVED", 2)


def random() -> np.random.Generator:
    return np.random.default_rng(3)


def asked(y: np.ndarray) -> np.ndarray:
    """The rows in which something is asked, which are the last ones."""
    known = ~np.isnan(y).any(-1)
    assert (np.diff(known.astype(int)) >= 0).all()
    return y[known]


def test_copy_asks_for_what_was_shown() -> None:
    x, y = tasks.copy((7,), random())
    assert x.shape == (15, 9)
    np.testing.assert_array_equal(asked(y), x[:7, :8] > 0)
    assert set(np.unique(x[:7, :8])) == {-1, 1}
    np.testing.assert_array_equal(x[7], [0] * 8 + [1])
    assert not x[8:].any()


def test_repeat_copy_asks_for_it_that_often_and_an_end() -> None:
    for size in ((3, 1), (2, 4), (5, 10)):
        x, y = tasks.repeat_copy(size, random())
        length, times = size
        told = asked(y)
        assert len(told) == length * times + 1 == len(x) - length - 1
        for i in range(times):
            np.testing.assert_array_equal(told[i * length : (i + 1) * length, :8], x[:length, :8] > 0)
        np.testing.assert_array_equal(told[:, 8], [0] * (length * times) + [1])
        assert x[length, 8] == 1
        assert x[length, 9] * 2.87 + 5.5 == pytest.approx(times, abs=1e-5)


def test_recall_asks_for_the_item_after() -> None:
    for seed in range(5):
        x, y = tasks.recall((4,), np.random.default_rng(seed))
        heads = np.flatnonzero(x[:, 6])
        items = [x[head + 1 : head + 4, :6] > 0 for head in heads]
        first, second = np.flatnonzero(x[:, 7])
        assert (len(items), second - first) == (4, 4)
        (place,) = [i for i, item in enumerate(items) if (item == (x[first + 1 : second, :6] > 0)).all()]
        np.testing.assert_array_equal(asked(y), items[place + 1])


def test_every_round_has_all_sizes_of_its_stage_and_new_sequences() -> None:
    task = replace(SMALL, stages=((((1,),), 1), (((2,), (3,)), 2)))
    lengths = [sorted({len(x) for x, _ in task.lesson(0, number)}) for number in range(task.rounds)]
    assert lengths == [[3], [5, 7], [5, 7]]
    first, again, other, seed = (task.lesson(s, n) for s, n in ((0, 1), (0, 1), (0, 2), (1, 1)))
    assert all((a[0] == b[0]).all() for a, b in zip(first, again, strict=True))
    assert any((a[0] != b[0]).any() for a, b in zip(first, other, strict=True))
    assert any((a[0] != b[0]).any() for a, b in zip(first, seed, strict=True))


def course(file: Path, network: Any = NETWORK) -> Any:
    return experiment.course(SMALL, network, experiment.ntm_optimizer(SMALL), 0, file)


def test_an_interrupted_course_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    *_, whole = course(tmp_path / "whole.progress")
    for at in course(tmp_path / "cut.progress"):
        if at.done == 2:
            break
    told = list(course(tmp_path / "cut.progress"))
    assert [at.done for at in told] == [2, 4]
    same = jax.tree.map(lambda a, b: bool((a == b).all()), told[-1].weights, whole.weights)
    assert all(jax.tree.leaves(same))
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), told[0].weights, whole.weights)
    assert any(jax.tree.leaves(moved))
    with pytest.raises(ValueError, match=r"cut\.progress is the course of another network"):
        next(course(tmp_path / "cut.progress", ntm(9, 5, 8, slots=5, width=4)))


def test_wrong_bits_are_counted_where_something_is_asked() -> None:
    weights = jax.tree.map(np.zeros_like, tt.init(NETWORK, 0))
    weights["output"]["bias"] = np.full_like(weights["output"]["bias"], -1.0)  # always says 0
    drawn = np.random.default_rng((10_000, 6))
    ones = sum(np.nansum(SMALL.example((6,), drawn)[1]) for _ in range(experiment.TESTED)) / experiment.TESTED
    assert experiment.wrong_bits(SMALL, NETWORK, weights, (6,)) == pytest.approx(ones)


def test_the_experiment_leaves_tables_models_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "QUICK", SMALL)
    parts: list[float] = []
    said = experiment.run(True, 2, tmp_path, lambda part, remark: parts.append(part)).to_dict()
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    json.dumps(said)
    (result,), (guess,), (bar,) = said["results"], said["baselines"], said["bars"]
    assert (result["network"], result["split"], len(result["values"])) == ("NTM", "copy 2", 2)
    assert guess["values"] == [8.0]
    assert (bar["split"], bar["at_most"]) == ("copy 2", 8.0)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {
        "copy-NTM-0.safetensors",
        "copy-NTM-1.safetensors",
        "copy-heads.png",
        "copy.png",
        "ntm.csv",
        "training",
    }
    model = tt.load(tmp_path / "copy-NTM-1.safetensors")
    assert experiment.wrong_bits(SMALL, model.network, model.weights, (2,)) == result["values"][1]
