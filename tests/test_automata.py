"""Finite automata and counter machines as networks, against their definitions."""

import jax.numpy as jnp
import pytest
from hypothesis import given
from hypothesis import strategies as st

import throughtime as tt
from throughtime import turing

THREES = turing.Automaton({(r, d): (2 * r + d) % 3 for r in range(3) for d in (0, 1)}, 0, {0})


def test_an_automaton_divides_by_three():
    acceptor = turing.compile_automaton(THREES)
    for number in range(40):
        digits = [int(d) for d in f"{number:b}"]
        assert acceptor.accepts(digits) == (number % 3 == 0)
    digits = [1, 0, 1, 1, 0, 0, 1]
    states = [int("".join(map(str, digits[: n + 1])), 2) % 3 for n in range(len(digits))]
    assert list(acceptor.run(digits)) == states
    xs = jnp.eye(2)[jnp.asarray(digits)][:, None]
    ys, _ = tt.run(acceptor.network, acceptor.weights, xs)
    assert jnp.array_equal(ys[:, 0], jnp.eye(3)[jnp.asarray([acceptor.automaton.states.index(s) for s in states])])


def test_the_empty_word_is_judged_by_the_start():
    assert turing.compile_automaton(THREES).accepts([])


@given(st.integers(1, 4), st.data())
def test_random_automata_agree(count: int, data: st.DataObject):
    table = {(q, s): data.draw(st.integers(0, count - 1)) for q in range(count) for s in "ab"}
    word, state, told = data.draw(st.text("ab", max_size=8)), 0, []
    for symbol in word:
        state = table[state, symbol]
        told.append(state)
    acceptor = turing.compile_automaton(turing.Automaton(table, 0, {0}))
    assert list(acceptor.run(word)) == told


def test_bad_automata_and_words_are_refused():
    with pytest.raises(ValueError, match="from state 'p' by 'b' is missing"):
        turing.Automaton({("q", "a"): "p", ("q", "b"): "q", ("p", "a"): "q"}, "q", {"p"})
    with pytest.raises(ValueError, match="'x' is no state"):
        turing.Automaton({("q", "a"): "q"}, "x", {"q"})
    with pytest.raises(ValueError, match="2 at position 1; the automaton knows 0, 1"):
        turing.compile_automaton(THREES).run([1, 2])


# c = a * b, with d to restore b.
TIMES = turing.CounterMachine(
    {
        "outer": ("down", "a", "inner", "end"),
        "inner": ("down", "b", "add", "back"),
        "add": ("up", "c", "keep"),
        "keep": ("up", "d", "inner"),
        "back": ("down", "d", "restore", "outer"),
        "restore": ("up", "b", "back"),
    },
    "outer",
    {"end"},
)


def counted(machine: turing.CounterMachine, counters: dict[str, int]) -> list[tuple[str, dict[str, int]]]:
    """Every step of a counter machine, by its definition."""
    here, numbers, shown = machine.start, dict.fromkeys(machine.counters, 0) | counters, []
    while here not in machine.halt:
        does = dict(machine.program)[here]
        zero = does[0] == "down" and numbers[does[1]] == 0
        here = does[3] if zero else does[2]
        numbers[does[1]] += 0 if zero else 1 if does[0] == "up" else -1
        shown.append((here, dict(numbers)))
    return shown


@pytest.mark.parametrize("exact", [True, False])
def test_a_counter_machine_multiplies(exact: bool):
    program = turing.compile_counters(TIMES)
    for a, b in ((0, 3), (3, 0), (2, 4), (3, 3)):
        shown = list(program.run({"a": a, "b": b}, exact))
        assert shown == counted(TIMES, {"a": a, "b": b})
        assert not shown or shown[-1].counters["c"] == a * b


def test_counts_beyond_float64_are_refused_and_rational_ones_are_not():
    program = turing.compile_counters(TIMES)
    with pytest.raises(turing.PrecisionUsedUp, match=r"step \d+: unit count counter c needs 52 bits"):
        list(program.run({"a": 2, "b": 40}, exact=False))
    assert list(program.run({"a": 2, "b": 40}))[-1].counters["c"] == 80


def test_bad_counter_machines_and_counters_are_refused():
    for program, said in (
        ({"go": ("up", "n")}, "must be"),
        ({"go": ("up", "n", "on")}, "leads to 'on'"),
        ({"end": ("up", "n", "end")}, "'end' halts"),
    ):
        with pytest.raises(ValueError, match=said):
            turing.CounterMachine(program, next(iter(program)), {"end"})
    with pytest.raises(ValueError, match="no instruction 'x' to start"):
        turing.CounterMachine({"go": ("up", "n", "go")}, "x", ())
    with pytest.raises(ValueError, match="no counter 'z'; it has a, b, c, d"):
        turing.compile_counters(TIMES).run({"z": 1})
    with pytest.raises(ValueError, match="'a' must be a whole number of at least 0, not -1"):
        turing.compile_counters(TIMES).run({"a": -1})
