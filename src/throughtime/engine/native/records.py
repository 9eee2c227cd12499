"""The border to C++: what a call says to its kernel, as records of whole numbers.

Every record has a struct of its name and with its fields, in their order, in `sources/wiring.h`. The library tells what its
structs are, and one that tells anything but `told()` is not loaded.
"""

from dataclasses import dataclass, fields, is_dataclass
from typing import Any

UNITS = ("linear", "tanh", "logistic", "relu", "saturated", "lstm", "gru", "context")
KINDS = ("dense", "diagonal", "identity")


@dataclass(frozen=True)
class Connection:
    """What a layer hears from a source: its place among the layers, and, beyond them, those outside.

    kind     its place in KINDS
    places   the net inputs that it feeds, in the order of its weights
    """

    source: int
    kind: int
    masked: bool
    places: tuple[int, ...]
    delays: tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """Some units, and the rows of their past.

    unit, within  places in UNITS; within: of a context unit the one it copies
    kept          whether its gates go on the tape
    joined        whether its past lies before its activities in the result
    """

    unit: int
    within: int
    size: int
    nets: int
    memory: int
    depth: int
    kept: bool
    joined: bool
    connections: tuple[Connection, ...]


@dataclass(frozen=True)
class Outer:
    """A source outside: its units, and the rows of its past."""

    size: int
    depth: int


@dataclass(frozen=True)
class Wiring:
    """Layers that run together, and what they hear; ragged: the sequences have lengths of their own."""

    ragged: bool
    layers: tuple[Layer, ...]
    outer: tuple[Outer, ...]


@dataclass(frozen=True)
class ForwardCall:
    """Step forward; driven: by what is heard from outside, already summed; at_once: a layer in no loop."""

    steps: int
    batch: int
    taped: bool
    driven: bool
    at_once: bool
    wiring: Wiring


@dataclass(frozen=True)
class SweepCall:
    """Sweep back; layer by layer, silent: whether no errors come from outside; filled: whether deltas are 0 beyond `lengths`."""

    steps: int
    batch: int
    rows: int
    silent: tuple[bool, ...]
    filled: tuple[bool, ...]
    wiring: Wiring


@dataclass(frozen=True)
class GradientCall:
    """Sum the weight gradients of the one layer of a wiring; heard: of what its connections hear."""

    steps: int
    batch: int
    biased: bool
    wiring: Wiring
    heard: tuple[Outer, ...]


@dataclass(frozen=True)
class StreamCall:
    """Step a whole network from outside.

    mark     what its states begin with
    members  how many networks
    output   the place of the layer that answers
    fed      the row of its past, counted back from the newest, that a measured output takes; -1: none
    wiring   all layers; outside are the inputs, in the order of the columns
    """

    mark: int
    members: int
    output: int
    fed: int
    wiring: Wiring


Call = ForwardCall | SweepCall | GradientCall
RECORDS = (Connection, Layer, Outer, Wiring, ForwardCall, SweepCall, GradientCall, StreamCall)


def numbers(record: Any) -> list[int]:
    """A record as its struct is read: field by field, a list after its number of members."""
    if is_dataclass(record):
        return [number for field in fields(record) for number in numbers(getattr(record, field.name))]
    if isinstance(record, tuple):
        return [len(record), *(number for member in record for number in numbers(member))]
    return [int(record)]


def told() -> str:
    """The names of all fields and of what is counted by its place, as the library must tell them."""
    lines = [f"{kind.__name__}: {', '.join(field.name for field in fields(kind))}\n" for kind in RECORDS]
    counted = {"Unit": UNITS, "Kind": KINDS}
    return "".join([*lines, *(f"{name}: {', '.join(places)}\n" for name, places in counted.items())])
