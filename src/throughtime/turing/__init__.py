"""Programs as networks: Turing machines, finite automata and counter machines become recurrent networks.

Every computer program can be represented by a recurrent network. What is compiled here is an ordinary wiring of
saturated-linear units with rational weights: `throughtime.show` draws it, `throughtime.run` and `step` activate it,
`throughtime.trace` looks inside, and rational numbers evaluate the same wiring for runs of any length.
"""

from throughtime.turing.automata import Acceptor, Automaton, compile_automaton
from throughtime.turing.compiling import compile
from throughtime.turing.counters import Count, CounterMachine, CounterProgram, compile_counters
from throughtime.turing.evaluation import PrecisionUsedUp
from throughtime.turing.examples import example
from throughtime.turing.machine import Configuration, Machine
from throughtime.turing.program import Program
from throughtime.turing.text import read

__all__ = [
    "Acceptor",
    "Automaton",
    "Configuration",
    "Count",
    "CounterMachine",
    "CounterProgram",
    "Machine",
    "PrecisionUsedUp",
    "Program",
    "compile",
    "compile_automaton",
    "compile_counters",
    "example",
    "read",
]
