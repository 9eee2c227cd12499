"""Levenberg-Marquardt in the training loop: the same reports, of members as of each alone, and an end of its own."""

from itertools import pairwise
from typing import Any

import jax
import numpy as np
import pytest

import throughtime as tt
from test_members import LOSS, NETWORK, PAIRS, SEEDS, member, same, stacked
from throughtime.training.levenberg_marquardt import LevenbergMarquardt

LM = LevenbergMarquardt()


def test_members_learn_what_each_learns_alone() -> None:
    settings: dict[str, Any] = {"epochs": 4, "validation": PAIRS[:1], "padding": 1.0}
    *_, together = tt.train(NETWORK, stacked(NETWORK), tt.BPTT(), LOSS, LM, PAIRS, members=3, **settings)
    for k, seed in enumerate(SEEDS):
        *_, alone = tt.train(NETWORK, tt.init(NETWORK, seed), tt.BPTT(), LOSS, LM, PAIRS, **settings)
        same(member(together.weights, k), alone.weights, atol=1e-8)
        assert together.loss[k] == pytest.approx(alone.loss)
        assert together.best_epoch[k] == alone.best_epoch


def test_the_loss_of_an_epoch_is_that_of_its_weights_and_never_rises() -> None:
    made = list(tt.train(NETWORK, tt.init(NETWORK, 0), tt.BPTT(), LOSS, LM, PAIRS, epochs=8))
    losses = [report.loss for report in made]
    assert all(b <= a for a, b in pairwise(losses))
    assert losses[-1] < 0.5 * losses[0]
    for report in made:
        assert report.loss == pytest.approx(tt.evaluate(NETWORK, report.weights, LOSS, PAIRS))
        same(report.best, report.weights, atol=0)


def test_looking_less_often_and_going_on_change_nothing() -> None:
    weights = tt.init(NETWORK, 0)
    *_, often = tt.train(NETWORK, weights, tt.BPTT(), LOSS, LM, PAIRS, epochs=6)
    *_, rarely = tt.train(NETWORK, weights, tt.BPTT(), LOSS, LM, PAIRS, epochs=6, look=4)
    *_, half = tt.train(NETWORK, weights, tt.BPTT(), LOSS, LM, PAIRS, epochs=3)
    *_, rest = tt.train(
        NETWORK, half.weights, tt.BPTT(), LOSS, LM, PAIRS, epochs=3, optimizer_state=half.optimizer_state
    )
    same(rarely.weights, often.weights)
    same(rest.weights, often.weights)


def test_it_ends_when_no_step_lowers_the_error() -> None:
    network = tt.Network(1, (tt.Layer("output", 1, tt.units.linear, ("input",)),), "output")
    x = np.arange(5.0)[:, None]
    made = list(tt.train(network, tt.init(network, 0), tt.BPTT(), LOSS, LM, [(x, 3 * x + 1)], epochs=100))
    assert len(made) < 30
    assert made[-1].loss < 1e-12
    learned = jax.tree.leaves(made[-1].weights["output"])
    np.testing.assert_allclose(sorted(float(leaf.sum()) for leaf in learned), [1.0, 3.0], atol=1e-6)


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(ValueError, match="takes whole steps on all data at once: leave every=None"):
        tt.train(NETWORK, tt.init(NETWORK, 0), tt.BPTT(), LOSS, LM, PAIRS, every=2)
    with pytest.raises(ValueError, match="leave clip=None"):
        tt.train(NETWORK, tt.init(NETWORK, 0), tt.BPTT(), LOSS, LM, PAIRS, clip=1.0)
