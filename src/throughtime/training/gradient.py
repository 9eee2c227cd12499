"""Training by gradients: a learner finds them, an optimizer of optax makes steps of them."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax

from throughtime.engine import Weights
from throughtime.engine.programs import program
from throughtime.learners.contract import a_learner, taught
from throughtime.network import Network
from throughtime.sequences import Bucket
from throughtime.training.epochs import Routine, norm, passes, taken
from throughtime.training.method import State, Task, alike, first_state


@dataclass(frozen=True)
class Gradient:
    """An optimizer of optax as a method: one of its steps after every stretch, along the mean gradient of what was asked."""

    optimizer: optax.GradientTransformation
    whole: ClassVar[bool] = False

    def refuse(self, task: Task) -> None:
        """Something that is no learner."""
        a_learner(task.learner)

    def begin(self, task: Task, weights: Weights, state: Any) -> State:
        """With the optimizer's state."""
        return first_state(task, weights, alike(state, _fresh(task.network, self.optimizer, task.members, weights)))

    def advance(self, task: Task, lessons: list[Bucket], state: State, epochs: range) -> tuple[State, Any, Any]:
        """Every sequence once in an epoch, in shuffled batches."""
        return passes(self, task, task.learner, lessons, state, epochs)

    def ended(self, _: State) -> bool:
        """Never."""
        return False

    def step(
        self, routine: Routine, clip: float | None, state: State, carry: Any, stretch: Any
    ) -> tuple[tuple[State, Any], tuple[Any, Any]]:
        """One stretch, and one step of the optimizer along the mean gradient."""
        xs, targets, lengths = stretch
        given = routine.network, state.weights, carry, xs, targets, routine.loss, lengths
        carry, lesson = taught(routine.learner, *given)
        gradients = jax.tree.map(lambda g: g / jnp.maximum(lesson.asked, 1).astype(g.dtype), lesson.gradients)
        size = norm(gradients)
        if clip is not None:
            gradients = jax.tree.map(lambda g: g * (clip / jnp.maximum(size, clip)).astype(g.dtype), gradients)
        steps, after = self.optimizer.update(gradients, state.optimizer, state.weights)
        weights = optax.apply_updates(state.weights, steps)
        finite = jnp.isfinite(lesson.loss) & jnp.isfinite(size)
        return (taken(state, weights, after, finite, lesson.asked), carry), (lesson.loss, lesson.asked)


@program("network", "optimizer", "members")
def _fresh(network: Network, optimizer: Any, members: int | None, weights: Weights) -> Any:  # noqa: ARG001
    """The optimizer's state before its first step."""
    return (optimizer.init if members is None else jax.vmap(optimizer.init))(weights)
