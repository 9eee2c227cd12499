"""Law 4: `exact_on` says what is observed, cell by cell, and what differs, differs by a margin."""

import pytest
import reference
import zoo
from test_exactness import CELLS, ERROR, TOLERANCE, case

import throughtime as tt
from throughtime import Network

MARGIN = 1e-4


@pytest.mark.parametrize(("network", "learner"), CELLS)
def test_what_is_not_called_exact_differs(network: Network, learner: tt.BPTT) -> None:
    """ "never": wrong for the whole sequence; "whole": wrong once it is cut (that it is right in one is law 1)."""
    says = learner.exact_on(network)
    if says == "always":
        return
    weights, xs, targets = case(network)
    wanted = reference.learn(network, weights, xs, targets, ERROR)[1]
    stretches = {"whole": (3, 3), "never": (6,)}[says]
    lesson = zoo.lessons(network, learner, weights, xs, targets, ERROR, stretches)
    assert zoo.distance(lesson.gradients, wanted) > MARGIN
    assert TOLERANCE < MARGIN


TABLE = {
    # network: Backprop, BPTT, BPTT(1), BPTT(3), RTRL, RTRL(4), Focused
    "feedforward": "always always always always always always always",
    "window": "always always always always always always always",
    "tdnn": "whole whole never always always always never",
    "jordan": "never whole never never always always never",
    "elman": "never whole never never always always never",
    "recurrent": "never whole never never always always never",
    "narx": "never whole never never always always never",
    "narx open": "always always always always always always always",
    "focused": "never whole never never always always always",
    "focused start": "never whole never never always always always",
    "focused stack": "never whole never never always always never",
    "focused, heard late": "never whole never never always always never",
    "lstm": "never whole never never always always never",
    "lstm without recurrence": "never whole never never always always always",
    "gru": "never whole never never always always never",
}


@pytest.mark.parametrize("name", TABLE)
def test_the_table_of_the_chapter(name: str) -> None:
    """The same by hand, for the networks of the chapter."""
    said = [learner.exact_on(zoo.NETWORKS[name]) for learner in zoo.LEARNERS.values()]
    assert " ".join(said) == TABLE[name]


def test_backprop_is_the_reference_without_what_goes_around_loops() -> None:
    """Also where it is not exact: it leaves out precisely this."""
    for name in ("jordan start", "skip", "delays across layers", "lstm start", "two layers in a loop, start", "to and fro"):
        network = zoo.NETWORKS[name]
        weights, xs, targets = case(network)
        wanted = reference.learn(network, weights, xs, targets, ERROR, around=False)[1]
        got = zoo.lessons(network, tt.Backprop(), weights, xs, targets, ERROR).gradients
        assert zoo.distance(got, wanted) < TOLERANCE, name
