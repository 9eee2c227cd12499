"""Turing machines for the tests, their tapes, random ones, and a direct simulator that shares no code with the library's."""

from collections.abc import Hashable, Iterator
from itertools import islice

from hypothesis import strategies as st

from throughtime import turing

Shown = tuple[Hashable, dict[int, Hashable], int]

# The examples of the library, each with tapes.
CASES = [
    *(("increment", tape) for tape in ("", "0", "1", "1011", "11111")),
    *(("palindrome", tape) for tape in ("", "0", "0110", "01010", "0111", "10")),
    *(("abc", tape) for tape in ("", "abc", "aabbcc", "aabbc", "abcc", "ba", "aaabbbccc")),
    *(("multiply", "1" * m + "x" + "1" * n + "=") for m, n in ((0, 2), (2, 0), (1, 1), (3, 2), (2, 4))),
    *((f"beaver{n}", "") for n in (2, 3, 4)),
]


def simulated(machine: turing.Machine, tape: str, head: int = 0, limit: int = 10_000) -> Iterator[Shown]:
    """Every configuration after the first, by the definition of a Turing machine, on a tape of cells."""
    cells, state = {place: symbol for place, symbol in enumerate(tape) if symbol != "_"}, machine.start
    table = {(q, s): (w, m, p) for (q, s), (w, m, p) in machine.transitions}
    for _ in range(limit):
        if state in machine.halt:
            return
        written, move, state = table[state, cells.pop(head, "_")]
        if written != "_":
            cells[head] = written
        head = head + 1 if move == "R" else head - 1 if move == "L" else head
        yield state, dict(cells), head
    raise AssertionError("the machine did not halt")


def followed(run: Iterator[turing.Configuration], limit: int) -> tuple[list[turing.Configuration], ValueError | None]:
    """What a run shows, up to the limit, and the error with which it ended."""
    shown: list[turing.Configuration] = []
    try:
        for configuration in islice(run, limit):
            shown.append(configuration)
    except ValueError as error:
        return shown, error
    return shown, None


def described(machine: turing.Machine) -> str:
    """A machine over the blank and "1" with one halting state, as the universal machine reads it: _ is 0."""
    working = [state for state in machine.states if state not in machine.halt]
    number = {state: place for place, state in enumerate(working)} | dict.fromkeys(machine.halt, len(working))

    def action(state: Hashable, symbol: str) -> str:
        written, move, after = machine.rules[state, symbol]
        return ("1" if written == "1" else "0") + move + "I" * number[after]

    return "".join(f"S{action(state, '_')},{action(state, '1')}" for state in working).replace("S", "A", 1) + "E"


@st.composite
def machines(draw: st.DrawFn, moves: str = "LRN", symbols: str = "_abcd") -> turing.Machine:
    """A random machine of one to four states, each of whose transitions may be missing."""
    states, alphabet = range(draw(st.integers(1, 4))), symbols[: draw(st.integers(2, len(symbols)))]
    action = st.tuples(st.sampled_from(alphabet), st.sampled_from(moves), st.sampled_from([*states, "end"]))
    table = {(q, s): draw(action) for q in states for s in alphabet}
    for situation in draw(st.sets(st.sampled_from(sorted(table)), max_size=2)):
        if sum(q == situation[0] for q, _ in table) > 1:
            del table[situation]
    return turing.Machine(table, 0, {"end"})
