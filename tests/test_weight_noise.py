"""Weight noise: the gradient of the reference at the disturbed weights; the trained weights stay clean."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import reference
import throughtime as tt
import zoo

ERROR = tt.SquaredError()
NETWORK = tt.fully_recurrent(2, 3, 1)


def case() -> tuple[Any, Any, Any]:
    return zoo.weights_of(NETWORK), zoo.inputs_for(NETWORK), zoo.targets_for(NETWORK, ERROR)


@pytest.mark.parametrize("learner", [tt.BPTT(), tt.RTRL(), tt.RTRL(2)], ids=repr)
@pytest.mark.parametrize("cuts", [(6,), (2, 4)], ids=str)
def test_the_gradient_is_that_of_the_disturbed_weights_over_all_stretches(learner: Any, cuts: tuple[int, ...]) -> None:
    weights, xs, targets = case()
    noisy = tt.WeightNoise(learner, 0.3)
    carry, start, found = noisy.init(NETWORK, weights, zoo.BATCH, jax.random.key(5)), 0, []
    disturbed = jax.tree.map(jnp.add, weights, carry.noise)
    for steps in cuts if learner != tt.BPTT() else (6,):
        here = slice(start, start + steps)
        carry, lesson = noisy.learn(NETWORK, weights, carry, xs[here], targets[here], ERROR)
        found.append(lesson.gradients)
        start += steps
    total = jax.tree.map(lambda *parts: sum(parts), *found)
    assert zoo.distance(total, reference.learn(NETWORK, disturbed, xs, targets, ERROR).gradients) < 1e-10
    assert zoo.distance(total, reference.learn(NETWORK, weights, xs, targets, ERROR).gradients) > 1e-3


def test_the_noise_has_the_deviation_and_differs_from_weight_to_weight_and_key_to_key() -> None:
    network = tt.fully_recurrent(20, 40, 10)
    weights, learner = tt.init(network, 0), tt.WeightNoise(tt.BPTT(), 0.075)
    one, again, other = (learner.init(network, weights, 1, jax.random.key(k)).noise for k in (0, 0, 1))
    drawn = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(one)])
    assert drawn.std() == pytest.approx(0.075, rel=0.05)
    assert abs(drawn.mean()) < 0.075 * 4 / np.sqrt(drawn.size)
    assert len(np.unique(drawn)) == drawn.size
    assert zoo.distance(one, again) == 0
    assert zoo.distance(one, other) > 0.01


def test_without_a_key_it_is_the_learner_itself() -> None:
    weights, xs, targets = case()
    learner = tt.WeightNoise(tt.BPTT(), 0.3)
    _, lesson = learner.learn(NETWORK, weights, learner.init(NETWORK, weights, zoo.BATCH), xs, targets, ERROR)
    assert zoo.distance(lesson.gradients, reference.learn(NETWORK, weights, xs, targets, ERROR).gradients) < 1e-10
    assert learner.exact_on(NETWORK) == "whole"


def trained(learner: Any, rate: float, seed: int = 0, **rest: Any) -> list[tt.Report]:
    rng = np.random.default_rng(0)
    sequences = [(rng.normal(size=(5, 2)), rng.normal(size=(5, 1))) for _ in range(6)]
    weights = tt.init(NETWORK, 0)
    reports = tt.train(
        NETWORK, weights, learner, ERROR, optax.sgd(rate), sequences, epochs=2, batch=2, seed=seed, **rest
    )
    return list(reports)


def test_training_disturbs_the_lessons_and_never_the_weights_or_the_validation() -> None:
    rng = np.random.default_rng(1)
    held = [(rng.normal(size=(5, 2)), rng.normal(size=(5, 1)))]
    clean, noisy = (trained(a, 0.0, validation=held)[-1] for a in (tt.BPTT(), tt.WeightNoise(tt.BPTT(), 0.3)))
    assert zoo.distance(noisy.weights, tt.init(NETWORK, 0)) == 0
    assert noisy.validation == clean.validation
    assert abs(noisy.loss - clean.loss) > 1e-3


def test_the_same_seed_gives_the_same_training_and_another_one_another() -> None:
    learner = tt.WeightNoise(tt.BPTT(), 0.1)
    one, again, other = (trained(learner, 0.05, seed)[-1] for seed in (3, 3, 4))
    assert zoo.distance(one.weights, again.weights) == 0
    assert zoo.distance(one.weights, other.weights) > 1e-4
    two = trained(learner, 0.0)
    assert two[0].loss != two[1].loss, "every epoch has its own noise"


def test_a_deviation_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="deviation must be above 0, not 0"):
        tt.WeightNoise(tt.BPTT(), 0)
