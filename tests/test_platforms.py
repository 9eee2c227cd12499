"""Programs beside ours: lowered for other platforms, and within a user's own shard_map."""

import os
import subprocess
import sys
from typing import Any

import jax
import numpy as np
import pytest

import engines
import throughtime as tt
import zoo
from engines import ERROR, by
from throughtime.engine import elsewhere
from throughtime.engine.choice import engine

pytestmark = pytest.mark.skipif(not engines.HERE, reason="there is no native engine")


def program(name: str, rule: str) -> Any:
    """Outputs and a lesson of a network of the zoo, and what it is given."""
    network, learner = zoo.NETWORKS[name], zoo.LEARNERS[rule]

    def ask(weights: Any, xs: Any, targets: Any) -> Any:
        carry = learner.init(network, weights, zoo.BATCH)
        lesson = learner.learn(network, weights, carry, xs, targets, ERROR)[1]
        return tt.run(network, weights, xs), lesson

    return ask, (zoo.weights_of(network), zoo.inputs_for(network), zoo.targets_for(network))


def kernels(f: Any, given: Any, *platforms: str) -> int:
    """How many calls of the native engine a program for those platforms holds."""
    with tt.using_engine("native"):
        traced = jax.jit(f).trace(*given)
        return traced.lower(lowering_platforms=platforms).as_text().count("@throughtime_")


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_programs_for_other_platforms_hold_no_kernels_of_the_cpu(name: str) -> None:
    f, given = program(name, "BPTT")
    assert kernels(f, given, "cuda") == 0


@pytest.mark.parametrize("rule", [r for r in zoo.LEARNERS if r != "BPTT"])
def test_of_every_learner(rule: str) -> None:
    f, given = program("narx gaps", rule)
    assert kernels(f, given, "cuda") == 0
    assert kernels(f, given, "cpu") > 0


@pytest.mark.parametrize("look", ["deltas", "trace", "jacobians", "slope"])
def test_of_what_is_seen_inside(look: str) -> None:
    network = zoo.NETWORKS["lstm start"]
    given = zoo.weights_of(network), zoo.inputs_for(network), zoo.targets_for(network)
    ways: dict[str, Any] = {
        "deltas": lambda w, x, t: tt.deltas(network, w, x, t, ERROR),
        "trace": lambda w, x, t: tt.trace(network, w, x),
        "jacobians": lambda w, x, t: tt.jacobians(network, w, x),
        "slope": jax.grad(lambda w, x, t: tt.run(network, w, x)[0].sum()),
    }
    assert kernels(ways[look], given, "cuda") == 0
    assert kernels(ways[look], given, "cpu") > 0


def test_what_a_learner_finds_has_no_derivative() -> None:
    network, rule = zoo.NETWORKS["elman"], tt.BPTT()
    weights, xs, targets = zoo.weights_of(network), zoo.inputs_for(network), zoo.targets_for(network)

    def loss(w: Any) -> Any:
        return rule.learn(network, w, rule.init(network, w, zoo.BATCH), xs, targets, ERROR)[1].loss

    with tt.using_engine("native"), pytest.raises(TypeError, match=r"no derivative .*using_engine\('xla'\)"):
        jax.grad(loss)(weights)
    with tt.using_engine("xla"):
        assert zoo.alive(jax.grad(loss)(weights)["hidden"])


def test_an_exported_program_runs_where_it_was_made_for() -> None:
    f, given = program("lstm start", "BPTT")
    calls = [jax.export.DisabledSafetyCheck.custom_call(f"throughtime_{n}") for n in ("forward", "sweep", "gradient")]
    with tt.using_engine("native"):
        assert "throughtime_" not in jax.export.export(jax.jit(f), platforms=["cuda"])(*given).mlir_module()
        made = jax.export.export(jax.jit(f), platforms=["cpu"], disabled_checks=calls)(*given)
    assert "throughtime_forward" in made.mlir_module()
    assert zoo.distance(made.call(*given), by("native", f, *given)) == 0


@pytest.mark.parametrize("name", ["lstm start", "narx gaps"])
def test_on_a_cpu_nothing_changes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bits, and no operation more, than without another platform in mind."""
    f, given = program(name, "BPTT")
    both = by("native", f, *given)
    size = [jax.jit(f).lower(*given).compile().as_text().count(" = ")]
    jax.clear_caches()
    monkeypatch.setattr(elsewhere, "_bind", lambda here, compute, flat, derivative: here(*flat))
    f, given = program(name, "BPTT")
    jax.tree.map(lambda a, b: zoo.np.testing.assert_array_equal(a, b), by("native", f, *given), both)
    size.append(jax.jit(f).lower(*given).compile().as_text().count(" = "))
    assert size[0] == size[1]
    jax.clear_caches()


def test_a_first_call_traces_for_its_own_platform_only() -> None:
    """A derivative traces the other, too; no call traces anything twice for the same."""
    traced: list[str] = []

    def compute(x: Any) -> Any:
        traced.append(engine())
        return (x**2).sum()

    def ask(x: Any) -> Any:
        return elsewhere.by_platform(2, compute, x)

    with tt.using_engine("native"):
        assert jax.jit(ask)(np.arange(3.0)) == 5
        assert traced == ["native"]
        assert jax.jit(ask).trace(np.arange(3.0)).lower(lowering_platforms=("cuda",))
        assert traced == ["native", "xla"]
        np.testing.assert_array_equal(jax.jit(jax.grad(ask))(np.arange(3.0)), [0, 2, 4])
        assert traced[2:] == ["native", "xla"]


SHARDED = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, PartitionSpec as P
import throughtime as tt
jax.config.update("jax_enable_x64", True)
network, draw = tt.lstm(2, 3, 2), np.random.default_rng(0)
weights, xs, aims = tt.init(network, 0), draw.normal(size=(6, 4, 2)), draw.normal(size=(6, 4, 2))
mesh = jax.make_mesh((2,), ("b",), axis_types=(AxisType.Auto,))
assert tt.engine_info().engine == "native"


def loss(w, x, y):
    return jnp.sum((tt.run(network, w, x)[0] - y) ** 2)


def lesson(w, x, y):
    rule = tt.BPTT()
    return rule.learn(network, w, rule.init(network, w, x.shape[1]), x, y, tt.SquaredError())[1].gradients


def sharded(f, **rest):
    total = lambda *given: jax.tree.map(lambda a: jax.lax.psum(a, "b"), f(*given))
    return jax.jit(jax.shard_map(total, mesh=mesh, in_specs=(P(), P(None, "b"), P(None, "b")), out_specs=P(), **rest))


def same(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=0, atol=1e-12), a, b)


for f in (loss, jax.grad(loss), lesson):
    same(sharded(f, check_vma=False)(weights, xs, aims), f(weights, xs, aims))
    try:
        sharded(f)(weights, xs, aims)
        raise SystemExit("not refused")
    except ValueError as error:
        assert "give jax.shard_map check_vma=False" in str(error) and "('b')" in str(error), error
        assert "\\n" not in str(error)
same(jax.grad(sharded(loss, check_vma=False))(weights, xs, aims), jax.grad(loss)(weights, xs, aims))
print("as it should be")
"""


def test_a_shard_map_of_ones_own() -> None:
    """Half of the sequences on each of two devices: refused where JAX checks what varies, right where it does not."""
    flags = {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "JAX_PLATFORMS": "cpu",
        "THROUGHTIME_ENGINE": "native",
    }
    command = [sys.executable, "-c", SHARDED]
    done = subprocess.run(command, env=os.environ | flags, capture_output=True, text=True, check=False)
    assert done.stdout == "as it should be\n", done.stderr
