"""What a drawing says about a network: the order of its parts, which connections feed back, numbers of weights."""

from collections.abc import Callable, Sequence

from throughtime import graph
from throughtime.network import Connection, Layer, Network, sources_of
from throughtime.network.shapes import numbers_in, shapes
from throughtime.texts import printable

LETTERS = 24  # of a column's name


def flow(network: Network) -> tuple[Layer, ...]:
    """The layers in the order in which errors would be drawn upwards: sources first, loops opened at a delay."""
    undelayed = sources_of(network, lambda _, c: 0 in c.delays)
    listed: list[str] = []
    for members in graph.strong_components(sources_of(network)):
        inside = {m: [s for s in undelayed[m] if s in members] for m in members}
        entered = [m for m in members if any(s not in members for s in _all_sources(network, m))]
        listed += _within(inside, [*entered, *members])
    return tuple(network.by_name[name] for name in listed)


def column_names(network: Network, inputs: Sequence[str], outputs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Which columns each input and the output layer stand for, of those that a model hears and says; {} where none is known."""
    heard = [(name, size) for name, size in network.inputs if name != network.measured]
    if sum(size for _, size in heard) != len(inputs):
        heard = list(network.inputs) if sum(size for _, size in network.inputs) == len(inputs) else []
    made, begin = {network.output: tuple(outputs)}, 0
    if network.is_open:
        made[network.measured] = tuple(outputs)
    for name, size in heard:
        made[name], begin = tuple(inputs[begin : begin + size]), begin + size
    return {name: own for name, own in made.items() if own}


def listed(what: str, names: Sequence[str], most: int = 4) -> str:
    """What there is, with the names of its columns, the first of them."""
    short = [name if len(name) <= LETTERS else f"{name[: LETTERS - 3]}..." for name in map(printable, names)]
    more = f" ... {short[-1]}" if len(short) > most else ""
    return f"{what}: {', '.join(short[: most - 1] if more else short)}{more}" if short else what


def _all_sources(network: Network, name: str) -> list[str]:
    return [c.source for c in network.by_name[name].connections]


def _within(undelayed: dict[str, list[str]], preferred: list[str]) -> list[str]:
    """An order of one loop that respects its connections without delay, the preferred ones first."""
    placed: list[str] = []
    while len(placed) < len(undelayed):
        ready = (n for n in preferred if n not in placed and all(s in placed for s in undelayed[n]))
        placed.append(next(ready))
    return placed


def loop_test(network: Network) -> Callable[[Layer, Connection], bool]:
    """A test that tells whether a connection lies in a loop."""
    home = {name: members for members in graph.strong_components(sources_of(network)) for name in members}
    return lambda layer, connection: connection.source in home[layer.name]


def connection_weight_count(network: Network, layer: Layer, connection: Connection) -> int:
    """The number of learned weights of one connection."""
    return numbers_in(shapes(network)[layer.name].get(connection.key, {}))


def biases(network: Network, layer: Layer) -> int:
    """The number of biases of a layer."""
    return numbers_in(shapes(network)[layer.name].get("bias", {}))


def starts(network: Network, layer: Layer) -> int:
    """The number of learned values before the first step: activities that are heard later, and memories."""
    return numbers_in(shapes(network)[layer.name].get("start", {}))


def layer_weight_count(network: Network, layer: Layer) -> int:
    """The number of all that a layer learns."""
    return numbers_in(shapes(network)[layer.name])
