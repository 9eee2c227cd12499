"""The iterations of Levenberg-Marquardt; the equations are those of the package's docstring."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_solve, solve_triangular

from throughtime.engine import Weights
from throughtime.engine.door import placed
from throughtime.engine.programs import program
from throughtime.network import Network
from throughtime.sequences import Bucket
from throughtime.training.jacobian import ROOM
from throughtime.training.levenberg_marquardt.sums import LeastSquares, groups
from throughtime.training.residuals import SumOfSquares, refuse_other

if TYPE_CHECKING:
    from throughtime.training.levenberg_marquardt import LevenbergMarquardt

GOING = 0
FLAT = 1  # the gradient is smaller than `least_gradient`
STUCK = 2  # no step lowers the error: damping is above its largest
GOAL = 3  # the goal is reached
BROKEN = 4  # the error is not a finite number: the free run diverges


class Iterate(NamedTuple):
    """What goes from epoch to epoch; with members, every array has a leading axis (K,).

    weights   in float64
    damping   for the next step
    decay     the weight decay that was acting
    least     of it
    gamma     the effective number of weights: all, unless `bayesian`
    squares   the sum of squared residuals of `weights`, without decay
    asked     how many targets were asked for (steps, as everywhere)
    gradient  the length of the gradient of the mean squared error and decay, before the step
    trials    steps tried in the last epoch
    steps     steps taken so far
    ended     `GOING`, or why it goes no further
    """

    weights: Weights
    damping: Array
    decay: Array
    least: Array
    gamma: Array
    squares: Array
    asked: Array
    gradient: Array
    trials: Array
    steps: Array
    ended: Array


def first_iterate(optimizer: "LevenbergMarquardt", weights: Weights, members: int | None = None) -> Iterate:
    """Before the first epoch; `members` networks side by side, if the weights have that leading axis."""
    with jax.enable_x64(True):
        own = jax.tree.map(lambda w: placed(w, np.float64), weights)
        count = sum(w.size for w in jax.tree.leaves(own)) // (members or 1)
        shape = () if members is None else (members,)
        decay = np.resize(np.asarray(optimizer.decay, np.float64), shape)
        numbers = (optimizer.damping, decay, decay, float(count), np.inf, 0, np.inf, 0, 0, GOING)
        types = (np.float64,) * 5 + (np.int32, np.float64, *(np.int32,) * 3)
        return Iterate(own, *(placed(np.full(shape, n, t)) for n, t in zip(numbers, types, strict=True)))


def epoch_of_steps(
    network: Network,
    loss: Any,
    optimizer: "LevenbergMarquardt",
    iterate: Iterate,
    buckets: Sequence[Bucket],
    epochs: int = 1,
    often: bool = False,
) -> Iterate:
    """One step, or several, on all sequences of all buckets; nothing changes where it has ended.

    With members, targets may have a leading axis (K,) too. often: many more will follow.

    raises  ValueError for a loss that is not a sum of squares, and for a network with dropout
    """
    refuse_other(network, loss, "Levenberg-Marquardt")
    with jax.enable_x64(True):
        return (_epochs.often if often else _epochs)(
            network, loss, optimizer, iterate, tuple(buckets), np.asarray(epochs)
        )


def weights_in(iterate: Iterate, like: Weights) -> Weights:
    """The weights in the types of others, such as those the training began with."""
    with jax.enable_x64(True):
        return jax.tree.map(lambda w, old: placed(w, old.dtype), iterate.weights, like)


@program("network", "loss", "optimizer")
def _epochs(
    network: Network,
    loss: SumOfSquares,
    optimizer: "LevenbergMarquardt",
    iterate: Iterate,
    buckets: tuple[Bucket, ...],
    epochs: Array,
) -> Iterate:
    members = iterate.damping.shape
    room = ROOM // (members[0] if members else 1)

    def one(iterate: Iterate, buckets: Sequence[Bucket]) -> Iterate:
        problem = LeastSquares(network, loss, [groups(network, iterate.weights, b, room) for b in buckets], room)
        _, last = lax.while_loop(
            lambda now: (now[0] < epochs) & (now[1].ended == GOING),
            lambda now: (now[0] + 1, _step(problem, optimizer, now[1])),
            (jnp.array(0), iterate),
        )
        return last

    if not members:
        return one(iterate, buckets)
    return jax.vmap(one, in_axes=(0, tuple(b.member_axes() for b in buckets)))(iterate, buckets)


def _step(problem: LeastSquares, optimizer: "LevenbergMarquardt", before: Iterate) -> Iterate:
    """Linearise, then try steps until the error falls: equations (1) and (2)."""
    flat, tree = ravel_pytree(before.weights)
    numbers = jnp.maximum(problem.numbers(), 1)
    normal = problem.normal(before.weights)
    hessian, error = normal.hessian / numbers, normal.squares / numbers
    decay, gamma = before.decay, before.gamma
    if optimizer.bayesian:
        estimate, gamma = _evidence(hessian, error, numbers, flat, decay, gamma)
        decay = jnp.maximum(estimate, before.least)
    slope, cost = normal.gradient / numbers + decay * flat, error + decay * (flat @ flat)
    steepness = 2 * jnp.linalg.norm(slope)
    ended = _verdict(optimizer, cost, error, steepness)

    def going_on(now: _Trial) -> Array:
        return (ended == GOING) & ~now.better & (now.damping <= optimizer.largest)

    def trial(now: _Trial) -> _Trial:
        damped = hessian + (decay + now.damping) * jnp.eye(flat.size)
        moved = flat - cho_solve((jnp.linalg.cholesky(damped), True), slope)  # NaN if damping is too small
        squares = problem.squares(tree(moved))
        better = squares / numbers + decay * (moved @ moved) < cost
        damping = now.damping * jnp.where(better, optimizer.decrease, optimizer.increase)
        return _Trial(moved, squares, better, jnp.maximum(damping, 1e-20), now.tried + 1)

    start = _Trial(flat, normal.squares, jnp.array(False), before.damping, jnp.array(0, jnp.int32))
    last = lax.while_loop(going_on, trial, start)
    weights, squares = jax.tree.map(partial(jnp.where, last.better), (last.weights, last.squares), start[:2])
    ended = jnp.where((ended == GOING) & ~last.better, STUCK, ended).astype(jnp.int32)
    asked = problem.asked().astype(jnp.int32)
    steps = before.steps + last.better.astype(jnp.int32)
    found = (tree(weights), last.damping, decay, before.least, gamma, squares, asked)
    return Iterate(*found, steepness, last.tried, steps, ended)


class _Trial(NamedTuple):
    """Flat weights, their sum of squares, whether they are better, and the damping to go on with."""

    weights: Array
    squares: Array
    better: Array
    damping: Array
    tried: Array


def _verdict(optimizer: "LevenbergMarquardt", cost: Array, error: Array, steepness: Array) -> Array:
    ended = jnp.where(steepness < optimizer.least_gradient, FLAT, GOING)
    ended = jnp.where(error <= optimizer.goal, GOAL, ended)
    return jnp.where(jnp.isfinite(cost) & jnp.isfinite(steepness), ended, BROKEN)


def _evidence(
    hessian: Array, error: Array, numbers: Array, flat: Array, decay: Array, gamma: Array
) -> tuple[Array, Array]:
    """Weight decay and effective number of weights: equation (3)."""
    one = jnp.eye(flat.size)
    factor = solve_triangular(jnp.linalg.cholesky(hessian + decay * one), one, lower=True)
    estimate = flat.size - decay * jnp.sum(factor * factor)
    gamma = jnp.where(jnp.isfinite(estimate), jnp.clip(estimate, 0, flat.size), gamma)
    free = jnp.maximum(numbers - gamma, 1)
    estimate = gamma * error / (jnp.maximum(flat @ flat, 1e-300) * free)
    return jnp.minimum(estimate, jnp.maximum(10 * decay, 1e-6)), gamma
