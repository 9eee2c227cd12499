"""First weights, drawn at random, and the check that weights fit a wiring."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from throughtime.engine.door import placed, precision
from throughtime.engine.effective import Weights
from throughtime.network import Connection, Layer, LearnedDelays, Network, a_network
from throughtime.network.shapes import shapes

Values = NDArray[np.float64]


def init(network: Network, seed: int, dtype: Any = None) -> Weights:
    """First weights, drawn at random: {layer: {connection: array, "bias": ..., "start": ...}}.

    Dense weights are uniform with variance 1/(fan-in) over all that feeds a net input; a dense self-connection at delay 1
    is orthogonal, which keeps the norm of activities and errors; weights of learned delays are a tenth as large; diagonal
    weights lie in 0.5..0.95 shared by their delays; biases are 0 but for those the unit names (the LSTM's forget gate: 1).

    network  the wiring
    seed     a whole number; the same seed gives the same weights
    dtype    float32 unless JAX's float64 is switched on or another is named

    returns  dense (D, S, nets, N), diagonal (D, nets, N), learned delays {"weight": (S, nets, N), "delay": (D, S, N)},
             "bias" (nets with a bias, N), "start" {"activity": (D, N), "memory": (M, N)}; identity connections have none

    >>> import throughtime as tt
    >>> tt.init(tt.elman(2, 3, 1), seed=0)["hidden"]["input"].shape
    (1, 2, 1, 3)
    """
    a_network(network)
    kind = precision() if dtype is None else jax.dtypes.canonicalize_dtype(dtype)
    return jax.tree.map(lambda values: placed(values, kind), _drawn(network, seed))


def _drawn(network: Network, seed: int) -> dict[str, dict[str, Any]]:
    random = np.random.default_rng(seed)  # numpy draws at once, where JAX would first compile for every shape
    made: dict[str, dict[str, Any]] = {}
    for layer in network.layers:
        wanted = shapes(network)[layer.name]
        learned = [c for c in layer.connections if c.key in wanted]
        own: dict[str, Any] = {c.key: _connection(network, layer, c, wanted[c.key], random) for c in learned}
        if "bias" in wanted:
            own["bias"] = _bias(layer)
        if "start" in wanted:
            first = {"activity": 0.0, "memory": layer.unit.start}
            own["start"] = {part: np.full(shape, first[part]) for part, shape in wanted["start"].items()}
        made[layer.name] = own
    return made


def _connection(network: Network, layer: Layer, connection: Connection, shape: Any, random: np.random.Generator) -> Any:
    if connection.weight == "diagonal":
        return random.uniform(0.5, 0.95, shape) / len(connection.delays)
    if connection.source == layer.name and connection.delays == (1,) and connection.weight == "dense":
        _, size, nets, _ = shape
        return np.stack([_rotation(size, random) for _ in range(nets)], axis=1)[None]
    limit = (3.0 / _fan_in(network, layer, connection)) ** 0.5
    if isinstance(connection.weight, LearnedDelays):
        small = 0.1 * limit  # a weight can then find its sign before a delay is selected, which it could not take back
        return {
            "weight": random.uniform(-small, small, shape["weight"]),
            "delay": random.normal(0.0, 0.1, shape["delay"]),
        }
    return random.uniform(-limit, limit, shape)


def _rotation(size: int, random: np.random.Generator) -> Values:
    """An orthogonal matrix, all equally likely."""
    q, r = np.linalg.qr(random.normal(size=(size, size)))
    return q * np.sign(np.diag(r))


def _fan_in(network: Network, layer: Layer, connection: Connection) -> int:
    """How many weights feed a net input together with this connection (one-to-one ones aside)."""
    mine = set(layer.fed(connection.nets))

    def count(c: Connection) -> int:
        taps = 1 if isinstance(c.weight, LearnedDelays) else len(c.delays)
        return taps * network.size_of(c.source)

    return sum(count(c) for c in layer.connections if not c.one_to_one and mine & set(layer.fed(c.nets)))


def _bias(layer: Layer) -> Values:
    first = dict(layer.unit.bias)
    return np.repeat([[first.get(layer.nets[index], 0.0)] for index in layer.biased], layer.size, axis=1)


def check(network: Network, weights: Weights) -> None:
    """Refuse weights that were made for another wiring, naming the first part that does not fit."""
    for name, parts in shapes(network).items():
        if name not in weights:
            raise ValueError(f"the weights have no layer {name!r}; make them with init(network, seed)")
        for key, wanted in parts.items():
            if key not in weights[name]:
                raise ValueError(f"the weights of layer {name!r} have no {key!r}; make them with init(network, seed)")
            found = jax.tree.map(jnp.shape, weights[name][key])
            if wanted != found:
                raise ValueError(
                    f"the weights of layer {name!r}, {key!r}, have shape {found}; the wiring needs {wanted}"
                )
