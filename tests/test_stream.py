"""A stream, folded, is the run: step by step what the engine says, led by what was measured as a naive fold is; nothing is kept."""

import copy
import pickle
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings

import throughtime as tt
import zoo
from exported import NETWORKS, a_model, as_heard, free_run, gap, inputs_for, measured_for, members_of, told_step_by_step
from throughtime import Column, Model, Network, Stream
from throughtime.dynamics.model import DynamicModel
from wirings import wirings

TOLERANCE = 1e-10
STEPS, KNOWN = 12, 7
SOME = ["narx", "narx gaps", "narx start", "narx, sooner", "series", "loop in a loop", "lstm start", "gru", "narx open"]
SOME += ["names that C does not like", "unit by unit only", "softmax in a loop"]
NATIVE = tt.engine_info().engine == "native"
ENGINES = pytest.mark.parametrize("engine", ["native", "xla"] if NATIVE else ["xla"])


def folded(stream: Stream, u: Any, state: Any = None, measured: Any = None) -> Any:
    """The outputs (T, O), fed with what was measured as long as there is anything, and the last state."""
    state, made = stream.start() if state is None else state, []
    for t, row in enumerate(u):
        fed = measured is not None and t < len(measured)
        y, state = stream.feed(state, row, measured[t]) if fed else stream.step(state, row)
        made.append(y)
    return np.stack(made), state


@pytest.mark.parametrize("members", [0, 3])
@pytest.mark.parametrize("name", SOME)
def test_steps_are_the_free_run(name: str, members: int) -> None:
    model = a_model(NETWORKS[name], members)
    u = inputs_for(model, STEPS, 1)
    assert gap(folded(Stream(model), u[:, 0])[0], free_run(model, u).ys[:, 0]) < TOLERANCE


@settings(max_examples=4)
@given(wirings())
def test_random_wirings_step_by_step(network: Network) -> None:
    sizes = sum(size for _, size in network.inputs)
    model = Model(network, zoo.weights_of(network), tuple(Column(f"u{i}", 0.5, 2.0) for i in range(sizes)), ())
    u = inputs_for(model, 5, 1)
    ys, _ = tt.run(network, model.weights, as_heard(model, u))
    assert gap(folded(Stream(model), u[:, 0])[0], ys[:, 0]) < TOLERANCE


@pytest.mark.parametrize("members", [0, 2])
@pytest.mark.parametrize("name", ["narx", "narx gaps", "narx start", "narx of changes", "narx, sooner", "series"])
def test_feeding_is_the_naive_fold_and_then_a_free_run(name: str, members: int) -> None:
    """Also from a record that was measured before, and also where outputs are missing."""
    model = a_model(NETWORKS[name], members)
    u, y = inputs_for(model, STEPS, 1), measured_for(model, KNOWN, gaps=True)
    told = [told_step_by_step(model, w, u[:KNOWN], y) for w in members_of(model)]
    later = free_run(model, u[KNOWN:], [history for _, history in told]).ys[:, 0]
    wanted, stream = np.concatenate([np.mean([ys for ys, _ in told], axis=0), later]), Stream(model)
    assert gap(folded(stream, u[:, 0], measured=y)[0], wanted) < TOLERANCE
    begun = stream.start((u[:KNOWN, 0] if model.inputs else None, y))
    assert gap(folded(stream, u[KNOWN:, 0], begun)[0], later) < TOLERANCE
    assert gap(folded(stream, u[:, 0])[0], wanted) > 1e-6


@pytest.mark.parametrize("network", [tt.narx(2, 3, 2, (0, 2), (1, 3)), tt.gru(2, 3, 2)])
def test_folding_is_what_a_dynamic_model_simulates_and_predicts(network: Network) -> None:
    model = DynamicModel.from_model(a_model(network, 2))
    u, y = np.random.default_rng(0).normal(size=(STEPS, 2)), np.random.default_rng(1).normal(size=(STEPS, 2))
    y[[3, 4], 0] = np.nan
    stream = Stream(model)
    np.testing.assert_allclose(folded(stream, u)[0], model.simulate(u), atol=TOLERANCE)
    np.testing.assert_allclose(folded(stream, u, measured=y)[0], model.predict(u, y), atol=TOLERANCE)
    state = stream.start((u[:KNOWN], y[:KNOWN]))
    wanted = model.simulate(u[KNOWN:], history=(u[:KNOWN], y[:KNOWN]))
    np.testing.assert_allclose(folded(stream, u[KNOWN:], state)[0], wanted, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["narx", "narx, sooner"])
