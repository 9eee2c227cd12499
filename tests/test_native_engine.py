"""The native engine gives the numbers of XLA: over every wiring it knows, size, type and transformation of JAX.

That these numbers are right is what the laws say, which run by the native engine where it is there.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

import engines
import throughtime as tt
import zoo
from engines import DOUBLE, ERROR, SINGLE, Case, apart, by, calls, cases, difference, everything, givens, probe, strange
from throughtime import Connection, Layer, Network, units
from throughtime.engine.native.loading import load
from throughtime.engine.native.plan import knows
from throughtime.engine.schedule import schedule

pytestmark = pytest.mark.skipif(not engines.HERE, reason="there is no native engine")

LOOPS = [name for name, net in zoo.NETWORKS.items() if any(c.stepped for c in schedule(net))]
COMPARED = (  # one of each kind; the laws run over all
    "jordan start",
    "elman",
    "narx gaps",
    "focused start",
    "diagonal",
    "lstm start",
    "lstm, one unit's own gates",
    "gru start",
    "two layers in a loop, start",
    "loop in a loop",
    "delays across layers",
    "learned delays in a loop",
    "no bias, listed backwards",
    "some nets, in any order",
    "dropout",
    "two backward layers in a loop",
    "to and fro",
)
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


# The same numbers.


@pytest.mark.parametrize("name", COMPARED)
def test_networks_of_the_zoo(name: str) -> None:
    """Outputs, histories, lessons of BPTT and RTRL(3), errors at weights, inputs, history and masks; and of an infinite input."""
    case = Case(zoo.NETWORKS[name], lengths=(4, 6), dropout=True)
    every, (weights, xs, *rest) = everything(case), givens(case)
    assert apart(every, weights, xs, *rest) < DOUBLE
    infinite = jax.tree.map(lambda x: x.at[1, 0, 0].set(jnp.inf), xs)
    native, xla = strange(every, weights, infinite, *rest)
    jax.tree.map(np.testing.assert_array_equal, native, xla)


@settings(max_examples=4)
@given(cases())
def test_random_wirings(case: Case) -> None:
    assert difference(case) < case.tolerance


def loop_of(*kinds: tt.Unit) -> Network:
    """Layers of 1, 3, 17, 33 and 70 units in one loop."""
    sizes = {f"l{i}": size for i, size in enumerate((1, 3, 17, 33, 70))}
    layers = [
        Layer(
            name, size, unit, ("x", Connection(name, 1, name="own"), *([f"l{i - 1}"] if i else [Connection("l4", 2)]))
        )
        for i, ((name, size), unit) in enumerate(zip(sizes.items(), kinds, strict=True))
    ]
    return Network({"x": 2}, layers, "l4")


ODD = {
    "tanh last": loop_of(units.lstm, units.gru, units.context(units.logistic), units.lstm, units.tanh),
    "lstm last": loop_of(units.gru, units.tanh, units.logistic, units.relu, units.lstm),
    "gru last": loop_of(units.tanh, units.lstm, units.gru, units.saturated_linear, units.gru),
}


@pytest.mark.parametrize(
    ("name", "dtype", "batch"), [("tanh last", "float64", 1), ("lstm last", "float32", 7), ("gru last", "float32", 1)]
)
def test_odd_sizes(name: str, dtype: str, batch: int) -> None:
    """No size is a number of whole vectors or of whole blocks of rows."""
    case = Case(ODD[name], 4, batch, dtype=dtype, rows=False)
    assert difference(case) < case.tolerance


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_odd_sizes_with_many_rows(dtype: str) -> None:
    case = Case(tt.gru(2, 17, 3), 5, 3, (5, 0, 2), dtype=dtype)
    assert difference(case) < case.tolerance


@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_every_instruction_set(isa: str) -> None:
    """The odd sizes once more, in a process of its own."""
    if load().loaded.throughtime_instruction_set().decode() == isa:
        pytest.skip("it is the one that all tests use")
    command = [sys.executable, "-m", "pytest", "-n0", "-x", "-k", "odd_sizes", __file__]
    done = subprocess.run(
        command, env=os.environ | {"THROUGHTIME_ISA": isa}, capture_output=True, text=True, check=False
    )
    assert " passed" in done.stdout
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["narx gaps", "lstm start"])
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_few_steps(name: str, steps: int) -> None:
    """Fewer than the delays, one, none."""
    network = zoo.NETWORKS[name]
    assert apart(lambda w, x: tt.run(network, w, x), zoo.weights_of(network), zoo.inputs_for(network, steps)) < DOUBLE


def test_no_sequences() -> None:
    ys, history = tt.run(PAIR, zoo.weights_of(PAIR), zoo.inputs_for(PAIR, batch=0))
    assert ys.shape == (zoo.STEPS, 0, 2)
    assert history["a"]["b"].shape == (3, 0, 3)


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


@pytest.mark.parametrize("name", ["loop in a loop", "bidirectional lstm"])
def test_what_is_seen_inside(name: str) -> None:
    network, lengths = zoo.NETWORKS[name], jnp.array([4, 6])
    given = zoo.weights_of(network), zoo.inputs_for(network), zoo.targets_for(network)

    def look(w: Any, x: Any, targets: Any) -> Any:
        deltas = tt.deltas(network, w, x, targets, ERROR, None, lengths)
        return deltas, tt.trace(network, w, x, None, lengths), tt.jacobians(network, w, x, None, lengths)

    assert apart(look, *given) < DOUBLE


# Under the transformations of JAX.


def cost(weights: Any, xs: Any) -> Any:
    """A number that depends on all outputs and the new history."""
    return probe(tt.run(PAIR, weights, xs))


@pytest.mark.parametrize("mapped", ["w", "x"])
def test_vmap_of_everything(mapped: str) -> None:
    network = Network(PAIR.inputs, (*PAIR.layers[:2], Layer("y", 2, units.lstm, ("b", Connection("y", 1)))), "y")
    case = Case(network, lengths=(4, 6), mapped=mapped)
    assert difference(case) < DOUBLE


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
    case = Case(network, steps, batch, tuple(i % (steps + 1) for i in range(batch)) if ragged else None, rows=False)
    weights, xs, history, targets, lengths = givens(case)
    whole = by("native", everything(case), weights, xs, history, targets, lengths)
    one = jax.jit(everything(case._replace(batch=4)))
    parts = []
    for b in range(0, batch, 4):
        here = jax.tree.map(lambda a, b=b: a[:, b : b + 4], {"x": xs, "a": history["a"], "t": targets})
        memory = jax.tree.map(lambda m, b=b: m[b : b + 4], history["memory"])
        short = None if lengths is None else lengths[b : b + 4]
        parts.append(one(weights, here["x"], {"a": here["a"], "memory": memory, "dropout": {}}, here["t"], short))
    assert zoo.distance(whole["run"][0], jnp.concatenate([p["run"][0] for p in parts], axis=1)) < DOUBLE
    assert zoo.distance(whole["BPTT"][1], zoo.add([p["BPTT"][1] for p in parts])) < DOUBLE
    assert zoo.distance(by("xla", everything(case), weights, xs, history, targets, lengths), whole) < DOUBLE


def test_calls_from_several_threads_do_not_meet() -> None:
    networks = [tt.lstm(2, n, 2) for n in (3, 20)]
    given = [(n, zoo.weights_of(n, i), zoo.inputs_for(n, 30, 8, i)) for n in networks for i in range(2)]
    wanted = [tt.run(*one)[0] for one in given]

    def compute(i: int) -> float:
        with tt.using_engine("native"):
            return zoo.distance(tt.run(*given[i % 4])[0], wanted[i % 4])

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(compute, range(80))) == 0
