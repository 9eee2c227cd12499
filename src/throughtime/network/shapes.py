"""The shapes of a network's weights, and how many numbers that makes."""

from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any

from throughtime.layers import Connection, Layer, LearnedDelays

if TYPE_CHECKING:
    from throughtime.network.value import Network


@cache
def shapes(network: "Network") -> dict[str, dict[str, Any]]:
    """The shape of every array in the network's weights, in a tree like theirs; by arithmetic, nothing is drawn.

    >>> import throughtime as tt
    >>> shapes(tt.elman(2, 3, 1))["hidden"]["input"]
    (1, 2, 1, 3)
    """
    made: dict[str, dict[str, Any]] = {}
    for layer in network.layers:
        learned = [c for c in layer.connections if c.weight != "identity"]
        own: dict[str, Any] = {c.key: _shape(network, layer, c) for c in learned}
        if layer.biased:
            own["bias"] = (len(layer.biased), layer.size)
        if layer.start == "learned":
            rows = {"activity": _rows_before(network, layer), "memory": layer.memory}
            own["start"] = {part: (count, layer.size) for part, count in rows.items() if count}
        made[layer.name] = own
    return made


def _shape(network: "Network", layer: Layer, connection: Connection) -> Any:
    nets, size, count = len(layer.fed(connection.nets)), network.size_of(connection.source), len(connection.delays)
    if connection.weight == "diagonal":
        return (count, nets, layer.size)
    if isinstance(connection.weight, LearnedDelays):
        return {"weight": (size, nets, layer.size), "delay": (count, size, layer.size)}
    return (count, size, nets, layer.size)


def _rows_before(network: "Network", layer: Layer) -> int:
    """As many rows of a learned start as layers of the same direction hear of it."""
    listeners = [c for other in network.layers if other.backward == layer.backward for c in other.connections]
    return max((max(c.delays) for c in listeners if c.source == layer.name), default=0)


def weight_count(network: "Network") -> int:
    """The number of learned weights, biases and learned a(0) included.

    >>> from throughtime import architectures
    >>> weight_count(architectures.feedforward(2, 3, 1))
    13
    """
    return numbers_in(shapes(network))


def numbers_in(tree: Any) -> int:
    """How many numbers arrays of these shapes hold."""
    return sum(map(numbers_in, tree.values())) if isinstance(tree, dict) else prod(tree)
