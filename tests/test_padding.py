"""Law 8: padding is invisible. A batch of unequal lengths gives what its sequences give one by one."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import reference
import throughtime as tt
import zoo
from test_exactness import ERROR, TOLERANCE, case
from throughtime import Network

EVERY = [pytest.param(network, id=name) for name, network in zoo.NETWORKS.items()]


def poison(values: Any, lengths: tuple[int, ...]) -> Any:
    """NaN beyond each sequence's length."""
    inside = jnp.arange(zoo.STEPS)[:, None, None] < jnp.array(lengths)[None, :, None]
    return jax.tree.map(lambda v: jnp.where(inside, v, jnp.nan), values)


@pytest.mark.parametrize("network", EVERY)
def test_run_trace_and_gradient(network: Network) -> None:
    """What the padding holds does not matter: NaN in the inputs, large numbers in the targets."""
    weights, xs, targets = case(network)
    for lengths in zoo.LENGTHS:
        padded = poison(xs, lengths)
        asked = jnp.where(jnp.isnan(poison(jnp.zeros_like(targets), lengths)), 1e6, targets)
        now = jnp.array(lengths)
        known = reference.learn(network, weights, xs, targets, ERROR, lengths)
        assert zoo.distance(tt.trace(network, weights, padded, lengths=now), known.tape) < TOLERANCE
        ys, _ = tt.run(network, weights, padded, lengths=now)
        assert zoo.distance(ys, known.tape["activities"][network.output]) < TOLERANCE
        lesson = zoo.lessons(network, tt.BPTT(), weights, padded, asked, ERROR, lengths=lengths)
        assert lesson.loss == pytest.approx(known.loss, rel=TOLERANCE)
        assert zoo.distance(lesson.gradients, known.gradients) < TOLERANCE
        assert zoo.distance(lesson.outputs, ys) < TOLERANCE


@pytest.mark.parametrize("rule", zoo.FORWARD_ONLY)
@pytest.mark.parametrize("name", ["focused", "lstm start", "narx gaps", "tdnn start"])
def test_every_learner(name: str, rule: str) -> None:
    """Two padded sequences teach what each teaches alone; a sequence may be over before the last stretch."""
    network, learner = zoo.NETWORKS[name], zoo.LEARNERS[rule]
    weights, xs, targets = case(network)
    cuts = (6,) if "segment" in rule else (3, 3)  # its errors stay within a stretch
    for lengths in zoo.LENGTHS:
        got = zoo.lessons(network, learner, weights, poison(xs, lengths), targets, ERROR, cuts, lengths)
        alone = [
            zoo.lessons(network, learner, weights, xs[:n, b : b + 1], targets[:n, b : b + 1], ERROR)
            for b, n in enumerate(lengths)
            if n
        ]
        assert zoo.distance(got.gradients, zoo.add([lesson.gradients for lesson in alone])) < TOLERANCE
        assert got.loss == pytest.approx(sum(lesson.loss for lesson in alone), rel=TOLERANCE)
        assert got.asked == sum(lesson.asked for lesson in alone)


@pytest.mark.parametrize("name", ["bidirectional lstm", "to and fro"])
def test_deltas_beyond_the_end_are_silent(name: str) -> None:
    network = zoo.NETWORKS[name]
    weights, xs, targets = case(network)
    got = tt.deltas(network, weights, poison(xs, (4, 6)), targets, ERROR, lengths=jnp.array([4, 6]))
    assert zoo.distance(got, reference.learn(network, weights, xs, targets, ERROR, (4, 6)).deltas) < TOLERANCE
    assert not any(bool(jnp.any(delta[4:, 0])) for delta in got.values())


@pytest.mark.parametrize("name", ["recurrent", "bidirectional"])
def test_lengths_matter(name: str) -> None:
    """The negative control: without `lengths`, the padding is heard."""
    network = zoo.NETWORKS[name]
    weights, xs, targets = case(network)
    plain = zoo.lessons(network, tt.BPTT(), weights, xs, targets, ERROR)
    short = zoo.lessons(network, tt.BPTT(), weights, xs, targets, ERROR, lengths=(4, 6))
    assert zoo.distance(plain.gradients, short.gradients) > 1e-3


@pytest.mark.parametrize("lengths", [[3], [[2, 2]], [2.0, 3.0]], ids=str)
def test_lengths_that_do_not_fit_are_refused(lengths: Any) -> None:
    network = zoo.NETWORKS["recurrent"]
    weights, xs, _ = case(network)
    with pytest.raises(ValueError, match="lengths"):
        tt.run(network, weights, xs, lengths=jnp.array(lengths))


def test_an_infinite_slope_beyond_the_end_is_not_seen() -> None:
    """0 times infinity is not a number: the root has no slope at the zeros of the padding."""
    root = tt.Unit("root", ("net",), 0, Root())
    network = tt.Network(1, [tt.Layer("y", 1, root, ["input"], bias=False)], "y")
    weights = {"y": {"input": jnp.ones((1, 1, 1, 1))}}
    xs, targets = jnp.full((6, 2, 1), 4.0), jnp.zeros((6, 2, 1))
    for learner in (tt.BPTT(), tt.BPTT(3), tt.RTRL(2)):
        carry = learner.init(network, weights, 2)
        _, lesson = learner.learn(network, weights, carry, xs, targets, ERROR, lengths=jnp.array([6, 2]))
        assert float(lesson.gradients["y"]["input"].squeeze()) == pytest.approx(8 * 4.0)  # d(4w)/dw at each step


@dataclass(frozen=True)
class Root:
    """a = sqrt(net)."""

    def __call__(self, net: jax.Array, memory: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.sqrt(net[..., 0, :]), memory
