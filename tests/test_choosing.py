"""Candidates are judged by what they have not heard, in order of time; a search can be stopped and goes on."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optax
import pytest

import throughtime as tt
from throughtime.dynamics import choosing
from throughtime.dynamics.choosing import Candidate, Judged, choose, grid, judge
from throughtime.dynamics.holding import forward_chain
from throughtime.dynamics.linear import Linear
from throughtime.dynamics.teaching import Teaching
from throughtime.models import ensemble
from zoo import open_then_closed

DRAWN = np.random.default_rng(0)
U = np.repeat(DRAWN.normal(size=50), 5)
Y = np.zeros_like(U)
for t in range(1, len(U)):  # a system with an even non-linearity, which no linear model can follow
    Y[t] = 0.8 * Y[t - 1] + 0.3 * U[t - 1] ** 2
TAUGHT = open_then_closed(epochs=200, rate=0.03)
MAKE = partial(tt.narx, 1, outputs=1, input_delays=(1,), output_delays=(1,), skip=True)


def test_no_fold_hears_of_its_block() -> None:
    fold, blocks = forward_chain(100, 4, 3, 0.25)
    assert [(b.start, b.stop) for b in blocks] == [(28, 52), (52, 76), (76, 100)]
    for asked, held, block in zip(fold.asked, fold.held_out, blocks, strict=True):
        assert not asked[block.start :].any()
        assert not held[block.start :].any()
        assert (asked ^ held)[: block.start].all()
        assert held.sum() == round(0.25 * (block.start - 4))
    with pytest.raises(ValueError, match="100 steps are too few for 9 folds"):
        forward_chain(100, 4, 9, 0.25)


def test_a_candidate_is_judged_by_blocks_it_has_not_heard() -> None:
    (candidate,) = grid(MAKE, TAUGHT, hidden=[4])
    found = judge(candidate, U, Y, folds=2, restarts=2)
    later = Y.copy()
    later[-60:] += 5.0  # only the last block changes, so only its figures may
    other = judge(candidate, U, later, folds=2, restarts=2)
    for part in ("free", "one_step", "linear_free", "linear_one_step"):
        assert len(getattr(found, part)) == 2
    assert found.error < 0.5 * np.mean(found.linear_free)
    assert found.verdict.startswith("better than the linear model")
    assert other.linear_free[0] == pytest.approx(found.linear_free[0], rel=1e-9)
    assert other.free[0] == pytest.approx(found.free[0], rel=1e-9)
    assert other.free[1] != pytest.approx(found.free[1], rel=1e-3)


def test_the_linear_figures_are_those_of_least_squares_on_what_came_before() -> None:
    found = judge(grid(MAKE, [Teaching(epochs=1)], hidden=[2])[0], U, Y, folds=2, restarts=1)
    _, blocks = forward_chain(len(U), 1, 2, 0.2)
    for fold, block in enumerate(blocks):
        rows = np.stack([U[: block.start - 1], Y[: block.start - 1], np.ones(block.start - 1)], axis=1)
        a, b, c = np.linalg.lstsq(rows, Y[1 : block.start], rcond=None)[0]
        guess = a * U[block.start - 1 : block.stop - 1] + b * Y[block.start - 1 : block.stop - 1] + c
        error = np.mean((guess - Y[block]) ** 2) / np.var(Y[block])
        assert found.linear_one_step[fold] == pytest.approx(error, rel=1e-9)
    assert "NOT better" in Judged("x", [1.0], [0.1], [0.5], [0.1]).verdict


def test_gaps_cost_network_and_linear_model_the_same_rows() -> None:
    """Where a past output is missing, each hears its own in its place."""
    y = Y.copy()
    y[100::4] = np.nan
    found = judge(grid(MAKE, [Teaching(epochs=1)], hidden=[2])[0], U, y, folds=2, restarts=1)
    _, blocks = forward_chain(len(U), 1, 2, 0.2)
    for fold, block in enumerate(blocks):
        before = np.stack([U[: block.start - 1], y[: block.start - 1], np.ones(block.start - 1)], axis=1)
        full = np.isfinite(before).all(axis=1) & np.isfinite(y[1 : block.start])
        a, b, c = np.linalg.lstsq(before[full], y[1 : block.start][full], rcond=None)[0]
        made = np.zeros(block.stop)
        for t in range(1, block.stop):
            made[t] = a * U[t - 1] + b * (made[t - 1] if np.isnan(y[t - 1]) else y[t - 1]) + c
        error = np.nanmean((made[block] - y[block]) ** 2) / np.nanvar(y[block])
        assert found.linear_one_step[fold] == pytest.approx(error, rel=1e-9)


def test_a_run_that_is_no_number_is_infinitely_wrong_and_so_is_a_rival_that_cannot_be_fitted() -> None:
    truth = np.array([[1.0], [np.nan], [3.0], [5.0]])
    assert choosing._relative(truth, np.nan_to_num(truth)) == 0.0
    assert choosing._relative(truth, np.array([[1.0], [2.0], [np.nan], [5.0]])) == np.inf
    sparse = np.where(np.arange(len(Y)) % 2 == 0, Y, np.nan)  # no two outputs in a row
    with pytest.raises(ValueError, match="no step has its whole past of 1 steps measured"):
        Linear.fit([(U[:, None], sparse[:, None])], (1,), (1,))
    found = judge(grid(MAKE, [Teaching(epochs=5, look=5)], hidden=[2])[0], U, sparse, folds=2, restarts=1)
    assert found.linear_free == found.linear_one_step == [np.inf, np.inf]
    assert np.isfinite(found.free).all()


def test_a_search_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    candidates = grid(MAKE, [Teaching(epochs=2, look=1)], hidden=[1, 2, 3])
    file, settings = tmp_path / "search.jsonl", {"folds": 2, "restarts": 1, "workers": 0}
    some = choose(candidates, U, Y, file=file, **settings)  # type: ignore[arg-type]
    first = [next(some), next(some)]
    with file.open("a") as lines:
        lines.write('\n{"key": "cut sh')
    asked: list[str] = []

    def spy(candidate: Candidate, **rest: Any) -> Judged:
        asked.append(candidate.name)
        return judge(candidate, **rest)

    monkeypatch.setattr(choosing, "judge", spy)
    again = list(choose(candidates, U, Y, file=file, **settings))  # type: ignore[arg-type]
    assert asked == [candidates[2].name]
    assert again[:2] == first
    list(choose(candidates, U, Y + 1, file=file, **settings))  # type: ignore[arg-type]
    assert len(asked) == 4  # other data: nothing counts as done
    with pytest.raises(ValueError, match="two candidates are called 'hidden=1'"):
        list(choose([candidates[0]] * 2, U, Y))


RESULT = (
    '{"key": "k", "name": "a", "free": [Infinity], "one_step": [0.1], "linear_free": [1], "linear_one_step": [0.5]}'
)


@pytest.mark.parametrize("cut", ["", "\n", RESULT, f"{RESULT}\n{RESULT[:40]}\n{RESULT}", "{", RESULT[:9]])
def test_a_file_of_results_is_gone_on_with_where_it_was_cut(cut: str, tmp_path: Path) -> None:
    (tmp_path / "search.jsonl").write_text(cut)
    assert list(choosing.done_in(tmp_path / "search.jsonl")) == (["k"] if RESULT in cut else [])


@pytest.mark.parametrize(
    "other",
    [
        b"u,y\n1,2\n",
        b"3\n",
        b"[1]",
        b'{"u": 1}',
        b"\xff\xfe",
        b"PK\x03\x04",
        RESULT.replace('"k"', "1").encode(),
        RESULT.replace("[1]", '"1"').encode(),
        RESULT.replace("[0.5]", '["0.5"]').encode(),
        f"{RESULT}\nmy notes".encode(),
    ],
)
def test_a_file_of_anything_else_is_refused_and_stays(other: bytes, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(other)
    told = "table.csv is not of a search, so nothing is written to it .*; name another file"
    with pytest.raises(ValueError, match=told):
        next(choose(grid(MAKE, [Teaching(epochs=1)], hidden=[1]), U, Y, file=file, workers=0))
    assert file.read_bytes() == other


def test_a_search_tells_candidates_of_one_wiring_apart_by_name(tmp_path: Path) -> None:
    """What is done is found again under its own name."""
    one, file = grid(MAKE, [Teaching(epochs=2, look=1)], hidden=[1])[0], tmp_path / "search.jsonl"
    settings: Any = {"folds": 2, "restarts": 1, "workers": 0, "file": file}
    both = [replace(one, name="a"), replace(one, name="b")]
    assert [made.name for made in choose(both[:1], U, Y, **settings)] == ["a"]
    assert [made.name for made in choose(both, U, Y, **settings)] == ["a", "b"]


def test_what_is_done_with_one_step_size_is_not_done_with_another() -> None:
    """Also where it is hidden in a function; a process that is new finds the same key."""
    network = MAKE(hidden=2)
    ways: list[Any] = [optax.sgd, optax.sgd(0.1), optax.sgd(0.2), lambda rate: optax.sgd(rate / 2), optax.adam(0.1)]
    ways += [lambda rate: optax.sgd(rate / 3), partial(optax.sgd, momentum=0.5), partial(optax.sgd, momentum=0.6)]
    keys = [choosing._key(Candidate("a", network, (Teaching(optimizer=way),)), U, Y) for way in ways]
    assert len(set(keys)) == len(ways)
    say = (
        "import optax; from throughtime.dynamics.choosing import _said; from throughtime.dynamics.teaching import Teaching;"
        "print(_said((Teaching(optimizer=optax.adam(0.1)), Teaching())))"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", say], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in "12"
    ]
    assert said[0] == said[1]


def test_no_intervals_are_learned_for_a_judgement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "forecasts", lambda *_: pytest.fail("forecasts that nobody asks for"))
    judge(grid(MAKE, [Teaching(epochs=1)], hidden=[1])[0], U, Y, folds=2, restarts=1)


def test_processes_find_what_one_finds() -> None:
    candidates = grid(MAKE, [Teaching(epochs=2, look=1)], hidden=[1, 2])
    apart = sorted(choose(candidates, U, Y, folds=2, restarts=1, workers=2), key=lambda j: j.name)
    here = list(choose(candidates, U, Y, folds=2, restarts=1, workers=0))
    with ThreadPoolExecutor(1) as executor:  # as any other executor
        there = list(choose(candidates, U, Y, folds=2, restarts=1, workers=executor))
    for one, other in zip([*apart, *there], [*here, *here], strict=True):
        assert one.name == other.name
        np.testing.assert_allclose(one.free, other.free, rtol=1e-6)


def test_a_rival_hears_what_the_network_hears() -> None:
    from throughtime.dynamics.linear import taps_of

    assert taps_of(tt.narx(1, 2, 1, (0, 3), (1, 5))) == ((0, 3), (1, 5))
    assert taps_of(tt.gru(1, 2, 1)) == ((0, 1, 2, 3, 4), (1, 2, 3, 4))
    assert taps_of(tt.narx(0, 2, 1, output_delays=(1, 2))) == ((), (1, 2))
    assert Linear.fit([(U[:, None], Y[:, None])], (1,), (1,)).coefficients.shape == (3, 1)
