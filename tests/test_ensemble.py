"""The value that runs a model: scaling, limits and the members' mean are what one would do by hand, in every form of a loop."""

from typing import Any

import numpy as np
import pytest

import throughtime as tt
import zoo
from exported import NETWORKS, a_model, as_heard, free_run, inputs_for, measured_for, members_of, told_step_by_step
from throughtime import Column, Model, Network
from throughtime.dynamics.model import DynamicModel
from throughtime.models.columns import columns_of, restore, squared_error, standardise
from throughtime.models.each import run_each
from throughtime.models.ensemble import Ensemble
from throughtime.sequences import inputs_of

TOLERANCE = 1e-10
STEPS = 12
DRAWN = np.random.default_rng(0)


def test_scaling_and_its_inverse() -> None:
    rows = np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0]])
    columns = columns_of(rows, ["a", "b"])
    assert columns == (Column("a", 2.0, 1.0), Column("b", 5.0, 1.0))
    seen = standardise(rows, columns)
    np.testing.assert_array_equal(seen, [[-1.0, 0.0], [1.0, 0.0], [np.nan, 0.0]])
    np.testing.assert_array_equal(restore(seen, columns), rows)


def test_every_column_is_shown_within_its_own_limits() -> None:
    columns = Column("a", 1.0, 2.0, low=0.0), Column("b", 0.0, 1.0, high=0.5), Column("c")
    shown = restore(np.array([[-9.0, -9.0, -9.0], [9.0, 9.0, 9.0]]), columns)
    np.testing.assert_array_equal(shown, [[0.0, -9.0, -9.0], [19.0, 0.5, 9.0]])


def test_beyond_a_limit_that_was_measured_nothing_is_an_error() -> None:
    loss = squared_error((Column("a", -1.0, 2.0, low=0.0), Column("b", 1.0, 2.0)))
    seen = np.array([[[0.5, -0.5]]])  # 0 in the units of the data
    error = float(np.sum(np.asarray(loss(np.array([[[-2.0, -2.0]]]), seen))))
    assert error == pytest.approx(float(np.sum(np.asarray(tt.SquaredError()(np.array([[[-2.0]]]), seen[..., 1:])))))


@pytest.mark.parametrize("name", ["narx", "gru", "series"])
def test_the_answer_is_the_mean_of_what_the_members_show(name: str) -> None:
    """Each within the limits, before the mean is taken."""
    model = a_model(NETWORKS[name], members=3)
    u, together = inputs_for(model, STEPS, 1), Ensemble.of(model)
    each = together.each(u[:, 0])
    for ys, weights in zip(each, members_of(model), strict=True):
        alone = free_run(Model(model.network, weights, model.inputs, model.outputs), u).ys[:, 0]
        np.testing.assert_allclose(ys, alone, atol=TOLERANCE)
    np.testing.assert_allclose(together.run(u[:, 0]), each.mean(axis=0), atol=TOLERANCE)
    free = [tt.run(model.network, w, as_heard(model, u))[0][:, 0] for w in members_of(model)]
    late = restore(np.mean(np.asarray(free), axis=0), model.outputs)
    assert np.abs(together.run(u[:, 0]) - late).max() > 1e-3  # limits bind
    (some,) = together.sequences([u[:, 0]])
    np.testing.assert_allclose(together.shown(some), each, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["narx", "narx start", "narx, sooner"])
@pytest.mark.parametrize("members", [0, 2])
def test_what_is_measured_leads_in_every_form_of_a_loop(name: str, members: int) -> None:
    model = a_model(NETWORKS[name], members)
    u, y = inputs_for(model, STEPS, 1), measured_for(model, STEPS, gaps=True)
    y[-4:] = np.nan
    wanted = np.mean([told_step_by_step(model, w, u, y)[0] for w in members_of(model)], axis=0)
    together = Ensemble.of(model)
    np.testing.assert_allclose(together.run(u[:, 0], y), wanted, atol=TOLERANCE)
    begun = together.after(u[:5, 0], y[:5])
    np.testing.assert_allclose(together.run(u[5:, 0], y[5:], begun), wanted[5:], atol=TOLERANCE)
    assert np.abs(together.run(u[:, 0]) - wanted).max() > 1e-6


CLOSED = tt.narx(2, 3, 1, (1, 2), (1, 2))
U, Y = DRAWN.normal(size=(30, 2)), DRAWN.normal(size=(30, 1))


@pytest.mark.parametrize("named", ["inputs only", "measured too"])
@pytest.mark.parametrize("network", [CLOSED.open_loop(), CLOSED.remove_delay(), CLOSED.open_loop().remove_delay()])
def test_a_model_of_a_system_says_of_every_row_what_stands_in_it(network: Network, named: str) -> None:
    """Whatever form its file holds: open loops are closed, a lead is taken back."""
    u, y = (Column("a", 0.3, 2.0), Column("b", -1.0, 0.5)), (Column("y", 0.5, 1.5, low=-1.0),)
    weights = zoo.weights_of(CLOSED)
    wanted = DynamicModel.from_model(Model(CLOSED, weights, u, y))
    inputs = (*u, *y) if named == "measured too" and network.is_open else u
    model = DynamicModel.from_model(Model(network, weights, inputs, y))
    for call in (lambda m: m.simulate(U), lambda m: m.predict(U, Y), lambda m: m.predict(U, Y, ahead=3)):
        np.testing.assert_allclose(call(model), call(wanted), atol=TOLERANCE)
    np.testing.assert_allclose(
        model.forecast(3, U[:3], history=(U, Y)), wanted.forecast(3, U[:3], history=(U, Y)), atol=TOLERANCE
    )


def test_an_open_loop_hears_what_was_measured_among_its_inputs() -> None:
    opened, weights = CLOSED.open_loop(), zoo.weights_of(CLOSED)
    together = Ensemble.of(Model(opened, weights, (Column("a"), Column("b")), (Column("y", 0.5, 1.5),)))
    assert [c.name for c in together.inputs] == ["a", "b", "y"]
    led = Ensemble.of(Model(CLOSED, weights, (Column("a"), Column("b")), (Column("y", 0.5, 1.5),)))
    np.testing.assert_allclose(together.run(np.hstack([U, Y])), led.run(U, Y), atol=TOLERANCE)


def test_members_side_by_side_say_what_each_says() -> None:
    network = tt.lstm(2, 3, 2, bidirectional=True)
    model = a_model(network, members=2)
    us = [DRAWN.normal(size=(n, 2)) for n in (5, 9, 2)]
    found = Ensemble.of(model).sequences(us)
    for k, weights in enumerate(members_of(model)):
        inputs: list[Any] = [inputs_of(network, standardise(u, model.inputs)) for u in us]
        for ys, alone in zip(found, run_each(network, weights, inputs), strict=True):
            np.testing.assert_allclose(ys[k], alone, atol=TOLERANCE)
