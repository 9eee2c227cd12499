"""Finite automata as recurrent networks of threshold units, after M. Minsky, Computation: Finite and Infinite Machines (1967).

A unit for every pair of a state and the symbol by which it was reached: it is 1 if the symbol just read is that one and
the automaton was in a state from which the symbol leads there.

    control (q, s)  net(t) = [state(t-1) leads to q by s] + [symbol(t) is s] - 1
    state q         net(t) = sum over s of control (q, s)

On activities of 0 and 1 a saturated-linear unit with whole weights is a threshold unit.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from throughtime.turing.equations import OFF, Compiled, Label, Terms, Wired, total, wire
from throughtime.turing.evaluation import rational
from throughtime.turing.machine import names


@dataclass(frozen=True)
class Automaton:
    """A deterministic finite automaton.

    transitions  {(state, symbol): state}, one for every state and symbol
    start        the state before the first symbol
    accept       the states in which a word is accepted

    raises  ValueError if start or accept name no state, or a transition is missing
    """

    transitions: tuple[tuple[tuple[Hashable, Hashable], Hashable], ...]
    start: Hashable
    accept: frozenset[Hashable]

    def __post_init__(self) -> None:
        given: Any = self.transitions
        object.__setattr__(self, "transitions", tuple(given.items() if isinstance(given, Mapping) else given))
        object.__setattr__(self, "accept", names(self.accept))
        for state in [self.start, *self.accept]:
            if state not in self.states:
                raise ValueError(f"{state!r} is no state: no transition starts from it or leads to it")
        for state in self.states:
            for symbol in self.symbols:
                if (state, symbol) not in self.rules:
                    raise ValueError(f"the transition from state {state!r} by {symbol!r} is missing")

    @cached_property
    def rules(self) -> dict[tuple[Hashable, Hashable], Hashable]:
        """The transitions as a mapping."""
        return dict(self.transitions)

    @cached_property
    def states(self) -> tuple[Hashable, ...]:
        """All states, in the order in which they are named."""
        return tuple(dict.fromkeys(s for (before, _), after in self.transitions for s in (before, after)))

    @cached_property
    def symbols(self) -> tuple[Hashable, ...]:
        """The alphabet."""
        return tuple(dict.fromkeys(symbol for (_, symbol), _ in self.transitions))


@dataclass(frozen=True)
class Acceptor(Compiled):
    """An automaton and the network it became: input "symbol", one of K; output layer "state", one of all states."""

    automaton: Automaton
    wired: Wired = field(repr=False)

    def run(self, word: Iterable[Hashable]) -> Iterator[Hashable]:
        """The states that the network shows, one after each symbol.

        raises  ValueError if a symbol is not in the alphabet
        """
        symbols, places = self.automaton.symbols, []
        for position, symbol in enumerate(word):
            if symbol not in symbols:
                known = ", ".join(map(str, symbols))
                raise ValueError(f"the word holds {symbol!r} at position {position}; the automaton knows {known}")
            places.append(symbols.index(symbol))
        control = self.wired.units["control"]
        past = {"control": {control.index(_first(self.automaton)): 1}}
        xs = ({"symbol": {place: 1}} for place in places)
        moments = rational(self.network, self.weights, past, xs)  # type: ignore[arg-type]
        return (self.automaton.states[state] for (state,) in (moment["state"] for moment in moments))

    def accepts(self, word: Iterable[Hashable]) -> bool:
        """True if the state after the last symbol is an accepting one."""
        last = self.automaton.start
        for last in self.run(word):  # noqa: B007
            pass
        return last in self.automaton.accept


def compile_automaton(automaton: Automaton) -> Acceptor:
    """The automaton as a recurrent network of threshold units, one time step per symbol.

    Its a(0) lies in the weights, so `throughtime.run(network, weights, xs)` needs no history: xs (T, B, K) with one 1 of
    K per step, outputs (T, B, states).

    cost  at most states * symbols + 1 units, and a read-out of one unit per state

    >>> odd = Automaton({("even", "1"): "odd", ("odd", "1"): "even"}, "even", {"odd"})
    >>> acceptor = compile_automaton(odd)
    >>> acceptor.accepts("111"), acceptor.accepts("11")
    (True, False)
    """
    first = _first(automaton)
    control: list[Label] = [("control", after, symbol) for (_, symbol), after in automaton.transitions]
    inside: dict[Hashable, dict[Label, float]] = {state: {} for state in automaton.states}
    for label in (first, *control):
        inside[label[1]][label] = 1.0
    made: dict[Label, Terms] = {first: OFF}
    for label in dict.fromkeys(control):
        _, state, symbol = label
        sources = [inside[q] for (q, s), after in automaton.transitions if (after, s) == (state, symbol)]
        made[label] = total((1, {("symbol", symbol): 1.0}), (1, OFF), *((1, terms) for terms in sources))
    made |= {("state", state): terms for state, terms in inside.items()}
    return Acceptor(automaton, wire(made, "state", [("symbol", s) for s in automaton.symbols], [first]))


def _first(automaton: Automaton) -> Label:
    """The unit that is 1 before the first symbol and never again."""
    return ("control", automaton.start)
