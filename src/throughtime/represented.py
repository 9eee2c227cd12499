"""A feedforward network inside a recurrent one: layer by layer in time."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from throughtime import graph
from throughtime.engine.effective import Weights, effective
from throughtime.engine.first import check
from throughtime.engine.forward import kind
from throughtime.network import Connection, Layer, Network, sources_of
from throughtime.units import Unit

HIDDEN, RECURRENT = "hidden", "recurrent"
Values = NDArray[Any]


def represent(network: Network, weights: Weights) -> tuple[Network, Weights]:
    """One recurrent layer that computes a given feedforward network, one of its layers at each time step.

    The layer holds all hidden units. What is the weight from one hidden layer to the next becomes a recurrent weight:

        a(t) = f(W^T x(t) + R^T a(t-1) + b),   R = | 0  W^1  0  |     a(t) = (a^1(t), a^2(t-1), ..., a^n(t-n+1))
                                                   | 0   0  W^2 |
                                                   | 0   0   0  |

    So the answer to x(t) stands at the output at step t + n - 1, for n hidden layers in a row: show x for a step and wait,
    or show a new x at every step and read one answer a step, n - 1 steps late. Connections that skip layers get the
    delays of what they skip.

    network  without loops; hidden layers all of the same elementwise unit f; delays from inputs only; any output unit
    weights  its weights, learned delays too; dropout, which acts in training only, is left out

    returns  (recurrent network, its weights); inputs and output layer keep their names
    raises   ValueError if the network is not such a one
    cost     (hidden units)^2 recurrent weights, most of them 0

    >>> import jax.numpy as jnp, throughtime as tt
    >>> deep = tt.feedforward(2, [4, 3], 1)
    >>> weights = tt.init(deep, 0)
    >>> recurrent, theirs = tt.represent(deep, weights)
    >>> xs = jnp.ones((2, 1, 2))
    >>> (ys, _), (late, _) = tt.run(deep, weights, xs), tt.run(recurrent, theirs, xs)
    >>> bool(jnp.allclose(ys[0], late[1]))
    True
    """
    check(network, weights)
    _check(network)
    hidden, inner = _joined(HIDDEN, _hidden(network), network, weights)
    last, outer = _joined(network.output, [network.by_name[network.output]], network, weights)
    return Network(network.inputs, (hidden, last), network.output), {HIDDEN: inner, network.output: outer}


def _hidden(network: Network) -> list[Layer]:
    return [layer for layer in network.layers if layer.name != network.output]


def _check(network: Network) -> None:
    hidden = _hidden(network)
    if not hidden:
        raise ValueError("the network has no hidden layer: there is nothing to do in time")
    edges = sources_of(network)
    for members in graph.strong_components(edges):
        if len(members) > 1 or members[0] in edges[members[0]]:
            raise ValueError(f"{' -> '.join(members)} is a loop; only networks without loops can be represented")
    for layer in network.layers:
        _check_layer(layer, hidden[0].unit, layer.name == network.output)
        for c in layer.connections:
            if c.source in edges and c.delays != (0,):
                raise ValueError(
                    f"layer {layer.name!r} hears layer {c.source!r} with a delay; only inputs may have some"
                )


def _check_layer(layer: Layer, unit: Unit, last: bool) -> None:
    what = f"layer {layer.name!r}"
    if layer.nets != ("net",) or layer.memory:
        raise ValueError(
            f"{what}: unit {layer.unit.name!r} has several net inputs or a memory; only plain units will do"
        )
    if not last and (layer.unit != unit or layer.unit.coupled):
        raise ValueError(
            f"{what}: hidden layers must share one elementwise unit; {layer.unit.name!r} is not {unit.name!r}"
        )
    if layer.backward:
        raise ValueError(f"{what} runs backward in time; only forward layers can be represented")


def _levels(network: Network) -> dict[str, int]:
    """At which step after x(t) each source is computed: inputs and the first hidden layers at 1, the output with the last."""
    edges, level = sources_of(network), {name: 1 for name, _ in network.inputs}
    for name in graph.order(edges):
        level[name] = 1 + max((level[source] for source in edges[name]), default=0)
    level[network.output] = max(1, level[network.output] - 1)
    return level


def _columns(layers: list[Layer]) -> dict[str, slice]:
    """Which units of one layer that stands for several are whose."""
    made, end = {}, 0
    for layer in layers:
        made[layer.name], end = slice(end, end + layer.size), end + layer.size
    return made


def _joined(name: str, layers: list[Layer], network: Network, weights: Weights) -> tuple[Layer, dict[str, Any]]:
    """One layer that stands for several of the network, side by side, and its weights."""
    dtype, width, acting = kind(weights), sum(layer.size for layer in layers), effective(network, weights)
    made: dict[str, Any] = {}
    connections = []
    for source, taps in _taps(layers, network, acting).items():
        key = RECURRENT if source == name else source
        delays = sorted(taps)
        made[key] = jnp.asarray(np.stack([taps[delay] for delay in delays])[:, :, None, :], dtype)
        connections.append(Connection(source, tuple(delays), name=None if key == source else key))
    if any(layer.biased for layer in layers):
        biases = [acting[m.name].get("bias", jnp.zeros((1, m.size), dtype)) for m in layers]
        made["bias"] = jnp.concatenate(biases, axis=1)
    return Layer(name, width, layers[0].unit, tuple(connections), bias="bias" in made), made


def _taps(layers: list[Layer], network: Network, acting: Weights) -> dict[str, dict[int, Values]]:
    """The weights (S, N) from each source after each delay; the hidden layers are one source, called HIDDEN."""
    level, columns, width = _levels(network), _columns(layers), sum(layer.size for layer in layers)
    rows = _columns(_hidden(network))
    heard: dict[str, dict[int, Values]] = {}
    for layer in layers:
        for c in layer.connections:
            source, own = (HIDDEN, rows[c.source]) if c.source in rows else (c.source, slice(None))
            size = sum(m.size for m in _hidden(network)) if c.source in rows else network.size_of(c.source)
            for delay, matrix in zip(c.delays, _matrices(layer, c, acting), strict=True):
                later = delay + level[layer.name] - level[c.source]
                whole = heard.setdefault(source, {}).setdefault(later, np.zeros((size, width)))
                whole[own, columns[layer.name]] += matrix
    return heard


def _matrices(layer: Layer, connection: Connection, acting: Weights) -> list[Values]:
    """(S, N) for each delay."""
    if connection.weight == "identity":
        return [np.eye(layer.size) for _ in connection.delays]
    values = np.asarray(acting[layer.name][connection.key])
    if connection.weight == "diagonal":
        return [np.diag(value[0]) for value in values]
    return [value[:, 0] for value in values]
