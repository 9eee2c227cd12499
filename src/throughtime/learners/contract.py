"""The contract of learners, held to: what a learner gives back is looked at while JAX traces, so it costs nothing later."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from throughtime.checks import hashable, lacks, quoted
from throughtime.engine.effective import Weights
from throughtime.layers import an_instance
from throughtime.learners.lesson import Learner, Lesson
from throughtime.losses import Loss
from throughtime.network import Network


def a_learner(learner: Any) -> None:
    """Refuse what is no learner: it has the methods of one, and a hash."""
    an_instance(learner, "the learner")
    lacking = [part for part in ("init", "learn") if not callable(getattr(learner, part, None))]
    if lacking:
        raise ValueError(f"the learner must be one such as BPTT() or RTRL(), {lacks(learner, lacking, 2)}")
    hashable(learner, "the learner")


def begun(learner: Learner, network: Network, weights: Weights, batch: int, key: Array | None = None) -> Any:
    """What the learner carries into the first stretch; its history can be put in the place of."""
    carry = learner.init(network, weights, batch, key)
    if "history" not in getattr(carry, "_fields", ()):
        raise ValueError(
            f"{quoted(learner)}: init gives {type(carry).__name__}, but what a learner carries is a NamedTuple with a field "
            "history, which begins as start(network, weights, batch, key)"
        )
    return carry


def taught(
    learner: Learner,
    network: Network,
    weights: Weights,
    carry: Any,
    xs: Any,
    targets: Any,
    loss: Loss,
    lengths: Array | None = None,
) -> tuple[Any, Lesson]:
    """One stretch: what is carried on, and a lesson whose gradients have the shapes of the weights."""
    made = learner.learn(network, weights, carry, xs, targets, loss, lengths=lengths)
    if not isinstance(made, tuple) or len(made) != 2 or not isinstance(made[1], Lesson):
        raise ValueError(f"{quoted(learner)}: learn gives {type(made).__name__}, not a pair (carry, Lesson)")
    after, lesson = made
    _check_sums(learner, lesson)
    _check_gradients(learner, weights, lesson.gradients)
    _check_carry(learner, carry, after)
    return after, lesson


def _check_sums(learner: Learner, lesson: Lesson) -> None:
    for name in ("loss", "asked"):
        shape = jnp.shape(getattr(lesson, name))
        if shape:
            raise ValueError(
                f"{quoted(learner)}: the {name} of its lesson has shape {shape}; it is one number, the sum over the stretch"
            )


def _check_gradients(learner: Learner, weights: Weights, gradients: Any) -> None:
    """Every gradient is of a weight, and of its shape: another one would be broadcast in silence."""
    wanted, found = _shapes(weights), _shapes(gradients)
    for name in wanted | found:
        if name not in found:
            raise ValueError(f"{quoted(learner)}: its lesson has no gradient of the weight {name}; give zeros for none")
        if name not in wanted:
            raise ValueError(f"{quoted(learner)}: its lesson has a gradient of {name}, which is no weight")
        if found[name] != wanted[name]:
            raise ValueError(
                f"{quoted(learner)}: the gradient of the weight {name} has shape {found[name]}, but the weight {wanted[name]}"
            )


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): jnp.shape(leaf) for path, leaf in leaves}


def _check_carry(learner: Learner, before: Any, after: Any) -> None:
    """A stretch leaves what it found, of other values: the same code serves the next one."""
    one, other = _kinds(before), _kinds(after)
    if one != other:
        raise ValueError(
            f"{quoted(learner)}: learn carries on other arrays than it was given, in shape, type or name, so that no next "
            f"stretch can go on: {other[0]} in the place of {one[0]}"
        )


def _kinds(carry: Any) -> tuple[list[Any], Any]:
    leaves, tree = jax.tree.flatten(carry)
    return [jax.typeof(leaf).str_short() for leaf in leaves], tree
