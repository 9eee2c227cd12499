"""How weights are changed, as a value: the contract that `train` knows, and that an optimizer of your own obeys.

    method.refuse(task)                            a ValueError for what it cannot do
    method.begin(task, weights, state) -> State    before the first epoch; state: that of an earlier report, or None
    method.advance(task, lessons, state, epochs)   -> (State, loss, asked), after these epochs, of the last one
    method.ended(state) -> bool                    whether it goes no further

For methods of your own this module promises the names `State`, `Task`, `alike`, `first_state` and `whole_lesson`; a field
called `decay` is the weight decay that `Teaching(decay=...)` replaces.

`Gradient` makes one of an optax optimizer; `LevenbergMarquardt` and `KalmanFilter` are two. One of your own is a frozen
dataclass with these four methods and `whole`, given to `train` in the place of the optimizer:

>>> import optax, throughtime as tt
>>> @dataclass(frozen=True)
... class SteepestDescent:
...     "Steps so long along the mean gradient of all sequences."
...
...     length: float
...     whole = True
...
...     def refuse(self, task):
...         if task.every or task.clip or task.members:
...             raise ValueError("SteepestDescent takes whole steps of one network: leave every, clip and members")
...
...     def begin(self, task, weights, state):
...         return first_state(task, weights, alike(state, ()))
...
...     def advance(self, task, lessons, state, epochs):
...         for _ in epochs:
...             found = whole_lesson(task, state.weights, lessons)
...             scale = self.length / found.asked
...             weights = jax.tree.map(lambda w, g: w - scale * g, state.weights, found.gradients)
...             state = State(weights, (), state.healthy & jnp.isfinite(found.loss), state.updates + 1)
...         after = whole_lesson(task, state.weights, lessons)
...         return state, after.loss, after.asked
...
...     def ended(self, state):
...         return False
>>> network, echo = tt.elman(1, 3, 1), [([[1.0], [0.0]], [[0.0], [1.0]])]
>>> args = network, tt.init(network, 0), tt.BPTT(), tt.SquaredError(), SteepestDescent(0.1)
>>> first, *_, last = tt.train(*args, echo, epochs=20)
>>> last.updates, last.loss < first.loss
(20, True)
"""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from throughtime.engine import Weights
from throughtime.engine.door import own_order, placed
from throughtime.engine.programs import program
from throughtime.learners.contract import begun, taught
from throughtime.learners.lesson import Learner, Lesson
from throughtime.losses import Loss
from throughtime.network import Network
from throughtime.sequences import Bucket
from throughtime.training.leaves import Leaves


class State(NamedTuple):
    """What goes from epoch to epoch; with members K, every array has a leading axis (K,).

    weights    in the types they were given
    optimizer  a tree of arrays of the method's own: with it, and the weights, a later training goes on to the same numbers
    healthy    False from the first number that is not finite; nothing is updated after that
    updates    so far
    """

    weights: Weights
    optimizer: Any
    healthy: Array
    updates: Array


@dataclass(frozen=True)
class Task:
    """What `train` was told, as a method is told it.

    network, learner, loss  as `train` takes them
    every                   steps between two updates; None: one update per batch
    clip                    largest norm of the mean gradient; None: any
    batch                   sequences at a time
    seed                    of all that is drawn
    members                 networks side by side; None: one network, without that axis
    """

    network: Network
    learner: Learner
    loss: Loss
    every: int | None
    clip: float | None
    batch: int
    seed: int
    members: int | None

    @cached_property
    def key(self) -> NDArray[np.uint32]:
        """The data of a random key of this seed: arrays, which a compiled call takes faster than a key."""
        return np.asarray(jax.random.key_data(jax.random.key(self.seed)))


class Method(Protocol):
    """How weights are changed. `refuse`, `begin` and `advance` are told the task."""

    @property
    def whole(self) -> bool:
        """True if an epoch is a step on all sequences at once, and its loss that of the weights after it."""

    def refuse(self, task: Task) -> None:
        """Raise a ValueError, in one line with the remedy, if it cannot do this."""

    def begin(self, task: Task, weights: Weights, state: Any) -> State:
        """Before the first epoch; `alike` reads the optimizer state of an earlier report, also of one from a file."""

    def advance(self, task: Task, lessons: list[Bucket], state: State, epochs: range) -> tuple[State, Any, Any]:
        """Some epochs, counted from 1 over the whole training: the state; summed loss and number asked in the last of them.

        What is drawn may depend on the seed and the number of an epoch, never on how many epochs are one call: so training
        goes on from any report to the same numbers.
        """

    def ended(self, state: State) -> bool:
        """True if it goes no further."""


def first_state(task: Task, weights: Weights, optimizer: Any) -> State:
    """The state before the first epoch."""
    shape = () if task.members is None else (task.members,)
    return State(weights, optimizer, placed(np.ones(shape, bool)), placed(np.zeros(shape, int)))


def alike(state: Any, fresh: Any) -> Any:
    """The optimizer state of an earlier report, which must be as a fresh one is; the fresh one for None.

    raises  ValueError if it is of another optimizer or another network
    """
    if state is None:
        return fresh
    state = state.as_tree(fresh) if isinstance(state, Leaves) else own_order(state)
    if _shapes(state) != _shapes(fresh):
        raise ValueError(
            "optimizer_state is of another optimizer or another network; give that of a report of the same, or None to begin"
        )
    return state


_shapes = partial(jax.tree.map, jnp.shape)


def whole_lesson(task: Task, weights: Weights, lessons: list[Bucket]) -> Lesson:
    """The lesson of all sequences at once: summed loss, number asked and summed gradients; nothing is drawn.

    cost  that of the learner, over sequences as long as those they are padded to
    """
    parts = [_lesson_of(task.network, task.learner, task.loss, task.members, weights, bucket) for bucket in lessons]
    total: Lesson = jax.tree.map(lambda *some: sum(some[1:], some[0]), *parts)
    return total


@program("network", "learner", "loss", "members")
def _lesson_of(
    network: Network, learner: Learner, loss: Loss, members: int | None, weights: Weights, bucket: Bucket
) -> Lesson:
    def one(weights: Weights, bucket: Bucket) -> Lesson:
        carry = begun(learner, network, weights, len(bucket.lengths))
        carry = carry._replace(history=bucket.begin(carry.history))
        _, lesson = taught(learner, network, weights, carry, bucket.xs, bucket.targets, loss, bucket.lengths)
        return lesson._replace(outputs=None)

    return (
        one(weights, bucket) if members is None else jax.vmap(one, in_axes=(0, bucket.member_axes()))(weights, bucket)
    )
