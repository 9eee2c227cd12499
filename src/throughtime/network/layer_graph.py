"""The layer graph: which layers listen to which."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from throughtime.network.value import Network


def sources_of(network: "Network", heard: Any = lambda layer, connection: True) -> dict[str, tuple[str, ...]]:
    """The layer graph: for every layer the layers it listens to, through the connections for which `heard` is true."""
    names = {layer.name for layer in network.layers}
    return {
        layer.name: tuple(c.source for c in layer.connections if c.source in names and heard(layer, c))
        for layer in network.layers
    }
