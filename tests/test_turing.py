"""Programs as networks: the network's configurations are those of a direct simulator, at every step."""

import re
from itertools import islice, product

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import throughtime as tt
from machines import CASES, described, followed, machines, simulated
from throughtime import turing
from throughtime.turing import evaluation
from throughtime.turing.stacks import Code

PROGRAMS = {name: turing.compile(turing.example(name)) for name in {name for name, _ in CASES}}


@pytest.mark.parametrize(("name", "tape"), CASES)
def test_the_network_has_every_configuration_of_the_machine(name: str, tape: str):
    program = PROGRAMS[name]
    assert list(program.run(tape)) == list(simulated(program.machine, tape))


@pytest.mark.parametrize(("name", "steps", "ones"), [("beaver2", 6, 4), ("beaver3", 14, 6), ("beaver4", 107, 13)])
def test_busy_beavers_are_as_busy_as_they_should_be(name: str, steps: int, ones: int):
    *before, last = PROGRAMS[name].run("")
    assert (len(before) + 1, len(last.tape)) == (steps, ones)


def test_what_the_programs_compute():
    for number in (0, 5, 11, 63):
        *_, last = PROGRAMS["increment"].run(f"{number:b}")
        assert "".join(last.tape[place] for place in sorted(last.tape)) == f"{number + 1:b}"
    for word in map("".join, product("01", repeat=4)):
        *_, last = PROGRAMS["palindrome"].run(word)
        assert (last.state == "halt-yes") == (word == word[::-1])
    for word in ("abc", "aabbcc", "", "aabbc", "abcabc", "c", "aabcbc"):
        *_, last = PROGRAMS["abc"].run(word)
        n = len(word) // 3
        assert (last.state == "halt-yes") == (word == "a" * n + "b" * n + "c" * n)
    *_, last = PROGRAMS["multiply"].run("111x1111=")
    assert sum(place > 8 for place in last.tape) == 12


@pytest.mark.parametrize(("name", "room"), [("beaver2", 1), ("beaver3", 4)])
def test_a_universal_machine_runs_another_machine(name: str, room: int):
    inner, universal = turing.example(name), turing.example("universal")
    tape = f"a{'0' * room}${described(inner)}"
    *mine, last = turing.compile(universal).run(tape)
    assert [*mine, last] == list(simulated(universal, tape))
    *_, (_, cells, head) = simulated(inner, "")
    written = {place: symbol for place, symbol in last.tape.items() if place <= room}
    assert {place for place, symbol in written.items() if symbol in "1b"} == set(cells)
    assert [place for place, symbol in written.items() if symbol in "ab"] == [head]
    assert len(mine) > 50 * len(list(simulated(inner, "")))


def agreeing(program: turing.Program, tape: str, head: int, exact: bool, limit: int = 40) -> str:
    """How the network's run ended, after it is compared with the direct simulator at every step."""
    mine, error = followed(program.run(tape, exact, head), limit)
    told = simulated(program.machine, tape, head)
    assert mine == list(islice(told, len(mine)))
    if isinstance(error, turing.PrecisionUsedUp):
        return "precision"
    if error is not None:
        assert f"step {len(mine) + 1}: the machine has no transition" in str(error)
        with pytest.raises(KeyError):
            next(told)
    elif len(mine) < limit:
        assert next(told, None) is None
    return "halted"


@settings(max_examples=60)
@given(machines(), st.text("_ab", max_size=6), st.integers(-2, 7))
def test_random_machines_agree(machine: turing.Machine, tape: str, head: int):
    cells = "".join(symbol if symbol in machine.symbols else "_" for symbol in tape)
    assert agreeing(turing.compile(machine), cells, head, True) != "precision"


@given(machines(moves="LRR", symbols="_ab"), st.text("_a", max_size=4))
def test_float64_agrees_until_it_says_that_its_precision_is_used_up(machine: turing.Machine, tape: str):
    cells = "".join(symbol if symbol in machine.symbols else "_" for symbol in tape)
    agreeing(turing.compile(machine), cells, 0, False)


@pytest.mark.parametrize(("name", "tape"), [("increment", "11111"), ("beaver4", ""), ("multiply", "11x11=")])
def test_float64_agrees_where_there_is_precision_enough(name: str, tape: str):
    assert list(PROGRAMS[name].run(tape, exact=False)) == list(simulated(PROGRAMS[name].machine, tape))


