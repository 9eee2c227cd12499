"""Counter machines as recurrent networks, one time step per instruction (Minsky 1967: two counters suffice for any program).

A counter n is the number x = 2^-n. Its three units, of which one is not 0, add up to it; the tests look one step ahead.

    numbers  increased  net = x/2 + [r is counted up] - 1
             decreased  net = 2 x + 2 ([r is counted down] - 1)      (0 stays 0: x saturates at 1)
             kept       net = x - [r is counted]
    zeros    decreased  net = 4 x - 1 + 4 ([r is counted down] - 1)        is n - 1 = 0, or n = 0?
             kept       net = [n = 0] - [r is counted]
    control  (i, then)  net = [i is next]                       or, if i counts r down, [i is next] - [r = 0]
             (i, else)  net = [i is next] + [r = 0] - 1         only if i counts r down
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from throughtime.turing import evaluation
from throughtime.turing.equations import OFF, Compiled, Label, Terms, Wired, total, wire
from throughtime.turing.machine import names

Instruction = tuple[Any, ...]
GRAIN = evaluation.MANTISSA - 2  # counting up adds one bit, sums of up to 2 another


class Count(NamedTuple):
    """Where a counter machine stands: the instruction it comes to, and its counters."""

    instruction: Hashable
    counters: dict[str, int]


@dataclass(frozen=True)
class CounterMachine:
    """A program for counters, each a whole number of at least 0.

    program  {label: ("up", counter, next label) or ("down", counter, next label, next label if it is 0)}
    start    the label of the first instruction
    halt     labels at which it ends

    raises  ValueError for an instruction of another form, a label without instruction, or one that halts

    >>> double = {"take": ("down", "n", "one", "end"), "one": ("up", "m", "two"), "two": ("up", "m", "take")}
    >>> CounterMachine(double, "take", {"end"}).counters
    ('n', 'm')
    """

    program: tuple[tuple[Hashable, Instruction], ...]
    start: Hashable
    halt: frozenset[Hashable]

    def __post_init__(self) -> None:
        given: Any = self.program
        pairs = given.items() if isinstance(given, Mapping) else given
        object.__setattr__(self, "program", tuple((label, tuple(does)) for label, does in pairs))
        object.__setattr__(self, "halt", names(self.halt))
        known = {label for label, _ in self.program}
        for label, does in self.program:
            if (does[:1], len(does)) not in ((("up",), 3), (("down",), 4)):
                raise ValueError(
                    f"instruction {label!r} must be ('up', counter, next) or ('down', counter, next, next if 0), not {does}"
                )
            for after in does[2:]:
                if after not in known | self.halt:
                    raise ValueError(f"instruction {label!r} leads to {after!r}, which is none; add it, or let it halt")
        if self.start not in known | self.halt:
            raise ValueError(f"there is no instruction {self.start!r} to start with; name another start, or add it")
        if known & self.halt:
            raise ValueError(f"{sorted(map(str, known & self.halt))[0]!r} halts, but is an instruction too; choose one")

    @cached_property
    def counters(self) -> tuple[str, ...]:
        """The counters, in the order in which they are named."""
        return tuple(dict.fromkeys(does[1] for _, does in self.program))


@dataclass(frozen=True)
class CounterProgram(Compiled):
    """A counter machine and the network it became.

    Its output layer shows the next instruction, one of all, and 2^-n for each counter.
    """

    machine: CounterMachine
    wired: Wired = field(repr=False)

    def run(self, counters: Mapping[str, int], exact: bool = True) -> Iterator[Count]:
        """Run the network and read its activities: (next instruction, {counter: number}) per step, until it halts.

        counters  their first numbers; 0 where not named
        exact     True: rational numbers; False: float64, up to counts of about 50

        raises  ValueError for a counter that the program does not know; `PrecisionUsedUp` as `Program.run` does
        """
        for name, number in counters.items():
            if name not in self.machine.counters:
                known = ", ".join(map(str, self.machine.counters))
                raise ValueError(f"the program has no counter {name!r}; it has {known}")
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise ValueError(f"counter {name!r} must be a whole number of at least 0, not {number!r}")
        first: dict[Label, Fraction] = {("control", None, "then"): Fraction(1)}
        for name in self.machine.counters:
            number = counters.get(name, 0)
            first["numbers", name, "kept"] = Fraction(1, 2**number)
            first["zeros", name, "kept"] = Fraction(number == 0)
        return self._counts(evaluation.follow(self.wired, first, exact, GRAIN))

    def _counts(self, outputs: Iterator[Any]) -> Iterator[Count]:
        here = self.machine.start
        while here not in self.machine.halt:
            seen = next(outputs)
            (here,) = (label[2] for label in seen if label[:2] == ("count", "instruction"))
            numbers = {name: Fraction(seen["count", "counter", name]) for name in self.machine.counters}
            yield Count(here, {name: x.denominator.bit_length() - 1 for name, x in numbers.items()})


def compile_counters(machine: CounterMachine) -> CounterProgram:
    """The program as a recurrent network of saturated-linear units, one time step per instruction.

    cost  units: at most 2 per instruction, 5 per counter, and the read-out

    >>> double = {"take": ("down", "n", "one", "end"), "one": ("up", "m", "two"), "two": ("up", "m", "take")}
    >>> *_, last = compile_counters(CounterMachine(double, "take", {"end"})).run({"n": 3})
    >>> last
    Count(instruction='end', counters={'n': 0, 'm': 6})
    """
    return CounterProgram(machine, wire(_equations(machine), "count"))


def _equations(machine: CounterMachine) -> dict[Label, Terms]:
    """One equation per unit."""
    after: dict[Label, Hashable] = {("control", None, "then"): machine.start}  # which instruction is next
    for i, does in machine.program:
        after |= {("control", i, way): label for way, label in zip(("then", "else"), does[2:], strict=False)}
    after |= {("control", label, "then"): label for label in sorted(machine.halt, key=str)}
    at: dict[Hashable, dict[Label, float]] = {label: {} for label in after.values()}
    for unit, label in after.items():
        at[label][unit] = 1.0
    rules = {label: does for label, does in machine.program if label in at}
    made: dict[Label, Terms] = {unit: {} for unit in after if unit[1] is None or unit[1] in at}
    made |= {unit: _controlled(at[unit[1]], rules.get(unit[1]), unit[2] == "else") for unit in made if unit[1] in at}
    for name in machine.counters:
        up, down = (
            total(*((1, at[i]) for i, does in rules.items() if does[:2] == (way, name))) for way in ("up", "down")
        )
        made |= _counted(name, up, down)
    made |= {("count", "instruction", label): terms for label, terms in at.items()}
    return made | {("count", "counter", name): _x(name) for name in machine.counters}


def _controlled(at: Terms, does: Instruction | None, otherwise: bool) -> Terms:
    if does is None or does[0] == "up":
        return at
    return total((1, at), (1, _zero(does[1])), (1, OFF)) if otherwise else total((1, at), (-1, _zero(does[1])))


def _counted(name: str, up: Terms, down: Terms) -> dict[Label, Terms]:
    x, zero, changed = _x(name), _zero(name), total((1, up), (1, down))
    numbers, zeros = ("numbers", name), ("zeros", name)
    return {
        (*numbers, "increased"): total((0.5, x), (1, up), (1, OFF)),
        (*numbers, "decreased"): total((2, x), (2, down), (2, OFF)),
        (*numbers, "kept"): total((1, x), (-1, changed)),
        (*zeros, "decreased"): total((4, x), (4, down), (5, OFF)),
        (*zeros, "kept"): total((1, zero), (-1, changed)),
    }


def _x(name: str) -> Terms:
    return {("numbers", name, way): 1.0 for way in ("increased", "decreased", "kept")}


def _zero(name: str) -> Terms:
    return {("zeros", name, way): 1.0 for way in ("decreased", "kept")}
