"""A Turing machine as a recurrent network, one step of the network for one step of the machine.

The tape is two stacks, what lies left and right of the head, each a number x in [0, 1) (see `stacks`); the symbol under
the head is kept in the control. All units are saturated-linear and hear each other one step later: a fully recurrent
network. In the equations q is a state, s a symbol, B the base of the stacks, and what stands in [] is 0 or 1.

    control (q, move, s)   in state q, having moved so, scanning s
        move N  net = [a transition without a move that writes s leads to q]
        move R  net = [a transition to the right leads to q] + [top of the right stack is s] - 1     (left: mirrored)
    stacks  three units for each, only one of which is not 0; their sum is x
        pushed  net = (x + 2k)/B + [push of k] - 1
        popped  net = B x - 2 top + [pop] - 1
        kept    net = x + [neither] - 1
    tops    (j): is the symbol on top at least the j-th? Two units for each, whose sum says it; they look one step ahead
        popped  net = B (B x - 2 top) - (2j - 1) + B ([pop] - 1)
        held    net = [top >= j] + [neither] - 1 + 2 [push of k >= j]

[top is s] is [top >= s] - [top >= s + 1], and [push of k], [pop] are sums over control units: transitions depend on
state and scanned symbol only. In a halting state nothing is pushed or popped, so the network rests there for ever; where
a transition is missing all units fall silent.

After H. T. Siegelmann & E. D. Sontag, On the computational power of neural nets, J. Comput. Syst. Sci. 50 (1995)
132-150, whose abstract claims real time, as here; the stacks that hear the tops one step ahead are our way to it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from throughtime.turing.equations import BIAS, OFF, Label, Terms, total, wire
from throughtime.turing.machine import Action, Machine, Situation, State, Symbol
from throughtime.turing.program import OUTPUT, Program
from throughtime.turing.stacks import AWAY, SIDES, Code


def compile(machine: Machine) -> Program:
    """The machine as a recurrent network of saturated-linear units with rational weights.

    machine  any `Machine`, or one read from text by `read`

    returns  a `Program`: network, weights, and `run`
    cost     one network step per machine step; units: at most 3 * states * symbols in the control, 6 for the stacks,
             4 * (symbols - 1) for their tops, and a read-out of states + symbols + 4
    raises   ValueError if it is not a `Machine`

    >>> from throughtime import turing
    >>> program = turing.compile(turing.example("increment"))
    >>> *_, last = program.run("1011")
    >>> last.state, "".join(last.tape[place] for place in sorted(last.tape))
    ('halt', '1100')
    """
    if not isinstance(machine, Machine):
        raise ValueError(f"compile takes a Machine, not {type(machine).__name__}; read(text) makes one from text")
    return Program(machine, wire(_Rules(machine).equations(), OUTPUT))


@dataclass(frozen=True)
class _Rules:
    """A machine's transitions as equations between units."""

    machine: Machine

    @cached_property
    def code(self) -> Code:
        return Code(len(self.machine.symbols))

    @cached_property
    def number(self) -> dict[Symbol, int]:
        return {symbol: place for place, symbol in enumerate(self.machine.symbols)}

    @cached_property
    def rules(self) -> dict[Situation, Action]:
        """What to do where, halting states included: they do nothing."""
        resting: dict[Situation, Action] = {
            (q, s): (s, "N", q) for q in self.machine.halt for s in self.machine.symbols
        }
        return self.machine.rules | resting

    @cached_property
    def control(self) -> list[Label]:
        """The control's units: those it starts in, and those some transition leads to."""
        symbols, start = self.machine.symbols, self.machine.start
        made: list[Label] = [("control", start, "N", symbol) for symbol in symbols]
        for written, move, state in self.rules.values():
            made += [("control", state, move, s) for s in ((written,) if move == "N" else symbols)]
        return list(dict.fromkeys(made))

    @cached_property
    def scanning(self) -> dict[Situation, dict[Label, float]]:
        """The control units, of which one is 1 in that situation."""
        made: dict[Situation, dict[Label, float]] = {}
        for label in self.control:
            _, state, _, symbol = label
            made.setdefault((state, symbol), {})[label] = 1.0
        return made

    def applied(self, move: str, state: State = ...) -> list[tuple[Terms, Symbol]]:
        """The transitions with that move (into that state): the units that say it applies, and what it writes."""
        chosen = [
            (seen, written)
            for seen, (written, own, after) in self.rules.items()
            if own == move and state in (..., after) and seen in self.scanning
        ]
        return [(self.scanning[seen], written) for seen, written in chosen]

    def gate(self, move: str) -> Terms:
        """1 if the transition that applies has that move."""
        return total(*((1, terms) for terms, _ in self.applied(move)))

    def equations(self) -> dict[Label, Terms]:
        """One equation per unit."""
        made: dict[Label, Terms] = {label: self.controlled(*label[1:]) for label in self.control}
        for side in SIDES:
            made |= self.stacked(side)
        for side in SIDES:
            made |= self.topped(side)
        return made | self.shown()

    def controlled(self, state: State, move: Any, symbol: Symbol) -> Terms:
        """The net input of a control unit."""
        applied = self.applied(move, state)
        if move == "N":
            return total(*((1, terms) for terms, written in applied if written == symbol))
        side = next(side for side, own in SIDES.items() if own == move)
        here, above = (self.reaches(side, self.number[symbol] + more) for more in (0, 1))
        return total((1, here), (-1, above), (1, OFF), *((1, terms) for terms, _ in applied))

    def stacked(self, side: str) -> dict[Label, Terms]:
        """The three units of a stack."""
        base, x, pop = self.code.base, _stack(side), self.gate(SIDES[side])
        pushes = [(1 + 2 * self.number[written] / base, terms) for terms, written in self.applied(AWAY[side])]
        return {
            ("stacks", side, "pushed"): total((1 / base, x), (1, OFF), *pushes),
            ("stacks", side, "popped"): total((base, x), (-2, self.top(side)), (1, pop), (1, OFF)),
            ("stacks", side, "kept"): total((1, x), (1, self.gate("N")), (1, OFF)),
        }

    def topped(self, side: str) -> dict[Label, Terms]:
        """The units that say what will lie on top of a stack."""
        base, x, made = self.code.base, _stack(side), dict[Label, Terms]()
        below = total((base * base, x), (-2 * base, self.top(side)), (base, self.gate(SIDES[side])), (base, OFF))
        stays = total((1, self.gate("N")), (1, OFF))
        for j in range(1, self.code.symbols):
            pushes = [(2, terms) for terms, written in self.applied(AWAY[side]) if self.number[written] >= j]
            made["tops", side, j, "popped"] = total((1, below), (2 * j - 1, OFF))
            made["tops", side, j, "held"] = total((1, self.reaches(side, j)), (1, stays), *pushes)
        return made

    def top(self, side: str) -> Terms:
        """The number of the symbol on top: how many of the tests [top >= j] hold."""
        return total(*((1, self.reaches(side, j)) for j in range(1, self.code.symbols)))

    def reaches(self, side: str, j: int) -> Terms:
        """[top >= j]: the sum of two units; always true for j = 0, never beyond the last symbol."""
        if j == 0:
            return {BIAS: 1.0}
        return {("tops", side, j, part): 1.0 for part in ("popped", "held")} if j < self.code.symbols else {}

    def shown(self) -> dict[Label, Terms]:
        """The output layer: state, scanned symbol, move and stacks."""
        made: dict[Label, dict[Label, float]] = {(OUTPUT, "state", state): {} for state in self.machine.states}
        made |= {(OUTPUT, "scanned", symbol): {} for symbol in self.machine.symbols}
        made |= {(OUTPUT, "moved", move): {} for move in SIDES.values()}
        for label in self.control:
            for what, which in zip(("state", "moved", "scanned"), label[1:], strict=True):
                made.get((OUTPUT, what, which), {})[label] = 1.0
        return {**made, **{(OUTPUT, "stack", side): _stack(side) for side in SIDES}}


def _stack(side: str) -> Terms:
    return {("stacks", side, part): 1.0 for part in ("pushed", "popped", "kept")}