def filling(symbols: str) -> turing.Program:
    """Writes the last of the symbols to the right for ever."""
    return turing.compile(turing.Machine({("go", s): (symbols[-1], "R", "go") for s in symbols}, "go", {"end"}))


@pytest.mark.parametrize(("symbols", "deep"), [("_1", 25), ("_12", 16), ("_1234", 12)])
def test_float64_stops_at_the_step_at_which_its_precision_is_used_up(symbols: str, deep: int):
    program = filling(symbols)
    shown, error = followed(program.run("", exact=False), 100)
    assert isinstance(error, turing.PrecisionUsedUp)
    assert re.fullmatch(
        rf"step {deep + 1}: unit configuration stack left needs \d+ bits; .*exact=True, which has no limit", str(error)
    )
    assert shown == list(islice(program.run(""), deep))


def test_without_that_check_float64_would_go_wrong(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(evaluation, "MANTISSA", 10_000)
    program = filling("_1")
    (right, _), (wrong, _) = (followed(program.run("", exact), 40) for exact in (True, False))
    assert wrong[:25] == right[:25]
    assert wrong != right


def test_a_tape_too_long_for_float64_is_refused_before_the_first_step():
    with pytest.raises(ValueError, match="step 0"):
        next(PROGRAMS["increment"].run("1" * 60, exact=False))
    with pytest.raises(ValueError, match="cannot hold this start"):
        PROGRAMS["increment"].start("1" * 60)
    *_, last = PROGRAMS["increment"].run("1" * 60)
    assert len(last.tape) == 61


def test_a_program_is_an_ordinary_network():
    program, tape = PROGRAMS["abc"], "aabbcc"
    network, weights = program.network, program.weights
    assert {layer.unit for layer in network.layers} == {tt.units.saturated_linear}
    assert "control" in tt.show(network)
    assert tt.from_json(network.to_json()) == network
    told = list(simulated(program.machine, tape))
    xs = jnp.zeros((len(told) + 5, 1, 1))
    ys, _ = tt.run(network, weights, xs, program.start(tape))
    activities = tt.trace(network, weights, xs, program.start(tape))["activities"]
    assert jnp.array_equal(ys, activities["configuration"])
    assert set(np.unique(activities["control"])) == {0, 1}
    head = 0
    for row, expected in zip(ys[:, 0], [*told, *[told[-1]] * 5], strict=True):  # it rests where it halted
        shown = program.read(row, head)
        assert shown == expected
        head = shown.head


def test_step_runs_a_program():
    program = PROGRAMS["beaver2"]
    history, head = program.start(""), 0
    for state, cells, place in simulated(program.machine, ""):
        y, history = tt.step(program.network, program.weights, history, jnp.zeros((1, 1)))
        assert program.read(y[0], head) == (state, cells, place)
        head = place


def test_a_silent_network_means_no_configuration():
    program = PROGRAMS["beaver2"]
    assert program.read(np.zeros(program.network.size_of("configuration"))) is None


@given(st.integers(1, 9).flatmap(lambda k: st.tuples(st.just(k), st.lists(st.integers(0, k - 1), max_size=40))))
def test_a_stack_is_a_number(case: tuple[int, list[int]]):
    symbols, stack = case
    code = Code(symbols)
    number = code.encode(stack)
    assert 0 <= number < 1
    while stack and not stack[-1]:
        stack.pop()
    assert code.decode(number) == stack
    with pytest.raises(ValueError, match="digit"):
        code.decode(number / code.base + code.encode([0]) + type(number)(1, code.base))


PAIRS = """
// plus one
name: increment
init: 0
accept: halt

0,0
0,0,>
0,1
0,1,>
0,_
carry,_,<
carry,1
carry,0,<
carry,0
halt,1,-
carry,_
halt,1,-
"""


def test_both_text_formats_say_the_same():
    first, second = turing.example("increment"), turing.read(PAIRS)
    assert (first.rules, first.start, first.halt) == (second.rules, second.start, second.halt)


def test_a_star_gives_way_to_what_names_more():
    machine = turing.read("0 * * r *\n0 1 0 l 0 !\n* b b * halt ; any state\n1 * c r 0", symbols="ab")
    assert machine.rules["0", "1"] == ("0", "L", "0")
    assert machine.rules["0", "a"] == ("a", "R", "0")
    assert machine.rules["0", "b"] == ("b", "R", "0")
    assert machine.rules["1", "b"] == ("c", "R", "0")
    assert set(machine.symbols) == set("_10abc")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 1 1 r 0\n; so\n0 _ 1 r", "line 3: .*has 4 words"),
        ("0 1 1 up 0", "line 1: the direction must be one of l r"),
        ("0 1 1 r 0\n0 _ 1 r out", "line 2: no transition starts from state 'out'"),
        ("0 1 1 r 0\n0 1 0 r 0", "line 2: line 1 already says"),
        ("go 1 1 r go", "line 1: no transition starts from the start state '0'"),
        ("", "no transition starts from the start state"),
        ("init: q\nq,1\nq,1,up", "line 3: the direction"),
        ("init: q\nq,1,1\nq,1,>", "line 2: .*one tape only"),
        ("init: q\nq,1\nq,1,>\nq,_", "line 4: nothing follows"),
        ("init: q\nq,1\nr,1,>", "line 2: no transition starts from state 'r'"),
        ("name: x\ninit: r\nq,1\nq,1,>", "line 2: no transition starts from the start state 'r'"),
        ("name: x\nq,1\nq,1,>", "line 1: no line init: STATE says where the machine starts"),
    ],
)
def test_errors_in_a_text_name_the_line(text: str, said: str):
    with pytest.raises(ValueError, match=said) as caught:
        turing.read(text)
    assert "\n" not in str(caught.value)


