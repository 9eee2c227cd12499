"""What a Turing machine is: transitions, a start state, halting states and a blank symbol, checked when it is made."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

State = Hashable
Symbol = Hashable
Situation = tuple[State, Symbol]  # what a machine looks at: its state and the symbol under its head
Action = tuple[Symbol, str, State]  # what it then does: symbol written, move, next state
MOVES = {"L": -1, "N": 0, "R": 1}


class Configuration(NamedTuple):
    """Where a machine stands: its state, the cells that are not blank {position: symbol}, the position of its head."""

    state: State
    tape: dict[int, Symbol]
    head: int


@dataclass(frozen=True)
class Machine:
    """A deterministic Turing machine with one tape that is infinite both ways.

    transitions  {(state, symbol): (symbol, "L" | "R" | "N", state)}: in this state, seeing this symbol, write that one,
                 move the head left, right or not at all, go on in that state
    start        the state it begins in
    halt         the states it ends in
    blank        the symbol of every cell that was never written
    lines        {(state, symbol): line}, where a transition stands in the text it was read from, for messages

    raises  ValueError for a start state without transitions, a move that is none, a transition out of a halting state,
            and one into a state that neither halts nor has transitions

    >>> flip = Machine({("go", "0"): ("1", "R", "go"), ("go", "_"): ("_", "N", "end")}, "go", {"end"})
    >>> flip.symbols, flip.states
    (('_', '0', '1'), ('go', 'end'))
    """

    transitions: tuple[tuple[Situation, Action], ...]
    start: State
    halt: frozenset[State]
    blank: Symbol = "_"
    lines: tuple[tuple[Situation, int], ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        given: Any = self.transitions
        pairs = given.items() if isinstance(given, Mapping) else given
        made = tuple((_situation(s), _action(s, a)) for s, a in pairs)
        object.__setattr__(self, "transitions", made)
        object.__setattr__(self, "halt", names(self.halt))
        object.__setattr__(self, "lines", tuple(dict(self.lines).items()))
        _check(self)

    @cached_property
    def rules(self) -> dict[Situation, Action]:
        """The transitions as a mapping."""
        return dict(self.transitions)

    @cached_property
    def states(self) -> tuple[State, ...]:
        """All states, the start first, the halting ones last."""
        named = [self.start, *(state for (state, _), _ in self.transitions)]
        return tuple(dict.fromkeys([*named, *sorted(self.halt, key=str)]))

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        """The alphabet: the blank, then every symbol that is read or written."""
        return tuple(
            dict.fromkeys([self.blank, *(s for (_, seen), (new, _, _) in self.transitions for s in (seen, new))])
        )

    def total(self, halt: State = "reject") -> "Machine":
        """The same machine, going to a halting state where it has no transition, as many simulators do."""
        given = self.rules
        for state in self.states:
            for symbol in self.symbols if state not in self.halt else ():
                given.setdefault((state, symbol), (symbol, "N", halt))
        return Machine(given, self.start, {halt, *self.halt}, self.blank, self.lines)  # type: ignore[arg-type]

    def cells(self, tape: Any) -> dict[int, Symbol]:
        """The cells of a tape that are not blank.

        tape    symbols from position 0 on, as text or a sequence, or {position: symbol}
        raises  ValueError if it is something else, or holds a symbol that the machine does not know
        """
        if isinstance(tape, Mapping):
            cells = dict(tape)
        elif isinstance(tape, Iterable):
            cells = dict(enumerate(tape))
        else:
            raise ValueError(f"a tape is text, a sequence of symbols or {{position: symbol}}, not {tape!r}")
        for position, symbol in cells.items():
            if isinstance(position, bool) or not isinstance(position, int):
                raise ValueError(f"positions on the tape are whole numbers, not {position!r}")
            if symbol not in self.symbols:
                known = ", ".join(map(str, self.symbols))
                raise ValueError(f"the tape holds {symbol!r} at position {position}; the machine knows {known}")
        return {position: symbol for position, symbol in cells.items() if symbol != self.blank}


def names(given: Any) -> frozenset[Hashable]:
    """A set of states from several, or from one that is text."""
    return frozenset((given,) if isinstance(given, str) else given)


def _situation(given: Any) -> Situation:
    if not isinstance(given, tuple) or len(given) != 2:
        raise ValueError(f"a transition starts from (state, symbol), not from {given!r}")
    return given


def _action(situation: Situation, given: Any) -> Action:
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        raise ValueError(f"transition {situation}: it must lead to (symbol, move, state), not {given!r}")
    symbol, move, state = given
    if move not in MOVES:
        raise ValueError(f"transition {situation}: the move must be 'L', 'R' or 'N', not {move!r}")
    return symbol, move, state


def _check(machine: Machine) -> None:
    going = {state for (state, _), _ in machine.transitions}
    if len(machine.rules) < len(machine.transitions):
        raise ValueError("two transitions start from the same state and symbol; the machine must be deterministic")
    if machine.start not in going | machine.halt:
        raise ValueError(f"no transition starts from the start state {machine.start!r}; name another start, or add one")
    for state in sorted(going & machine.halt, key=str):
        raise ValueError(f"state {state!r} halts, but a transition starts from it; remove one of the two")
    for situation, (_, _, state) in machine.transitions:
        if state not in going | machine.halt:
            raise ValueError(
                f"transition {situation} leads to state {state!r}, from which none starts; add one, or let it halt"
            )
