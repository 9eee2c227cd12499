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
            object.__setattr__(self, end, whole_number(getattr(self, end), f"LearnedDelays: {end}", 0))
        if not self.minimum <= self.maximum:
            raise ValueError(f"LearnedDelays needs 0 <= minimum <= maximum, not {self.minimum} and {self.maximum}")
        if not is_number(self.temperature) or not self.temperature > 0:
            raise ValueError(f"LearnedDelays needs a temperature above 0, not {self.temperature}")


Weight = Literal["dense", "identity", "diagonal"] | LearnedDelays


def whole_number(value: Any, what: str, least: int) -> int:
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


def settled(value: Any, **fields: Any) -> None:
    """Give a frozen value its fields, once, when it is made."""
    for name, field in fields.items():
        object.__setattr__(value, name, field)


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


@dataclass(frozen=True, init=False)
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
    delays: tuple[int, ...]
    weight: Weight
    nets: tuple[str, ...] | None
    dropout: float
    name: str | None

    def __init__(
        self,
        source: str,
        delays: int | Iterable[int] = (0,),
        weight: Weight = "dense",
        nets: str | Iterable[str] | None = None,
        dropout: float = 0.0,
        name: str | None = None,
    ) -> None:
        what = f"connection from {source!r}"
        if not isinstance(source, str) or not isinstance(name, str | None):
            raise ValueError(f"{what}: the names of its source and of itself must be text, not {name!r}")
        settled(self, source=source, delays=_delays(what, delays, weight), weight=weight, dropout=dropout, name=name)
        settled(self, nets=None if nets is None else _names(nets))
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"{what}: dropout must be at least 0 and below 1, not {dropout}")
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


def _delays(what: str, given: Any, weight: Any) -> tuple[int, ...]:
    if isinstance(weight, LearnedDelays):
        given = range(weight.minimum, weight.maximum + 1)
    elif weight not in ("dense", "identity", "diagonal"):
        raise ValueError(f"{what}: weight must be 'dense', 'identity', 'diagonal' or LearnedDelays, not {weight!r}")
    listed = tuple(given) if isinstance(given, Iterable) else (given,)
    delays = tuple(whole_number(d, f"{what}: a delay", 0) for d in listed)
    if not delays or len(set(delays)) < len(delays):
        raise ValueError(f"{what}: delays must be one or more different numbers, not {listed}")
    return delays


@dataclass(frozen=True, init=False)
class Layer:
    """A set of units of one kind that listen to the same connections.

    unit         a `Unit`, or the name of a built-in one
    connections  what it listens to; the name of a source is a dense connection without delay
    bias         True, False, or the names of the net inputs that have one
    backward     True: its time runs from the end of the sequence, and its delays count in its own time
    start        "zero" or "learned": the activities (and memories) before the first step

    raises       ValueError for what does not fit together, and for a unit that is not what it says
    """

    name: str
    size: int
    unit: Unit
    connections: tuple[Connection, ...]
    bias: bool | tuple[str, ...]
    backward: bool
    start: Literal["zero", "learned"]

    def __init__(
        self,
        name: str,
        size: int,
        unit: Unit | str,
        connections: str | Connection | Iterable[str | Connection],
        bias: bool | str | Iterable[str] = True,
        backward: bool = False,
        start: Literal["zero", "learned"] = "zero",
    ) -> None:
        what = f"layer {name!r}"
        settled(self, name=name, size=whole_number(size, f"{what}: size", 1), backward=backward, start=start)
        settled(self, unit=_unit(what, unit, self.size), connections=_heard(what, connections))
        settled(self, bias=bias if isinstance(bias, bool) else _names(bias))
        for connection in self.connections:
            heard = f"{what}, connection {connection.key!r}"
            if connection.nets == ():
                raise ValueError(f"{heard} feeds no net input; leave nets= out to feed all")
            self._check_nets(heard, connection.nets)
        if not isinstance(self.bias, bool):
            self._check_nets(f"{what}, bias", self.bias)
        if backward not in (True, False):
            raise ValueError(f"{what}: backward must be True or False, not {backward!r}")
        if start not in ("zero", "learned"):
            raise ValueError(f"{what}: start must be 'zero' or 'learned', not {start!r}")

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


def _unit(what: str, given: Any, size: int) -> Unit:
    unit = named(given) if isinstance(given, str) else given
    if not isinstance(unit, Unit):
        raise ValueError(f"{what}: unit must be a Unit or the name of one, not {unit!r}")
    if (trouble := refusal(unit, size)) is not None:
        raise ValueError(f"{what}: unit {unit.name!r} cannot be taken: {trouble}")
    return unit


def _heard(what: str, given: Any) -> tuple[Connection, ...]:
    listed = (given,) if isinstance(given, str | Connection) else given
    made = tuple(Connection(c) if isinstance(c, str) else c for c in listed)
    if not made:
        raise ValueError(f"{what} listens to nothing; give it at least one connection")
    if (twice := repeated(c.key for c in made)) is not None:
        raise ValueError(f"{what} has two connections known as {twice!r}; give one of them a name=")
    return made
