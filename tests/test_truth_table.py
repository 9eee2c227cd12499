"""Law 4: `exact_on` says what is observed, cell by cell, and what differs, differs by a margin."""

import pytest

import reference
import throughtime as tt
import zoo
from test_exactness import CELLS, ERROR, TOLERANCE, case
from throughtime import Network

MARGIN = 1e-4
NOT_ALWAYS = [cell for cell in CELLS if cell.values[1].exact_on(cell.values[0]) != "always"]


@pytest.mark.parametrize(("network", "learner"), NOT_ALWAYS)
def test_what_is_not_called_exact_differs(network: Network, learner: tt.BPTT) -> None:
    """If "never", the whole sequence shows it; if "whole", a cut does (that it is right in one stretch is law 1)."""
    weights, xs, targets = case(network)
    wanted = reference.learn(network, weights, xs, targets, ERROR).gradients
    stretches = (3, 3) if learner.exact_on(network) == "whole" else (6,)
    lesson = zoo.lessons(network, learner, weights, xs, targets, ERROR, stretches)
    assert zoo.distance(lesson.gradients, wanted) > MARGIN


TABLE = {
    # network: Backprop, BPTT, BPTT(3), RTRL, RTRL(4), Focused, WeightNoise(BPTT(segment=4))
    "feedforward": "always always always always always always always",
    "window": "always always always always always always always",
    "tdnn": "whole whole always always always never whole",
    "waibel": "whole whole never always always never whole",
    "jordan": "never whole never always always never whole",
    "elman": "never whole never always always always whole",
    "recurrent": "never whole never always always never whole",
    "narx": "never whole never always always never whole",
    "narx open": "always always always always always always always",
    "focused": "never whole never always always always whole",
    "focused start": "never whole never always always always whole",
    "focused stack": "never whole never always always never whole",
    "focused, heard late": "never whole never always always never whole",
    "lstm": "never whole never always always never whole",
    "lstm without recurrence": "never whole never always always always whole",
    "gru": "never whole never always always never whole",
    "ntm": "never whole never always always never whole",
    "ntm, feedforward": "never whole never always always never whole",
}


@pytest.mark.parametrize("name", TABLE)
def test_the_table_of_the_chapter(name: str) -> None:
    """The same by hand, for the networks of the chapter."""
    said = [learner.exact_on(zoo.NETWORKS[name]) for learner in zoo.LEARNERS.values()]
    assert " ".join(said) == TABLE[name]


def test_backprop_is_the_reference_without_what_goes_around_loops() -> None:
    """Also where it is not exact: it leaves out precisely this."""
    names = ("jordan start", "skip", "delays across layers", "lstm start", "two layers in a loop, start", "to and fro")
    for name in names:
        network = zoo.NETWORKS[name]
        weights, xs, targets = case(network)
        wanted = reference.learn(network, weights, xs, targets, ERROR, around=False).gradients
        got = zoo.lessons(network, tt.Backprop(), weights, xs, targets, ERROR).gradients
        assert zoo.distance(got, wanted) < TOLERANCE, name
