"""The extended Kalman filter as a trainer: the weights are the state to be estimated, the targets its measurements.

Let w_i be the weights of group i, P_i the covariance of their error, and r = y - target the m residuals of one time step:

    H_i = (dr/dw_i)^T                                                                                               (1)
    A   = (R I + sum over groups i of  H_i^T P_i H_i)^-1                                                            (2)
    K_i = P_i H_i A                                                                                                 (3)
    w_i <- w_i - K_i r                                                                                              (4)
    P_i <- P_i - K_i H_i^T P_i + Q I                                                                                (5)

With one group of all weights that is the extended Kalman filter; the decoupled one leaves out the covariances between
groups, W^2 numbers becoming the sum of w_i^2. H comes from the recursion of RTRL (`training.jacobian`): what the weights
did to the state is carried forward in time, also where they have changed since. Where r is linear in the weights and Q is 0
it is recursive least squares.

Measurement noise R and process noise Q go from a first value to a last one as the course goes on. R is the
reciprocal of a learning rate; Q keeps P, whose shrinking ends all learning, from going to nothing.

Sources: G. Puskorius, L. Feldkamp, IEEE Trans. Neural Networks 5, 1994 (decoupling; Q; several sequences at once as one
measurement); J. A. Perez-Ortiz, F. Gers, D. Eck, J. Schmidhuber, Neural Networks 16, 2003 (LSTM; both recalled, not
checked). optax knows no Kalman filter, and the filters of dynamax keep P whole.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import solve_triangular
from numpy.typing import NDArray

from throughtime import losses
from throughtime.engine import Weights
from throughtime.learners.lesson import refuse_backward
from throughtime.learners.rtrl import RTRL, Carried
from throughtime.sequences import Bucket
from throughtime.training.epochs import Routine, passes, taken
from throughtime.training.jacobian import residual_rows
from throughtime.training.method import State, Task, alike, first_state
from throughtime.training.residuals import refuse_other, refuse_rounded
from throughtime.training.segments import Segment

GROUPS = ("unit", "network")


@dataclass(frozen=True)
class KalmanFilter:
    """The extended Kalman filter, decoupled unit by unit: an optimizer of `train` that updates after every stretch.

    measurement_noise  R, the first one and the last, in squared units of the targets: the smaller, the larger the steps
    process_noise      Q, the first one and the last: the variance by which the weights are expected to drift per update
    covariance         on the diagonal of the first P: how far the weights may be from those it begins with, squared
    annealing          updates in which the distance of R and Q to their last values falls to 1/e
    groups             "unit": a group of weights for each unit, all that it hears; "network": one group, no decoupling

    Give `train` `every=1` for an update after each time step, as in the sources. With `every=h` the residuals of h steps
    are one measurement, and so are those of the sequences of a batch.

    Cost: P takes sum of w_i^2 numbers (W^2 with one group); an update with m residuals O(m sum of w_i^2 + m^3) beside what
    `RTRL` costs; always in float64. The learner given to `train` is not asked, and no dropout is drawn.

    >>> import throughtime as tt
    >>> network = tt.fully_recurrent(1, 3, 1)
    >>> echo = [([[0.0], [1.0], [0.0]], [[0.0], [0.0], [1.0]])]
    >>> args = network, tt.init(network, 0), tt.RTRL(), tt.SquaredError(), tt.KalmanFilter((1.0, 0.1))
    >>> *_, last = tt.train(*args, echo, every=1, epochs=30)
    >>> last.loss < 0.01, last.updates
    (True, 90)
    """

    measurement_noise: tuple[float, float] = (100.0, 3.0)
    process_noise: tuple[float, float] = (1e-2, 1e-6)
    covariance: float = 100.0
    annealing: float = 1000.0
    groups: Literal["unit", "network"] = "unit"
    whole: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name in ("measurement_noise", "process_noise"):
            given = getattr(self, name)
            if not isinstance(given, tuple) or len(given) != 2:
                raise ValueError(f"KalmanFilter: {name} is a pair (first, last), not {given!r}")
        if not all(value > 0 for value in (*self.measurement_noise, self.covariance, self.annealing)):
            raise ValueError(f"KalmanFilter: measurement_noise, covariance and annealing must be above 0, not {self}")
        if not all(value >= 0 for value in self.process_noise):
            raise ValueError(f"KalmanFilter: process_noise must be at least 0, not {self.process_noise}")
        if self.groups not in GROUPS:
            raise ValueError(f"KalmanFilter: groups must be {' or '.join(map(repr, GROUPS))}, not {self.groups!r}")

    def refuse(self, task: Task) -> None:
        """Other losses than sums of squares, dropout, backward layers, and a gradient's clip."""
        refuse_other(task.network, task.loss, "the Kalman filter")
        refuse_backward(task.network, "the Kalman filter")
        if task.clip is not None:
            raise ValueError("the Kalman filter has no gradient to clip: leave clip=None, or raise measurement_noise")

    def begin(self, task: Task, weights: Weights, state: Any) -> State:
        """With an `Estimate`."""
        with jax.enable_x64(True):
            wide = jax.tree.map(lambda w: jnp.asarray(w, jnp.float64), weights)
            first = partial(first_estimate, self)
            estimate = alike(state, first(wide) if task.members is None else jax.vmap(first)(wide))
            refuse_rounded(estimate, "the Kalman filter")
            return first_state(task, weights, estimate)

    def advance(self, task: Task, lessons: list[Bucket], state: State, epochs: range) -> tuple[State, Any, Any]:
        """Every sequence once in an epoch, in shuffled batches, in float64; weights in their own type."""
        with jax.enable_x64(True):
            wide = state._replace(weights=state.optimizer.weights)
            after, total, asked = passes(self, task, RTRL(), _in_float64(lessons), wide, epochs)
            own = jax.tree.map(lambda w, like: w.astype(like.dtype), after.weights, state.weights)
            return after._replace(weights=own), total, asked

    def ended(self, _: State) -> bool:
        """Never."""
        return False

    def step(
        self, routine: Routine, _: float | None, state: State, carry: Carried, stretch: Any
    ) -> tuple[tuple[State, Carried], tuple[Array, Array]]:
        """One stretch, and one update."""
        xs, targets, lengths = stretch
        given = Segment(xs, targets, lengths, {})
        after, carry, squares, asked = corrected_by(routine, self, state.optimizer, carry, given)
        return (taken(state, after.weights, after, jnp.isfinite(squares), asked), carry), (squares, asked)


