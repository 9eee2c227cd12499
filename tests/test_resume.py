"""After k of n epochs a training goes on to what n epochs in one go give, bit for bit, with every method, also from a file."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import throughtime as tt
from test_own_method import LBFGS
from throughtime.training import load_progress, save_progress
from throughtime.training.leaves import Leaves, leaves_of
from throughtime.training.origin import in_words

LOSS, ADAM = tt.SquaredError(), optax.adam(0.05)
LM, FILTER = tt.LevenbergMarquardt(bayesian=True, least_gradient=0.0), tt.KalmanFilter((3.0, 0.3), annealing=9.0)
NETWORK = tt.elman(1, 2, 1)
DRAWN = np.random.default_rng(0)
PAIRS = [(DRAWN.normal(size=(n, 1)), DRAWN.normal(size=(n, 1))) for n in (4, 4, 6)]
HELD = [(DRAWN.normal(size=(5, 1)), DRAWN.normal(size=(5, 1)))]


def dropped() -> tt.Network:
    hidden, output = NETWORK.layers
    return tt.Network(1, (hidden, replace(output, connections=(tt.Connection("hidden", dropout=0.5),))), "output")


def stacked(network: tt.Network, count: int = 2) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(tt.init(network, seed) for seed in range(count)))


def breaking() -> list[Any]:
    """Sequences in one of which, of many, member 1 is asked for what no number can hold the square of."""
    own = [(x, np.stack([y, y])) for x, y in PAIRS * 3]
    own[1][1][1] = 1e200
    return own


# name: what differs from an Adam of six epochs, and after how many epochs it is cut
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "adam": ({"clip": 1.0}, 2),
    "adam, one bucket": ({"padding": 9.0, "batch": 2}, 3),
    "RTRL, every": ({"learner": tt.RTRL(), "every": 2}, 3),
    "momentum": ({"optimizer": optax.sgd(0.05, momentum=0.9)}, 4),
    "noise of optax": ({"optimizer": optax.chain(optax.add_noise(0.1, 0.5, 3), optax.sgd(0.05))}, 3),
    "dropout": ({"network": dropped()}, 3),
    "weight noise": ({"learner": tt.WeightNoise(tt.BPTT(), 0.3)}, 3),
    "members": ({"weights": stacked(NETWORK), "members": 2, "batch": 1}, 3),
    "members, dropout": ({"network": dropped(), "weights": stacked(dropped()), "members": 2, "validation": HELD}, 2),
    "a member that diverges": (
        {"weights": stacked(NETWORK), "members": 2, "batch": 1, "sequences": breaking()},
        3,
    ),  # it would learn again
    "patience": ({"optimizer": optax.adam(0.5), "validation": HELD, "patience": 3, "epochs": 40}, 2),
    "look": ({"look": 3, "epochs": 8, "validation": HELD}, 3),
    "LM": ({"optimizer": LM}, 3),
    "LM, members, patience": (
        {"optimizer": LM, "weights": stacked(NETWORK), "members": 2, "validation": HELD, "patience": 3, "epochs": 20},
        2,
    ),
    "LM, look": ({"optimizer": LM, "look": 3, "epochs": 7}, 6),
    "filter": ({"optimizer": FILTER, "every": 1}, 3),
    "filter, members": ({"optimizer": FILTER, "weights": stacked(NETWORK), "members": 2, "validation": HELD}, 2),
    "filter, look": ({"optimizer": FILTER, "look": 3, "epochs": 7}, 3),
    "own": ({"optimizer": LBFGS()}, 3),
    "own, look, patience": ({"optimizer": LBFGS(), "look": 2, "validation": HELD, "patience": 4, "epochs": 20}, 4),
}


def trained(**changes: Any) -> list[tt.Report]:
    given: dict[str, Any] = {
        "network": NETWORK,
        "learner": tt.BPTT(),
        "loss": LOSS,
        "optimizer": ADAM,
        "sequences": PAIRS,
        "epochs": 6,
        "seed": 5,
        "padding": 0.0,
    }
    given |= changes
    return list(tt.train(**{"weights": tt.init(given["network"], 0)} | given))


def same(one: Any, other: Any) -> bool:
    """Every bit, and every type."""
    a, b = (leaves_of(tree).arrays for tree in (one, other))
    alike = a.keys() == b.keys() and all(a[n].dtype == b[n].dtype and a[n].tobytes() == b[n].tobytes() for n in a)
    return alike and jax.tree.structure(one) == jax.tree.structure(other)


def values(report: tt.Report) -> dict[str, Any]:
    return {field.name: getattr(report, field.name) for field in fields(report) if field.name != "origin"}


def differing(one: tt.Report, other: tt.Report) -> list[str]:
    a, b = values(one), values(other)
    return [name for name in a if not same(a[name], b[name])]


def cut(case: str, number: int, folder: Path | None = None) -> tuple[list[tt.Report], list[tt.Report]]:
    """All reports in one go, and those after that epoch, in process or from a file."""
    changes, _ = CASES[case]
    whole = trained(**changes)
    begun = next(report for report in trained(**changes | {"epochs": number}) if report.epoch == number)
    if folder is not None:
        save_progress(folder / "progress", begun)
        begun = load_progress(folder / "progress")
    return whole, trained(**changes, after=begun)


@pytest.mark.parametrize("way", ["in process", "by a file"])
@pytest.mark.parametrize("case", CASES)
def test_going_on_gives_what_one_go_gives_bit_for_bit(case: str, way: str, tmp_path: Path) -> None:
    number = CASES[case][1]
    whole, rest = cut(case, number, tmp_path if way == "by a file" else None)
    left = [report for report in whole if report.epoch > number]
    assert left, "something was left to do"
    assert [report.epoch for report in rest] == [report.epoch for report in left]
    assert [differing(*pair) for pair in zip(rest, left, strict=True)] == [[]] * len(left)
    assert {report.origin for report in rest} == {whole[0].origin}


def test_the_cases_try_what_they_are_named_for() -> None:
    ended = {case: trained(**CASES[case][0]) for case in ("patience", "LM, members, patience", "own, look, patience")}
    for case, reports in ended.items():
        assert reports[-1].epoch < CASES[case][0]["epochs"], f"{case}: patience ended it"
    (*_, last) = trained(**CASES["a member that diverges"][0])
    assert last.healthy.tolist() == [True, False]
    assert last.updates[1] < last.updates[0]
    (*_, last) = trained(**CASES["members"][0], epochs=6)
    assert last.best_epoch.max() > CASES["members"][1], "the best weights come after the cut, in one member"


def test_best_weights_from_before_the_cut_are_kept() -> None:
    changes: dict[str, Any] = {"optimizer": optax.sgd(0.9), "validation": HELD, "epochs": 6}
    whole = trained(**changes)
    best = whole[-1].best_epoch
    assert best < 6, "it gets worse"
    after = trained(**changes, after=whole[best])
    assert differing(after[-1], whole[-1]) == []


def test_a_training_that_had_ended_stays_ended() -> None:
    whole = trained(optimizer=tt.LevenbergMarquardt(goal=1e3), epochs=5)
    assert whole[-1].epoch < 5
    assert trained(optimizer=tt.LevenbergMarquardt(goal=1e3), epochs=50, after=whole[-1]) == []
    patient = CASES["patience"][0]
    assert trained(**patient, after=trained(**patient)[-1]) == []


@pytest.mark.parametrize("epochs", [2, 3])
def test_a_training_that_is_told_to_do_no_epoch_more_is_refused(epochs: int) -> None:
    told = f"the report is of epoch 3 and epochs={epochs} counts from the very beginning: give more than 3"
    with pytest.raises(ValueError, match=told):
        trained(epochs=epochs, after=trained(epochs=3)[-1])


def test_weights_are_no_report() -> None:
    with pytest.raises(
        ValueError, match="after= takes a report of an earlier training, not a dict; weights alone begin"
    ):
        trained(after=tt.init(NETWORK, 0))


@pytest.mark.parametrize("optimizer", [ADAM, LM, FILTER, LBFGS()], ids=["adam", "LM", "filter", "own"])
def test_numbers_of_64_bits_survive_a_file_where_jax_computes_in_32(optimizer: Any, tmp_path: Path) -> None:
    with jax.enable_x64(False):
        weights = tt.init(NETWORK, 0, jnp.float32)
        whole = trained(weights=weights, optimizer=optimizer)
        save_progress(tmp_path / "progress", whole[2])
        rest = trained(weights=weights, optimizer=optimizer, after=load_progress(tmp_path / "progress"))
        assert [report.epoch for report in rest] == [4, 5, 6]
        assert differing(rest[-1], whole[-1]) == []
        kinds = {str(leaf.dtype) for leaf in jax.tree.leaves(rest[-1].optimizer_state)}
        assert ("float64" in kinds) == (optimizer is not ADAM)


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "network": ({"network": tt.elman(1, 2, 1, g=tt.units.tanh)}, "by its network: network."),
    "learner": ({"learner": tt.RTRL()}, "by its learner: there BPTT(horizon=None, segment=None), here RTRL(block=1)"),
    "loss": ({"loss": tt.SquaredError(low=(-1.0,))}, "by its loss: there "),
    "rate": ({"optimizer": optax.adam(0.01)}, "by its optimizer: there 0.05, here 0.01;"),
    "method": ({"optimizer": LM}, "by its optimizer: there an optimizer of optax, here LevenbergMarquardt"),
    "seed": ({"seed": 6}, "by its seed: there 5, here 6; give the same as there"),
    "batch": ({"batch": 7}, "by its settings: there "),
    "data": ({"sequences": PAIRS[:2]}, "by its data: the numbers differ"),
    "a digit of the data": (
        {"sequences": [*PAIRS[:2], (PAIRS[2][0], PAIRS[2][1] + 1e-15)]},
        "by its data: the numbers differ",
    ),
    "validation": ({"validation": HELD}, "by its validation: there it was without it, here it is not"),
}


def test_a_function_that_was_edited_is_another_one() -> None:
    def read(number: str, says: str = "E.") -> str:
        made: dict[str, Any] = {}
        exec(f"def loss(ys, targets):\n    '{says}'\n    return {number} * (ys - targets) ** 2", made)
        return in_words(made["loss"])

    assert read("2.0") == read("2.0", says="The error.")
    assert read("2.0") != read("3.0")


@pytest.mark.parametrize("other", OTHERS)
def test_a_report_of_another_training_is_refused_in_one_line(other: str, tmp_path: Path) -> None:
    changes, words = OTHERS[other]
    begun = trained(epochs=1)[-1]
    save_progress(tmp_path / "progress", begun)
    for report in (begun, load_progress(tmp_path / "progress")):
        with pytest.raises(ValueError, match="the report to go on from is of another training, by its ") as error:
            trained(**changes, after=report)
        assert words in str(error.value)
        assert "\n" not in str(error.value)
        assert "optax._src" not in str(error.value)
        assert len(str(error.value)) < 300
    assert "\n" not in repr(begun)
    assert repr(begun).startswith("Report(epoch=1, loss=")
    assert len(repr(begun)) < 120
    assert trained(after=begun)[-1].epoch == 6


def test_another_seed_gives_other_numbers() -> None:
    begun = trained(epochs=3)[-1]
    forged = replace(begun, origin=replace(begun.origin, seed="6"))
    assert "weights" in differing(trained(seed=6, after=forged)[-1], trained()[-1])


def test_the_same_numbers_in_another_order_of_bytes_are_the_same_data() -> None:
    turned = [tuple(values.astype(">f8") for values in pair) for pair in PAIRS]
    assert trained(sequences=turned, after=trained(epochs=5)[-1])[-1].epoch == 6


def test_two_states_at_once_are_refused() -> None:
    begun = trained(epochs=1)[-1]
    with pytest.raises(ValueError, match="after= brings its own optimizer state; leave optimizer_state=None"):
        trained(after=begun, optimizer_state=begun.optimizer_state)


def test_a_file_says_of_which_training_it_is(tmp_path: Path) -> None:
    begun = trained(epochs=1)[-1]
    save_progress(tmp_path / "progress", begun)
    text = (tmp_path / "progress").read_bytes().decode("latin-1")
    for word in ("BPTT(horizon=None, segment=None)", "scale_by_adam", "0.05", begun.origin.data, "hidden", "checksum"):
        assert word in text
    assert list(tmp_path.iterdir()) == [tmp_path / "progress"]
    again = load_progress(tmp_path / "progress")
    assert isinstance(again.optimizer_state, Leaves)
    save_progress(tmp_path / "again", again)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "progress").read_bytes()


def test_a_file_that_is_no_progress_or_damaged_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    save_progress(path, trained(epochs=1)[-1])
    whole = path.read_bytes()
    tt.save(tmp_path / "model", tt.Model(NETWORK, tt.init(NETWORK, 0)))
    (tmp_path / "cut").write_bytes(whole[:-1])
    turned = bytearray(whole)
    turned[-20] ^= 1
    (tmp_path / "turned").write_bytes(turned)
    (tmp_path / "text").write_text("epoch 3")
    for name in ("model", "cut", "turned", "text"):
        with pytest.raises(ValueError, match=name) as error:
            load_progress(tmp_path / name)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="progress"):
        tt.load(path)
