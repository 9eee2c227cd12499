"""A compiled Turing machine: its network set to a tape, run, and read."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

from throughtime.turing import evaluation
from throughtime.turing.equations import Compiled, Label, Wired
from throughtime.turing.machine import MOVES, Configuration, Machine, Situation, Symbol
from throughtime.turing.stacks import SIDES, Code

OUTPUT = "configuration"


@dataclass(frozen=True)
class Program(Compiled):
    """A Turing machine and the network it became.

    network  an ordinary wiring; its output layer shows state and scanned symbol (one of each is 1), whether the head
             moved left or right, and the two stacks
    weights  binary fractions, held exactly by the arrays
    """

    machine: Machine
    wired: Wired = field(repr=False)

    @property
    def code(self) -> Code:
        """How stacks are written as numbers."""
        return Code(len(self.machine.symbols))

    @cached_property
    def number(self) -> dict[Symbol, int]:
        """The number of each symbol, 0 for the blank."""
        return {symbol: place for place, symbol in enumerate(self.machine.symbols)}

    def start(self, tape: Any, head: int = 0) -> Any:
        """The history that holds machine and tape before the first step, for `throughtime.run`, `step` and `trace`.

        Feed the network's input "clock" with zeros, (T, 1, 1); `read` says what an output row means.

        raises  ValueError if the tape is not one of the machine's, or too long for the weights' floating-point type
        """
        return evaluation.history(self.wired, self._first(self.machine.cells(tape), head))

    def read(self, row: Sequence[float], head: int = 0) -> Configuration | None:
        """What a row of the output layer (O,) means; None if all is silent. `head`: where the head stood before.

        >>> import jax.numpy as jnp, throughtime as tt
        >>> program = tt.turing.compile(tt.turing.example("beaver2"))
        >>> ys, _ = tt.run(program.network, program.weights, jnp.zeros((2, 1, 1)), program.start(""))
        >>> program.read(ys[0, 0])
        Configuration(state='B', tape={0: '1'}, head=1)
        """
        labels = self.wired.units[OUTPUT]
        return self._read({label: Fraction(float(v)) for label, v in zip(labels, row, strict=True) if v}, head)

    def run(self, tape: Any, exact: bool = True, head: int = 0) -> Iterator[Configuration]:
        """Run the network and read its activities: one configuration (state, tape, head) per step, until it halts.

        tape   symbols from position 0 on, as text or a sequence, or {position: symbol}
        exact  True: in rational numbers, for runs of any length; False: in float64
        head   position of the head before the first step

        raises  ValueError if the tape is not one of the machine's; at the step at which it finds no transition; with
                exact=False `PrecisionUsedUp` at the step after which float64 could round, with about 50 bits on a stack
        cost    a step: weights out of active units (exact), all weights (float64), and the length of the tape to read it

        >>> from throughtime import turing
        >>> len(list(turing.compile(turing.example("beaver4")).run("")))
        107
        """
        return (here for here, _ in self._steps(tape, exact, head))

    def look(self, tape: Any, head: int = 0) -> Iterator[tuple[Configuration, dict[Label, int | Fraction]]]:
        """As `run` in rational numbers, with the activities of every unit that is not 0, by their labels.

        A label begins with the layer's name: ("control", state, move, symbol), ("stacks", side, part), ("tops", side,
        j, part) as in `throughtime.turing.compiling`.

        >>> from throughtime import turing
        >>> _, seen = next(turing.compile(turing.example("beaver2")).look(""))
        >>> seen["control", "B", "R", "_"], seen["stacks", "left", "pushed"]
        (1, Fraction(1, 2))
        """
        return self._steps(tape, True, head)

    def _steps(self, tape: Any, exact: bool, head: int) -> Iterator[tuple[Configuration, dict[Label, Any]]]:
        cells = self.machine.cells(tape)
        if isinstance(head, bool) or not isinstance(head, int):
            raise ValueError(f"the head's position must be a whole number, not {head!r}")
        grain = evaluation.MANTISSA - 1 - self.code.bits  # a push adds bits, and sums of up to 2 take one
        moments = evaluation.follow(self.wired, self._first(cells, head), exact, grain)
        return self._seen(moments, Configuration(self.machine.start, cells, head))

    def _seen(
        self, moments: Iterator[dict[Label, Any]], here: Configuration
    ) -> Iterator[tuple[Configuration, dict[Label, Any]]]:
        count, came = 0, None
        while here.state not in self.machine.halt:
            count += 1
            seen = next(moments)
            after = self._read(seen, here.head)
            at = here.state, here.tape.get(here.head, self.machine.blank)
            if after is None:
                raise ValueError(f"step {count}: {self._missing(at, came)}")
            here, came = after, at
            yield here, seen

    def _missing(self, at: Situation, came: Situation | None) -> str:
        """What to say of a transition that is not there, and of the one that led to it."""
        line = dict(self.machine.lines).get(came) if came else None
        led = f", to which line {line} led" if line else ""
        return f"the machine has no transition from state {at[0]!r} for {at[1]!r}{led}; add one, or complete it with total()"

    def _first(self, cells: dict[int, Symbol], head: int) -> dict[Label, Fraction]:
        """The activities before the first step: the control in the start state, both stacks filled."""
        blank, machine, code = self.machine.blank, self.machine, self.code
        made: dict[Label, Fraction] = {("control", machine.start, "N", cells.get(head, blank)): Fraction(1)}
        reach = {"left": head - min(cells, default=head), "right": max(cells, default=head) - head}
        for side, move in SIDES.items():
            places = (head + MOVES[move] * distance for distance in range(1, reach[side] + 1))
            stack = [self.number[cells.get(place, blank)] for place in places]
            made["stacks", side, "kept"] = code.encode(stack)
            top = stack[0] if stack else 0
            made |= {("tops", side, j, "held"): Fraction(j <= top) for j in range(1, code.symbols)}
        return made

    def _read(self, seen: dict[Label, Any], before: int) -> Configuration | None:
        shown: dict[Hashable, list[Any]] = {}
        for label in seen:
            if label[0] == OUTPUT:
                shown.setdefault(label[1], []).append(label[2])
        if "state" not in shown:
            return None
        (state,), (symbol,) = shown["state"], shown["scanned"]
        head = before + sum(MOVES[move] for move in shown.get("moved", ()))
        cells = {head: symbol}
        for side, move in SIDES.items():
            stack = self.code.decode(Fraction(seen.get((OUTPUT, "stack", side), 0)))
            cells |= {head + MOVES[move] * (depth + 1): self.machine.symbols[k] for depth, k in enumerate(stack)}
        return Configuration(state, {place: s for place, s in sorted(cells.items()) if s != self.machine.blank}, head)
