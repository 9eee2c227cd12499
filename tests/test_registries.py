"""One list of each thing, beside the thing: what is in it is reached from every face, and what is not is a mistake."""

import inspect
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import throughtime as tt
import zoo
from command_line import refused, run
from throughtime import architectures, learners, losses, units
from throughtime.architectures import ARCHITECTURES
from throughtime.cli import choices
from throughtime.dynamics import stages, wirings
from throughtime.dynamics.efforts import EFFORTS
from throughtime.dynamics.teaching import Teaching
from throughtime.estimators import SequenceRegressor
from throughtime.learners import LEARNERS
from throughtime.losses import LOSSES
from throughtime.units import UNITS

TABLE = runpy.run_path(str(Path(__file__).parent.parent / "docs" / "truth_table.py"))
SHOWN = {"window": ["--width", "3"], "tdnn": ["--delays", "0:2/0"]}
SIZES = {"inputs", "hidden", "outputs"}


def wanted(make: Any) -> set[str]:
    """What a constructor cannot do without, beside the sizes."""
    return {p.name for p in inspect.signature(make).parameters.values() if p.default is p.empty} - SIZES


def test_every_constructor_of_a_network_is_in_the_list() -> None:
    made = {
        name
        for name in tt.__all__
        if inspect.isfunction(make := getattr(tt, name)) and inspect.signature(make).parameters.keys() >= SIZES
    }
    assert made - {"waibel"} == set(ARCHITECTURES)  # it is a tdnn with numbers of its own
    assert all(getattr(tt, name) is make for name, make in ARCHITECTURES.items())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_reached_from_every_face(name: str) -> None:
    title = TABLE["CALLED"].get(name, name.replace("_", " "))
    assert title in TABLE["networks"]()
    assert wirings.NETWORKS[name.replace("_", "-")] is ARCHITECTURES[name]
    for spelled in {name, name.replace("_", "-")}:
        assert run("show", spelled, *SHOWN.get(name, [])).exit_code == 0
    model, xs = SequenceRegressor(name, hidden=2, epochs=1, random_state=0), np.ones((2, 5, 1))
    if missing := wanted(ARCHITECTURES[name]):
        with pytest.raises(ValueError, match=rf"{name} needs {missing.pop()} too: give functools.partial\(tt.{name}"):
            model.fit(xs, xs)
    else:
        model.fit(xs, xs)
    assert f", {name.replace('_', '-')}, " in f", {', '.join(wirings.NETWORKS)}, "


def test_a_name_that_is_none_is_told_all_others() -> None:
    refused(run("show", "rnn"), *wirings.NETWORKS)
    with pytest.raises(ValueError, match=f"known: {', '.join(ARCHITECTURES)}, a Network"):
        SequenceRegressor("rnn").fit(np.ones((2, 5, 1)), np.ones((2, 5, 1)))
    for face in (stages.learner_of, wirings.unit):
        with pytest.raises(ValueError, match="is not known") as error:
            face("none")
        assert all(
            name in str(error.value) for name in (LEARNERS if face is stages.learner_of else wirings.ELEMENTWISE)
        )


def test_every_learner_that_wraps_no_other_is_in_the_list() -> None:
    known = {type(learner) for learner in zoo.LEARNERS.values()} - {tt.WeightNoise}
    assert set(LEARNERS.values()) == known
    assert {getattr(learners, kind.__name__) for kind in known} == known
    assert all(getattr(tt, kind.__name__) is kind for kind in known)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_is_reached_from_every_face(name: str) -> None:
    make: Any = LEARNERS[name]
    assert stages.learner_of(name) == make()
    assert any(learner == make() for learner in TABLE["learners"]())
    for place, number in enumerate(inspect.signature(make).parameters):
        key, learner = (f"{number}=" if place else ""), make(**{number: 7})
        assert stages.learner_of(f"{name}:{number}=7") == stages.learner_of(f"{name}:{key}7") == learner
        assert stages.learner_word(learner) == f"{name}:{key}7"
        assert f"{name}:{key}{number.upper()}" in stages.LEARNER_CHOICES
    if not inspect.signature(make).parameters:
        with pytest.raises(
            ValueError,
            match=f"{name}:7'? is not known; choose backprop, bptt, bptt:HORIZON, bptt:segment=SEGMENT, rtrl",
        ):
            stages.learner_of(f"{name}:7")


def test_every_loss_is_in_the_list() -> None:
    known = {type(loss) for loss in zoo.LOSSES.values() if not inspect.isfunction(loss)}
    assert set(LOSSES.values()) >= known
    assert set(LOSSES.values()) == {kind for kind in vars(losses).values() if is_loss(kind)}
    assert all(getattr(tt, kind.__name__) is kind for kind in LOSSES.values())


def is_loss(kind: Any) -> bool:
    return inspect.isclass(kind) and tuple(inspect.signature(kind.__call__).parameters) == ("self", "ys", "targets")


def test_every_unit_of_the_module_is_in_the_list() -> None:
    own = {unit for unit in vars(units).values() if isinstance(unit, tt.Unit)}
    assert own <= set(UNITS.values())
    assert all(unit.name == name for name, unit in UNITS.items())
    assert [name for name, unit in UNITS.items() if unit in own and isinstance(unit.activate, units.Activation)] == (
        wirings.ELEMENTWISE
    )


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_reached_by_its_name(name: str) -> None:
    layer = tt.Layer("y", 2, name, ("x",))  # type: ignore[arg-type]
    assert layer.unit == UNITS[name]
    network = tt.Network(2, (tt.Layer("y", 2, UNITS[name], ("input",)),), "y")
    assert tt.from_json(network.to_json()) == network
    if name in wirings.ELEMENTWISE:
        assert wirings.unit(name) == UNITS[name]


def test_help_tells_of_what_there_is() -> None:
    """Its lists are their own, so that it waits for no import."""
    assert tuple(wirings.NETWORKS) == choices.NETWORKS
    assert tuple(wirings.ELEMENTWISE) == choices.ELEMENTWISE
    assert ", ".join(choices.LEARNERS) == stages.LEARNER_CHOICES
    assert choices.LOOPS == stages.LOOPS
    assert tuple(EFFORTS) == choices.EFFORTS
    assert tuple(stages.OPTIMIZERS) == choices.OPTIMIZERS


def test_a_newcomer_needs_no_second_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "another", tt.elman)
    assert "another" in runpy.run_path(str(Path(wirings.__file__)))["NETWORKS"]
    assert "another" in TABLE["networks"]()
    assert SequenceRegressor("another", hidden=2, epochs=1).fit(np.ones((2, 5, 1)), np.ones((2, 5, 1))).network_
    assert architectures.ARCHITECTURES is ARCHITECTURES


def test_segments_are_asked_for_by_their_size_or_left_to_the_learner() -> None:
    """What does not fit without them is told of them, and fits with them."""
    word, network = "bptt:segment=auto", tt.lstm(1, 64, 1)
    learner = stages.learner_of(word)
    assert learner == tt.BPTT(segment="auto")
    assert stages.learner_word(learner) == word
    stages.refuse_large(network, [Teaching(learner=learner)], 1, 10**10)
    with pytest.raises(ValueError, match=rf"restarts, or learner {word}$"):
        stages.refuse_large(network, [Teaching()], 1, 10**10)
    with pytest.raises(ValueError, match="'x' must be a whole number of steps, as in bptt:segment=20"):
        stages.learner_of("bptt:segment=x")
