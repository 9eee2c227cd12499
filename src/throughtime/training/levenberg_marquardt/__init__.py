"""Levenberg-Marquardt and Bayesian regularisation: training by the normal equations of all residuals.

    E = r^T r / n + decay w^T w,  H = J^T J / n,  g = J^T r / n + decay w                                           (1)
    (H + (decay + damping) I) step = -g                                                                             (2)

n is the number of residuals, so that damping, gradient and goal do not depend on the length of the record. An epoch finds
H and g once and tries steps: while E does not fall, damping is multiplied by `increase`; when it falls, by `decrease`.

Bayesian regularisation (MacKay's evidence) estimates, before each step, how many weights the data determine, and from that
the weight decay, alpha / (beta n) for the prior alpha and the noise beta:

    gamma = W - decay tr (H + decay I)^-1,  alpha = gamma / (2 w^T w),  beta = (n - gamma) / (2 r^T r)               (3)

From one epoch to the next the decay grows tenfold at most, from 1e-6: the errors of weights that have learned nothing yet
would shrink them to nothing. It is never below the least that is given: errors of a free run are alike from step to step, so
that they are worth less evidence than their number says.

Sources: M. Hagan, M. Menhaj, IEEE Trans. Neural Networks 5, 1994; F. D. Foresee, M. Hagan, ICNN 1997; D. MacKay, Neural
Computation 4, 1992. The solvers of optimistix and lineax take residuals as one function and hold its whole Jacobian, T W
numbers; here H is added up over time, so its steps are our own.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import jax
import numpy as np
from threadpoolctl import ThreadpoolController

from throughtime.engine import Weights
from throughtime.engine.door import placed
from throughtime.sequences import Bucket
from throughtime.training.epochs import EARLY, early_and_late
from throughtime.training.levenberg_marquardt.steps import BROKEN, GOING, epoch_of_steps, first_iterate, weights_in
from throughtime.training.method import State, Task, alike, first_state
from throughtime.training.residuals import refuse_other, refuse_rounded


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Levenberg-Marquardt; with `bayesian` it picks its own weight decay. The names of trainlm and trainbr in brackets.

    damping         the first one (mu)
    decrease        its factor after a step that lowers the error (mu_dec)
    increase        its factor after one that does not (mu_inc)
    largest         the end, when damping is above it (mu_max)
    least_gradient  the end, when the gradient of the mean squared error is shorter (min_grad)
    goal            the end, when the mean squared error is as small (goal)
    decay           weight decay, added to the mean squared error: decay w^T w; the least one if `bayesian`. Several: those
                    of the members, in turn
    bayesian        estimate the decay from the evidence, every epoch

    Cost of an epoch: O(T W^2 + W^3), memory O(W^2), for a few thousand weights W; always in float64. Every epoch takes all
    sequences at once, and no dropout is drawn.

    >>> import throughtime as tt
    >>> LevenbergMarquardt(bayesian=True).damping
    0.001
    """

    damping: float = 1e-3
    decrease: float = 0.1
    increase: float = 10.0
    largest: float = 1e10
    least_gradient: float = 1e-7
    goal: float = 0.0
    decay: float | tuple[float, ...] = 0.0
    bayesian: bool = False
    whole: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 < self.damping <= self.largest:
            raise ValueError(f"LevenbergMarquardt needs 0 < damping <= largest, not {self.damping}, {self.largest}")
        if not 0 < self.decrease < 1 < self.increase:
            wanted, given = "0 < decrease < 1 < increase", f"{self.decrease}, {self.increase}"
            raise ValueError(f"LevenbergMarquardt needs {wanted}, not {given}")
        for name in ("least_gradient", "goal", "decay"):
            value = getattr(self, name)
            if not np.size(value) or not np.all(np.asarray(value) >= 0):
                raise ValueError(f"LevenbergMarquardt: {name} must be at least 0, not {value}")

    def refuse(self, task: Task) -> None:
        """Other losses than sums of squares, dropout, and parts of a sequence."""
        for name in ("every", "clip"):
            if getattr(task, name) is not None:
                raise ValueError(f"Levenberg-Marquardt takes whole steps on all data at once: leave {name}=None")
        refuse_other(task.network, task.loss, "Levenberg-Marquardt")

    def begin(self, task: Task, weights: Weights, state: Any) -> State:
        """With an `Iterate`."""
        iterate = alike(state, first_iterate(self, weights, task.members))
        refuse_rounded(iterate, "Levenberg-Marquardt")
        return first_state(task, weights, iterate)

    def advance(self, task: Task, lessons: list[Bucket], state: State, epochs: range) -> tuple[State, Any, Any]:
        """A step for each epoch; weights in their own type."""
        with _threads().limit(limits=1, user_api="blas"):  # the matrices are small: threads would wait for each other
            iterate = state.optimizer
            for some in early_and_late(epochs):
                late = some.start > EARLY
                iterate = epoch_of_steps(task.network, task.loss, self, iterate, lessons, len(some), late)
            told = jax.device_get((iterate.squares, iterate.asked, iterate.ended, iterate.steps))
        squares, asked, reason, steps = told
        healthy, weights = placed(reason != BROKEN), weights_in(iterate, state.weights)
        return State(weights, iterate, healthy, placed(steps)), squares, asked

    def ended(self, state: State) -> bool:
        """True if no network goes on."""
        return bool(np.all(jax.device_get(state.optimizer.ended) != GOING))


@cache
def _threads() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401  # loads the BLAS that JAX uses, so that its threads can be found

    return ThreadpoolController()
