"""The Kalman filter as a trainer: its updates are those of the textbook, over networks written out in numpy."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import reference
import throughtime as tt
import zoo
from test_members import NETWORK, PAIRS, SEEDS, member, same, stacked
from throughtime.training.jacobian import normal_equations, residual_rows
from throughtime.training.kalman_filter import KalmanFilter, places
from throughtime.training.segments import Segment

ERROR = tt.SquaredError()
USUAL = KalmanFilter((2.0, 0.5), (1e-3, 1e-5), covariance=0.7, annealing=5.0)
TOLERANCE = 1e-10
Split = dict[str, dict[str, Any]]
Step = Callable[[Split, Any, Any], tuple[Any, Any]]


class Written(NamedTuple):
    """A network, and one step of it written out: (weights, state, input) -> (state, output)."""

    network: tt.Network
    state: int
    step: Step


def recurrent_step(w: Split, state: Any, x: Any) -> tuple[Any, Any]:
    hidden, output = w["hidden"], w["output"]
    a = np.tanh(x @ hidden["input"][0, :, 0] + state @ hidden["recurrent"][0, :, 0] + hidden["bias"][0])
    return a, a @ output["hidden"][0, :, 0] + output["bias"][0]


def lstm_step(w: Split, state: Any, x: Any) -> tuple[Any, Any]:
    hidden, output = w["hidden"], w["output"]
    a, c = np.split(state, 2)
    heard = np.einsum("s,skn->kn", x, hidden["input"][0]) + np.einsum("s,skn->kn", a, hidden["recurrent"][0])
    net = dict(zip(tt.units.lstm.nets_of(3), heard + hidden["bias"], strict=True))
    gate = {name: 1 / (1 + np.exp(-net[name])) for name in ("input", "forget", "output")}
    c = gate["forget"] * c + gate["input"] * np.tanh(net["cell"])
    a = gate["output"] * np.tanh(c)
    return np.concatenate([a, c]), a @ output["hidden"][0, :, 0] + output["bias"][0]


WRITTEN = {
    "fully recurrent": Written(tt.fully_recurrent(2, 4, 2), 4, recurrent_step),
    "lstm": Written(tt.lstm(2, 3, 2), 6, lstm_step),
}


def slopes(function: Callable[[Any], Any], at: Any) -> Any:
    """The Jacobian of an analytic function, by steps into the imaginary: exact but for rounding."""
    return np.stack([np.imag(function(at + 1e-30j * e)) / 1e-30 for e in np.eye(len(at))], axis=-1)


def split(flat: Any, like: Any) -> Split:
    """The flat weights as a tree; they may be complex, which `ravel_pytree` does not allow."""
    leaves, tree = jax.tree.flatten(like)
    parts = np.split(flat, np.cumsum([leaf.size for leaf in leaves])[:-1])
    return jax.tree.unflatten(tree, [p.reshape(leaf.shape) for p, leaf in zip(parts, leaves, strict=True)])


def grouped(network: tt.Network, weights: Any, groups: str) -> list[list[int]]:
    """Which of the flat weights belong together."""
    size = sum(leaf.size for leaf in jax.tree.leaves(weights))
    if groups == "network":
        return [list(range(size))]
    numbers = split(np.arange(size), weights)
    units = [(layer.name, n) for layer in network.layers for n in range(layer.size)]
    return [sorted(int(i) for w in numbers[name].values() for i in w[..., n].ravel()) for name, n in units]


class Stream:
    """One sequence, and what the weights did to its state: real-time recurrent learning as it is written down."""

    def __init__(self, written: Written, weights: Any, x: Any, target: Any) -> None:
        self.written, self.like, self.steps = written, weights, iter(zip(x, target, strict=True))
        size = sum(leaf.size for leaf in jax.tree.leaves(weights))
        self.state, self.influence = np.zeros(written.state), np.zeros((written.state, size))

    def go_on(self, flat: Any) -> tuple[Any, Any]:
        """dr/dw and r of the next step, of the outputs that are asked for; nothing beyond the end."""
        x, target = next(self.steps, (None, None))
        if x is None or target is None:
            return np.zeros((0, len(flat))), np.zeros(0)

        def both(w: Any, h: Any) -> Any:
            return np.concatenate(self.written.step(split(w, self.like), h, x))

        old, size = self.state, len(self.state)
        moved = slopes(lambda h: both(flat + 0j, h), old + 0j) @ self.influence
        moved = moved + slopes(lambda w: both(w, old + 0j), flat + 0j)
        values = both(flat, old)
        self.state, self.influence = values[:size], moved[:size]
        asked = ~np.isnan(target)
        return moved[size:][asked], (values[size:] - target)[asked]


def textbook(written: Written, optimizer: KalmanFilter, weights: Any, batches: list[Any]) -> tuple[Any, list[Any]]:
    """The decoupled extended Kalman filter, an update after every time step; flat weights and P of every group."""
    flat = np.array(ravel_pytree(weights)[0])
    own = grouped(written.network, weights, optimizer.groups)
    p = [optimizer.covariance * np.eye(len(group)) for group in own]
    updates = 0
    for streams in ([Stream(written, weights, *pair) for pair in batch] for batch in batches):
        for _ in range(max(len(pair[0]) for batch in batches for pair in batch)):
            parts = [stream.go_on(flat) for stream in streams]
            j, r = (np.concatenate(part) for part in zip(*parts, strict=True))
            if not len(r):
                continue
            noise, drift = (
                last + (first - last) * np.exp(-updates / optimizer.annealing)
                for first, last in (optimizer.measurement_noise, optimizer.process_noise)
            )
            a = np.linalg.inv(
                noise * np.eye(len(r)) + sum(j[:, g] @ pg @ j[:, g].T for g, pg in zip(own, p, strict=True))
            )
            for number, group in enumerate(own):
                h = j[:, group].T
                gain = p[number] @ h @ a
                flat[group] = flat[group] - gain @ r
                p[number] = p[number] - gain @ h.T @ p[number] + drift * np.eye(len(group))
            updates += 1
    return flat, p


def records(lengths: tuple[int, ...]) -> list[Any]:
    """Sequences whose target depends on the past; some outputs of some steps are not asked for."""
    draw, made = np.random.default_rng(4), []
    for length in lengths:
        x = draw.normal(size=(length, 2))
        target = np.stack([np.tanh(np.cumsum(x[:, 0])), np.roll(x[:, 1], 1)], axis=1)
        target[1, 0], target[2] = np.nan, np.nan
        made.append((x, target))
    return made


def learned(network: tt.Network, optimizer: Any, sequences: Any, **how: Any) -> Any:
    """The last report."""
    weights = how.pop("weights", None) or zoo.weights_of(network)
    *_, last = tt.train(network, weights, tt.RTRL(), ERROR, optimizer, sequences, **({"every": 1} | how))
    return last


@pytest.mark.parametrize("groups", ["unit", "network"])
@pytest.mark.parametrize("name", WRITTEN)
def test_its_updates_are_those_of_the_textbook(name: str, groups: Any) -> None:
    """Over two epochs of one sequence, so that the second begins from an influence of zero and a P that has learned."""
    written, optimizer = WRITTEN[name], replace(USUAL, groups=groups)
    weights, sequences = zoo.weights_of(written.network), records((6,))
    flat, p = textbook(written, optimizer, weights, [sequences, sequences])
    found = learned(written.network, optimizer, sequences, epochs=2)
    assert found.updates == 10  # one step of six asks for nothing
    assert zoo.distance(ravel_pytree(found.weights)[0], flat) < TOLERANCE
    for number, wanted in enumerate(p):
        got = found.optimizer_state.covariance[number, : len(wanted), : len(wanted)]
        assert zoo.distance(got, wanted) < TOLERANCE
    other = learned(written.network, replace(USUAL, groups={"unit": "network", "network": "unit"}[groups]), sequences)
    once, _ = textbook(written, optimizer, weights, [sequences])
    assert zoo.distance(ravel_pytree(other.weights)[0], once) > 1e-3


def test_the_sequences_of_a_batch_are_one_measurement() -> None:
    """Of unequal lengths: what lies beyond an end counts for nothing."""
    written = WRITTEN["lstm"]
    sequences = records((7, 4, 5))
    flat, _ = textbook(written, USUAL, zoo.weights_of(written.network), [sequences])
    found = learned(written.network, USUAL, sequences, epochs=1, padding=9.0)
    assert zoo.distance(ravel_pytree(found.weights)[0], flat) < TOLERANCE


def test_on_a_linear_unit_it_is_recursive_least_squares() -> None:
    """The ridge regression towards the first weights, in closed form; however the steps are put together."""
    network = tt.Network(3, (tt.Layer("y", 2, tt.units.linear, ("input",)),), "y")
    draw = np.random.default_rng(5)
    x = draw.normal(size=(20, 3))
    target = x @ draw.normal(size=(3, 2)) + 1 + 0.3 * draw.normal(size=(20, 2))
    weights, optimizer = zoo.weights_of(network), KalmanFilter((0.4, 0.4), (0.0, 0.0), covariance=2.0)
    heard, first = np.c_[x, np.ones(20)], np.r_[weights["y"]["input"][0, :, 0], weights["y"]["bias"]]
    wanted = np.linalg.solve(heard.T @ heard / 0.4 + np.eye(4) / 2, heard.T @ target / 0.4 + first / 2)
    for every in (1, 7, None):
        found = learned(network, optimizer, [(x, target)], every=every, epochs=1).weights["y"]
        assert zoo.distance(np.r_[found["input"][0, :, 0], found["bias"]], wanted) < TOLERANCE
    drifting = learned(network, replace(optimizer, process_noise=(0.1, 0.1)), [(x, target)], epochs=1).weights["y"]
    assert zoo.distance(np.r_[drifting["input"][0, :, 0], drifting["bias"]], wanted) > 1e-3


@pytest.mark.parametrize(("name", "steps"), [("learned delays in a loop", 1), ("lstm start", 1), ("narx gaps", 5)])
def test_the_rows_of_stretches_make_the_normal_equations(name: str, steps: int) -> None:
    """At fixed weights, carried from stretch to stretch."""
    network = zoo.NETWORKS[name]
    rows_of = jax.jit(partial(residual_rows, network), static_argnums=1)
    weights, xs, targets = zoo.weights_of(network), zoo.inputs_for(network, 5), zoo.targets_for(network, steps=5)
    given = Segment(reference.inputs_of(network, xs), targets, None, {})
    wanted = normal_equations(network, weights, ERROR.residual, given)
    carry, hessian, gradient = tt.RTRL().init(network, weights, targets.shape[1]), 0.0, 0.0
    for first in range(0, 5, steps):
        part = jax.tree.map(lambda v, first=first: v[first : first + steps], given)
        rows = rows_of(weights, ERROR.residual, part, carry.history, carry.influence)
        carry = carry._replace(history=rows.history, influence=rows.influence)
        hessian, gradient = hessian + rows.jacobian.T @ rows.jacobian, gradient + rows.jacobian.T @ rows.residuals
    assert zoo.distance((hessian, gradient), (wanted.hessian, wanted.gradient)) < TOLERANCE


@pytest.mark.parametrize("name", ["learned delays in a loop", "some nets, in any order", "elman stack", "lstm start"])
def test_a_group_is_what_a_unit_hears(name: str) -> None:
    network = zoo.NETWORKS[name]
    weights = zoo.weights_of(network)
    size = ravel_pytree(weights)[0].size
    found = [sorted(row[row < size].tolist()) for row in places(weights, "unit")]

    def numbers(own: Any, n: int) -> Iterator[int]:
        for leaf in jax.tree.leaves(own):
            yield from leaf[..., n].ravel().tolist()

    numbered = jax.tree.map(np.asarray, ravel_pytree(weights)[1](jnp.arange(float(size))))
    wanted = [sorted(map(int, numbers(numbered[m.name], n))) for m in network.layers for n in range(m.size)]
    assert sorted(found) == sorted(own for own in wanted if own)


def test_members_learn_what_each_learns_alone() -> None:
    settings: dict[str, Any] = {"epochs": 2, "validation": PAIRS[:1], "padding": 1.0, "batch": 1}
    together = learned(NETWORK, USUAL, PAIRS, weights=stacked(NETWORK), members=len(SEEDS), **settings)
    for k, seed in enumerate(SEEDS):
        alone = learned(NETWORK, USUAL, PAIRS, weights=tt.init(NETWORK, seed), **settings)
        same(member(together.weights, k), alone.weights)
        assert together.loss[k] == pytest.approx(alone.loss)


def test_looking_less_often_and_going_on_change_nothing() -> None:
    often = learned(NETWORK, USUAL, PAIRS, epochs=4, batch=1)
    same(learned(NETWORK, USUAL, PAIRS, epochs=4, batch=1, look=4).weights, often.weights)
    one = PAIRS[:1]  # with one sequence there is one order
    half = learned(NETWORK, USUAL, one, epochs=2)
    rest = learned(NETWORK, USUAL, one, epochs=2, weights=half.weights, optimizer_state=half.optimizer_state)
    same(rest.weights, learned(NETWORK, USUAL, one, epochs=4).weights)


def test_it_computes_in_float64_whatever_the_type_of_the_weights() -> None:
    wide = learned(NETWORK, USUAL, PAIRS, epochs=3)
    with jax.enable_x64(False):
        narrow = jax.tree.map(lambda w: np.asarray(w, np.float32), zoo.weights_of(NETWORK))
        found = learned(NETWORK, USUAL, PAIRS, epochs=3, weights=narrow)
    assert {leaf.dtype for leaf in jax.tree.leaves(found.weights)} == {np.dtype(np.float32)}
    assert {leaf.dtype for leaf in jax.tree.leaves(found.optimizer_state[:2])} == {np.dtype(np.float64)}
    assert zoo.distance(found.weights, wide.weights) < 1e-4


def test_numbers_that_are_not_finite_end_it() -> None:
    wild = jax.tree.map(lambda w: 1e200 * w, zoo.weights_of(NETWORK))
    with pytest.raises(tt.Diverged):
        learned(NETWORK, USUAL, PAIRS, weights=wild)


@pytest.mark.parametrize(
    ("network", "loss", "how", "message"),
    [
        (NETWORK, tt.BinaryCrossEntropy(), {}, "the Kalman filter needs a sum of squares"),
        (zoo.NETWORKS["dropout"], ERROR, {}, "the Kalman filter draws no dropout"),
        (zoo.NETWORKS["bidirectional lstm"], ERROR, {}, "the Kalman filter goes forward in time"),
        (NETWORK, ERROR, {"clip": 1.0}, "no gradient to clip: leave clip=None"),
    ],
)
def test_what_it_cannot_do_is_refused(network: tt.Network, loss: Any, how: Any, message: str) -> None:
    draw = np.random.default_rng(0)
    pair = (
        {name: draw.normal(size=(4, size)) for name, size in network.inputs},
        np.zeros((4, network.size_of(network.output))),
    )
    with pytest.raises(ValueError, match=message):
        tt.train(network, zoo.weights_of(network), tt.RTRL(), loss, USUAL, [pair], **how)


@pytest.mark.parametrize(
    "wrong",
    [
        {"measurement_noise": 3.0},
        {"measurement_noise": (1.0, 0.0)},
        {"process_noise": (-1.0, 0.0)},
        {"covariance": 0.0},
        {"annealing": 0.0},
        {"groups": "layer"},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"KalmanFilter: .*{next(iter(wrong))}"):
        KalmanFilter(**wrong)


def test_what_a_window_heard_before_is_there_however_time_is_cut() -> None:
    """A filter that learns nothing sees the loss of the weights; 17 steps have no blocks of equal length."""
    network, rng = tt.window(2, 3, 1, width=4), np.random.default_rng(0)
    weights, deaf = tt.init(network, 0), KalmanFilter((1e14, 1e14), (0.0, 0.0), covariance=1.0)
    pairs = [(rng.normal(size=(34, 2)), rng.normal(size=(34, 1)))]
    (report,) = tt.train(network, weights, tt.RTRL(), ERROR, deaf, pairs, every=17, epochs=1)
    assert report.loss == pytest.approx(tt.evaluate(network, weights, ERROR, pairs), rel=1e-9)
