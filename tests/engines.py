"""Both engines side by side: all that can be asked of a network, computed by the one and by the other."""

from collections.abc import Callable
from typing import Any, NamedTuple

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np

import throughtime as tt
import zoo
from throughtime import Network, units
from throughtime.engine.native.loading import load
from wirings import wirings

HERE = load().loaded is not None
DOUBLE, SINGLE = 1e-10, 5e-5  # how far they may be apart, relative to the larger of 1 and the largest number
ERROR = tt.SquaredError()
ELEMENTWISE = (units.tanh, units.logistic, units.linear, units.relu, units.saturated_linear)
BUILT_IN = (*ELEMENTWISE, units.lstm, units.gru)


class Case(NamedTuple):
    """A network, how long and how many its sequences are, in which type, and what is mapped over by vmap."""

    network: Network
    steps: int = zoo.STEPS
    batch: int = zoo.BATCH
    lengths: tuple[int, ...] | None = None
    dropout: bool = False
    dtype: str = "float64"
    mapped: str = ""  # of "wx": weights, inputs
    seed: int = 0

    @property
    def tolerance(self) -> float:
        """How far the engines may be apart."""
        return DOUBLE if self.dtype == "float64" else SINGLE


def by(engine: str, f: Callable[..., Any], *given: Any) -> Any:
    """The value of f, compiled for that engine."""
    with tt.using_engine(engine):
        return jax.jit(f)(*given)


def apart(f: Callable[..., Any], *given: Any) -> float:
    """How far the engines are apart; what is said must be about numbers."""
    found = [by(engine, f, *given) for engine in ("native", "xla")]
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(found[1]))
    return zoo.distance(*found)


def calls(f: Callable[..., Any], *given: Any) -> int:
    """How often the program of f calls the native engine."""
    return jax.jit(f).lower(*given).as_text().count("@throughtime_")


def probe(tree: Any) -> Any:
    """A number that depends on every number in the tree, on each in a way of its own."""
    return sum(
        jnp.vdot(leaf, jnp.cos(1.0 + jnp.arange(leaf.size, dtype=leaf.dtype)).reshape(leaf.shape))
        for leaf in jax.tree.leaves(tree)
    )


def givens(case: Case) -> tuple[Any, ...]:
    """Weights, inputs, history, targets, lengths: random numbers, NaN beyond the sequences' ends."""
    network = case.network
    weights, xs = zoo.weights_of(network, case.seed), zoo.inputs_for(network, case.steps, case.batch, case.seed + 1)
    weights = jax.tree.map(lambda w: w / np.sqrt(w.shape[-3]) if w.ndim > 3 else w, weights)
    targets = zoo.targets_for(network, None, case.steps, case.batch, case.seed + 2)
    history = tt.start(network, weights, case.batch, jax.random.key(case.seed) if case.dropout else None)
    draw = np.random.default_rng(case.seed + 3)
    for kind in ("a", "memory"):
        history[kind] = {name: jnp.asarray(draw.normal(size=rows.shape)) for name, rows in history[kind].items()}
    if "w" in case.mapped:
        weights = jax.tree.map(lambda w: jnp.stack([w, 0.5 * w, -w]), weights)
    if case.lengths is not None:
        inside = jnp.arange(case.steps)[:, None, None] < jnp.array(case.lengths)[:, None]
        xs = jax.tree.map(lambda x: jnp.where(inside, x, jnp.nan), xs)
    if "x" in case.mapped:
        xs = jax.tree.map(lambda x: jnp.stack([x, -x, 2 * x]), xs)
    weights, xs, history, targets = jax.tree.map(lambda a: a.astype(case.dtype), (weights, xs, history, targets))
    return weights, xs, history, targets, None if case.lengths is None else jnp.array(case.lengths)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Random wirings of built-in units, sizes, lengths, types and vmaps."""
    known = (*BUILT_IN, units.context(draw(st.sampled_from(ELEMENTWISE))))
    largest = draw(st.sampled_from((3, 5, 18)))
    network = draw(wirings(backward=draw(st.booleans()), units=known, largest=largest, dropout=True))
    steps, batch = draw(st.sampled_from((1, 2, 3, 5, 9))), draw(st.sampled_from((1, 2, 7)))
    lengths = draw(st.none() | st.lists(st.integers(0, steps), min_size=batch, max_size=batch).map(tuple))
    dtype, mapped = draw(st.sampled_from(("float64", "float32"))), draw(st.sampled_from(("", "", "w", "x", "wx")))
    if not jax.tree.leaves(zoo.weights_of(network)):  # one identity connection, and no bias
        mapped = mapped.replace("w", "")
    return Case(network, steps, batch, lengths, draw(st.booleans()), dtype, mapped, draw(st.integers(0, 99)))
