"""A method of one's own, in one file outside the package: L-BFGS on all sequences at once, trained by `train`."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

import throughtime as tt
from throughtime.training.gradient import Gradient
from throughtime.training.method import Method, State, Task, alike, first_state, whole_lesson


class Pairs(NamedTuple):
    """The last steps s and differences of gradients y (pairs, W), the latest last; how many there are; at an end."""

    s: Any
    y: Any
    known: Any
    ended: Any


@dataclass(frozen=True)
class LBFGS:
    """Quasi-Newton steps d = -H g, H from the last pairs s, y (Nocedal's two loops), halved until the error falls."""

    pairs: int = 6
    halvings: int = 30
    whole: ClassVar[bool] = True

    def refuse(self, task: Task) -> None:
        if task.every is not None or task.clip is not None or task.members is not None:
            raise ValueError("L-BFGS takes whole steps of one network: leave every, clip and members None")

    def begin(self, task: Task, weights: Any, state: Any) -> State:
        size = ravel_pytree(weights)[0].size
        none = np.zeros((self.pairs, size))
        return first_state(task, weights, alike(state, Pairs(none, none, np.array(0), np.array(False))))

    def advance(self, task: Task, lessons: Any, state: State, epochs: range) -> tuple[State, Any, Any]:
        flat, tree = ravel_pytree(state.weights)
        at, here = np.asarray(flat), None
        pairs = jax.tree.map(np.asarray, state.optimizer)
        for _ in epochs:
            here = self._judged(task, tree, lessons, at) if here is None else here
            at, here, pairs = self._stepped(lambda w: self._judged(task, tree, lessons, w), at, here, pairs)
        moved = state.updates + len(epochs)
        return State(tree(at), pairs, state.healthy & np.isfinite(here[0]), moved), here[0], here[2]

    def ended(self, state: State) -> bool:
        return bool(state.optimizer.ended)

    def _judged(self, task: Task, tree: Any, lessons: Any, flat: Any) -> tuple[float, Any, int]:
        found = whole_lesson(task, tree(flat), lessons)
        return float(found.loss), np.asarray(ravel_pytree(found.gradients)[0]), int(found.asked)

    def _stepped(self, judged: Any, at: Any, here: Any, pairs: Pairs) -> tuple[Any, Any, Pairs]:
        direction = -two_loops(here[1], pairs)
        if direction @ here[1] >= 0:
            direction = -here[1]
        for halving in range(self.halvings):
            moved = at + 0.5**halving * direction
            there = judged(moved)
            if there[0] < here[0] + 1e-4 * 0.5**halving * (direction @ here[1]):
                break
        else:
            return at, here, pairs._replace(ended=np.array(True))
        s, y = moved - at, there[1] - here[1]
        if s @ y > 1e-12 * (y @ y):
            new = [np.vstack([old[1:], row]) for old, row in ((pairs.s, s), (pairs.y, y))]
            pairs = Pairs(*new, np.minimum(pairs.known + 1, self.pairs), pairs.ended)
        return moved, there, pairs


def two_loops(gradient: Any, pairs: Pairs) -> Any:
    """H g."""
    q, used = np.array(gradient), []
    for s, y in list(zip(pairs.s, pairs.y, strict=True))[::-1][: int(pairs.known)]:
        share = (s @ q) / (s @ y)
        used.append((s, y, share))
        q = q - share * y
    if used:
        s, y, _ = used[0]
        q = q * (s @ y) / (y @ y)
    for s, y, share in used[::-1]:
        q = q + s * (share - (y @ q) / (s @ y))
    return q


@dataclass(frozen=True)
class Wrapped:
    """Another method, and nothing else: all that `train` knows of it is the contract."""

    method: Method

    @property
    def whole(self) -> bool:
        return self.method.whole

    def refuse(self, task: Task) -> None:
        self.method.refuse(task)

    def begin(self, task: Task, weights: Any, state: Any) -> State:
        return self.method.begin(task, weights, state)

    def advance(self, task: Task, lessons: Any, state: State, epochs: range) -> tuple[State, Any, Any]:
        return self.method.advance(task, lessons, state, epochs)

    def ended(self, state: State) -> bool:
        return self.method.ended(state)


LOSS, DRAWN = tt.SquaredError(), np.random.default_rng(0)
X = [DRAWN.normal(size=(n, 2)) for n in (5, 9, 9)]


def test_on_a_linear_network_it_finds_least_squares() -> None:
    network = tt.Network(2, (tt.Layer("output", 1, tt.units.linear, ("input",)),), "output")
    y = [x @ [[1.0], [-2.0]] + 3 + 0.1 * DRAWN.normal(size=(len(x), 1)) for x in X]
    args = network, tt.init(network, 0), tt.BPTT(), LOSS, LBFGS(), list(zip(X, y, strict=True))
    *_, last = tt.train(*args, epochs=60)
    rows = np.concatenate([np.hstack([x, np.ones((len(x), 1))]) for x in X])
    wanted, squares, *_ = np.linalg.lstsq(rows, np.concatenate(y), rcond=None)
    found = [*np.ravel(last.weights["output"]["input"]), *np.ravel(last.weights["output"]["bias"])]
    np.testing.assert_allclose(found, np.ravel(wanted), atol=1e-6)
    assert last.lesson.loss == pytest.approx(float(squares[0]))
    assert last.loss == pytest.approx(tt.evaluate(network, last.weights, LOSS, args[-1]))
    assert last.epoch < 60, "it says itself that it has ended"


def test_it_learns_a_recurrent_network_with_less_error_than_steps_along_the_gradient() -> None:
    network = tt.fully_recurrent(2, 3, 1)
    echo = [(x, np.vstack([np.zeros((1, 1)), x[:-1, :1]])) for x in X]
    args = network, tt.init(network, 0), tt.BPTT(), LOSS
    own, plain = ([*tt.train(*args, optimizer, echo, epochs=30)] for optimizer in (LBFGS(), optax.sgd(0.1)))
    losses = [report.loss for report in own]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.5 * plain[-1].loss
    for report in own:  # the loss of a whole step is that of the weights after it
        assert report.best_loss == pytest.approx(tt.evaluate(network, report.best, LOSS, echo))


@pytest.mark.parametrize(
    "method",
    [Gradient(optax.adam(0.1)), tt.LevenbergMarquardt(goal=0.3), tt.KalmanFilter()],
    ids=["adam", "LM", "filter"],
)
def test_a_wrapper_trains_to_the_numbers_of_the_bare_method(method: Any) -> None:
    network, echo = tt.fully_recurrent(2, 3, 1), [(x, np.vstack([np.zeros((1, 1)), x[:-1, :1]])) for x in X]
    args = network, tt.init(network, 0), tt.BPTT(), LOSS
    given: dict[str, Any] = {"sequences": echo, "epochs": 30, "look": 3, "validation": echo[:1]}
    bare, wrapped = ([*tt.train(*args, one, **given)] for one in (method, Wrapped(method)))
    assert [r.epoch for r in bare] == [r.epoch for r in wrapped]
    assert (bare[-1].epoch < 30) == (method == tt.LevenbergMarquardt(goal=0.3)), "its own end"
    for name in ("weights", "best", "loss", "best_loss", "updates"):
        pairs = zip(*(jax.tree.leaves(getattr(reports[-1], name)) for reports in (bare, wrapped)), strict=True)
        assert all(np.array_equal(one, other) for one, other in pairs)


def test_what_it_refuses_is_told_before_any_work() -> None:
    network = tt.fully_recurrent(2, 3, 1)
    args = network, tt.init(network, 0), tt.BPTT(), LOSS
    with pytest.raises(ValueError, match="L-BFGS takes whole steps of one network"):
        tt.train(*args, LBFGS(), [(X[0], X[0][:, :1])], every=2)
    with pytest.raises(ValueError, match=r"the optimizer must be one such as optax.adam\(0.01\)"):
        tt.train(*args, Pairs(0, 0, 0, 0), [(X[0], X[0][:, :1])])  # type: ignore[arg-type]
