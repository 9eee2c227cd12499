"""How layers are stacked: what every architecture is made with."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from throughtime.network import Connection, Layer, LearnedDelays, Network
from throughtime.units import Unit

Inputs = int | Mapping[str, int]
Hidden = int | Sequence[int]
Taps = int | LearnedDelays | Iterable[int | LearnedDelays]
Delays = Taps | Mapping[str, Taps]
Start = Literal["zero", "learned"]

OUTPUT = "output"


def stacked(
    inputs: Inputs,
    hidden: Hidden,
    outputs: int,
    layer: Callable[[int, str, int, list[Connection]], list[Layer]],
    g: Unit,
    taps: Sequence[Delays] | None = None,
    start: Start = "zero",
) -> Network:
    """Input, one or several hidden layers made by `layer(index, name, size, connections)`, output.

    `taps`: the delays with which each layer hears the one below it (default 0).
    """
    sizes = sizes_of(hidden)
    sources = list(inputs) if isinstance(inputs, Mapping) else ["input"]
    lines: Sequence[Delays] = [0] * (len(sizes) + 1) if taps is None else taps
    layers: list[Layer] = []
    for index, size in enumerate(sizes):
        name = "hidden" if len(sizes) == 1 else f"hidden{index + 1}"
        made = layer(index, name, size, connections_from(sources, lines[index]))
        layers += made
        sources = [m.name for m in made]
    layers.append(Layer(OUTPUT, outputs, g, tuple(connections_from(sources, lines[-1])), start=start))
    return Network(inputs, tuple(layers), OUTPUT)


def sizes_of(hidden: Hidden) -> list[int]:
    """The units of every hidden layer."""
    sizes = list(hidden) if isinstance(hidden, Iterable) else [hidden]
    if not sizes:
        raise ValueError("hidden must be a number of units, or one number for each hidden layer; it is empty")
    return sizes


def connections_from(sources: Sequence[str], delays: Delays) -> list[Connection]:
    """The connections from these sources, each with its delays."""
    if not isinstance(delays, Mapping):
        return [c for source in sources for c in _lines(source, delays)]
    if set(delays) != set(sources):
        raise ValueError(f"delays are given for {', '.join(delays)}; what is heard there is {', '.join(sources)}")
    return [c for source in sources for c in _lines(source, delays[source])]


def _lines(source: str, delays: Taps) -> list[Connection]:
    """One connection for numbers, one for each of the learned delays."""
    listed: tuple[int | LearnedDelays, ...] = tuple(delays) if isinstance(delays, Iterable) else (delays,)
    learned = [d for d in listed if isinstance(d, LearnedDelays)]
    numbers = [d for d in listed if not isinstance(d, LearnedDelays)]
    if not learned:
        return [Connection(source, numbers)]
    if numbers:
        raise ValueError(f"delays of {source!r}: give numbers or LearnedDelays, not both")
    names = [None, *(f"{source} {number}" for number in range(2, len(learned) + 1))]
    return [Connection(source, weight=d, name=name) for d, name in zip(learned, names, strict=True)]


def self_hearing(unit: Unit, back: Sequence[Connection], start: Start, bidirectional: bool, **rest: Any) -> Any:
    """A maker of layers that hear themselves; `back` is written with the source "self"."""

    def layer(_: int, name: str, size: int, below: list[Connection]) -> list[Layer]:
        def one(called: str, backward: bool) -> Layer:
            loops = tuple(Connection(called, c.delays, c.weight, c.nets, name=c.name) for c in back)
            heard = tuple(Connection(c.source, c.delays, c.weight, rest.get("nets")) for c in below)
            return Layer(called, size, unit, heard + loops, rest.get("bias", True), backward, start)

        forward = one(name, False)
        return [forward, one(f"{name} backward", True)] if bidirectional else [forward]

    return layer