GOOD = {("a", "1"): ("1", "R", "a"), ("a", "_"): ("_", "N", "end")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"start": "b"}, "start state 'b'"),
        ({"transitions": {("a", "1"): ("1", "U", "a")}}, "move must be 'L', 'R' or 'N', not 'U'"),
        ({"transitions": {("a", "1"): ("1", "R", "c")}}, "leads to state 'c'"),
        ({"transitions": {("a", "1"): ("1", "R")}}, r"must lead to \(symbol, move, state\)"),
        ({"transitions": {"a": ("1", "R", "a")}}, r"starts from \(state, symbol\)"),
        ({"transitions": {**GOOD, ("end", "1"): ("1", "R", "a")}}, "state 'end' halts"),
        ({"transitions": (*GOOD.items(), *GOOD.items())}, "deterministic"),
    ],
)
def test_a_machine_that_is_none_is_refused(change: dict[str, object], said: str):
    whole = {"transitions": GOOD, "start": "a", "halt": {"end"}}
    assert turing.Machine(**whole) == turing.Machine(**whole)
    with pytest.raises(ValueError, match=said) as caught:
        turing.Machine(**(whole | change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tape", "said"),
    [
        ("112", "'2' at position 2; the machine knows _, 1"),
        (7, "a tape is text"),
        ({"0": "1"}, "positions on the tape are whole numbers, not '0'"),
    ],
)
def test_a_tape_that_is_not_ours_is_refused(tape: object, said: str):
    program = turing.compile(turing.Machine(GOOD, "a", {"end"}))
    with pytest.raises(ValueError, match=said):
        program.run(tape)
    with pytest.raises(ValueError, match="head's position"):
        program.run("1", head=0.5)


def test_a_missing_transition_is_named_at_its_step():
    machine = turing.Machine({("a", "1"): ("1", "R", "b"), ("b", "1"): ("1", "R", "a")}, "a", ())
    program = turing.compile(machine)
    with pytest.raises(ValueError, match="step 4: the machine has no transition from state 'b' for '_'"):
        list(program.run("111"))
    with pytest.raises(ValueError, match=r"step 4: .* from state 'b' for '_', to which line 2 led; add one"):
        list(turing.compile(turing.read("; there\n0 * * r b\nb 1 1 r 0")).run("11"))
    *_, last = turing.compile(machine.total()).run("111")
    assert last == ("reject", {0: "1", 1: "1", 2: "1"}, 3)


def test_unknown_examples_and_texts_are_refused():
    with pytest.raises(ValueError, match="there are increment"):
        turing.example("sort")
    with pytest.raises(ValueError, match="read from text"):
        turing.read(b"0 1 1 r 0")
    with pytest.raises(ValueError, match="takes a Machine, not str"):
        turing.compile("0 1 1 r 0")


def test_rational_numbers_refuse_other_networks():
    network = tt.elman(1, 2, 1)
    with pytest.raises(ValueError, match="not one of saturated-linear units"):
        next(evaluation.rational(network, tt.init(network, 0), {}))
