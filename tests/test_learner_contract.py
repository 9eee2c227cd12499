"""A learner of one's own: a wrapper trains to the numbers of what it wraps, and what breaks the contract is told in a line."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import throughtime as tt
from throughtime.learners import Learner
from throughtime.training.epochs import epochs_over

NETWORK, LOSS, ADAM = tt.fully_recurrent(1, 2, 1), tt.SquaredError(), optax.adam(0.05)
WEIGHTS = tt.init(NETWORK, 0)
DRAWN = np.random.default_rng(0)
PAIRS = [(DRAWN.normal(size=(n, 1)), DRAWN.normal(size=(n, 1))) for n in (4, 4, 6)]


@dataclass(frozen=True)
class Wrapped:
    """Another learner, and nothing else: all that `train` knows of it is the contract."""

    learner: Learner

    def init(self, network: tt.Network, weights: Any, batch: int, key: Any = None) -> Any:
        return self.learner.init(network, weights, batch, key)

    def learn(
        self, network: Any, weights: Any, carry: Any, xs: Any, targets: Any, loss: Any, lengths: Any = None
    ) -> Any:
        return self.learner.learn(network, weights, carry, xs, targets, loss, lengths=lengths)

    def exact_on(self, network: tt.Network) -> Any:
        return self.learner.exact_on(network)


def trained(learner: Any, **settings: Any) -> tt.Report:
    given: dict[str, Any] = {"epochs": 3, "batch": 2, "every": 2} | settings
    *_, last = tt.train(NETWORK, given.pop("weights", WEIGHTS), learner, LOSS, ADAM, PAIRS, **given)
    return last


def distance(one: Any, other: Any) -> float:
    return max(jax.tree.leaves(jax.tree.map(lambda a, b: float(np.abs(a - b).max()), one, other)))


@pytest.mark.parametrize("members", [None, 2])
@pytest.mark.parametrize("padding", [0.0, 9.0], ids=["two buckets", "one"])
@pytest.mark.parametrize("learner", [tt.WeightNoise(tt.BPTT(), 0.5), tt.WeightNoise(tt.RTRL(), 0.5)], ids=str)
def test_a_wrapper_trains_to_the_numbers_of_the_bare_learner(learner: Any, padding: float, members: int | None) -> None:
    weights = WEIGHTS if members is None else jax.tree.map(lambda w: jnp.stack([w] * members), WEIGHTS)
    settings = {"weights": weights, "padding": padding, "members": members, "look": 2}
    bare, wrapped = (trained(one, **settings).weights for one in (learner, Wrapped(learner)))
    assert distance(bare, wrapped) == 0
    assert distance(bare, trained(learner.learner, **settings).weights) > 1e-3, "there was noise"


@pytest.mark.parametrize("learner", [tt.BPTT(), tt.WeightNoise(tt.BPTT(), 0.5)], ids=["BPTT", "noise"])
def test_a_key_that_nobody_uses_is_not_in_the_program(learner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = []

    def seen(*given: Any) -> Any:
        programs.append(epochs_over.jitted.lower(*given).compile().as_text())
        return epochs_over(*given)

    monkeypatch.setattr("throughtime.training.epochs.epochs_over", seen)
    trained(learner, epochs=1)
    drawing = [program.count("threefry") + program.count(" xor(") for program in programs]
    assert all(bool(count) == (learner != tt.BPTT()) for count in drawing)
    assert len(drawing) == 2


def lesson_with(**changes: Any) -> Any:
    """A learner whose lessons are changed."""

    @dataclass(frozen=True)
    class Changed(Wrapped):
        def learn(self, *given: Any, **rest: Any) -> Any:
            carry, lesson = super().learn(*given, **rest)
            return carry, lesson._replace(**{name: change(getattr(lesson, name)) for name, change in changes.items()})

    return Changed(tt.BPTT())


def at_hidden(change: Any) -> Any:
    return lesson_with(gradients=lambda g: g | {"hidden": change(g["hidden"])})


@dataclass(frozen=True)
class Forgetful(Wrapped):
    """Carries no history."""

    def init(self, *given: Any, **rest: Any) -> Any:
        return tuple(self.learner.init(*given, **rest))


@dataclass(frozen=True)
class Alone(Wrapped):
    """Gives a lesson and carries nothing on."""

    def learn(self, *given: Any, **rest: Any) -> Any:
        return super().learn(*given, **rest)[1]


@dataclass(frozen=True)
class Growing(Wrapped):
    """Carries on more than it was given."""

    def learn(self, *given: Any, **rest: Any) -> Any:
        carry, lesson = super().learn(*given, **rest)
        return carry._replace(first=jnp.append(carry.first, True)), lesson


class Loose(Wrapped):
    """Without a hash, as a dataclass that is not frozen."""

    __hash__: Any = None


@pytest.mark.parametrize(
    ("learner", "words"),
    [
        (
            at_hidden(lambda own: own | {"recurrent": own["recurrent"][:, :1]}),
            "the gradient of the weight hidden/recurrent has shape (1, 1, 1, 2), but the weight (1, 2, 1, 2)",
        ),
        (at_hidden(lambda own: own | {"bias": own["bias"].sum()}), "the weight hidden/bias has shape (), but the"),
        (at_hidden(lambda own: {"bias": own["bias"]}), "has no gradient of the weight hidden/input"),
        (at_hidden(lambda own: own | {"more": own["bias"]}), "has a gradient of hidden/more, which is no weight"),
        (lesson_with(loss=lambda loss: loss * jnp.ones(3)), "the loss of its lesson has shape (3,); it is one number"),
        (Forgetful(tt.BPTT()), "init gives tuple, but what a learner carries is a NamedTuple with a field history"),
        (Alone(tt.BPTT()), "learn gives Lesson, not a pair (carry, Lesson)"),
        (Growing(tt.BPTT()), "learn carries on other arrays than it was given"),
        (Loose(tt.BPTT()), "has no hash, so compiled code cannot be kept for it: make it a @dataclass(frozen=True)"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value[:30],
)
def test_what_breaks_the_contract_is_told_in_one_line(learner: Any, words: str) -> None:
    for told in (learner, tt.WeightNoise(learner, 0.1)):
        with pytest.raises(ValueError) as error:  # noqa: PT011  # the words are compared below
            trained(told, epochs=1)
        assert words in str(error.value)
        assert "\n" not in str(error.value)
