"""Levenberg-Marquardt: the normal equations are those of the naive recursion, and its steps those of the textbook."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import reference
import throughtime as tt
import zoo
from throughtime import Layer, Network, units
from throughtime.engine.programs import forget
from throughtime.sequences import buckets, examples_of
from throughtime.training.jacobian import normal_equations
from throughtime.training.levenberg_marquardt import LevenbergMarquardt
from throughtime.training.levenberg_marquardt.steps import (
    BROKEN,
    FLAT,
    GOAL,
    GOING,
    STUCK,
    epoch_of_steps,
    first_iterate,
    weights_in,
)
from throughtime.training.segments import Segment

TOLERANCE = 1e-10
ERROR = tt.SquaredError()
LINEAR = Network({"x": 3}, [Layer("y", 1, units.linear, ["x"], bias=False)], "y")
KINDS = (  # one of each kind; that the rows of the sweep are right for every wiring is RTRL's law
    *("feedforward softmax", "tdnn gaps", "tdnn learned delays", "narx gaps", "narx start", "focused, heard late"),
    *(
        "lstm start",
        "two layers in a loop, start",
        "loop in a loop",
        "some nets, in any order",
        "own memory",
        "to and fro",
    ),
)


@cache
def _jacobian(network: Network) -> Any:
    """dy/dw (T, O, W) of one sequence, by the naive recursion, and y."""

    def outputs(flat: Any, like: Any, xs: Any) -> Any:
        tape = reference.unroll(network, ravel_pytree(like)[1](flat), xs)
        ys = tape["activities"][network.output]
        return ys, ys

    return jax.jit(jax.jacfwd(outputs, has_aux=True))


def known(network: Network, weights: Any, xs: Any, targets: Any, lengths: Any = None) -> tuple[Any, Any, float]:
    """J^T J, J^T r and r^T r, sequence by sequence."""
    inputs, flat = reference.inputs_of(network, xs), ravel_pytree(weights)[0]
    hessian, gradient, total = np.zeros((flat.size, flat.size)), np.zeros(flat.size), 0.0
    for b in range(targets.shape[1]):
        length = len(targets) if lengths is None else int(lengths[b])
        if length:
            rows, ys = _jacobian(network)(flat, weights, {name: x[:length, b] for name, x in inputs.items()})
            wanted = np.asarray(targets[:length, b])
            asked = ~np.isnan(wanted)
            j, r = np.asarray(rows)[asked], (np.asarray(ys) - wanted)[asked]
            hessian, gradient, total = hessian + j.T @ j, gradient + j.T @ r, total + r @ r
    return hessian, gradient, total


def found(
    network: Network, weights: Any, xs: Any, targets: Any, lengths: Any = None, before: Any = None, **cut: Any
) -> Any:
    """The same by the engine."""
    lengths = None if lengths is None else jnp.asarray(lengths)
    given = Segment(reference.inputs_of(network, xs), targets, lengths, before or {})
    return jax.jit(lambda w: normal_equations(network, w, ERROR.residual, given, **cut))(weights)


def case(network: Network, **shape: int) -> tuple[Any, Any, Any]:
    """Weights, inputs and targets, some of them NaN."""
    return zoo.weights_of(network), zoo.inputs_for(network, **shape), zoo.targets_for(network, **shape)


def off(got: Any, wanted: Any) -> float:
    """The distance of two normal equations."""
    return zoo.distance(tuple(got), tuple(np.asarray(part) for part in wanted))


@pytest.mark.parametrize("name", KINDS)
def test_the_normal_equations_are_those_of_the_naive_recursion(name: str) -> None:
    """Five steps, in blocks of two, each a chunk of its own."""
    network = zoo.NETWORKS[name]
    weights, xs, targets = case(network, steps=5)
    wanted = known(network, weights, xs, targets)
    assert zoo.alive(ravel_pytree(weights)[1](jnp.asarray(wanted[1])))
    assert off(found(network, weights, xs, targets, block=2, room=1), wanted) < TOLERANCE


@pytest.mark.parametrize("name", ["narx gaps", "window", "lstm start", "to and fro"])
def test_what_lies_beyond_the_end_of_a_sequence_counts_for_nothing(name: str) -> None:
    network, lengths = zoo.NETWORKS[name], (5, 3)
    weights, xs, targets = case(network, steps=5)
    xs, asked = jax.tree.map(lambda x: x.at[3:, 1].set(jnp.nan), xs), targets.at[3:, 1].set(jnp.nan)
    wanted = known(network, weights, xs, targets, lengths)
    assert off(found(network, weights, xs, asked, lengths, block=2, room=1), wanted) < TOLERANCE


def test_a_closed_loop_goes_on_from_measured_outputs() -> None:
    """Against the recursion of a NARX network, written out."""
    network = tt.narx(1, 3, 2, (0, 2), (1, 3))
    weights, xs, targets = case(network, steps=5, batch=1)
    draw = np.random.default_rng(7)
    u, y = draw.normal(size=(2, 1, 1)), draw.normal(size=(3, 1, 2))

    def residuals(flat: Any) -> Any:
        w = ravel_pytree(weights)[1](flat)
        hidden, output, past, given = w["hidden"], w["output"], list(y[:, 0]), [*u[:, 0], *xs[:, 0]]
        for t in range(5):
            heard = [a @ m[:, 0] for a, m in zip((given[t + 2], given[t]), hidden["input"], strict=True)]
            fed = [a @ m[:, 0] for a, m in zip((past[-1], past[-3]), hidden["output"], strict=True)]
            a = jnp.tanh(sum([*heard, *fed]) + hidden["bias"][0])
            past.append(a @ output["hidden"][0, :, 0] + output["bias"][0])
        r = (jnp.stack(past[3:]) - targets[:, 0]).ravel()
        return jnp.where(jnp.isnan(r), 0, r)

    flat = ravel_pytree(weights)[0]
    j, r = np.asarray(jax.jit(jax.jacrev(residuals))(flat)), np.asarray(residuals(flat))
    before = {"input": jnp.asarray(u), "output": jnp.asarray(y)}
    got = found(network, weights, xs, targets, before=before, block=2, room=1)
    assert off(got, (j.T @ j, j.T @ r, r @ r)) < TOLERANCE
    assert off(found(network, weights, xs, targets), (j.T @ j, j.T @ r, r @ r)) > 1e-2


@pytest.mark.parametrize("name", ["narx", "lstm", "tdnn", "narx open"])
def test_cutting_time_changes_nothing(name: str) -> None:
    network = zoo.NETWORKS[name]
    weights, xs, targets = case(network, steps=37)
    wanted = found(network, weights, xs, targets, block=37)
    assert off(found(network, weights, xs, targets), wanted) < TOLERANCE
    assert off(found(network, weights, xs, targets, block=4, room=5000), wanted) < TOLERANCE


def test_where_an_output_may_be_beyond_its_limit_nothing_is_asked() -> None:
    network = zoo.NETWORKS["jordan"]
    weights, xs, targets = case(network)
    ys = tt.run(network, weights, xs)[0]
    loss = tt.SquaredError(high=(float(jnp.median(ys[..., 0])), np.inf))
    targets = jnp.minimum(ys + targets - 0.5, jnp.asarray(loss.high))
    free = (targets == jnp.asarray(loss.high)) & (ys > targets)
    assert 0 < int(free.sum()) < int((targets == loss.high[0]).sum())
    wanted = known(network, weights, xs, jnp.where(free, jnp.nan, targets))
    given = Segment({"input": xs}, targets, None, {})
    assert off(normal_equations(network, weights, loss.residual, given), wanted) < TOLERANCE


def lessons(network: Network, sequences: Any, dtype: Any = np.float64) -> Any:
    """The sequences in buckets."""
    return buckets(examples_of(network, sequences, ERROR, 2), ERROR, dtype)


def record(network: Network, steps: int, seed: int = 3) -> tuple[Any, Any]:
    """Inputs and a target that depends on them, with a gap."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(steps, network.inputs[0][1]))
    target = np.sin(np.cumsum(x.sum(1)))[:, None] + 0.1 * draw.normal(size=(steps, network.size_of(network.output)))
    target[steps // 2] = np.nan
    return x, target


def by_hand(network: Network, optimizer: Any, weights: Any, sequences: Any, epochs: int) -> Any:
    """Levenberg-Marquardt in numpy: weights, their sum of squares, and damping."""
    flat, tree = ravel_pytree(weights)
    flat, damping = np.asarray(flat), optimizer.damping

    def sums(flat: Any) -> Any:
        each = [known(network, tree(flat), x[:, None], t[:, None]) for x, t in sequences]
        return [sum(parts) for parts in zip(*each, strict=True)]

    count = sum(int((~np.isnan(t)).sum()) for _, t in sequences)
    for _ in range(epochs):
        hessian, gradient, before = sums(flat)
        while True:
            damped = hessian / count + (damping + optimizer.decay) * np.eye(len(flat))
            moved = flat - np.linalg.solve(damped, gradient / count + optimizer.decay * flat)
            lower = sums(moved)[2] / count + optimizer.decay * moved @ moved
            if lower < before / count + optimizer.decay * flat @ flat:
                break
            damping *= optimizer.increase
        flat, damping = moved, damping * optimizer.decrease
    return flat, sums(flat)[2], damping


@pytest.mark.parametrize("decay", [0.0, 0.02])
def test_its_steps_are_those_of_the_textbook(decay: float) -> None:
    """On two records of different length, in two buckets; some steps are tried in vain."""
    network, optimizer = tt.narx(1, 2, 1, (0, 1), (1,)), LevenbergMarquardt(1e-5, decay=decay)
    weights, sequences = zoo.weights_of(network), [record(network, 6), record(network, 4, seed=4)]
    flat, total, damping = by_hand(network, optimizer, weights, sequences, 6)
    given = lessons(network, sequences)
    assert len(given) == 2
    progress, tried = first_iterate(optimizer, weights), 0
    for _ in range(6):
        progress = epoch_of_steps(network, ERROR, optimizer, progress, given)
        tried += int(progress.trials)
    assert tried > 6
    assert int(progress.steps) == 6
    assert int(progress.ended) == GOING
    assert int(progress.asked) == 8
    assert float(progress.damping) == pytest.approx(damping, rel=1e-9)
    assert float(progress.squares) == pytest.approx(total, rel=1e-6)
    assert np.allclose(ravel_pytree(progress.weights)[0], flat, rtol=1e-6, atol=1e-8)
    at_once = epoch_of_steps(network, ERROR, optimizer, first_iterate(optimizer, weights), given, epochs=6)
    assert zoo.distance(at_once.weights, progress.weights) < 1e-8


@pytest.mark.parametrize("form", ["kronecker", "careful"])
def test_numpy_s_levenberg_marquardt_goes_the_same_way(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The yardstick of the benchmarks, with two outputs."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent))
    from benchmarks import numpy_lm

    network, optimizer, delays = tt.narx(1, 3, 2, (0, 2), (1, 3)), LevenbergMarquardt(), numpy_lm.Delays((0, 2), (1, 3))
    weights = zoo.weights_of(network)
    x, target = record(network, 40)
    target[20] = 0.5
    hidden, output = weights["hidden"], weights["output"]
    inner = [hidden[key][:, :, 0].reshape(-1, 3) for key in ("input", "output")]
    plain = numpy_lm.Weights(
        np.concatenate([*inner, hidden["bias"]]).T, np.concatenate([output["hidden"][0, :, 0], output["bias"]]).T
    )
    found = numpy_lm.train(plain, delays, x, target, 4, getattr(numpy_lm, form), numpy_lm.cholesky)
    progress = epoch_of_steps(
        network, ERROR, optimizer, first_iterate(optimizer, weights), lessons(network, [(x, target)]), epochs=4
    )
    assert float(progress.squares) / target.size == pytest.approx(found[1], rel=1e-8)
    assert np.allclose(progress.weights["output"]["hidden"][0, :, 0], found[0].outer[:, :-1].T, rtol=1e-6)


def test_members_go_their_own_ways() -> None:
    """Each with its own weights, and what is asked of one is not asked of the other."""
    network, optimizer = tt.elman(1, 2, 1), LevenbergMarquardt(bayesian=True)
    x, target = record(network, 9)
    both = np.stack([target, target])
    both[0, :3], both[1, -4:] = np.nan, np.nan
    several = [zoo.weights_of(network, seed) for seed in (0, 1)]
    stacked = jax.tree.map(lambda *w: jnp.stack(w), *several)
    given = lessons(network, [(x, both)])
    together = epoch_of_steps(network, ERROR, optimizer, first_iterate(optimizer, stacked, 2), given, epochs=3)
    for k, weights in enumerate(several):
        alone = epoch_of_steps(
            network, ERROR, optimizer, first_iterate(optimizer, weights), lessons(network, [(x, both[k])]), epochs=3
        )
        assert int(alone.asked) == (5, 4)[k]
        assert zoo.distance(jax.tree.map(lambda leaf, k=k: leaf[k], together), alone) < 1e-8


def test_many_records_go_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    network, optimizer = tt.jordan(1, 2, 1), LevenbergMarquardt()
    sequences, weights = [record(network, 5, seed) for seed in range(5)], zoo.weights_of(network)
    given = lessons(network, sequences)
    at_once = epoch_of_steps(network, ERROR, optimizer, first_iterate(optimizer, weights), given)
    forget()
    monkeypatch.setattr("throughtime.training.levenberg_marquardt.steps.ROOM", 400)
    in_groups = epoch_of_steps(network, ERROR, optimizer, first_iterate(optimizer, weights), given)
    assert zoo.distance(in_groups, at_once) < TOLERANCE
    forget()


def linear(steps: int = 40) -> tuple[Any, Any]:
    """Inputs and what a linear neuron makes of them, with noise."""
    draw = np.random.default_rng(5)
    x = draw.normal(size=(steps, 3))
    return x, x @ np.array([[1.0], [-0.5], [0.02]]) + 0.3 * draw.normal(size=(steps, 1))


def test_a_linear_neuron_ends_at_the_least_squares() -> None:
    x, target = linear()
    optimizer = LevenbergMarquardt()
    progress = first_iterate(optimizer, zoo.weights_of(LINEAR))
    progress = epoch_of_steps(LINEAR, ERROR, optimizer, progress, lessons(LINEAR, [(x, target)]), epochs=20)
    right = np.linalg.lstsq(x, target, rcond=None)[0]
    assert int(progress.ended) == FLAT
    assert np.allclose(progress.weights["y"]["x"][0, :, 0], right, atol=1e-6)


def test_weights_that_do_the_same_do_no_harm() -> None:
    """J^T J is singular: the same input three times."""
    x, target = linear()
    optimizer = LevenbergMarquardt(1e-20, least_gradient=1e-9)
    given = lessons(LINEAR, [(x[:, [0, 0, 0]], target)])
    progress = epoch_of_steps(
        LINEAR, ERROR, optimizer, first_iterate(optimizer, zoo.weights_of(LINEAR)), given, epochs=30
    )
    best = np.linalg.lstsq(x[:, :1], target, rcond=None)[1][0]
    assert float(progress.squares) == pytest.approx(best, rel=1e-9)


def test_the_evidence_is_that_of_bayesian_ridge_regression() -> None:
    """scikit-learn's, at its fixed point."""
    from sklearn.linear_model import BayesianRidge

    x, target = linear()
    flat = {"alpha_1": 0, "alpha_2": 0, "lambda_1": 0, "lambda_2": 0}
    peer = BayesianRidge(fit_intercept=False, tol=1e-14, max_iter=10000, **flat).fit(x, target[:, 0])
    optimizer = LevenbergMarquardt(bayesian=True, least_gradient=0)
    progress = first_iterate(optimizer, zoo.weights_of(LINEAR))
    progress = epoch_of_steps(LINEAR, ERROR, optimizer, progress, lessons(LINEAR, [(x, target)]), epochs=60)
    assert np.allclose(progress.weights["y"]["x"][0, :, 0, 0], peer.coef_, rtol=1e-6)
    assert float(progress.decay) == pytest.approx(peer.lambda_ / (peer.alpha_ * len(x)), rel=1e-5)
    assert 2 < float(progress.gamma) < 3


@pytest.mark.parametrize("bayesian", [False, True])
def test_several_decays_are_those_of_the_members_in_turn(bayesian: bool) -> None:
    given, weights = lessons(LINEAR, [linear()]), zoo.weights_of(LINEAR)
    decays = 0.0, 0.5
    together = LevenbergMarquardt(decay=decays, bayesian=bayesian)
    members = jax.tree.map(lambda w: np.stack([w] * 3), weights)
    found = epoch_of_steps(LINEAR, ERROR, together, first_iterate(together, members, 3), given, epochs=8)
    for place, decay in enumerate((*decays, 0.0)):
        alone = LevenbergMarquardt(decay=decay, bayesian=bayesian)
        wanted = epoch_of_steps(LINEAR, ERROR, alone, first_iterate(alone, weights), given, epochs=8)
        own = jax.tree.map(lambda w, at=place: w[at], found.weights)
        assert zoo.distance(own, wanted.weights) < 1e-8
        assert float(found.decay[place]) == pytest.approx(float(wanted.decay), rel=1e-6)
    assert float(found.decay[1]) == 0.5  # the evidence asks for less
    with pytest.raises(ValueError, match="decay must be at least 0"):
        LevenbergMarquardt(decay=(0.1, -0.1))


def test_weights_that_have_learned_nothing_are_not_shrunk_to_nothing() -> None:
    """Eleven weights and six numbers: the first estimate of the decay would be of order one."""
    network, optimizer = tt.jordan(1, 3, 1), LevenbergMarquardt(bayesian=True)
    progress = first_iterate(optimizer, zoo.weights_of(network))
    for largest in (1e-6, 1e-5, 1e-4):
        progress = epoch_of_steps(network, ERROR, optimizer, progress, lessons(network, [record(network, 7)]))
        assert 0 < float(progress.decay) <= 1.001 * largest


def test_it_says_why_it_ended_and_then_changes_nothing() -> None:
    network = tt.jordan(1, 2, 1)
    x, target = record(network, 6)
    given, weights = lessons(network, [(x, target)]), zoo.weights_of(network)
    wild = jax.tree.map(lambda w: 1e200 * w, weights)
    cases = [
        (LevenbergMarquardt(goal=1e3), weights, GOAL),
        (LevenbergMarquardt(1e-3, largest=1e-3, increase=1e9), wild, BROKEN),
        (LevenbergMarquardt(least_gradient=1e9), weights, FLAT),
    ]
    for optimizer, first, reason in cases:
        progress = epoch_of_steps(network, ERROR, optimizer, first_iterate(optimizer, first), given, epochs=3)
        assert int(progress.ended) == reason
        assert zoo.distance(progress.weights, first) == 0
    optimizer = LevenbergMarquardt(least_gradient=0)
    progress = epoch_of_steps(
        LINEAR, ERROR, optimizer, first_iterate(optimizer, zoo.weights_of(LINEAR)), lessons(LINEAR, [linear()]), 40
    )
    assert int(progress.ended) == STUCK
    assert float(progress.damping) > optimizer.largest


def test_it_computes_in_float64_whatever_the_setting() -> None:
    network, optimizer = tt.elman(1, 2, 1), LevenbergMarquardt()
    sequences, weights = [record(network, 6)], zoo.weights_of(network)
    wide = epoch_of_steps(
        network, ERROR, optimizer, first_iterate(optimizer, weights), lessons(network, sequences), epochs=2
    )
    with jax.enable_x64(False):
        narrow = jax.tree.map(lambda w: np.asarray(w, np.float32), weights)
        progress = first_iterate(optimizer, narrow)
        progress = epoch_of_steps(
            network, ERROR, optimizer, progress, lessons(network, sequences, np.float32), epochs=2
        )
        assert {leaf.dtype for leaf in jax.tree.leaves(progress.weights)} == {np.dtype(np.float64)}
        assert {leaf.dtype for leaf in jax.tree.leaves(weights_in(progress, narrow))} == {np.dtype(np.float32)}
    assert zoo.distance(progress.weights, wide.weights) < 1e-3


@pytest.mark.parametrize(
    ("network", "loss", "message"),
    [(LINEAR, tt.BinaryCrossEntropy(), "sum of squares"), (zoo.NETWORKS["dropout"], ERROR, "draws no dropout")],
)
def test_what_it_cannot_do_is_refused(network: Network, loss: Any, message: str) -> None:
    optimizer = LevenbergMarquardt()
    with pytest.raises(ValueError, match=message):
        epoch_of_steps(network, loss, optimizer, first_iterate(optimizer, zoo.weights_of(network)), [])


@pytest.mark.parametrize("wrong", [{"damping": 0}, {"damping": 1e11}, {"decrease": 1}, {"increase": 1}, {"goal": -1}])
def test_settings_that_make_no_sense_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="LevenbergMarquardt"):
        replace(LevenbergMarquardt(), **wrong)
