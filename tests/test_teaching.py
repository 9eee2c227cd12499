"""Teaching: what is examined, how often weights change, and what decays, is what `Teaching` says."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import numpy as np
import optax
import pytest

import throughtime as tt
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.teaching import Teaching

WAVE = np.sin(0.3 * np.arange(100)) + 0.1 * np.random.default_rng(1).normal(size=100)


def member(tree: Any, k: int) -> Any:
    return jax.tree.map(lambda values: np.asarray(values[k]), tree)


def looped(*heard: str) -> tt.Network:
    """A series without inputs whose hidden layer hears these layers one step late."""
    hidden = tt.Layer("hidden", 3, tt.units.tanh, [tt.Connection(name, delays=1) for name in heard])
    return tt.Network(0, (hidden, tt.Layer("output", 1, tt.units.linear, ("hidden",))), "output")


@pytest.mark.parametrize("heard", [("hidden",), ("output", "hidden")], ids=" and ".join)
def test_a_series_is_examined_from_its_beginning_if_more_than_outputs_is_remembered(heard: tuple[str, ...]) -> None:
    network = looped(*heard)
    model = DynamicModel(network, [Teaching(epochs=20, look=10)], restarts=2, random_state=0).fit(None, WAVE)
    used, (column,) = model.used_, model.outputs_
    z = (WAVE - column.mean) / column.scale
    held = np.arange(100) >= 100 - round(0.2 * (100 - used))
    for k, said in enumerate(model.members_):
        w, ys = member(model.weights_, k), []
        past = {"hidden": np.zeros(3), "output": z[:used][-1:] if used else np.zeros(1)}
        for _ in range(used, 100):
            net = w["hidden"]["bias"][0] + sum(past[name] @ w["hidden"][name][0, :, 0] for name in heard)
            past["hidden"] = np.tanh(net)
            past["output"] = past["hidden"] @ w["output"]["hidden"][0, :, 0] + w["output"]["bias"][0]
            ys.append(past["output"])
        error = np.sqrt(np.mean((np.array(ys)[:, 0] - z[used:])[held[used:]] ** 2))
        assert said["error"] == pytest.approx(error, rel=1e-6)


@dataclass(frozen=True)
class Watched:
    """Gradient descent that remembers the schedule of its rate."""

    schedules: list[Any] = field(default_factory=list, hash=False, compare=False)
    name: str = ""

    def __call__(self, rate: Any) -> Any:
        self.schedules.append(rate)
        return optax.sgd(rate)


def test_several_decays_are_for_levenberg_marquardt() -> None:
    assert Teaching(optimizer=tt.LevenbergMarquardt(), decay=(0.0, 0.1)).decay == (0.0, 0.1)
    with pytest.raises(ValueError, match="for Levenberg-Marquardt only"):
        Teaching(decay=(0.0, 0.1))
    with pytest.raises(ValueError, match="decay must be 0 or above"):
        Teaching(optimizer=tt.LevenbergMarquardt(), decay=(0.0, -0.1))


@pytest.mark.parametrize("every", [None, 7])
@pytest.mark.parametrize("loop", ["open", "closed"])
def test_the_rate_falls_to_zero_at_the_last_update_and_not_before(loop: str, every: int | None) -> None:
    """With records of unequal length, of which the last parts are held out."""
    watched = Watched(name=f"{loop} {every}")
    stage = Teaching(loop, epochs=10, rate=0.01, optimizer=watched, every=every, look=5)
    ys, network = [WAVE, WAVE[:40], WAVE[:9]], tt.narx(0, 2, 1, output_delays=1)
    *_, last = DynamicModel(network, [stage], restarts=2, validation=0.5).lessons(None, ys)
    updates, (schedule,) = set(last.report.updates.tolist()), watched.schedules
    assert updates == {10 if every is None else 10 * 7}  # 49 of 99 steps are asked, in the first 7 stretches
    (count,) = updates
    assert schedule(count) == pytest.approx(0.0, abs=1e-12)
    assert schedule(count - 1) > 1e-6


@pytest.mark.parametrize("given", ["a function", "a value"])
def test_weights_decay_under_any_optax_optimizer_but_biases_and_starts_do_not(given: str) -> None:
    rate, decay, network = 0.1, 0.25, tt.narx(0, 2, 1, output_delays=1, start="learned")
    optimizer: Any = optax.sgd if given == "a function" else optax.sgd(rate)  # the first rate of the schedule
    first = jax.tree.map(lambda w: w + 0.5, tt.init(network, 0))
    made = [
        DynamicModel(
            network,
            [Teaching(epochs=1, rate=rate, optimizer=optimizer, decay=d, clip=None, look=1)],
            restarts=1,
            validation=0.0,
            first=lambda *_: first,
        ).fit(None, WAVE)
        for d in (0.0, decay)
    ]
    plain, decayed = (member(model.weights_, 0) for model in made)
    for layer, own in first.items():
        for key, values in own.items():
            shrunk = 0.0 if key in ("bias", "start") else 2 * decay * rate
            same = jax.tree.map(lambda old, one, s=shrunk: one - s * old, values, plain[layer][key])
            jax.tree.map(partial(np.testing.assert_allclose, atol=1e-12), decayed[layer][key], same)


def test_where_nothing_is_held_out_the_last_weights_go_on_to_the_next_stage() -> None:
    network = tt.narx(0, 2, 1, output_delays=1)
    wild = Teaching("open", epochs=8, optimizer=optax.adam(0.7), clip=None, look=1)
    still = Teaching("closed", epochs=1, rate=1e-12, look=1)
    settings: Any = {"restarts": 2, "validation": 0.0, "random_state": 0}
    one, two = (DynamicModel(network, stages, **settings) for stages in ([wild], [wild, still]))
    *_, last = one.lessons(None, WAVE)
    assert (last.report.best_epoch < 8).any()  # else this would tell nothing
    two.fit(None, WAVE)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-9), two.weights_, one.weights_)
