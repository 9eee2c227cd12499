"""A loop as the native engine reads it: whole numbers, in the order of `read_wiring` in `sources/operands.h`."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from throughtime.engine.backend import Loop
from throughtime.engine.schedule import Component
from throughtime.network import Connection, Layer
from throughtime.units import Unit, context, gru, linear, logistic, lstm, relu, saturated_linear, tanh

_ELEMENTWISE = (linear, tanh, logistic, relu, saturated_linear)
_NUMBERS: dict[Unit, tuple[int, int]] = {
    **{unit: (number, 0) for number, unit in enumerate((*_ELEMENTWISE, lstm, gru))},
    **{context(unit): (7, number) for number, unit in enumerate(_ELEMENTWISE)},
}
_KINDS = {"dense": 0, "diagonal": 1, "identity": 2}


def knows(component: Component) -> bool:
    """Whether all units are built in; of a layer in no loop also whether its activity tells the slope."""
    return all(layer.unit in (_NUMBERS if component.stepped else _ELEMENTWISE) for layer in component.layers)


def keeps_gates(layer: Layer) -> bool:
    """Whether the sweep needs what the units made of their net inputs; of the others the activity tells the slope."""
    return layer.unit not in _ELEMENTWISE


def kind_of(connection: Connection) -> str:
    """How the weights of a connection act: learned delays act as dense ones."""
    return connection.weight if isinstance(connection.weight, str) else "dense"


class Call(NamedTuple):
    """A loop in a call, and whether the call hears what is outside (`fused`) or is driven by it."""

    loop: Loop
    fused: bool = False

    @property
    def layers(self) -> tuple[Layer, ...]:
        """In the order of their connections without delay."""
        return self.loop.layers

    def depth(self, source: str) -> int:
        """The rows of a source's past that come first."""
        return self.loop.depth(source)

    def joins(self, layer: Layer) -> bool:
        """Whether layers outside, of its direction, hear it with its past before its activities; else a run leaves these alone."""
        own = self.loop.component
        others = (m for m in self.loop.network.layers if m.name not in own and m.backward == own.backward)
        return any(c.source == layer.name for other in others for c in other.connections)

    def heard(self, layer: Layer) -> tuple[Connection, ...]:
        """The connections that a layer hears in the call."""
        return layer.connections if self.fused else self.loop.component.inner(layer)

    @property
    def outer(self) -> tuple[str, ...]:
        """The sources outside that are heard."""
        found = (c.source for m in self.layers for c in self.heard(m) if c.source not in self.loop.component)
        return tuple(dict.fromkeys(found))


@cache
def plan(call: Call, ragged: bool, masked: frozenset[tuple[str, str]], taped: bool) -> tuple[int, ...]:
    """The wiring of a loop; `masked`: the connections (layer, key) that have a dropout mask; `taped`: a sweep will follow."""
    return tuple(_numbers(call, ragged, masked, taped))


def _numbers(call: Call, ragged: bool, masked: frozenset[tuple[str, str]], taped: bool) -> Iterator[int]:
    layers, outer = call.layers, call.outer
    place = {name: number for number, name in enumerate((*(layer.name for layer in layers), *outer))}
    yield from (ragged, len(layers))
    for layer in layers:
        heard = call.heard(layer)
        kept = taped and keeps_gates(layer)
        extent = (layer.size, len(layer.nets), layer.memory, call.depth(layer.name))
        yield from (*_NUMBERS[layer.unit], *extent, kept, taped or call.joins(layer), len(heard))
        for c in heard:
            yield from _connection(layer, c, place[c.source], (layer.name, c.key) in masked)
    yield len(outer)
    for source in outer:
        yield from (call.loop.network.size_of(source), call.depth(source))


def _connection(layer: Layer, connection: Connection, source: int, masked: bool) -> tuple[int, ...]:
    fed, delays = layer.fed(connection.nets), connection.delays
    return (source, _KINDS[kind_of(connection)], masked, len(fed), *fed, len(delays), *delays)


def plan_alone(
    layer: Layer, connections: tuple[Connection, ...], ragged: bool, masked: frozenset[str]
) -> tuple[int, ...]:
    """One layer and some of its connections, whoever it hears, as a wiring of its own."""
    own = [number for c in connections for number in _connection(layer, c, 0, c.key in masked)]
    return (ragged, 1, 0, 0, layer.size, len(layer.nets), 0, 0, 0, 0, len(connections), *own, 0)


def plan_turned(connection: Connection, columns: int, sources: int) -> tuple[int, ...]:
    """A linear layer of the source's units that hears the deltas, (columns) wide, from as many steps later as its delays."""
    last = max(connection.delays)
    later = tuple(last - d for d in connection.delays)
    heard = (1, _KINDS["dense"], False, 1, 0, len(later), *later)
    return (False, 1, *_NUMBERS[linear], sources, 1, 0, 0, False, False, 1, *heard, 1, columns, last)
