"""The parts of a network: connections with delays, and layers of units that listen to them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from throughtime.checks import is_number
from throughtime.trial import refusal
from throughtime.units import Unit, named

RESERVED = ("bias", "start")


@dataclass(frozen=True)
class LearnedDelays:
    """A weight per pair of units times a softmax over the delays minimum..maximum, which learning turns one-hot.

    W_d = softmax_d(delay / temperature) * weight
    """

    maximum: int
    minimum: int = 1
    temperature: float = 1.0

    def __post_init__(self) -> None:
        for end in ("minimum", "maximum"):
            object.__setattr__(self, end, whole(getattr(self, end), f"LearnedDelays: {end}", 0))
        if not self.minimum <= self.maximum:
            raise ValueError(f"LearnedDelays needs 0 <= minimum <= maximum, not {self.minimum} and {self.maximum}")
        if not is_number(self.temperature) or not self.temperature > 0:
            raise ValueError(f"LearnedDelays needs a temperature above 0, not {self.temperature}")


Weight = Literal["dense", "identity", "diagonal"] | LearnedDelays


def whole(value: Any, what: str, least: int) -> int:
    """The value, if it is a whole number of at least `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ValueError(f"{what} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def repeated(names: Iterable[str]) -> str | None:
    """The first name that is there twice, or None."""
    return next((name for name, count in Counter(names).items() if count > 1), None)


def an_instance(value: Any, what: str) -> Any:
    """The value, unless it is a class where one of it is wanted: `BPTT` for `BPTT()`."""
    if isinstance(value, type):
        raise ValueError(f"{what} is the class {value.__name__} itself; give one of it, {value.__name__}()")
    return value


def _names(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


@dataclass(frozen=True)
class Connection:
    """Carries the activities of a source to a layer after one or more delays.

    source   name of an input or a layer
    delays   time steps, 0 the present one; an int is one delay, a list a tapped delay line
    weight   "dense" (every pair of units), "diagonal" (unit by unit), "identity" (unit by unit, fixed at one)
             or `LearnedDelays`, which brings its own delays
    nets     which net inputs of the layer it feeds; None: all
    dropout  probability with which a source unit is silenced, drawn once per sequence
    name     known by this, or by the source where it is None; unique within a layer
    """

    source: str
    delays: tuple[int, ...] = (0,)
    weight: Weight = "dense"
    nets: tuple[str, ...] | None = None
    dropout: float = 0.0
    name: str | None = None

    def __post_init__(self) -> None:
        what = f"connection from {self.source!r}"
        if not (isinstance(self.source, str) and isinstance(self.key, str)):
            raise ValueError(f"{what}: the names of its source and of itself must be text, not {self.name!r}")
        given: Any = self.delays
        if isinstance(self.weight, LearnedDelays):
            given = range(self.weight.minimum, self.weight.maximum + 1)
        elif self.weight not in ("dense", "identity", "diagonal"):
            raise ValueError(
                f"{what}: weight must be 'dense', 'identity', 'diagonal' or LearnedDelays, not {self.weight!r}"
            )
        listed = tuple(given) if isinstance(given, Iterable) else (given,)
        delays = tuple(whole(d, f"{what}: a delay", 0) for d in listed)
        if not delays or len(set(delays)) < len(delays):
            raise ValueError(f"{what}: delays must be one or more different numbers, not {listed}")
        object.__setattr__(self, "delays", delays)
        if self.nets is not None:
            object.__setattr__(self, "nets", _names(self.nets))
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"{what}: dropout must be at least 0 and below 1, not {self.dropout}")
        if self.key in RESERVED:
            raise ValueError(f"{what}: the name {self.key!r} is reserved; choose another")

    @property
    def key(self) -> str:
        """The name it is known by within its layer."""
        return self.source if self.name is None else self.name

    @property
    def one_to_one(self) -> bool:
        """True if unit n hears only unit n of the source."""
        return self.weight in ("identity", "diagonal")


@dataclass(frozen=True)
class Layer:
    """A set of units of one kind that listen to the same connections.

    bias      True, False, or the names of the net inputs that have one
    backward  True: its time runs from the end of the sequence, and its delays count in its own time
    start     "zero" or "learned": the activities (and memories) before the first step
    """

    name: str
    size: int
    unit: Unit
    connections: tuple[Connection, ...]
    bias: bool | tuple[str, ...] = True
    backward: bool = False
    start: Literal["zero", "learned"] = "zero"

    def __post_init__(self) -> None:
        what = f"layer {self.name!r}"
        object.__setattr__(self, "size", whole(self.size, f"{what}: size", 1))
        if isinstance(self.unit, str):
            object.__setattr__(self, "unit", named(self.unit))
        if not isinstance(self.unit, Unit):
            raise ValueError(f"{what}: unit must be a Unit or the name of one, not {self.unit!r}")
        if (trouble := refusal(self.unit, self.size)) is not None:
            raise ValueError(f"{what}: unit {self.unit.name!r} cannot be taken: {trouble}")
        given: Any = (self.connections,) if isinstance(self.connections, (str, Connection)) else self.connections
        made = tuple(Connection(c) if isinstance(c, str) else c for c in given)
        object.__setattr__(self, "connections", made)
        if not made:
            raise ValueError(f"{what} listens to nothing; give it at least one connection")
        if (twice := repeated(c.key for c in made)) is not None:
            raise ValueError(f"{what} has two connections known as {twice!r}; give one of them a name=")
        if not isinstance(self.bias, bool):
            object.__setattr__(self, "bias", _names(self.bias))
        for connection in made:
            if connection.nets == ():
                raise ValueError(
                    f"{what}, connection {connection.key!r} feeds no net input; leave nets= out to feed all"
                )
            self._check_nets(f"{what}, connection {connection.key!r}", connection.nets)
        if not isinstance(self.bias, bool):
            self._check_nets(f"{what}, bias", self.bias)
        if self.backward not in (True, False):
            raise ValueError(f"{what}: backward must be True or False, not {self.backward!r}")
        if self.start not in ("zero", "learned"):
            raise ValueError(f"{what}: start must be 'zero' or 'learned', not {self.start!r}")

    def _check_nets(self, what: str, nets: tuple[str, ...] | None) -> None:
        if nets is not None and len(set(nets)) < len(nets):
            raise ValueError(f"{what}: a net input is named twice in {nets}")
        for net in nets or ():
            if net not in self.nets:
                raise ValueError(
                    f"{what}: unit {self.unit.name!r} has no net input {net!r}; it has {', '.join(self.nets)}"
                )

    @cached_property
    def nets(self) -> tuple[str, ...]:
        """Names of the net inputs."""
        return self.unit.nets_of(self.size)

    @cached_property
    def memory(self) -> int:
        """Memory values per unit."""
        return self.unit.memory_of(self.size)

    @property
    def biased(self) -> tuple[int, ...]:
        """Which net inputs have a bias, as indices."""
        if isinstance(self.bias, bool):
            return tuple(range(len(self.nets))) if self.bias else ()
        return self.fed(self.bias)

    def fed(self, nets: tuple[str, ...] | None) -> tuple[int, ...]:
        """The indices of those net inputs; None means all."""
        return tuple(self.nets.index(net) for net in (self.nets if nets is None else nets))
