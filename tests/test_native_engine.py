"""The native engine in whole runs: what it is asked, and under every transformation of JAX.

That its calls give the numbers of XLA is said in `test_backends.py`; that these are right, by the laws, which run by the native
engine where it is there.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import engines
import throughtime as tt
import zoo
from engines import DOUBLE, ERROR, SINGLE, Case, apart, by, calls, givens, probe
from throughtime.engine.native.wiring import knows
from throughtime.engine.schedule import schedule

pytestmark = pytest.mark.skipif(not engines.HERE, reason="there is no native engine")

LOOPS = [name for name, net in zoo.NETWORKS.items() if any(c.stepped for c in schedule(net))]
PAIR = zoo.FORWARD["two layers in a loop, start"]


@pytest.fixture(autouse=True)
def _native() -> Any:
    with tt.using_engine("native"):
        yield


def run_of(name: str) -> Any:
    """Outputs and history of a network of the zoo as a function, and what it is given."""
    network = zoo.NETWORKS[name]
    return (lambda w, x: tt.run(network, w, x)), (zoo.weights_of(network), zoo.inputs_for(network))


# The native engine is really asked.


@pytest.mark.parametrize("name", LOOPS)
def test_what_the_native_engine_knows_is_run_by_it_and_nothing_else(name: str) -> None:
    run, given = run_of(name)
    assert calls(run, *given) == sum(map(knows, schedule(zoo.NETWORKS[name])))


def test_units_that_are_not_built_in_are_left_to_xla() -> None:
    known = {name: [knows(c) for c in schedule(zoo.NETWORKS[name]) if c.stepped] for name in LOOPS}
    foreign = {name for name, loops in known.items() if not all(loops)}
    assert foreign == {"own coupled unit", "softmax in a loop", "own memory", "ntm", "ntm, feedforward"}


def test_a_gradient_is_a_sweep_and_products_of_the_native_engine() -> None:
    network = zoo.FORWARD["lstm"]
    weights, xs, targets = zoo.weights_of(network), zoo.inputs_for(network), zoo.targets_for(network)

    def learn(w: Any) -> Any:
        return tt.BPTT().learn(network, w, tt.BPTT().init(network, w, zoo.BATCH), xs, targets, ERROR)[1].gradients

    text = jax.jit(learn).lower(weights).as_text()
    for name in ("throughtime_forward", "throughtime_sweep", "throughtime_gradient"):
        assert f"@{name}" in text
    with tt.using_engine("xla"):
        assert not calls(learn, weights)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_other_types_are_left_to_xla(dtype: str) -> None:
    run, given = run_of("lstm")
    given = jax.tree.map(lambda a: a.astype(dtype), given)
    assert not calls(run, *given)
    assert apart(run, *given) == 0


def test_weights_and_masks_of_several_types() -> None:
    """All act as the widest type of the weights."""
    network = zoo.FORWARD["dropout"]
    weights, xs = zoo.weights_of(network), zoo.inputs_for(network)
    history = tt.start(network, weights, zoo.BATCH, jax.random.key(0))
    for layer, key in (("h", "recurrent"), ("h", "bias"), ("y", "h")):
        mixed = weights | {layer: weights[layer] | {key: weights[layer][key].astype(jnp.float32)}}
        assert apart(lambda w: tt.run(network, w, xs, history)[0], mixed) < DOUBLE
    single = jax.tree.map(lambda w: w.astype(jnp.float32), weights)
    assert apart(lambda w: tt.run(network, w, xs, history)[0], single) < SINGLE


# Under the transformations of JAX.


def cost(weights: Any, xs: Any) -> Any:
    """A number that depends on all outputs and the new history."""
    return probe(tt.run(PAIR, weights, xs))


def stacked() -> tuple[Any, Any]:
    """Two sets of weights, three of inputs."""
    weights, xs = zoo.weights_of(PAIR), zoo.inputs_for(PAIR)
    return jax.tree.map(lambda w: jnp.stack([w, -w]), weights), jnp.stack([xs, 2 * xs, -xs])


def test_nested_vmap_and_its_gradient() -> None:
    weights, xs = stacked()
    each = jax.vmap(jax.vmap(cost, (None, 0)), (0, None))
    assert calls(each, weights, xs) == calls(cost, zoo.weights_of(PAIR), zoo.inputs_for(PAIR)) == 2
    gradient = jax.grad(lambda w, x: each(w, x).sum(), (0, 1))
    of_each = jax.vmap(jax.vmap(jax.grad(cost, (0, 1)), (None, 0)), (0, None))
    assert apart(lambda w, x: (each(w, x), gradient(w, x), of_each(w, x)), weights, xs) < DOUBLE
    at_once, one_by_one = gradient(weights, xs), of_each(weights, xs)
    assert zoo.alive(at_once)
    assert zoo.distance(at_once[0], jax.tree.map(lambda g: g.sum(1), one_by_one[0])) < DOUBLE
    assert zoo.distance(at_once[1], one_by_one[1].sum(0)) < DOUBLE


def test_vmap_is_one_after_the_other() -> None:
    weights, xs = stacked()
    mapped = jax.vmap(jax.value_and_grad(cost))(weights, xs[:2])
    for i in range(2):
        alone = jax.value_and_grad(cost)(jax.tree.map(lambda w, i=i: w[i], weights), xs[i])
        assert zoo.distance(jax.tree.map(lambda m, i=i: m[i], mapped), alone) < 1e-13


def descend(weights: Any, x: Any) -> Any:
    """One step of gradient descent."""
    value, slope = jax.value_and_grad(cost)(weights, x)
    return jax.tree.map(lambda w, g: w - 0.01 * g, weights, slope), value


def test_scan_over_updates() -> None:
    weights, xs = stacked()
    one = jax.tree.map(lambda w: w[0], weights)
    assert apart(lambda w, x: jax.lax.scan(descend, w, x), one, xs) < DOUBLE
    assert apart(lambda w, x: jax.lax.scan(jax.vmap(descend, (0, None)), w, x), weights, xs) < DOUBLE


def test_donated_buffers() -> None:
    weights, xs = zoo.weights_of(PAIR), zoo.inputs_for(PAIR)
    kept = descend(descend(weights, xs)[0], xs)[0]
    update = jax.jit(lambda w, x: descend(w, x)[0], donate_argnums=0)
    given = jax.tree.map(jnp.copy, weights)
    assert zoo.distance(update(update(given, xs), xs), kept) < DOUBLE
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(given))


def test_forward_and_second_derivatives_are_refused_with_a_remedy() -> None:
    weights, xs = zoo.weights_of(PAIR), zoo.inputs_for(PAIR)
    remedy = r"no forward-mode or second derivative: .*using_engine\('xla'\)"
    with pytest.raises(TypeError, match=remedy):
        jax.jvp(lambda w: tt.run(PAIR, w, xs)[0], (weights,), (weights,))
    with pytest.raises(TypeError, match=remedy):
        jax.grad(lambda w: probe(jax.grad(cost)(w, xs)))(weights)


# Shared out to threads.


@pytest.mark.parametrize("ragged", [False, True])
def test_a_batch_that_is_shared_out_is_its_sequences(ragged: bool) -> None:
    """64 sequences are worth several threads, 4 are not."""
    network, steps, batch = tt.lstm(2, 24, 2), 20, 64
    case = Case(network, steps, batch, tuple(i % (steps + 1) for i in range(batch)) if ragged else None)

    def ask(weights: Any, xs: Any, history: Any, targets: Any, lengths: Any) -> tuple[Any, Any]:
        rule = tt.BPTT()
        carry = rule.init(network, weights, xs.shape[1])._replace(history=history)
        lesson = rule.learn(network, weights, carry, xs, targets, ERROR, lengths)[1]
        return tt.run(network, weights, xs, history, lengths)[0], lesson.gradients

    weights, xs, history, targets, lengths = givens(case)
    outputs, gradients = whole = by("native", ask, weights, xs, history, targets, lengths)
    one = jax.jit(ask)
    parts = []
    for b in range(0, batch, 4):
        here = jax.tree.map(lambda a, b=b: a[:, b : b + 4], {"x": xs, "a": history["a"], "t": targets})
        memory = jax.tree.map(lambda m, b=b: m[b : b + 4], history["memory"])
        short = None if lengths is None else lengths[b : b + 4]
        parts.append(one(weights, here["x"], {"a": here["a"], "memory": memory, "dropout": {}}, here["t"], short))
    assert zoo.distance(outputs, jnp.concatenate([ys for ys, _ in parts], axis=1)) < DOUBLE
    assert zoo.distance(gradients, zoo.add([found for _, found in parts])) < DOUBLE
    assert zoo.distance(by("xla", ask, weights, xs, history, targets, lengths), whole) < DOUBLE


def test_calls_from_several_threads_do_not_meet() -> None:
    networks = [tt.lstm(2, n, 2) for n in (3, 20)]
    given = [(n, zoo.weights_of(n, i), zoo.inputs_for(n, 30, 8, i)) for n in networks for i in range(2)]
    wanted = [tt.run(*one)[0] for one in given]

    def compute(i: int) -> float:
        with tt.using_engine("native"):
            return zoo.distance(tt.run(*given[i % 4])[0], wanted[i % 4])

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(compute, range(80))) == 0
