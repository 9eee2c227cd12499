"""What the native engine knows of a wiring: which units and connections, which loop in a call; and the records of these."""

from functools import cache
from typing import NamedTuple

from throughtime.engine.backend import Loop
from throughtime.engine.native import records
from throughtime.engine.schedule import Component, depths, present_order
from throughtime.network import Connection, Layer, Network
from throughtime.units import Unit, context, gru, linear, logistic, lstm, relu, saturated_linear, tanh

_ELEMENTWISE = (linear, tanh, logistic, relu, saturated_linear)
NUMBERS: dict[Unit, tuple[int, int]] = {  # in the order of `records.UNITS`
    **{unit: (number, 0) for number, unit in enumerate((*_ELEMENTWISE, lstm, gru))},
    **{context(unit): (records.UNITS.index("context"), number) for number, unit in enumerate(_ELEMENTWISE)},
}


def knows(component: Component) -> bool:
    """Whether all units are built in; of a layer in no loop also whether its activity tells the slope."""
    return all(layer.unit in (NUMBERS if component.stepped else _ELEMENTWISE) for layer in component.layers)


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
def wiring(call: Call, ragged: bool, masked: frozenset[tuple[str, str]], taped: bool) -> records.Wiring:
    """Of a loop; `masked`: the connections (layer, key) that have a dropout mask; `taped`: a sweep will follow."""
    place = {name: number for number, name in enumerate((*(m.name for m in call.layers), *call.outer))}
    layers = tuple(
        records.Layer(
            *NUMBERS[m.unit],
            size=m.size,
            nets=len(m.nets),
            memory=m.memory,
            depth=call.depth(m.name),
            kept=taped and keeps_gates(m),
            joined=taped or call.joins(m),
            connections=tuple(_connection(m, c, place[c.source], (m.name, c.key) in masked) for c in call.heard(m)),
        )
        for m in call.layers
    )
    outer = tuple(records.Outer(call.loop.network.size_of(source), call.depth(source)) for source in call.outer)
    return records.Wiring(ragged, layers, outer)


def _connection(layer: Layer, connection: Connection, source: int, masked: bool) -> records.Connection:
    kind = records.KINDS.index(kind_of(connection))
    return records.Connection(source, kind, masked, layer.fed(connection.nets), connection.delays)


def whole(network: Network) -> records.Wiring:
    """All layers of a network, in the order of their connections without delay, and the inputs that are heard."""
    layers, heard = present_order(network), {c.source for layer in network.layers for c in layer.connections}
    inputs = [name for name, _ in network.inputs if name in heard]
    place = {name: number for number, name in enumerate((*(m.name for m in layers), *inputs))}
    return records.Wiring(
        False,
        tuple(_stepped(network, m, place) for m in layers),
        tuple(records.Outer(network.size_of(name), depths(network)[name]) for name in inputs),
    )


def _stepped(network: Network, m: Layer, place: dict[str, int]) -> records.Layer:
    own = tuple(_connection(m, c, place[c.source], False) for c in m.connections)
    return records.Layer(*NUMBERS[m.unit], m.size, len(m.nets), m.memory, depths(network)[m.name], False, False, own)


def alone(layer: Layer, connections: tuple[Connection, ...], ragged: bool, masked: frozenset[str]) -> records.Wiring:
    """One layer and some of its connections, whoever it hears."""
    own = tuple(_connection(layer, c, 0, c.key in masked) for c in connections)
    return records.Wiring(ragged, (_plain(layer.size, len(layer.nets), own),), ())


def turned(connection: Connection, columns: int, sources: int) -> records.Wiring:
    """A linear layer of the source's units that hears the deltas, (columns) wide, from as many steps later as its delays."""
    last = max(connection.delays)
    later = tuple(last - d for d in connection.delays)
    heard = records.Connection(1, records.KINDS.index("dense"), False, (0,), later)
    return records.Wiring(False, (_plain(sources, 1, (heard,)),), (records.Outer(columns, last),))


def _plain(size: int, nets: int, connections: tuple[records.Connection, ...]) -> records.Layer:
    """A layer without memory or past; of what unit matters to none who asks for it, and linear it is."""
    unit, within = NUMBERS[linear]
    return records.Layer(unit, within, size, nets, 0, 0, False, False, connections)
