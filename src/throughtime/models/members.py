"""Networks of one wiring side by side: their weights have a leading axis of members, K."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array

from throughtime.engine import History, Weights, run, start
from throughtime.engine.door import placed
from throughtime.engine.programs import program
from throughtime.network import Network


def stack_members(trees: list[Any]) -> Any:
    """Equal trees along a new first axis: the members' weights as one."""
    return jax.tree.map(lambda *leaves: placed(np.stack(leaves)), *trees)


def one_member(weights: Weights) -> Weights:
    """The weights of one network as those of several, without a program for every shape."""
    return jax.device_put(jax.tree.map(lambda leaf: np.asarray(leaf)[None], weights))


def count(weights: Weights) -> int:
    """K; those of a network without weights do not differ: one."""
    return next((len(leaf) for leaf in jax.tree.leaves(weights)), 1)


def each_member(function: Callable[..., Any], weights: Weights, out: int = 0) -> Callable[..., Any]:
    """The function of one network, for all members at once; what it makes has their axis at `out`."""
    return jax.vmap(function, out_axes=out, axis_size=count(weights))


@program("network", "batch")
def begin(network: Network, weights: Weights, batch: int = 1) -> History:
    """The members' histories before the first step of so many sequences."""
    made: History = each_member(lambda w: start(network, w, batch), weights)(weights)
    return made


@program("network")
def run_beside(
    network: Network, weights: Weights, history: History, xs: Any, lengths: Array | None
) -> tuple[Array, History]:
    """Free runs of a batch: outputs (K, T, B, O)."""
    made: tuple[Array, History] = each_member(lambda w, h: run(network, w, xs, h, lengths), weights)(weights, history)
    return made
