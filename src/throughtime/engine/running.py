"""Running a network: over a stretch of time, or one step at a time.

Everything is checked while JAX traces, so once for every wiring, structure, shape and type: a call like an earlier one
costs no more than JAX's own dispatch.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from throughtime.engine.door import AnyArray, own_order
from throughtime.engine.effective import Weights, effective
from throughtime.engine.elsewhere import by_platform
from throughtime.engine.first import check
from throughtime.engine.forward import forward, kind, start
from throughtime.engine.schedule import depths
from throughtime.engine.tape import Arrays, History, Tape, keep, within
from throughtime.network import Network


def as_arrays(given: Any) -> Any:
    """What a compiled function takes: an array or {name: array} as it is, anything else made into that."""
    if isinstance(given, (np.ndarray, Array)):
        return given
    if isinstance(given, Mapping):
        return {name: as_arrays(value) for name, value in given.items()}
    return jnp.asarray(given)


def as_inputs(network: Network, weights: Weights, xs: Any, axes: tuple[str, ...] = ("T", "B")) -> Arrays:
    """{input: (T, B, S)} from one array (a network with one input) or a mapping, checked, in the weights' type."""
    names = dict(network.inputs)
    if not isinstance(xs, Mapping):
        if len(names) > 1:
            raise ValueError(f"the network has the inputs {', '.join(names)}: pass a mapping with an array for each")
        xs = {next(iter(names)): xs}
    if set(xs) != set(names):
        raise ValueError(f"inputs {', '.join(map(str, xs))} were given; the network has {', '.join(names)}")
    made = {name: jnp.asarray(xs[name], kind(weights)) for name in names}
    lead = next(iter(made.values())).shape[: len(axes)]
    for name, x in made.items():
        if x.ndim != len(axes) + 1 or x.shape[-1] != names[name] or x.shape[:-1] != lead:
            wanted = ", ".join([*axes, str(names[name])])
            raise ValueError(
                f"input {name!r} has shape {x.shape}; it must be ({wanted}), {' and '.join(axes)} equal for all inputs"
            )
    return made


def as_lengths(lengths: Any, steps: int, batch: int) -> Array | None:
    """(B,) whole numbers, or None."""
    if lengths is None:
        return None
    made = jnp.asarray(lengths)
    if made.shape != (batch,) or not jnp.issubdtype(made.dtype, jnp.integer):
        raise ValueError(
            f"lengths must be {batch} whole numbers, one per sequence, not {made.dtype} of shape {made.shape}"
        )
    return jnp.clip(made, 0, steps)


def as_history(network: Network, weights: Weights, history: History | None, batch: int) -> History:
    """The given history, checked, or the one before the first step."""
    if history is None:
        return start(network, weights, batch)
    for source, depth in depths(network).items():
        wanted, found = (depth, batch, network.size_of(source)), history["a"].get(source)
        if depth and (found is None or found.shape != wanted):
            shape = None if found is None else found.shape
            raise ValueError(
                f"history of {source!r} has shape {shape}; this network and batch need {wanted}: see start()"
            )
    for layer in network.layers:
        if layer.memory and not layer.backward and jnp.shape(history["memory"].get(layer.name, 0))[:1] != (batch,):
            raise ValueError(f"the history has no memory of {batch} sequences for layer {layer.name!r}: see start()")
    return history


def run(
    network: Network,
    weights: Weights,
    xs: Float[AnyArray, "T B I"] | Mapping[str, AnyArray],
    history: History | None = None,
    lengths: Int[AnyArray, "B"] | None = None,
) -> tuple[Float[Array, "T B O"], History]:
    """Activate the network over a stretch of time.

    net_l(t) = b_l + sum_c,d W_c,d^T a_source(c)(t - d),  a_l(t) = f_l(net_l(t)),  t = 1..T

    network  the wiring (static: each wiring and shape is compiled once)
    weights  from `init` or training
    xs       (T, B, I), or {input: (T, B, S)} where there are several inputs
    history  what came before, from `start` or an earlier `run`; None: the start
    lengths  (B,) true lengths; beyond them inputs are ignored and outputs are 0

    returns  outputs (T, B, O) and the history after each sequence's last step
    raises   ValueError if shapes, names or weights do not fit the wiring
    cost     time O(T B weights); memory O(T B units)

    >>> import jax.numpy as jnp, throughtime as tt
    >>> network = tt.lstm(2, 3, 1)
    >>> ys, history = tt.run(network, tt.init(network, 0), jnp.ones((5, 4, 2)))
    >>> ys.shape
    (5, 4, 1)
    """
    try:
        return _run(
            network, *own_order((weights, as_arrays(xs), history, None if lengths is None else as_arrays(lengths)))
        )
    except (TypeError, ValueError) as error:
        if "custom_vjp" not in str(error) and "call to `throughtime" not in str(error):
            raise
        remedy = "put the call into `with throughtime.using_engine('xla'):`"
        raise TypeError(f"the native engine has no forward-mode or second derivative: {remedy}") from None


@partial(jax.jit, static_argnames="network")
def _run(network: Network, weights: Weights, xs: Any, history: History | None, lengths: Array | None) -> Any:
    inputs = as_inputs(network, weights, xs)
    steps, batch, _ = next(iter(inputs.values())).shape
    check(network, weights)
    before, lengths = as_history(network, weights, history, batch), as_lengths(lengths, steps, batch)
    if not steps:
        return jnp.zeros((0, batch, network.size_of(network.output)), kind(weights)), before

    def compute(weights: Weights, inputs: Arrays, before: History, lengths: Array | None) -> tuple[Array, History]:
        tape, after = forward(network, effective(network, weights), inputs, before, lengths, taped=False)
        return outputs(network, tape, lengths), after

    return by_platform(steps, compute, weights, inputs, before, lengths)


def outputs(network: Network, tape: Tape, lengths: Array | None) -> Array:
    """(T, B, O): the output layer's activities, 0 beyond each sequence's end."""
    ys = tape.full[network.output][depths(network)[network.output] :]
    return keep(within(lengths, ys.shape[0]), ys)


def step(
    network: Network, weights: Weights, history: History, x: Float[AnyArray, "B I"] | Mapping[str, AnyArray]
) -> tuple[Float[Array, "B O"], History]:
    """Activate the network for one time step: streaming, and the closed loop with the world.

    history  from `start` or the last step
    x        (B, I), or {input: (B, S)}

    returns  the output (B, O) and the new history
    raises   ValueError for a network with backward layers, which need the end of the sequence first
    cost     a small network's step is shorter than the way to it: on CPUs JAX hands a call to a thread of its own. Who
             waits for every output is served twice as fast without, and has to say so before JAX computes anything:
             `jax.config.update("jax_cpu_enable_async_dispatch", False)`

    >>> import jax.numpy as jnp, throughtime as tt
    >>> network = tt.elman(2, 3, 1)
    >>> weights = tt.init(network, 0)
    >>> y, history = tt.step(network, weights, tt.start(network, weights, batch=1), jnp.ones((1, 2)))
    >>> y.shape
    (1, 1)
    """
    return _step(network, *own_order((weights, history, as_arrays(x))))


@partial(jax.jit, static_argnames="network")
def _step(network: Network, weights: Weights, history: History, x: Any) -> Any:
    for layer in network.layers:
        if layer.backward:
            raise ValueError(
                f"layer {layer.name!r} runs backward from the end of the sequence: step() cannot stream it, use run()"
            )
    inputs = as_inputs(network, weights, x, ("B",))
    ys, after = _run(network, weights, {name: value[None] for name, value in inputs.items()}, history, None)
    return ys[0], after
