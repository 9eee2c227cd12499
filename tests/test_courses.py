"""Courses: an interruption changes no number, rounds hold everything once, and the best averaged weights are kept."""

import errno
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import throughtime as tt
from throughtime.experiments import courses, ledger
from throughtime.experiments.course_states import ABOUT, CourseState
from throughtime.experiments.courses import Course
from throughtime.experiments.ledger import DamagedState
from throughtime.io import files, trees
from throughtime.models.each import run_each
from throughtime.sequences import inputs_of
from throughtime.training import averaging, epochs
from throughtime.training.averaging import Averaging

NETWORK = tt.elman(2, 4, 3)


def corpus(number: int, seed: int) -> list[tuple[Any, Any]]:
    """Which of three directions is it?"""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=number)
    angles = 2 * np.pi * labels / 3
    walks = [np.array([np.cos(a), np.sin(a)]) + rng.normal(0, 1, (int(rng.integers(3, 9)), 2)) for a in angles]
    return list(zip(walks, labels.tolist(), strict=True))


TRAIN, VALIDATION = corpus(30, 0), corpus(12, 1)


def wrong(outputs: list[Any], targets: list[Any]) -> float:
    return float(np.mean([y[-1].argmax() != t for y, t in zip(outputs, targets, strict=True)]))


