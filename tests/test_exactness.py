"""Law 1: every gradient that claims to be exact is the gradient of the naive reference, and of finite differences."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

import reference
import throughtime as tt
import zoo
from throughtime import Network
from throughtime.losses import traits_of
from wirings import wirings

TOLERANCE = 1e-10
ERROR = tt.SquaredError()

CELLS = [
    pytest.param(network, learner, id=f"{name}-{rule}")
    for name, network in zoo.NETWORKS.items()
    for rule, learner in zoo.LEARNERS.items()
    if name in zoo.FORWARD or rule not in zoo.FORWARD_ONLY
]
EVERY = [pytest.param(network, id=name) for name, network in zoo.NETWORKS.items()]
SOME = ("jordan start", "narx gaps", "recurrent stack", "focused", "lstm start", "tdnn", "to and fro")


def case(network: Network, loss: Any = ERROR, **shape: int) -> tuple[Any, Any, Any]:
    """Weights, inputs and targets."""
    return zoo.weights_of(network), zoo.inputs_for(network, **shape), zoo.targets_for(network, loss, **shape)


@pytest.mark.parametrize(("network", "learner"), CELLS)
def test_the_gradient_is_that_of_the_reference_where_the_learner_says_so(network: Network, learner: Any) -> None:
    """Cut in two stretches if "always", in one if "whole"; what "never" means is tested by the truth table."""
    weights, xs, targets = case(network)
    known = reference.learn(network, weights, xs, targets, ERROR)
    stretches = (3, 3) if learner.exact_on(network) == "always" else (6,)
    lesson = zoo.lessons(network, learner, weights, xs, targets, ERROR, stretches)
    assert zoo.alive(known.gradients)
    assert lesson.loss == pytest.approx(known.loss, rel=TOLERANCE)
    assert lesson.asked == int((~jnp.isnan(targets)).any(-1).sum())
    assert zoo.distance(lesson.outputs, known.tape["activities"][network.output]) < TOLERANCE
    if learner.exact_on(network) != "never":
        assert zoo.distance(lesson.gradients, known.gradients) < TOLERANCE


@pytest.mark.parametrize("network", [zoo.BACKWARD["bidirectional"], zoo.BACKWARD["to and fro"]])
@pytest.mark.parametrize("rule", zoo.FORWARD_ONLY)
def test_what_goes_forward_in_time_refuses_backward_layers(network: Network, rule: str) -> None:
    weights, xs, targets = case(network)
    with pytest.raises(ValueError, match=r"layer '.*' runs backward"):
        zoo.lessons(network, zoo.LEARNERS[rule], weights, xs, targets, ERROR)


@pytest.mark.parametrize("network", EVERY)
def test_everything_inside_is_that_of_the_reference(network: Network) -> None:
    """Nets, activities, memories, and the deltas dL/dnet."""
    weights, xs, targets = case(network)
    known = reference.learn(network, weights, xs, targets, ERROR)
    assert zoo.distance(tt.trace(network, weights, xs), known.tape) < TOLERANCE
    assert zoo.alive(known.deltas)
    assert zoo.distance(tt.deltas(network, weights, xs, targets, ERROR), known.deltas) < TOLERANCE


@pytest.mark.parametrize("network", EVERY)
def test_the_gradient_is_that_of_finite_differences(network: Network) -> None:
    """Along one random direction, through `run`."""
    weights, xs, targets = case(network)
    gradient = zoo.lessons(network, tt.BPTT(), weights, xs, targets, ERROR).gradients
    along, step = zoo.weights_of(network, seed=5), 1e-5

    def cost(distance: float) -> float:
        moved = jax.tree.map(lambda w, v: w + distance * v, weights, along)
        return float(ERROR(tt.run(network, moved, xs)[0], targets).sum())

    slope = sum(float(jnp.vdot(g, v)) for g, v in zip(*map(jax.tree.leaves, (gradient, along)), strict=True))
    assert (cost(step) - cost(-step)) / (2 * step) == pytest.approx(slope, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", SOME)
def test_run_can_be_differentiated_both_ways(name: str) -> None:
    network = zoo.NETWORKS[name]
    weights, xs, targets = case(network)

    def cost(w: Any) -> jax.Array:
        return ERROR(tt.run(network, w, xs)[0], targets).sum()

    wanted = reference.learn(network, weights, xs, targets, ERROR).gradients
    assert zoo.distance(jax.grad(cost)(weights), wanted) < TOLERANCE
    along = zoo.weights_of(network, seed=5)
    slope = sum(float(jnp.vdot(g, v)) for g, v in zip(*map(jax.tree.leaves, (wanted, along)), strict=True))
    with tt.using_engine("xla"):
        assert float(jax.jvp(cost, (weights,), (along,))[1]) == pytest.approx(slope, rel=TOLERANCE)


RULES = {"BPTT": tt.BPTT(), "RTRL(4)": tt.RTRL(4), "BPTT(9)": tt.BPTT(9), "BPTT(segment=4)": tt.BPTT(segment=4)}
ONLY = {"BPTT(9)": "step", "BPTT(segment=4)": "sequence"}  # what the rule needs, or what is harder for it
LOSS_CELLS = [
    pytest.param(loss, learner, id=f"{name}-{rule}")
    for name, loss in zoo.LOSSES.items()
    for rule, learner in RULES.items()
    if rule not in ONLY or traits_of(loss).per == ONLY[rule]
]


@pytest.mark.parametrize(("loss", "learner"), LOSS_CELLS)
def test_every_loss_with_every_way_of_sweeping(loss: Any, learner: Any) -> None:
    network = tt.fully_recurrent(2, 2, 4)
    weights, xs, targets = case(network, loss)
    targets = jnp.nan_to_num(targets) if loss is zoo.last else targets
    known = reference.learn(network, weights, xs, targets, loss)
    lesson = zoo.lessons(network, learner, weights, xs, targets, loss)
    assert zoo.alive(known.gradients)
    assert lesson.loss == pytest.approx(known.loss, rel=1e-9)
    assert zoo.distance(lesson.gradients, known.gradients) < 1e-9


def test_dropout_masks_are_those_of_the_key() -> None:
    network, key = zoo.NETWORKS["dropout"], jax.random.key(3)
    weights, xs, targets = case(network)
    masks = tt.start(network, weights, zoo.BATCH, key)["dropout"]
    drawn = np.unique(np.concatenate([np.asarray(m).ravel() / m.max() for m in jax.tree.leaves(masks)]))
    assert drawn.tolist() == [0, 1], "the law needs units that are silent and units that are not"
    wanted = reference.learn(network, weights, xs, targets, ERROR, masks=masks).gradients
    for learner in (tt.BPTT(), tt.RTRL(), tt.BPTT(9), tt.BPTT(segment=4)):
        _, lesson = learner.learn(network, weights, learner.init(network, weights, zoo.BATCH, key), xs, targets, ERROR)
        assert zoo.distance(lesson.gradients, wanted) < TOLERANCE
    plain = reference.learn(network, weights, xs, targets, ERROR).gradients
    assert zoo.distance(wanted, plain) > 1e-3


RESTARTED = [tt.BPTT(), tt.BPTT(segment=4), tt.RTRL(2), tt.BPTT(3), tt.Focused(), tt.Backprop()]


@pytest.mark.parametrize("learner", RESTARTED, ids=repr)
def test_learning_is_pure_and_maps_over_restarts(learner: Any) -> None:
    """jit(vmap(learn)) over weights with a leading axis gives what each set of weights gives alone."""
    network = tt.lstm(2, 2, 1)
    _, xs, targets = case(network)
    several = [zoo.weights_of(network, seed) for seed in (0, 1)]

    def gradients(weights: Any) -> Any:
        carry = learner.init(network, weights, zoo.BATCH)
        return learner.learn(network, weights, carry, xs, targets, ERROR)[1].gradients

    at_once = jax.jit(jax.vmap(gradients))(jax.tree.map(lambda *w: jnp.stack(w), *several))
    for index, weights in enumerate(several):
        assert zoo.distance(jax.tree.map(lambda g, i=index: g[i], at_once), gradients(weights)) < TOLERANCE


@settings(max_examples=5)
@given(wirings(backward=True))
def test_random_wirings(network: Network) -> None:
    weights, xs, targets = case(network, steps=5)
    known = reference.learn(network, weights, xs, targets, ERROR)
    assert zoo.distance(tt.trace(network, weights, xs), known.tape) < TOLERANCE
    assert zoo.distance(tt.deltas(network, weights, xs, targets, ERROR), known.deltas) < TOLERANCE
    lesson = zoo.lessons(network, tt.BPTT(), weights, xs, targets, ERROR)
    assert zoo.distance(lesson.gradients, known.gradients) < TOLERANCE
    wanted = reference.learn(network, weights, xs, targets, ERROR, around=False).gradients
    assert zoo.distance(zoo.lessons(network, tt.Backprop(), weights, xs, targets, ERROR).gradients, wanted) < TOLERANCE
