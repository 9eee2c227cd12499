"""Law 3: running is one thing, whether at once, in stretches, or step by step."""

from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

import throughtime as tt
import zoo
from throughtime import Network
from throughtime.engine import running
from wirings import wirings

TOLERANCE = 1e-12
FORWARD = [pytest.param(network, id=name) for name, network in zoo.FORWARD.items()]


def in_stretches(network: Network, weights: Any, xs: Any, stretches: tuple[int, ...]) -> tuple[Any, Any]:
    history, ys = None, []
    for x in zoo.cut(xs, stretches):
        y, history = tt.run(network, weights, x, history)
        ys.append(y)
    return jnp.concatenate(ys), history


def by_steps(network: Network, weights: Any, xs: Any) -> tuple[Any, Any]:
    history, ys = tt.start(network, weights, zoo.BATCH), []
    for t in range(zoo.STEPS):
        y, history = tt.step(network, weights, history, jax.tree.map(lambda x, t=t: x[t], xs))
        ys.append(y)
    return jnp.stack(ys), history


def drawn(network: Network) -> tuple[Any, Any]:
    return zoo.weights_of(network), zoo.inputs_for(network)


@pytest.mark.parametrize("network", FORWARD)
def test_run_is_the_fold_of_step_and_may_be_cut(network: Network) -> None:
    """The first stretch is one step: shorter than most delays."""
    weights, xs = drawn(network)
    whole = tt.run(network, weights, xs)
    assert zoo.distance(in_stretches(network, weights, xs, (1, 5)), whole) < TOLERANCE
    assert zoo.distance(by_steps(network, weights, xs), whole) < TOLERANCE


@pytest.mark.parametrize("name", ["recurrent", "narx gaps", "tdnn", "lstm", "window"])
def test_history_matters(name: str) -> None:
    """The negative control: a second stretch that forgets the first gives something else."""
    network = zoo.FORWARD[name]
    weights, xs = drawn(network)
    whole, _ = tt.run(network, weights, xs)
    later, _ = tt.run(network, weights, zoo.cut(xs, (2, 4))[1])
    assert zoo.distance(later, whole[2:]) > 1e-3


@settings(max_examples=6)
@given(wirings())
def test_random_wirings(network: Network) -> None:
    weights, xs = drawn(network)
    whole = tt.run(network, weights, xs)
    assert zoo.distance(in_stretches(network, weights, xs, (2, 4)), whole) < TOLERANCE
    assert zoo.distance(by_steps(network, weights, xs), whole) < TOLERANCE


@pytest.mark.parametrize("name", ["narx gaps", "lstm start", "delays across layers"])
def test_each_sequence_goes_on_from_its_own_end(name: str) -> None:
    """With lengths, the history is that of each sequence's own last step."""
    network = zoo.FORWARD[name]
    weights, xs = drawn(network)
    _, history = tt.run(network, weights, xs, lengths=jnp.array([2, 5]))
    for b, length in enumerate((2, 5)):
        _, alone = tt.run(network, weights, xs[:length, b : b + 1])
        mine = {
            "a": {k: v[:, b : b + 1] for k, v in history["a"].items()},
            "memory": {k: v[b : b + 1] for k, v in history["memory"].items()},
        }
        assert zoo.distance(mine, {k: alone[k] for k in mine}) < TOLERANCE


def test_step_refuses_backward_layers() -> None:
    network = zoo.BACKWARD["bidirectional"]
    weights = zoo.weights_of(network)
    with pytest.raises(ValueError, match="backward"):
        tt.step(network, weights, tt.start(network, weights, 1), jnp.zeros((1, 2)))


def test_a_call_like_an_earlier_one_is_not_checked_again_but_any_other_is() -> None:
    network = zoo.FORWARD["recurrent"]
    weights, xs = drawn(network)
    _, history = tt.step(network, weights, tt.start(network, weights, zoo.BATCH), xs[0])
    traced = running._step._cache_size()
    tt.step(network, weights, history, xs[1])
    assert running._step._cache_size() == traced
    with pytest.raises(ValueError, match="history of"):
        tt.step(network, weights, history, jnp.zeros((zoo.BATCH + 1, xs.shape[-1])))
    with pytest.raises(ValueError, match="input"):
        tt.step(network, weights, history, xs[0][:, :-1])
    with pytest.raises(ValueError, match="the wiring needs"):
        tt.step(network, jax.tree.map(lambda w: w[..., :-1], weights), history, xs[0])


@pytest.mark.parametrize(
    "kind", [np.asarray, lambda x: np.asarray(x).tolist(), lambda x: MappingProxyType({"input": x})]
)
def test_inputs_may_be_arrays_lists_or_mappings(kind: Any) -> None:
    network = zoo.FORWARD["lstm"]
    weights, xs = drawn(network)
    assert zoo.distance(tt.run(network, weights, kind(xs)), tt.run(network, weights, xs)) == 0
    history = tt.start(network, weights, zoo.BATCH)
    assert zoo.distance(tt.step(network, weights, history, kind(xs[0])), tt.step(network, weights, history, xs[0])) == 0
