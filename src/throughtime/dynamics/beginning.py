"""How a network begins that hears inputs and outputs directly: as the linear model, which its hidden units then bend.

    net(t) = b + sum over direct connections and delays d:  W_d^T a(t - d)  +  V^T a_hidden(t),      V = 0

b and W are those of least squares (ARX) on the steps that are asked; the first weights into hidden layers are drawn at random
as always, so that V = 0 is left at the first step of training.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from throughtime import units
from throughtime.dynamics.holding import Mask
from throughtime.dynamics.linear import Linear, delayed, least_squares
from throughtime.dynamics.records import Record
from throughtime.engine import Weights
from throughtime.models.ensemble import Ensemble
from throughtime.models.hearing import driven, named_inputs
from throughtime.network import Connection, Network

Values = NDArray[np.float64]


def direct(network: Network) -> tuple[Connection, ...]:
    """The connections by which a linear output layer hears inputs and outputs; empty if it hears them otherwise, or not at all."""
    layer, heard = network.by_name[network.output], {name for name, _ in network.inputs} | {network.output}
    own = tuple(c for c in layer.connections if c.source in heard and c.weight == "dense")
    fixed = [c for c in layer.connections if c.source in heard and c not in own]
    plain = layer.unit == units.linear and layer.bias is True and layer.start == "zero" and not layer.backward
    return own if plain and all(c.weight == "identity" for c in fixed) else ()


def is_linear(network: Network) -> bool:
    """True if it is the linear model itself, without a layer beside its output."""
    return len(network.layers) == 1 and bool(direct(network))


def as_linear(network: Network, seen: Sequence[Record], asked: Sequence[Mask]) -> Values | None:
    """The coefficients of the linear model (heard, O) of these steps (T,) of each record, the constant last; None without any.

    network  in closed loop, with `direct` connections
    seen     records as the network sees them, standardised
    """
    rows, wanted = zip(*(_rows(network, r, m) for r, m in zip(seen, asked, strict=True)), strict=True)
    heard, target = np.concatenate(rows), np.concatenate(wanted)
    return least_squares(heard, target) if len(target) else None


def begun(network: Network, weights: Weights, found: Sequence[Values | None]) -> Weights:
    """The weights of members, each of which begins as its linear model; as they are where it has none."""
    own = {key: np.array(value) for key, value in weights[network.output].items()}
    borders = np.cumsum([len(c.delays) * network.size_of(c.source) for c in direct(network)])[:-1]
    for k, coefficients in enumerate(found):
        if coefficients is None:
            continue
        for key in own:
            own[key][k] = 0.0
        for c, part in zip(direct(network), np.split(coefficients[:-1], borders), strict=True):
            own[c.key][k] = part.reshape(own[c.key][k].shape)
        own["bias"][k] = coefficients[-1]
    return {**weights, network.output: {key: jnp.asarray(value) for key, value in own.items()}}


def _rows(network: Network, record: Record, asked: Mask) -> tuple[Values, Values]:
    """What the direct connections carry, and what they must give, at the steps whose whole past is asked and measured."""
    y = np.where(asked[:, None], record.y, np.nan)
    sources = {**named_inputs(network, record.u), network.output: y}
    heard = [delayed(np.asarray(sources[c.source], float), d) for c in direct(network) for d in c.delays]
    layer, target = network.by_name[network.output], y.copy()
    for c in layer.connections:
        if c.source == network.output and c.weight == "identity":
            target = target - sum(delayed(y, d) for d in c.delays)
    made = np.concatenate([*heard, np.ones((len(y), 1))], axis=1)
    past = max(d for c in layer.connections for d in c.delays)
    usable = np.isfinite(made).all(axis=1) & np.isfinite(target).all(axis=1) & (np.arange(len(y)) >= past)
    return made[usable], target[usable]


def linears_of(together: Ensemble) -> tuple[Linear, ...]:
    """Every network of an ensemble as the linear model that it is, in the units of the data.

    What one input hears and another does not has coefficients of 0; a fixed connection has those of 1.

    raises  ValueError if it is another network
    """
    network = together.network
    if not is_linear(network):
        raise ValueError("this is not the linear model; give a network without a hidden layer")
    own = jax.tree.map(np.asarray, together.weights[network.output])
    return tuple(_linear(together, {key: w[k] for key, w in own.items()}) for k in range(len(own["bias"])))


def _linear(together: Ensemble, own: dict[str, Values]) -> Linear:
    network, y = together.network, together.outputs
    connections = network.by_name[network.output].connections
    heard, fed = (
        tuple(sorted({d for c in connections if (c.source == network.output) == back for d in c.delays}))
        for back in (False, True)
    )
    parts = {name: {d: np.zeros((size, len(y))) for d in heard} for name, size in driven(network)}
    parts[network.output] = {d: np.zeros((len(y), len(y))) for d in fed}
    for c in connections:
        for place, d in enumerate(c.delays):
            parts[c.source][d] += np.eye(len(y)) if c.weight == "identity" else own[c.key][place][:, 0]
    rows = [parts[name][d] for d in heard for name, _ in driven(network)]
    found = np.concatenate([*rows, *(parts[network.output][d] for d in fed)])
    columns = [*(together.inputs * len(heard)), *(y * len(fed))]
    gain = np.array([c.scale for c in y]) / np.array([c.scale for c in columns])[:, None]
    mean, scale = np.array([c.mean for c in y]), np.array([c.scale for c in y])
    made = found * gain
    constant = mean + scale * own["bias"][0] - np.array([c.mean for c in columns]) @ made
    return Linear(heard, fed, np.vstack([made, constant]), mean)
