"""What a wiring must be: names that differ, sources that are there, loops with a delay, and no part without use."""

from graphlib import CycleError
from typing import TYPE_CHECKING

from throughtime import graph
from throughtime.layers import Connection, Layer, repeated
from throughtime.network.layer_graph import sources_of

if TYPE_CHECKING:
    from throughtime.network.value import Network

CLOCK = "clock"  # the input of a network without inputs: heard by no layer, it only counts the steps


def check_wiring(network: "Network") -> None:
    names = [name for name, _ in network.inputs] + [layer.name for layer in network.layers]
    for name in names:
        if not isinstance(name, str) or not name:
            raise ValueError(f"the name of an input or a layer must be text, not {name!r}")
    if (twice := repeated(names)) is not None:
        raise ValueError(f"two parts of the network are called {twice!r}; names must differ")
    if not network.inputs:
        raise ValueError("a network needs at least one input")
    if network.output not in network.by_name:
        raise ValueError(f"the output {network.output!r} is not a layer; layers: {', '.join(network.by_name)}")
    for layer in network.layers:
        for connection in layer.connections:
            _check_connection(network, layer, connection)
    _check_loops(network)
    _check_use(network)


def _check_connection(network: "Network", layer: Layer, connection: Connection) -> None:
    what = f"layer {layer.name!r}, connection {connection.key!r}"
    if connection.source not in network.sizes:
        raise ValueError(
            f"{what}: there is no input or layer {connection.source!r}; there are {', '.join(network.sizes)}"
        )
    size = network.size_of(connection.source)
    if connection.one_to_one and size != layer.size:
        raise ValueError(
            f"{what}: an {connection.weight} connection joins unit to unit, "
            f"but {connection.source!r} has {size} units and {layer.name!r} has {layer.size}"
        )


def _check_loops(network: "Network") -> None:
    try:
        graph.order(sources_of(network, lambda layer, c: 0 in c.delays))
    except CycleError as error:
        path = " -> ".join(error.args[1])
        raise ValueError(
            f"the loop {path} has no delay, so it cannot be computed; give one of its connections a delay"
        ) from None
    for members in graph.strong_components(sources_of(network)):
        if len({network.by_name[name].backward for name in members}) > 1:
            raise ValueError(
                f"the loop {' -> '.join(members)} joins forward and backward layers; a loop has one direction"
            )


def _check_use(network: "Network") -> None:
    used = {network.output} | graph.reachable(sources_of(network), network.output)
    late = _heard_later(network)
    for layer in network.layers:
        if layer.name not in used:
            raise ValueError(
                f"no path leads from layer {layer.name!r} to the output {network.output!r}; remove it or connect it"
            )
        if layer.start == "learned" and not layer.memory and (layer.name, layer.backward) not in late:
            raise ValueError(f"layer {layer.name!r} has no history, so start='learned' has nothing to learn")
    heard = {c.source for layer in network.layers for c in layer.connections} | {CLOCK}
    for name, _ in network.inputs:
        if name not in heard:
            raise ValueError(f"no layer listens to input {name!r}; remove it or connect it")


def _heard_later(network: "Network") -> set[tuple[str, bool]]:
    """The sources that are heard with a delay, each with the direction of who hears it."""
    return {(c.source, layer.backward) for layer in network.layers for c in layer.connections if max(c.delays) > 0}
