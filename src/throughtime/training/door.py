"""What `train` is asked with, looked at before any work: natural mistakes get one line that names the remedy."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from throughtime.checks import hashable, lacks, quoted
from throughtime.engine import Weights
from throughtime.engine.first import check
from throughtime.layers import an_instance
from throughtime.losses import named, traits_of
from throughtime.losses.contract import takes_two
from throughtime.network import Network, a_network
from throughtime.sequences import Example
from throughtime.training.gradient import Gradient
from throughtime.training.method import Method

METHOD = ("refuse", "begin", "advance", "ended", "whole")
WORDS = {
    "br": "LevenbergMarquardt(bayesian=True)",
    "lm": "LevenbergMarquardt()",
}  # in files of studies


def check_judged(network: Any, weights: Any, loss: Any) -> None:
    """A network, its weights, and a loss that takes what its output layer says."""
    a_network(network)
    if not isinstance(weights, Mapping):
        raise ValueError(f"weights must be as init(network, seed) gives them, not {quoted(weights)}")
    if not callable(an_instance(loss, "the loss")):
        raise ValueError(
            f"the loss must be one such as SquaredError(), or a function (ys, targets), not {quoted(loss)}"
        )
    takes_two(loss)
    hashable(loss, "the loss")
    unit, output = traits_of(loss).unit, network.by_name[network.output]
    if unit is not None and output.unit == unit:
        raise ValueError(
            f"{named(loss)} takes net inputs and puts the {unit.name} function on them, which the output layer "
            f"{output.name!r} has too, so it would act twice: make that layer linear, g=units.linear"
        )


def check_weights(network: Network, weights: Weights, members: int | None) -> None:
    """Weights of this network, and of as many members."""
    for leaf in jax.tree.leaves(weights) if members else ():
        if jnp.shape(leaf)[:1] != (members,):
            raise ValueError(
                f"members={members}, but a weight has shape {jnp.shape(leaf)}: stack the weights of {members} networks "
                "along a new first axis"
            )
    check(network, jax.tree.map(lambda leaf: np.empty(jnp.shape(leaf)[1:]), weights) if members else weights)


def asking(examples: list[Example], kind: str = "") -> list[Example]:
    """The examples, if anything is asked in one of them, and of every member; a string without labels asks for silence."""
    known = [e.target >= 0 if e.target.dtype.kind != "f" else ~np.isnan(e.target) for e in examples]
    whole = examples[0].target.ndim < 3
    told = np.any([(k.any() if k.size else k.all()) if whole else k.any(axis=(1, 2)) for k in known], axis=0)
    if not told.any():
        raise ValueError(f"nothing is asked in any {kind}sequence: every target is NaN or -1")
    if not told.all():
        raise ValueError(f"nothing is asked of member {int(np.argmin(told))} in any {kind}sequence")
    return examples


def method_of(optimizer: Any) -> Method:
    """The method that was given, or the one made of an optimizer of optax; a one-line ValueError for what is neither."""
    hashable(an_instance(optimizer, "the optimizer"), "the optimizer")
    lacking = [part for part in METHOD if not hasattr(optimizer, part)]
    if not lacking:
        return optimizer
    if _of_optax(optimizer):
        return Gradient(optimizer)
    name = getattr(optimizer, "__name__", None) if callable(optimizer) else None
    what = lacks(optimizer, lacking, len(METHOD))
    if name is not None:
        what = f"not the function {name}: call it with a step size, as in {name}(0.01)"
    elif isinstance(optimizer, str) and optimizer in WORDS:
        what = f"not a word: {optimizer} is {WORDS[optimizer]}"
    raise ValueError(f"the optimizer must be one such as optax.adam(0.01) or LevenbergMarquardt(), {what}")


def _of_optax(optimizer: Any) -> bool:
    return all(hasattr(optimizer, part) for part in ("init", "update"))


def with_decay(optimizer: Any, decay: Any, decaying: Any) -> Any:
    """The optimizer with weight decay: decay |w|^2 is added to the mean squared error.

    A method, also one of your own, has weight decay if it is a dataclass with a field called `decay`, which is replaced.

    decaying  weights -> a tree of True and False, which of them decay; a method decays as it says itself

    raises  ValueError for a method that has none
    """
    if _of_optax(optimizer):
        return optax.chain(optax.add_decayed_weights(2 * decay, decaying), optimizer)
    if not is_dataclass(optimizer) or isinstance(optimizer, type) or "decay" not in {f.name for f in fields(optimizer)}:
        raise ValueError(f"{quoted(optimizer)} has no weight decay; leave decay=0")
    return replace(optimizer, decay=decay)