def disturbed(xs: list[Any], targets: list[Any], rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
    return [x[: len(x) - int(rng.integers(2))] + rng.normal(0, 0.1) for x in xs], targets


def course(**settings: Any) -> Course:
    usual: dict[str, Any] = {"epochs": 3, "batch": 4, "rate": 0.05, "wrong": wrong, "augment": disturbed}
    return Course(NETWORK, tt.BPTT(), tt.CrossEntropy(), **usual | {"average": 5, "steps": 60} | settings)


def quiet(share: float, remark: str) -> None:
    pass


def same(one: Any, other: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_an_interruption_changes_no_number(tmp_path: Path) -> None:
    whole, shares = course().follow(TRAIN, VALIDATION, 1, tmp_path / "whole.progress", quiet), []

    def interrupting(share: float, _: str) -> None:
        shares.append(share)
        raise KeyboardInterrupt

    file = tmp_path / "torn.progress"
    while not shares or shares[-1] < 1:
        with pytest.raises(KeyboardInterrupt):
            course().follow(TRAIN, VALIDATION, 1, file, interrupting)
    assert len(shares) == len(set(shares)) == 9  # 3 epochs of 3 rounds
    torn = course().follow(TRAIN, VALIDATION, 1, file, interrupting)  # it is at the end
    same(torn._replace(curve=torn.curve[:, :3]), whole._replace(curve=whole.curve[:, :3]))
    other = course().follow(TRAIN, VALIDATION, 2, tmp_path / "other.progress", quiet)
    assert not np.array_equal(other.curve[:, 1], whole.curve[:, 1])


def test_a_file_of_another_course_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "course.progress"
    course(epochs=1).follow(TRAIN, VALIDATION, 0, file, quiet)
    for settings, seed in (({"rate": 0.1}, 0), ({"augment": None}, 0), ({}, 1)):
        with pytest.raises(ValueError, match="is the state of another course; name another folder, or remove it"):
            course(epochs=1, **settings).follow(TRAIN, VALIDATION, seed, file, quiet)


def test_a_damaged_state_is_told_in_one_line(tmp_path: Path) -> None:
    file, own = tmp_path / "course.progress", course(epochs=1)
    own.follow(TRAIN, VALIDATION, 0, file, quiet)
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 8
    ledger.write(tmp_path / "other", ABOUT, {"done": 3})
    ledger.write(tmp_path / "piece", ledger.ABOUT, {"done": 1, "course": "", "leaves": []})
    for damaged in (
        b"",
        b"garbage",
        whole[:-1],
        whole[: len(whole) // 2],
        bytes(flipped),
        (tmp_path / "other").read_bytes(),
        (tmp_path / "piece").read_bytes(),
    ):
        file.write_bytes(damaged)
        with pytest.raises(DamagedState, match=r"course.progress is not the state of a course .*, or damaged") as told:
            own.follow(TRAIN, VALIDATION, 0, file, quiet)
        assert "\n" not in str(told.value)
        assert str(told.value).endswith("; remove it to begin anew")


def test_a_full_disk_leaves_the_state_from_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, before = tmp_path / "course.progress", (np.zeros(3), np.ones(2))
    courses.keep_state(file, 1, before)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(OSError, match=r"cannot write .*course.progress: No space left on device; make room"):
            courses.keep_state(file, 2, before)
    assert list(tmp_path.iterdir()) == [file]
    assert courses.resumed_state(file, before)[0] == 1


def test_it_learns_and_keeps_the_weights_with_the_lowest_error(tmp_path: Path) -> None:
    made = course(epochs=20, look=2).follow(TRAIN, VALIDATION, 0, tmp_path / "course.progress", quiet)
    epoch, loss, error, seconds = made.curve.T
    assert loss[-1] < 0.6 * loss[0]
    assert epoch.tolist() == list(range(1, 21))
    assert np.isfinite(error).tolist() == [False, True] * 10
    assert (np.diff(seconds) > 0).all()
    assert made.error == np.nanmin(error) == error[made.epoch - 1] < 0.2
    outputs = run_each(NETWORK, made.weights, [inputs_of(NETWORK, x) for x, _ in VALIDATION])
    assert wrong(outputs, [target for _, target in VALIDATION]) == made.error


def test_the_rate_rises_and_falls_to_nothing(tmp_path: Path) -> None:
    plan = courses._Rounds.of(course(), TRAIN)
    kept = course(epochs=1, average=1).follow(TRAIN, VALIDATION, 0, tmp_path / "course.progress", quiet)
    made = averaging.averaged_adam(0.05, 1.0, 0.05, 1, plan.updates)
    state = made.init(kept.weights)
    _, stand = courses.resumed_state(
        tmp_path / "course.progress",
        CourseState(kept.weights, state, kept.weights, np.zeros(3), np.zeros(3), np.zeros((1, 4))),
        _about(tmp_path / "course.progress"),
    )
    same(stand.optimizer[-1].weights, stand.weights)  # an average over one update
    assert int(stand.optimizer[-1].updates) == pytest.approx(plan.updates, abs=3)


def _about(file: Path) -> str:
    return str(trees.read(file, ABOUT)["course"])


def test_rounds_hold_every_sequence_once_and_every_length_alike() -> None:
    plan = courses._Rounds.of(course(augment=None), TRAIN)
    rounds = [plan.dealt((0, 3, place)) for place in range(plan.rounds)]
    assert plan.rounds == 3
    assert sorted(np.concatenate(rounds)) == list(range(len(TRAIN)))
    for length in set(plan.classes.tolist()):
        counts = [int((plan.classes[chosen] == length).sum()) for chosen in rounds]
        assert max(counts) - min(counts) <= 1
    assert not np.array_equal(rounds[0], plan.dealt((0, 4, 0)))


def test_later_epochs_and_seeds_compile_nothing(tmp_path: Path) -> None:
    course(augment=None).follow(TRAIN, VALIDATION, 0, tmp_path / "0.progress", quiet)
    compiled = len(epochs.epochs_over.known)
    course(augment=None).follow(TRAIN, VALIDATION, 1, tmp_path / "1.progress", quiet)
    assert len(epochs.epochs_over.known) == compiled


def test_where_lengths_are_given_other_recordings_compile_nothing(tmp_path: Path) -> None:
    own = course(augment=None, padding=(6, 10), steps=10_000)
    assert courses._Rounds.of(own, TRAIN).ends == [6, 10]
    own.follow(TRAIN, VALIDATION, 0, tmp_path / "0.progress", quiet)
    compiled = len(epochs.epochs_over.known)
    others = [(x[:, ::-1].copy(), target) for x, target in TRAIN[1:]]
    own.follow(others, VALIDATION, 0, tmp_path / "1.progress", quiet)
    assert len(epochs.epochs_over.known) == compiled


def test_weights_are_averaged_over_updates() -> None:
    optimizer = optax.chain(optax.sgd(0.1), optax.GradientTransformation(averaging._begin_average, Averaging(0.75)))
    weights = {"w": jnp.array([1.0, -2.0])}
    state, naive, average = optimizer.init(weights), np.array([1.0, -2.0]), np.array([1.0, -2.0])
    for n in range(40):
        gradient = np.sin(n + np.arange(2.0))
        steps, state = optimizer.update({"w": jnp.asarray(gradient)}, state, weights)
        weights = optax.apply_updates(weights, steps)
        naive = naive - 0.1 * gradient
        decay = min(0.75, (1 + n) / (10 + n))
        average = decay * average + (1 - decay) * naive
    np.testing.assert_allclose(weights["w"], naive, rtol=1e-12)
    np.testing.assert_allclose(state[-1].weights["w"], average, rtol=1e-7)  # the decay is a float32
