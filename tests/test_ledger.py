"""The ledger of an experiment: whoever is interrupted goes on to the same numbers, and only what fits is taken from it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optax
import pytest

import throughtime as tt
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.teaching import Teaching
from throughtime.experiments import Progress, Result, Results
from throughtime.experiments.ledger import OF_MODEL, DamagedState, Ledger

ECHO = [([[1.0], [0.0], [0.5]], [[0.0], [1.0], [0.0]])]
NETWORK, ADAM = tt.elman(1, 3, 1), optax.adam(0.05)


def drawn(seed: int) -> dict[str, Any]:
    values = np.random.default_rng(seed).normal(size=3)
    return {"values": values, "largest": float(values.max()), "seed": seed}


def pieces(_: bool, __: int | None, out: Path, progress: Progress, draw: Callable[[int], Any] = drawn) -> Results:
    """An experiment of two pieces done at once and two trainings of four looks."""
    ledger, largest, losses = Ledger.of(out, "pieces", True), [], []
    for seed in range(2):
        largest.append(ledger.once(f"drawn, seed {seed}", partial(draw, seed))["largest"])
        progress(0.1 * (seed + 1), "drawn")
    for seed in range(2):
        args = NETWORK, tt.init(NETWORK, seed), tt.BPTT(), tt.SquaredError(), ADAM, ECHO
        for at in ledger.looks(f"trained, seed {seed}", partial(tt.train, *args, epochs=20, look=5), NETWORK):
            progress(0.2 + 0.4 * (seed + at.epoch / 20), "trained")
        losses.append(at.loss)
    return Results([Result("drawn", "all", "largest", largest), Result("Elman", "all", "loss", losses)])


def quiet(share: float, remark: str) -> None:
    pass


def test_an_interruption_between_and_within_pieces_changes_no_number(tmp_path: Path) -> None:
    whole, parts, done = pieces(True, None, tmp_path / "whole", quiet), set[float](), list[int]()

    def draw(seed: int) -> dict[str, Any]:
        done.append(seed)
        return drawn(seed)

    def interrupting(share: float, _: str) -> None:
        """At every place once."""
        if share not in parts:
            parts.add(share)
            raise KeyboardInterrupt

    for _ in range(10):
        with pytest.raises(KeyboardInterrupt):
            pieces(True, None, tmp_path / "torn", interrupting, draw)
    assert pieces(True, None, tmp_path / "torn", interrupting, draw).to_dict() == whole.to_dict()
    assert (len(parts), done) == (10, [0, 1])
    first, second = whole.results[1].values
    assert first != second  # the control: another seed is other numbers


def test_a_model_that_is_interrupted_goes_on_to_the_same_answers(tmp_path: Path) -> None:
    u = np.random.default_rng(0).normal(size=(40, 1))
    y, stages = np.roll(u, 1, axis=0), [Teaching("open", 20, look=5), Teaching("closed", 10, look=5)]

    told: list[int] = []

    def answers(piece: str, ends: int | None) -> Any:
        model, ledger = DynamicModel(tt.narx(1, 2, 1, (1,), (1,)), stages), Ledger(tmp_path, "models")
        for number, _ in enumerate(ledger.looks(piece, partial(model.lessons, u, y), form=OF_MODEL), 1):
            if number == ends:
                return None
        told.append(number)
        return model.simulate(u)

    for ends in (2, 3, 2):  # of six looks, of which the one that is kept is told once more
        assert answers("torn", ends) is None
    np.testing.assert_array_equal(answers("torn", None), answers("whole", None))
    np.testing.assert_array_equal(answers("torn", None), answers("whole", None))  # at its end
    assert told == [2, 6, 1, 1]  # looks, the kept one among them


def test_what_is_kept_is_taken_where_its_description_fits(tmp_path: Path) -> None:
    ledger = Ledger.of(tmp_path, "sums", False)
    assert ledger.once("seed 0", lambda: 1, NETWORK) == 1
    assert ledger.once("seed 0", lambda: 2, NETWORK) == 1
    others = {
        "quick": Ledger.of(tmp_path, "sums", True),
        "of another experiment": Ledger.of(tmp_path, "products", False),
    }
    for other in others.values():
        assert other.once("seed 0", lambda: 3, NETWORK) == 3
    assert ledger.once("seed 0", lambda: 4, NETWORK) == 1  # theirs are other files
    assert ledger.once("seed 0", lambda: 5, tt.elman(1, 4, 1)) == 5  # done anew, in its place
    assert ledger.once("seed 0", lambda: 6, NETWORK) == 6


def test_what_is_kept_of_another_seed_is_not_taken(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "sums")
    ledger.once("seed 0", lambda: 0)
    ledger.file("seed 1").write_bytes(ledger.file("seed 0").read_bytes())
    assert ledger.once("seed 1", lambda: 1) == 1
    assert ledger.once("seed 0", lambda: 2) == 0


def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "sums")
    ledger.once("seed 0", lambda: np.arange(9.0))
    file = ledger.file("seed 0")
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[-3] ^= 8
    for damaged in (b"", b"garbage", whole[:-1], whole[: len(whole) // 2], bytes(flipped)):
        file.write_bytes(damaged)
        with pytest.raises(DamagedState) as told:
            ledger.once("seed 0", lambda: 1)
        assert str(told.value) == (
            f"{file} is not a piece of an experiment of throughtime, version 1, or damaged; remove it to begin anew"
        )
        assert file.read_bytes() == damaged


def test_a_piece_is_told_by_its_whole_network_not_by_the_short_text_of_it(tmp_path: Path) -> None:
    """Two wirings that show as one line alike are two settings; the text is the same in another process."""
    near, far = tt.narx(1, 3, 1, (0, 1), 1), tt.narx(1, 3, 1, (0, 2), 1)
    assert repr(near) == repr(far)
    ledger = Ledger(tmp_path, "wirings")
    one, other = (ledger.described("piece", (Result("narx", "all", "rmse", [0.0]), network)) for network in (near, far))
    assert one != other
    assert str(hash(near)) not in one
    assert [ledger.once("piece", partial(str, n), network) for n, network in enumerate((near, far))] == ["0", "1"]