class Estimate(NamedTuple):
    """What goes from update to update; with members, every array has a leading axis (K,).

    weights     in float64
    covariance  P, (groups, w, w), w the weights of the largest group; what a smaller one lacks is no weight's
    steps       updates so far
    """

    weights: Weights
    covariance: Array
    steps: Array


def first_estimate(optimizer: KalmanFilter, weights: Weights) -> Estimate:
    """Before the first update."""
    count, width = places(weights, optimizer.groups).shape
    first = jnp.broadcast_to(optimizer.covariance * jnp.eye(width), (count, width, width))
    return Estimate(weights, first, jnp.array(0, jnp.int32))


def _in_float64(lessons: list[Bucket]) -> list[Bucket]:
    """The sequences as the filter takes them."""
    return jax.tree.map(lambda v: v.astype(jnp.float64) if jnp.issubdtype(v.dtype, jnp.floating) else v, lessons)


def places(weights: Weights, groups: str) -> NDArray[np.int64]:
    """(groups, w): where the weights of each group are in the order of `ravel_pytree`; filled up with W, where none is.

    >>> places({"a": {"bias": np.zeros((1, 2)), "input": np.zeros((1, 3, 1, 2))}, "b": {"bias": np.zeros((1, 1))}}, "unit")
    array([[0, 2, 4, 6],
           [1, 3, 5, 7],
           [8, 9, 9, 9]])
    """
    leaves, tree = jax.tree.flatten(weights)
    sizes = [leaf.size for leaf in leaves]
    if groups == "network":
        return np.arange(sum(sizes))[None]
    ends = np.cumsum(sizes)
    # The last axis of every weight is that of the unit that hears by it.
    numbered = [np.arange(e - s, e).reshape(-1, w.shape[-1]) for e, s, w in zip(ends, sizes, leaves, strict=True)]
    by_layer = [jax.tree.leaves(own) for own in jax.tree.unflatten(tree, numbered).values()]
    heard = [row for own in by_layer if own for row in np.concatenate(own).T]
    made = np.full((len(heard), max(map(len, heard))), sum(sizes))
    for row, own in zip(made, heard, strict=True):
        row[: len(own)] = own
    return made


def corrected_by(
    routine: Routine, optimizer: KalmanFilter, before: Estimate, carry: Carried, given: Segment
) -> tuple[Estimate, Carried, Array, Array]:
    """One stretch and one update: the estimate, what is carried on, the squared error before it, and the number asked."""
    rows = residual_rows(routine.network, before.weights, routine.loss.residual, given, carry.history, carry.influence)
    r = rows.residuals
    after = corrected(optimizer, before, rows.jacobian, r)
    return after, Carried(rows.history, rows.influence), r @ r, losses.asked(given.targets).sum()


def corrected(optimizer: KalmanFilter, before: Estimate, jacobian: Array, r: Array) -> Estimate:
    """Equations (2) to (5), with dr/dw (m, W) and r (m,)."""
    flat, tree = ravel_pytree(before.weights)
    own, p = places(before.weights, optimizer.groups), before.covariance
    h = jnp.take(jacobian, own, axis=1, mode="fill", fill_value=0).transpose(1, 2, 0)  # (groups, w, m)
    ph = p @ h
    noise = _annealed(optimizer, optimizer.measurement_noise, before.steps)
    root = jnp.linalg.cholesky(noise * jnp.eye(r.size) + jnp.einsum("gwm,gwn->mn", h, ph))  # of A^-1
    # P H A H^T P as half^T half, which keeps P symmetric
    half = solve_triangular(root, ph.transpose(2, 0, 1).reshape(r.size, -1), lower=True).reshape(-1, *own.shape)
    step = jnp.einsum("mgw,m->gw", half, solve_triangular(root, r, lower=True))
    drift = _annealed(optimizer, optimizer.process_noise, before.steps) * jnp.eye(p.shape[-1])
    p = p - jnp.einsum("mgw,mgv->gwv", half, half) + drift
    return Estimate(tree(flat.at[own].add(-step, mode="drop")), p, before.steps + 1)


def _annealed(optimizer: KalmanFilter, ends: tuple[float, float], steps: Array) -> Any:
    first, last = ends
    return last + (first - last) * jnp.exp(-steps / optimizer.annealing)
