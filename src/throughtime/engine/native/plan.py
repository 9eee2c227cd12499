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
def plan(
    network: Network, component: Component, ragged: bool, masked: frozenset[tuple[str, str]], taped: bool
) -> tuple[int, ...]:
    """The wiring of a loop; `masked`: the connections (layer, key) that have a dropout mask; `taped`: a sweep will follow."""
    return tuple(_numbers(network, component, ragged, masked, taped))


def _numbers(
    network: Network, component: Component, ragged: bool, masked: frozenset[tuple[str, str]], taped: bool
) -> Iterator[int]:
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
            taped and keeps_nets(layer),
            len(inner),
        )
        for c in inner:
            yield from _connection(layer, c, place[c.source], (layer.name, c.key) in masked)


def _connection(layer: Layer, connection: Connection, source: int, masked: bool) -> tuple[int, ...]:
    fed, delays = layer.fed(connection.nets), connection.delays
    return (source, _KINDS[kind_of(connection)], masked, len(fed), *fed, len(delays), *delays)


def plan_alone(
    layer: Layer, connections: tuple[Connection, ...], ragged: bool, masked: frozenset[str]
) -> tuple[int, ...]:
    """One layer and some of its connections, whoever it hears, as a wiring of its own."""
    own = [number for c in connections for number in _connection(layer, c, 0, c.key in masked)]
    return (ragged, 1, 0, 0, layer.size, len(layer.nets), 0, 0, 0, len(connections), *own)
