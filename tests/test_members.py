"""Networks trained side by side learn what each learns alone; true histories take the place of the start."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import throughtime as tt

LOSS, ADAM = tt.SquaredError(), optax.adam(0.05)
NETWORK = tt.narx(1, 3, 1, range(2), (1, 2))
DRAWN = np.random.default_rng(0)
XS = [DRAWN.normal(size=(n, 1)) for n in (8, 5)]
YS = [np.cumsum(0.3 * x, axis=0) for x in XS]
PAIRS = list(zip(XS, YS, strict=True))
SEEDS = (0, 1, 2)


def stacked(network: tt.Network, seeds: tuple[int, ...] = SEEDS) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(tt.init(network, seed) for seed in seeds))


def member(tree: Any, k: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[k], tree)


def same(one: Any, other: Any, atol: float = 1e-10) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=atol, rtol=0), one, other)


@pytest.mark.parametrize("learner", [tt.BPTT(), tt.RTRL(), tt.BPTT(horizon=3)], ids=str)
@pytest.mark.parametrize("every", [None, 3])
def test_members_learn_what_each_learns_alone(learner: Any, every: int | None) -> None:
    settings: dict[str, Any] = {"epochs": 3, "every": every, "validation": PAIRS[:1], "clip": 1.0, "padding": 1.0}
    *_, together = tt.train(NETWORK, stacked(NETWORK), learner, LOSS, ADAM, PAIRS, members=3, **settings)
    for k, seed in enumerate(SEEDS):
        *_, alone = tt.train(NETWORK, tt.init(NETWORK, seed), learner, LOSS, ADAM, PAIRS, **settings)
        same(member(together.weights, k), alone.weights)
        same(member(together.best, k), alone.best)
        for field in ("loss", "validation", "best_loss", "best_epoch", "updates"):
            assert getattr(together, field)[k] == pytest.approx(getattr(alone, field), abs=1e-10)


def test_each_member_keeps_its_best_weights() -> None:
    settings: dict[str, Any] = {"epochs": 12, "validation": PAIRS[1:], "members": 3}
    made = list(tt.train(NETWORK, stacked(NETWORK), tt.BPTT(), LOSS, optax.adam(0.3), PAIRS[:1], **settings))
    found = np.stack([report.validation for report in made])
    best = found.argmin(axis=0)
    assert len(set(best.tolist())) > 1  # else this would tell nothing
    assert made[-1].best_epoch.tolist() == (best + 1).tolist()
    for k, epoch in enumerate(best):
        assert made[-1].best_loss[k] == found[epoch, k]
        same(member(made[-1].best, k), member(made[epoch].weights, k), atol=0)


def test_each_member_may_be_asked_something_else() -> None:
    x, y = PAIRS[0]
    masks = np.array([[0, 1], [2, 5], [5, 8]])
    own = np.stack([np.where((np.arange(8) >= a)[:, None] & (np.arange(8) < b)[:, None], np.nan, y) for a, b in masks])
    *_, together = tt.train(NETWORK, stacked(NETWORK), tt.BPTT(), LOSS, ADAM, [(x, own)], epochs=2, members=3)
    for k, seed in enumerate(SEEDS):
        *_, alone = tt.train(NETWORK, tt.init(NETWORK, seed), tt.BPTT(), LOSS, ADAM, [(x, own[k])], epochs=2)
        same(member(together.weights, k), alone.weights)
    with pytest.raises(ValueError, match="leading axis is for the members"):
        tt.train(NETWORK, stacked(NETWORK), tt.BPTT(), LOSS, ADAM, [(x, own[:2])], members=3)
    own[1] = np.nan
    with pytest.raises(ValueError, match="nothing is asked of member 1"):
        tt.train(NETWORK, stacked(NETWORK), tt.BPTT(), LOSS, ADAM, [(x, own)], members=3)
    with pytest.raises(ValueError, match="stack the weights of 3 networks"):
        tt.train(NETWORK, tt.init(NETWORK, 0), tt.BPTT(), LOSS, ADAM, [(x, y)], members=3)


@pytest.mark.parametrize("pairs", [PAIRS, PAIRS[:1]], ids=["two buckets", "one"])
@pytest.mark.parametrize("members", [None, 3])
def test_looking_less_often_changes_nothing_else(pairs: Any, members: int | None) -> None:
    weights = tt.init(NETWORK, 0) if members is None else stacked(NETWORK)
    settings: dict[str, Any] = {"epochs": 5, "validation": pairs, "members": members, "padding": 0.0}
    often = list(tt.train(NETWORK, weights, tt.BPTT(), LOSS, ADAM, pairs, **settings))
    rarely = list(tt.train(NETWORK, weights, tt.BPTT(), LOSS, ADAM, pairs, look=2, **settings))
    assert [report.epoch for report in rarely] == [2, 4, 5]
    for report in rarely:
        same(report.weights, often[report.epoch - 1].weights)
        same(report.loss, often[report.epoch - 1].loss)
        same(report.validation, often[report.epoch - 1].validation)


def test_dropout_differs_from_member_to_member() -> None:
    connection = tt.Connection("input", dropout=0.5)
    network = tt.Network(8, (tt.Layer("output", 1, tt.units.linear, (connection,)),), "output")
    pairs = [(DRAWN.normal(size=(3, 8)), np.ones((3, 1)))]
    *_, report = tt.train(network, stacked(network, (0, 0)), tt.BPTT(), LOSS, ADAM, pairs, epochs=1, members=2)
    first, second = (report.weights["output"]["input"][k] for k in range(2))
    assert np.abs(np.asarray(first - second)).max() > 1e-3


def test_a_member_that_diverges_does_not_stop_the_others() -> None:
    weights = stacked(NETWORK)
    weights["output"]["hidden"] = weights["output"]["hidden"].at[1].set(np.inf)
    *_, report = tt.train(NETWORK, weights, tt.BPTT(), LOSS, ADAM, PAIRS[:1], epochs=3, members=3)
    assert np.isinf(report.best_loss).tolist() == [False, True, False]
    assert report.updates.tolist() == [3, 0, 3]
    broken = jax.tree.map(lambda leaf: leaf.at[:].set(np.inf), weights)
    with pytest.raises(tt.Diverged, match="diverged in epoch 1"):
        list(tt.train(NETWORK, broken, tt.BPTT(), LOSS, ADAM, PAIRS[:1], members=3))


@pytest.mark.parametrize("learner", [tt.BPTT(), tt.RTRL(), tt.BPTT(horizon=9), tt.Backprop()], ids=str)
def test_a_true_history_is_what_the_steps_before_would_leave(learner: Any) -> None:
    network = NETWORK.open_loop() if isinstance(learner, tt.Backprop) else NETWORK
    names = [name for name, _ in network.inputs]
    x = {name: DRAWN.normal(size=(6, 1)) for name in names}
    past = {source: DRAWN.normal(size=(2, 1)) for source in ("input", network.feedback)}
    given = [(x, np.ones((6, 1)), past)]
    weights, sgd = tt.init(network, 0), optax.sgd(0.1)
    *_, report = tt.train(network, weights, learner, LOSS, sgd, given, epochs=1)
    carry = learner.init(network, weights, 1)
    rows = {
        "input": jnp.asarray(past["input"][-1:, None]),
        network.feedback: jnp.asarray(past[network.feedback][:, None]),
    }
    carry = carry._replace(history=carry.history | {"a": carry.history["a"] | rows})
    xs = {name: jnp.asarray(values[:, None]) for name, values in x.items()}
    _, lesson = learner.learn(network, weights, carry, xs, jnp.ones((6, 1, 1)), LOSS)
    same(report.weights, jax.tree.map(lambda w, g: w - 0.1 * g / 6, weights, lesson.gradients))
    ys, _ = tt.run(network, weights, xs, tt.start(network, weights, 1) | {"a": rows})
    assert tt.evaluate(network, weights, LOSS, given) == pytest.approx(float(((ys - 1) ** 2).mean()))
    *_, blind = tt.train(network, weights, learner, LOSS, sgd, [given[0][:2]], epochs=1)
    with pytest.raises(AssertionError):
        same(report.weights, blind.weights, atol=1e-4)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ({"hidden": np.zeros((1, 3))}, "source 'hidden': nothing hears its past; with a delay are heard input, output"),
        ({"output": np.zeros((1, 1))}, r"has shape \(1, 1\); wanted \(2, 1\), or more rows"),
        ({"output": np.full((2, 1), np.nan)}, "row 0, column 0 is NaN; begin the sequence later"),
        ([1.0], "must be {source"),
    ],
)
def test_histories_that_do_not_fit_are_refused(before: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tt.train(NETWORK, tt.init(NETWORK, 0), tt.BPTT(), LOSS, ADAM, [(*PAIRS[0], before)])


def test_squared_errors_beyond_a_limit_cost_nothing_only_where_the_target_stands_there() -> None:
    loss = tt.SquaredError(low=(-1.0, -np.inf), high=(2.0, np.inf))
    ys = jnp.array([[[3.0, 0.0]], [[1.0, 0.0]], [[3.0, 5.0]], [[-4.0, 0.0]], [[-4.0, 0.0]]])
    targets = jnp.array([[[2.0, 0.0]], [[2.0, 0.0]], [[1.5, 2.0]], [[-1.0, 0.0]], [[0.0, np.nan]]])
    assert loss(ys, targets)[:, 0].tolist() == [0.0, 1.0, 1.5**2 + 9.0, 0.0, 16.0]
    gradient = jax.grad(lambda y: loss(y, targets).sum())(ys)[:, 0, 0]
    assert gradient.tolist() == [0.0, -2.0, 3.0, 0.0, -8.0]