def test_what_is_measured_late_is_put_in_as_if_it_had_come_in_time(name: str) -> None:
    model = a_model(NETWORKS[name])
    stream, (u, later), y = Stream(model), inputs_for(model, 2, 1)[:, 0], np.full(len(model.outputs), 0.7)
    state = stream.step(stream.start(), u)[1]
    if model.network.lead:
        came = stream.with_measured(state, y)
        said, came = stream.step(came, later)
        wanted, fed = stream.feed(state, later, y)
    else:
        came = stream.with_measured(state, y)
        fed = stream.feed(stream.start(), u, y)[1]
        said, wanted = stream.step(came, later)[0], stream.step(fed, later)[0]
    np.testing.assert_array_equal(said, wanted)
    assert came == fed
    assert gap(said, stream.step(state, later)[0]) > 1e-6


@ENGINES
def test_a_state_is_a_value(engine: str) -> None:
    """Two branches from one state know nothing of each other; copies go on as it does."""
    model = a_model(NETWORKS["narx start"], members=2)
    u = inputs_for(model, STEPS, 1)[:, 0]
    with tt.using_engine(engine):
        stream = Stream(model)
        state = folded(stream, u[:5])[1]
    before = bytearray(state)
    one, other = folded(stream, u[5:], state)[0], folded(stream, -u[5:], state)[0]
    assert gap(one, other) > 1e-3
    y, _ = stream.feed(state, u[5], np.full(len(model.outputs), 3.0))
    y[:] = 7.0  # it is the caller's own
    assert state == before
    for same in (state, copy.deepcopy(state), pickle.loads(pickle.dumps(state)), bytes(before)):
        np.testing.assert_array_equal(folded(stream, u[5:], same)[0], one)
    with tt.using_engine(engine):
        again = pickle.loads(pickle.dumps(stream))
        np.testing.assert_array_equal(folded(again, u[5:], state)[0], one)


def test_numbers_far_from_zero_lose_nothing_on_the_way_in() -> None:
    """The scaling is in double precision, whatever the network computes in."""
    network = tt.elman(1, 2, 1)
    model = Model(network, tt.init(network, 0, "float32"), (Column("u", 1e8, 0.5),), (Column("y", -1e8, 2.0),))
    plain = Model(network, model.weights, (Column("u"),), (Column("y"),))
    u = np.random.default_rng(0).normal(size=(STEPS, 1))
    far, near = folded(Stream(model), 1e8 + 0.5 * u)[0], folded(Stream(plain), u)[0]
    np.testing.assert_allclose(far, near * 2.0 - 1e8, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: s.step(s.start(), [1.0, 2.0]), "u has 2 numbers, where the model has 1: u0"),
        (lambda s: s.step(None, 0.0), "the state is None; begin with state = stream.start()"),
        (lambda s: s.step(s.start()), "u has 0 numbers, where the model has 1: u0"),
        (lambda s: s.step(s.start(), np.nan), "u: row 0, column 0 is NaN"),
        (lambda s: s.step(s.start(), np.inf), "u: row 0, column 0 is inf"),
        (lambda s: s.step(s.start(), 1e40), "column 'u0' holds 1e\\+40, which is too far from its mean"),
        (lambda s: s.step(s.start(), 1e308), "column 'u0' holds 1e\\+308, which is too far from its mean"),
        (lambda s: s.feed(s.start(), 0.0, 1.0), "measured has 1 numbers, where the model has 2: y0, y1"),
        (lambda s: s.feed(s.start(), 0.0, [np.inf, 0.0]), "measured: row 0, column 0 is inf; give a number, or NaN"),
        (lambda s: s.start((np.zeros(3), np.zeros((4, 2)))), "u has 3 steps and y has 4"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(call: Any, words: str) -> None:
    model = a_model(NETWORKS["narx"])
    columns = (Column("u0", scale=0.5),)
    with pytest.raises(ValueError, match=words) as error:
        call(Stream(Model(model.network, jax.tree.map(np.float32, model.weights), columns, model.outputs)))
    assert "\n" not in str(error.value)


def test_what_estimators_have_learned_streams_too() -> None:
    u = np.sin(np.arange(60.0))[:, None]
    fitted = tt.SequenceRegressor(tt.gru, hidden=2, epochs=2, random_state=0).fit(u[:-1], u[1:, 0])
    np.testing.assert_allclose(folded(Stream(fitted), u[:STEPS])[0][:, 0], fitted.predict(u[:STEPS]), atol=1e-6)
    with pytest.raises(
        ValueError, match=r"what runs is a Model, as load reads it from a file, not 'model.safetensors'"
    ):
        Stream("model.safetensors")


def test_a_network_that_hears_the_end_first_cannot_be_streamed() -> None:
    network = zoo.BACKWARD["bidirectional"]
    with pytest.raises(
        ValueError, match=r"layer 'hidden backward' runs backward .* run the model over the whole record"
    ):
        Stream(Model(network, zoo.weights_of(network)))
