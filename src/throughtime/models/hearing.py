"""What networks hear: columns as inputs, and what was measured in the place of what they said.

A measured output takes the place of the network's own in what is fed back: right after the step that said it, or, with a lead,
before the step of its own time, since it was said `lead` steps before.
"""

from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from throughtime.engine import History, Weights, step
from throughtime.engine.schedule import depths
from throughtime.network import Network

Values = NDArray[Any]


@cache
def driven(network: Network) -> tuple[tuple[str, int], ...]:
    """(name, size) of the inputs that some layer hears: all but the clock."""
    heard = {c.source for layer in network.layers for c in layer.connections}
    return tuple((name, size) for name, size in network.inputs if name in heard)


def named_inputs(network: Network, u: Any, measured: Values | None = None) -> dict[str, Any]:
    """{input: (T, size)}: the columns of u (T, I) in their order among the inputs, and zeros for the clock.

    measured  (T, O) of an open loop whose measured outputs are no columns of u
    """
    made, first = {}, 0
    for name, size in network.inputs:
        if name == network.measured and measured is not None:
            made[name] = measured
        elif (name, size) in driven(network):
            made[name], first = u[:, first : first + size], first + size
        else:
            made[name] = np.zeros((len(u), size))
    return made


def fed_row(network: Network) -> int | None:
    """The row of the output's past, counted back from the newest, that a measured output takes the place of; None: none.

    Without a lead it is the output just computed. With a lead that was computed `lead` steps before, and is put right before
    the step that first hears it.
    """
    row = max(network.lead - 1, 0)
    return row if network.feedback == network.output and row < depths(network)[network.output] else None


def one_step(network: Network, weights: Weights, history: History, row: tuple[Any, Any]) -> tuple[History, Array]:
    """One step of one network, and what was measured at its time: with a lead before it, else after it."""
    x, measured = row
    before = hear(network, history, measured) if network.lead else history
    y, after = step(network, weights, before, {name: value[None] for name, value in x.items()})
    return after if network.lead else hear(network, after, measured), y[0]


def hear(network: Network, history: History, measured: Array | None) -> History:
    """The history, with what was measured in the place of the network's own output; measured (O,), NaN: not measured."""
    row = fed_row(network)
    if row is None or measured is None:
        return history
    past = history["a"][network.output]
    heard = past.at[-1 - row].set(jnp.where(jnp.isnan(measured), past[-1 - row], measured))
    return history | {"a": history["a"] | {network.output: heard}}
