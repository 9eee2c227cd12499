"""Turing machines from the text that simulators read, in either of two common formats.

Five words per line, as Morphett's simulator has it: state, symbol, new symbol, direction (l, r, *), new state.

    ; comments begin with a semicolon
    0 1 1 r 0        ; '_' is the blank; the machine starts in state 0; states that begin with "halt" halt
    0 * * l back     ; '*': any symbol or state where it is read, "no change" where it is written

Pairs of lines, as turingmachinesimulator.com has it: state, symbol; then new state, new symbol, direction (<, >, -).

    // comments begin with two slashes
    name: binary increment
    init: q0
    accept: qDone
    q0,1
    q0,1,>
"""

from collections.abc import Iterable, Iterator
from itertools import product

from throughtime.turing.machine import Action, Machine, Situation

ANY, BLANK = "*", "_"
DIRECTIONS = {"l": "L", "r": "R", "*": "N", "<": "L", ">": "R", "-": "N"}
Line = tuple[int, str]
Transition = tuple[int, Situation, Action]  # the number of its line, and what it says


def read(text: str, symbols: Iterable[str] = (), start: str | None = None) -> Machine:
    """The machine that a simulator's text describes; which of the two formats it has is found out.

    text     the whole program
    symbols  further symbols of the tape, for which '*' stands too
    start    the start state; None: what "init:" says, else "0"

    raises  ValueError, which names the line

    >>> machine = read("0 1 1 r 0 ; to the right end\\n0 _ 1 * halt")
    >>> machine.rules["0", "_"]
    ('1', 'N', 'halt')
    """
    if not isinstance(text, str):
        raise ValueError(f"a machine is read from text, not from {type(text).__name__}; pass Path(name).read_text()")
    pairs = any(_header(line) for line in text.splitlines())
    return _pairs(text, start, symbols) if pairs else _words(text, start or "0", symbols)


def _lines(text: str, comment: str) -> Iterator[Line]:
    """The lines that say something, with their numbers, without comments."""
    for number, line in enumerate(text.splitlines(), 1):
        said = line.split(comment)[0].strip()
        if said:
            yield number, said


def _header(line: str) -> tuple[str, str] | None:
    """Name and value, if the line is one of the three that say something of a whole machine in pairs of lines."""
    key, colon, value = line.partition(":")
    return (key.strip(), value.strip()) if colon and key.strip() in ("name", "init", "accept") else None


def _direction(number: int, word: str, allowed: str) -> str:
    if word not in allowed.split():
        raise ValueError(f"line {number}: the direction must be one of {allowed}, not {word!r}")
    return DIRECTIONS[word]


def _words(text: str, start: str, symbols: Iterable[str]) -> Machine:
    found: list[Transition] = []
    for number, line in _lines(text, ";"):
        words = line.split()
        if len(words) == 6 and words[5] == "!":  # a breakpoint of the simulator
            words.pop()
        if len(words) != 5:
            raise ValueError(
                f"line {number}: {line!r} has {len(words)} words; it must have 5: state, symbol, new symbol, direction, "
                "new state"
            )
        state, seen, written, direction, after = words
        found.append((number, (state, seen), (written, _direction(number, direction, "l r *"), after)))
    named = [str(after) for _, _, (_, _, after) in found]
    first = found[0][0] if found else 1
    return _machine(found, (first, start), {state for state in named if state.startswith("halt")}, symbols)


def _pairs(text: str, start: str | None, symbols: Iterable[str]) -> Machine:
    headers: dict[str, Line] = {}
    first: tuple[int, list[str]] | None = None
    found: list[Transition] = []
    for number, line in _lines(text, "//"):
        header = _header(line)
        if header:
            headers[header[0]] = number, header[1]
            continue
        words = [word.strip() for word in line.split(",")]
        if first is None:
            first = number, _counted(number, line, words, 2, "state,symbol")
        else:
            state, written, direction = _counted(number, line, words, 3, "new state,new symbol,direction")
            move = _direction(number, direction, "< > -")
            found.append((first[0], (first[1][0], first[1][1]), (written, move, state)))
            first = None
    if first is not None:
        raise ValueError(f"line {first[0]}: nothing follows; add a line new state,new symbol,direction")
    halt = {name.strip() for name in headers.get("accept", (0, ""))[1].split(",") if name.strip()}
    begin = headers.get("init", (1, start))
    if begin[1] is None:
        raise ValueError("line 1: no line init: STATE says where the machine starts; add one, or pass start=")
    return _machine(found, (begin[0], start or begin[1]), halt, symbols)


def _counted(number: int, line: str, words: list[str], count: int, wanted: str) -> list[str]:
    if len(words) != count:
        raise ValueError(f"line {number}: {line!r} must be {wanted} (machines with one tape only)")
    return words


def _machine(found: list[Transition], begin: Line, halt: set[str], symbols: Iterable[str]) -> Machine:
    """The machine of these transitions; `begin`: the line that names the start state, and that state."""
    line, start = begin
    states = tuple(dict.fromkeys(str(state) for _, (state, _), _ in found if state != ANY))
    written = [s for _, (_, seen), (new, _, _) in found for s in (seen, new) if s != ANY]
    alphabet = tuple(dict.fromkeys([BLANK, *symbols, *map(str, written)]))
    if start not in states and start not in halt:
        raise ValueError(f"line {line}: no transition starts from the start state {start!r}; pass start=, or add one")
    _check_ends(found, {*states, *halt})
    made: dict[Situation, Action] = {}
    lines: dict[Situation, int] = {}
    for situation in product(states, alphabet):
        matching = _matching(found, situation)
        if matching is not None:
            lines[situation], made[situation] = matching
    return Machine(made, start, halt, BLANK, lines)  # type: ignore[arg-type]


def _check_ends(found: list[Transition], known: set[str]) -> None:
    for number, _, (_, _, after) in found:
        if after != ANY and after not in known:
            raise ValueError(
                f"line {number}: no transition starts from state {after!r}, and it does not halt; add one, or let it halt"
            )
    seen: dict[Situation, int] = {}
    for number, situation, _ in found:
        if situation in seen:
            where = f"line {seen[situation]}"
            raise ValueError(
                f"line {number}: {where} already says what to do in state {situation[0]!r}, {situation[1]!r}"
            )
        seen[situation] = number


def _matching(found: list[Transition], situation: Situation) -> tuple[int, Action] | None:
    """What is done in that situation, and the line that says so.

    The transition that names most of the situation counts, its state before its symbol.
    """
    state, symbol = situation
    known = {said: (number, does) for number, said, does in found}
    for said in ((state, symbol), (state, ANY), (ANY, symbol), (ANY, ANY)):
        if said in known:
            number, (written, move, after) = known[said]
            return number, (symbol if written == ANY else written, move, state if after == ANY else after)
    return None
