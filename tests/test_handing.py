"""The verbs on wiring: open and close a loop, remove and add delays, and hand the history over exactly."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import throughtime as tt
from throughtime import Connection, Layer, Network, units

STEPS, MORE, BATCH = 9, 5, 2


def _hidden_state() -> Network:
    """A NARX network whose hidden layer hears itself too: it remembers more than its outputs."""
    heard = (Connection("u", (1, 2)), Connection("y", (1, 3)), Connection("h", 1, name="own"))
    return Network({"u": 2}, (Layer("h", 3, units.tanh, heard), Layer("y", 2, units.linear, ("h",))), "y")


NETWORKS = {
    "narx": tt.narx({"u": 2}, 3, 2, (1, 3), (1, 2)),
    "narx of changes": tt.narx({"u": 2}, 3, 2, (1, 2), (2, 3), increments=True, skip=True),
    "jordan, late input": tt.narx({"u": 2}, 3, 2, 2, 1),
    "series": tt.narx(0, 3, 2, output_delays=(1, 2)),
    "hidden state": _hidden_state(),
}


def _random(network: Network, steps: int, seed: int) -> dict[str, Any]:
    drawn = np.random.default_rng(seed)
    return {name: jnp.asarray(drawn.normal(size=(steps, BATCH, size))) for name, size in network.inputs}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_run_over_known_data_goes_on_as_a_free_run(name: str) -> None:
    closed, weights = NETWORKS[name], tt.init(NETWORKS[name], 0)
    opened = closed.open_loop()
    xs = _random(closed, STEPS, 1)
    ys, after = tt.run(closed, weights, xs)
    known = {n: x for n, x in xs.items() if n in dict(opened.inputs)} | {opened.measured: ys}
    told, history = tt.run(opened, weights, known)
    np.testing.assert_allclose(told, ys, atol=1e-12)  # fed its own outputs, the open loop is the closed one
    handed = tt.hand_over(opened, closed, weights, history)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), handed, after)
    back = tt.hand_over(closed, opened, weights, handed)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b), back, history)


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "series"])
def test_a_removed_delay_gives_the_same_outputs_one_step_sooner(name: str, opened: bool) -> None:
    network = NETWORKS[name].open_loop() if opened else NETWORKS[name]
    weights, xs, more = tt.init(network, 0), _random(network, STEPS, 1), _random(network, MORE, 2)
    _, history = tt.run(network, weights, xs)
    later, _ = tt.run(network, weights, more, history)
    sooner = network.remove_delay()
    assert sooner.lead == 1
    assert sooner.add_delay() == network
    ys, _ = tt.run(sooner, weights, more, tt.hand_over(network, sooner, weights, history))
    np.testing.assert_allclose(ys[:-1], later[1:], atol=1e-12)
    assert np.abs(np.asarray(ys[:-1] - later[:-1])).max() > 1e-3  # it does come sooner


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "series"])
def test_the_verbs_commute_and_are_undone(name: str) -> None:
    closed = NETWORKS[name]
    assert closed.open_loop().close_loop() == closed
    assert closed.open_loop().remove_delay().close_loop() == closed.remove_delay()
    assert closed.remove_delay().open_loop() == closed.open_loop().remove_delay()
    assert tt.from_json(closed.open_loop().remove_delay().to_json()) == closed.open_loop().remove_delay()


def test_learned_delays_are_shifted_too() -> None:
    layer = Layer("y", 1, units.linear, (Connection("u", weight=tt.LearnedDelays(3)), Connection("y", 1)))
    network = Network({"u": 1}, (layer,), "y")
    sooner = network.remove_delay()
    assert sooner.by_name["y"].connections[0].delays == (0, 1, 2)
    weights, xs = tt.init(network, 0), _random(network, STEPS, 3)
    _, history = tt.run(network, weights, xs)
    more = _random(network, MORE, 4)
    later, _ = tt.run(network, weights, more, history)
    ys, _ = tt.run(sooner, weights, more, tt.hand_over(network, sooner, weights, history))
    np.testing.assert_allclose(ys[:-1], later[1:], atol=1e-12)


def test_what_cannot_be_is_refused() -> None:
    network = NETWORKS["narx"]
    with pytest.raises(ValueError, match="hears 'u' with delay 1, so the output cannot come 2 steps sooner"):
        network.remove_delay(2)
    with pytest.raises(ValueError, match="leads by 0 steps only"):
        network.add_delay()
    with pytest.raises(ValueError, match="open the loop before remove_delay"):
        NETWORKS["jordan, late input"].remove_delay(2).open_loop()
    with pytest.raises(ValueError, match="there is no sooner or later"):
        tt.lstm(1, 2, 1, bidirectional=True).remove_delay()
    weights = tt.init(network, 0)
    history = tt.start(network, weights, BATCH)
    with pytest.raises(ValueError, match="of one network"):
        tt.hand_over(network, tt.narx({"u": 2}, 4, 2, (1, 3), (1, 2)), weights, history)
    with pytest.raises(ValueError, match="forgotten"):
        tt.hand_over(network.remove_delay(), network, weights, history)
    with pytest.raises(ValueError, match="remove delays after it"):
        tt.hand_over(network.remove_delay().open_loop(), network.remove_delay(), weights, history)


def test_a_series_runs_by_its_clock() -> None:
    network = NETWORKS["series"]
    assert network.inputs == (("clock", 1),)
    assert network.open_loop().inputs == (("measured output", 2),)
    weights = tt.init(network, 0)
    some = {"a": {"output": jnp.ones((2, 1, 2))}, "memory": {}, "dropout": {}}
    one, _ = tt.run(network, weights, jnp.zeros((4, 1, 1)), some)
    other, _ = tt.run(network, weights, jnp.ones((4, 1, 1)), some)
    np.testing.assert_array_equal(one, other)
    assert np.abs(np.asarray(one)).min() > 0
