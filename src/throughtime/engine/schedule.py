"""Which layers form loops, in what order the parts of a network run, and how much past each source must keep.

A component is a strongly connected set of layers. It is *stepped* if it holds a loop or a unit with memory; every other
component runs over all time steps at once.
"""

from dataclasses import dataclass
from functools import cache

from throughtime import graph
from throughtime.network import Connection, Layer, Network, sources_of


@dataclass(frozen=True)
class Component:
    """Layers that must run together, in the order of their connections without delay."""

    layers: tuple[Layer, ...]
    stepped: bool
    backward: bool

    def __contains__(self, name: str) -> bool:
        return any(layer.name == name for layer in self.layers)

    def inner(self, layer: Layer) -> tuple[Connection, ...]:
        """The connections of `layer` from within the component."""
        return tuple(c for c in layer.connections if c.source in self)

    def outer(self, layer: Layer) -> tuple[Connection, ...]:
        """The connections of `layer` from outside the component."""
        return tuple(c for c in layer.connections if c.source not in self)

    def depth(self, name: str) -> int:
        """The largest delay with which a layer of the component hears `name`."""
        return max((max(c.delays) for layer in self.layers for c in layer.connections if c.source == name), default=0)


@cache
def present_order(network: Network) -> tuple[Layer, ...]:
    """All layers, in the order of their connections without delay."""
    names = graph.order(sources_of(network, lambda layer, c: 0 in c.delays))
    return tuple(network.by_name[name] for name in names)


@cache
def schedule(network: Network) -> tuple[Component, ...]:
    """The components, each after all those it listens to."""
    edges = sources_of(network)

    def component(members: tuple[str, ...]) -> Component:
        layers = tuple(layer for layer in present_order(network) if layer.name in members)
        loop = any(layer.name in edges[layer.name] for layer in layers) or len(layers) > 1
        return Component(layers, loop or any(layer.memory for layer in layers), layers[0].backward)

    return tuple(component(members) for members in graph.strong_components(edges))


@cache
def depths(network: Network, backward: bool = False) -> dict[str, int]:
    """For each source the largest delay with which layers of that direction hear it: the rows of past it must keep."""
    found = dict.fromkeys(network.sizes, 0)
    for layer in network.layers:
        for c in layer.connections:
            if layer.backward == backward:
                found[c.source] = max(found[c.source], *c.delays)
    return found


def start_rows(network: Network, layer: Layer) -> int:
    """The rows of a learned start: as many as layers of the same direction hear of it."""
    return depths(network, layer.backward)[layer.name]


@dataclass(frozen=True)
class Row:
    """One group of values a network remembers of itself: delayed activities ("a") or unit memories ("memory")."""

    kind: str
    layer: str
    count: int  # rows of past, or memory values per unit
    size: int

    @property
    def width(self) -> int:
        """How many numbers that are, per sequence."""
        return self.count * self.size

    def swept(self, steps: int) -> int:
        """How many of the rows are new after so many steps; the others moved along their delay line."""
        return min(self.count, steps) if self.kind == "a" else self.count


@cache
def state(network: Network) -> tuple[Row, ...]:
    """History without past inputs: what the influence matrix of RTRL has rows for."""
    heard = depths(network)
    past = [Row("a", m.name, heard[m.name], m.size) for m in network.layers if heard[m.name]]
    kept = [Row("memory", m.name, m.memory, m.size) for m in network.layers if m.memory and not m.backward]
    return (*past, *kept)


@cache
def influential(network: Network) -> tuple[str, ...]:
    """The layers whose weights act on the state: those from which a path leads to a layer that is remembered."""
    edges = sources_of(network)
    kept = {row.layer for row in state(network)}
    reach = kept.union(*(graph.reachable(edges, name) for name in kept))
    return tuple(layer.name for layer in network.layers if layer.name in reach)
