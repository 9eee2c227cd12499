"""Every backend gives the numbers of the reference, `xla`, in every call: over the zoo, random wirings, sizes and types."""

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backends
import engines
import throughtime as tt
import zoo
from backends import compared
from engines import Case, cases, givens
from throughtime import Connection, Layer, Network, units
from throughtime.engine import xla
from throughtime.engine.choice import BACKENDS
from throughtime.engine.native.loading import load

OTHERS = [pytest.param(one, id=one.NAME) for one in BACKENDS if one.NAME != "native" or engines.HERE if one is not xla]
pytestmark = pytest.mark.skipif(not OTHERS, reason="there is no backend but the reference")
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


@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.parametrize("other", OTHERS)
def test_networks_of_the_zoo(other: Any, name: str) -> None:
    """Every call, also of an infinite input: where there is no number, and where an infinite one."""
    case = Case(zoo.NETWORKS[name], lengths=(4, 6), dropout=True)
    rows = 1 if "start" in name else 3
    ask, (weights, xs, *rest) = jax.jit(backends.asked(other, case, rows)), givens(case)
    apart = {call: zoo.distance(*pair) for call, pair in ask(weights, xs, *rest).items() if "past" not in call}
    assert max(apart.values()) < case.tolerance, apart
    infinite = jax.tree.map(lambda x: x.at[1, 0, 0].set(np.inf), xs)
    for call, pair in ask(weights, infinite, *rest).items():
        found, wanted = jax.tree.map(lambda a: np.where(np.isfinite(a), 0, a), pair)
        jax.tree.map(lambda a, b, call=call: np.testing.assert_array_equal(a, b, call), found, wanted)


@pytest.mark.parametrize("other", OTHERS)
@settings(max_examples=4)
@given(cases(), st.sampled_from((1, 3)))
def test_random_wirings(other: Any, case: Case, rows: int) -> None:
    apart = compared(other, case, rows)
    assert max(apart.values()) < case.tolerance, apart


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
    ("name", "dtype", "batch", "rows"),
    [("tanh last", "float64", 1, 1), ("lstm last", "float32", 7, 1), ("gru last", "float32", 1, 17)],
)
@pytest.mark.parametrize("other", OTHERS)
def test_odd_sizes(other: Any, name: str, dtype: str, batch: int, rows: int) -> None:
    """No size is a number of whole vectors or of whole blocks of rows."""
    case = Case(ODD[name], 4, batch, dtype=dtype)
    apart = compared(other, case, rows)
    assert max(apart.values()) < case.tolerance, apart


@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_every_instruction_set(isa: str) -> None:
    """Odd sizes once more, in either type, in a process of its own."""
    if load().loaded.throughtime_instruction_set().decode() == isa:
        pytest.skip("it is the one that all tests use")
    command = [sys.executable, "-m", "pytest", "-n0", "-x", "-k", "odd_sizes and (tanh or gru)", __file__]
    done = subprocess.run(
        command, env=os.environ | {"THROUGHTIME_ISA": isa}, capture_output=True, text=True, check=False
    )
    assert " passed" in done.stdout
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("mapped", ["w", "x"])
@pytest.mark.parametrize("other", OTHERS)
def test_under_vmap(other: Any, mapped: str) -> None:
    """What is mapped goes into one call."""
    case = Case(zoo.NETWORKS["two layers in a loop, start"], lengths=(4, 6), mapped=mapped)
    apart = compared(other, case, 3)
    assert max(apart.values()) < case.tolerance, apart


@pytest.mark.parametrize(("steps", "batch"), [(0, 2), (1, 2), (2, 1), (3, 0)])
@pytest.mark.parametrize("name", ["narx gaps", "lstm start"])
@pytest.mark.parametrize("other", OTHERS)
def test_few_steps_and_sequences(other: Any, name: str, steps: int, batch: int) -> None:
    """Fewer steps than the delays, one, none; and no sequence."""
    case = Case(zoo.NETWORKS[name], steps, batch)
    apart = compared(other, case)
    assert max(apart.values()) < case.tolerance, apart


@pytest.mark.parametrize("name", ["step_through", "sweep_back", "pull", "gradients"])
def test_a_backend_that_errs_in_one_call_is_seen(name: str) -> None:
    """The negative control: one number in a thousand off, in each of the calls."""
    true = {call: getattr(xla, call) for call in ("takes", "step_through", "sweep_back", "pull", "gradients")}

    def false(*given: Any, **rest: Any) -> Any:
        return jax.tree.map(lambda a: a if isinstance(a, str) else 1.001 * a, true[name](*given, **rest))

    apart = compared(SimpleNamespace(**true | {name: false}), Case(zoo.NETWORKS["narx gaps"]))
    wrong = {call.split()[0] for call, gap in apart.items() if gap > 1e-5}
    assert wrong == {{"step_through": "step", "sweep_back": "sweep"}.get(name, name)}
