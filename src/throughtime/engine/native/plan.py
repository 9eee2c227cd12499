"""A loop as the native engine reads it: whole numbers, in the order of `read_wiring` in `sources/operands.h`."""

from collections.abc import Iterator
from functools import cache

from throughtime.engine.schedule import Component, depths
from throughtime.network import Connection, Layer, Network
from throughtime.units import Unit, context, gru, linear, logistic, lstm, relu, saturated_linear, tanh

_ELEMENTWISE = (linear, tanh, logistic, relu, saturated_linear)
_NUMBERS: dict[Unit, tuple[int, int]] = {
    **{unit: (number, 0) for number, unit in enumerate((*_ELEMENTWISE, lstm, gru))},
    **{context(unit): (7, number) for number, unit in enumerate(_ELEMENTWISE)},
}
_KINDS = {"dense": 0, "diagonal": 1, "identity": 2}


def knows(component: Component) -> bool:
    """Whether all units of the loop are built in."""
    return all(layer.unit in _NUMBERS for layer in component.layers)


def keeps_nets(layer: Layer) -> bool:
    """Whether the tape needs the layer's net inputs; of the others the activity tells the slope."""
    return layer.unit not in _ELEMENTWISE


def kind_of(connection: Connection) -> str:
    """How the weights of a connection act: learned delays act as dense ones."""
    return connection.weight if isinstance(connection.weight, str) else "dense"


@cache
def plan(network: Network, component: Component, ragged: bool, masked: frozenset[tuple[str, str]]) -> tuple[int, ...]:
    """The wiring of a loop; `masked`: the connections (layer, key) that have a dropout mask."""
    return tuple(_numbers(network, component, ragged, masked))


def _numbers(network: Network, component: Component, ragged: bool, masked: frozenset[tuple[str, str]]) -> Iterator[int]:
    place = {layer.name: number for number, layer in enumerate(component.layers)}
    yield from (ragged, len(component.layers))
    for layer in component.layers:
        depth = depths(network, component.backward)[layer.name]
        inner = component.inner(layer)
        yield from (
            *_NUMBERS[layer.unit],
            layer.size,
            len(layer.nets),
            layer.memory,
            depth,
            keeps_nets(layer),
            len(inner),
        )
        for c in inner:
            fed = layer.fed(c.nets)
            yield from (place[c.source], _KINDS[kind_of(c)], (layer.name, c.key) in masked)
            yield from (len(fed), *fed, len(c.delays), *c.delays)
