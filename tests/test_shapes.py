"""Law 7: odd sizes. No steps, one step, fewer steps than a delay, one sequence, any memory layout, float32; shapes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

import engines
import reference
import throughtime as tt
import zoo
from test_exactness import ERROR, TOLERANCE, case
from throughtime import Connection, Layer, Network, units
from throughtime.drawing import weight_count
from throughtime.engine.schedule import start_rows
from throughtime.network.shapes import shapes
from wirings import wirings

EVERY = [pytest.param(network, id=name) for name, network in zoo.NETWORKS.items()]
ODD = ("narx gaps", "lstm start", "tdnn gaps", "delays across layers", "own memory", "perceptron", "to and fro")


def shapes_of(tree: Any) -> Any:
    return jax.tree.map(jnp.shape, tree)


@pytest.mark.parametrize("network", EVERY)
def test_weights_have_the_shapes_of_the_contract(network: Network) -> None:
    weights = tt.init(network, 0)
    assert shapes_of(weights) == reference.shapes(network) == shapes(network)
    assert all(leaf.dtype == jnp.float64 and bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(weights))
    again, other = tt.init(network, 0), tt.init(network, 1)
    assert zoo.distance(weights, again) == 0
    assert zoo.distance(weights, other) > 0


@given(wirings(backward=True))
def test_shapes_by_arithmetic_are_those_of_what_is_drawn(network: Network) -> None:
    made = shapes(network)
    assert made == shapes_of(tt.init(network, 0)) == reference.shapes(network)
    assert weight_count(network) == sum(leaf.size for leaf in jax.tree.leaves(tt.init(network, 0)))


def test_a_learned_start_has_the_rows_that_its_own_direction_hears() -> None:
    heard = Layer("h", 2, units.tanh, ["input", Connection("h", 1)], start="learned")
    back = Layer("b", 2, units.tanh, [Connection("h", 3)], backward=True)
    network = Network(1, [heard, back, Layer("y", 1, units.linear, ["h", "b"])], "y")
    assert shapes(network) == shapes_of(tt.init(network, 0)) == reference.shapes(network)
    assert shapes(network)["h"]["start"]["activity"] == (1, 2)
    assert start_rows(network, heard) == 1


def test_shapes_of_a_network_that_no_machine_could_draw_take_no_time() -> None:
    layer = Layer("y", 10**9, units.tanh, ["input", Connection("y", range(1, 3), "dense")])
    assert shapes(Network(10**6, [layer], "y"))["y"]["y"] == (2, 10**9, 1, 10**9)


@pytest.mark.parametrize("network", EVERY)
def test_history_is_what_is_heard_late_and_what_is_remembered(network: Network) -> None:
    heard: dict[str, int] = {}
    for layer in network.layers:
        for c in layer.connections if not layer.backward else ():
            heard[c.source] = max(heard.get(c.source, 0), *c.delays)
    history = tt.start(network, zoo.weights_of(network), 3)
    assert shapes_of(history["a"]) == {name: (d, 3, network.size_of(name)) for name, d in heard.items() if d}
    assert shapes_of(history["memory"]) == {
        m.name: (3, m.memory, m.size) for m in network.layers if m.memory and not m.backward
    }
    assert history["dropout"] == {}


@pytest.mark.parametrize("name", ODD)
def test_no_steps_at_all(name: str) -> None:
    """T = 0: no outputs, the history unchanged; nothing to learn from."""
    network = zoo.NETWORKS[name]
    weights, xs, targets = case(network, steps=0)
    history = tt.start(network, weights, zoo.BATCH)
    ys, after = tt.run(network, weights, xs, history)
    assert ys.shape == (0, zoo.BATCH, network.size_of(network.output))
    assert zoo.distance(after, history) == 0
    with pytest.raises(ValueError, match="at least one time step"):
        zoo.lessons(network, tt.BPTT(), weights, xs, targets, ERROR)


def all_of(network: Network, learners: Any) -> Any:
    """(weights, xs, targets) -> outputs, and of every learner what is carried on and its lesson."""

    def ask(weights: Any, xs: Any, targets: Any) -> dict[str, Any]:
        batch = jax.tree.leaves(xs)[0].shape[1]
        found: dict[str, Any] = {"run": tt.run(network, weights, xs)}
        if not network.backward:
            now = jax.tree.map(lambda x: x[0], xs)
            found["step"] = tt.step(network, weights, tt.start(network, weights, batch), now)
        for rule, learner in learners.items():
            carry = learner.init(network, weights, batch)
            lengths = jnp.full(batch, zoo.STEPS - 1)
            found[rule] = learner.learn(network, weights, carry, xs, targets, ERROR, lengths=lengths)
        return found

    return ask


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_no_sequences_are_an_empty_batch_of_the_same_shapes(name: str) -> None:
    """B = 0, of some networks by every learner; only traced, and by XLA, where shapes are what may go wrong."""
    network = zoo.NETWORKS[name]
    rules = {r: rule for r, rule in zoo.LEARNERS.items() if name in zoo.FORWARD or r not in zoo.FORWARD_ONLY}
    rules = rules if name in ODD else {"BPTT": tt.BPTT()}
    with tt.using_engine("xla"):
        none, two = (jax.eval_shape(all_of(network, rules), *case(network, batch=batch)) for batch in (0, 2))
    assert jax.tree.structure(none) == jax.tree.structure(two)
    for leaf, like in zip(jax.tree.leaves(none), jax.tree.leaves(two), strict=True):
        assert [n or 2 for n in leaf.shape] == [n or 2 for n in like.shape]
        assert leaf.dtype == like.dtype


@pytest.mark.parametrize("engine", ["native", "xla"])
@pytest.mark.parametrize("name", ["focused start", "narx gaps", "lstm start"])
def test_no_sequences_teach_nothing(name: str, engine: str) -> None:
    if engine == "native" and not engines.HERE:
        pytest.skip("there is no native engine")
    network = zoo.NETWORKS[name]
    weights, xs, targets = case(network, batch=0)
    with tt.using_engine(engine):
        found = jax.jit(all_of(network, zoo.LEARNERS))(weights, xs, targets)
    for rule in zoo.LEARNERS:
        _, lesson = found[rule]
        assert lesson.outputs.shape == (zoo.STEPS, 0, network.size_of(network.output))
        assert (float(lesson.loss), int(lesson.asked)) == (0, 0)
        assert shapes_of(lesson.gradients) == shapes_of(weights)
        assert not any(bool(jnp.any(leaf)) for leaf in jax.tree.leaves(lesson.gradients))


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("shape", [{"steps": 1, "batch": 1}, {"steps": 3, "batch": 5}], ids=str)
def test_odd_sizes(name: str, shape: dict[str, int]) -> None:
    """One step, fewer steps than the delays, one sequence, five."""
    network = zoo.NETWORKS[name]
    weights, xs, targets = case(network, **shape)
    wanted = reference.learn(network, weights, xs, jnp.nan_to_num(targets), ERROR).gradients
    for learner in (tt.BPTT(),) if name in zoo.BACKWARD else (tt.BPTT(), tt.RTRL(2), tt.BPTT(20)):
        lesson = zoo.lessons(network, learner, weights, xs, jnp.nan_to_num(targets), ERROR)
        assert zoo.distance(lesson.gradients, wanted) < TOLERANCE


def test_a_wide_network_in_float32() -> None:
    """63 units and 1000 steps in float32 against float64, to the accuracy of float32."""
    network = tt.fully_recurrent(5, 63, 3)
    weights = tt.init(network, 0)
    xs, targets = zoo.inputs_for(network, steps=1000), zoo.targets_for(network, steps=1000)
    exact = zoo.lessons(network, tt.BPTT(), weights, xs, targets, ERROR)
    single = [jax.tree.map(lambda leaf: leaf.astype(jnp.float32), tree) for tree in (weights, xs, targets)]
    rough = zoo.lessons(network, tt.BPTT(), *single, ERROR)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((rough.outputs, rough.gradients)))
    assert zoo.distance(rough.gradients, exact.gradients) < 1e-3


def test_numpy_arrays_of_any_layout() -> None:
    """Non-contiguous inputs: (B, T, I) arrays seen the other way round, and every second step of a longer one."""
    network = zoo.NETWORKS["recurrent"]
    weights, xs, targets = case(network)
    wanted = tt.run(network, weights, xs)[0]
    turned = np.ascontiguousarray(np.swapaxes(xs, 0, 1)).swapaxes(0, 1)
    sparse = np.repeat(np.asarray(xs), 2, axis=0)[::2]
    for layout in (turned, sparse, np.asfortranarray(xs)):
        assert zoo.distance(tt.run(network, weights, layout)[0], wanted) == 0
    lesson = zoo.lessons(network, tt.BPTT(), weights, turned, np.asarray(targets), ERROR)
    assert zoo.distance(lesson, zoo.lessons(network, tt.BPTT(), weights, xs, targets, ERROR)) == 0


WRONG: dict[str, tuple[Any, str]] = {
    "too few axes": (lambda w: tt.run(zoo.NETWORKS["recurrent"], w, jnp.zeros((6, 2))), r"\(6, 2\)"),
    "too many features": (lambda w: tt.run(zoo.NETWORKS["recurrent"], w, jnp.zeros((6, 2, 3))), r"\(6, 2, 3\)"),
    "unknown input": (lambda w: tt.run(zoo.NETWORKS["recurrent"], w, {"u": jnp.zeros((6, 2, 2))}), r"u"),
    "weights of another network": (
        lambda w: tt.run(zoo.NETWORKS["jordan"], w, jnp.zeros((6, 2, 2))),
        r"hidden",
    ),
    "an array for two inputs": (
        lambda _: tt.run(zoo.NETWORKS["two inputs"], zoo.weights_of(zoo.NETWORKS["two inputs"]), jnp.zeros((6, 2, 4))),
        r"u.*v",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused_with_its_shape(name: str) -> None:
    call, words = WRONG[name]
    with pytest.raises(ValueError, match=words):
        call(zoo.weights_of(zoo.NETWORKS["recurrent"]))


@pytest.mark.parametrize("learner", [tt.BPTT(), tt.BPTT(3), tt.RTRL(2), tt.Focused()], ids=repr)
@pytest.mark.parametrize(("of_weights", "of_inputs"), [("float32", "float64"), ("float64", "float32")])
def test_a_network_computes_in_the_type_of_its_weights(learner: Any, of_weights: str, of_inputs: str) -> None:
    """Also where the first layer of a loop hears no input."""
    network = zoo.FORWARD["two layers in a loop, start"]
    weights, xs, targets = jax.tree.map(lambda a: a.astype(of_weights), case(network))
    xs = jax.tree.map(lambda x: x.astype(of_inputs), xs)
    carry = learner.init(network, weights, zoo.BATCH)
    _, lesson = learner.learn(network, weights, carry, xs, targets, ERROR)
    assert lesson.outputs.dtype == of_weights
    assert {str(g.dtype) for g in jax.tree.leaves(lesson.gradients)} == {of_weights}
