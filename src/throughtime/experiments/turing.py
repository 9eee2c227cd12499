"""Turing completeness: does a recurrent network do what a program does, step by step?

Turing machines are compiled into recurrent networks of saturated-linear units, one network step per machine step. Every
configuration the network shows is compared with that of a direct simulator, in rational numbers until the machine
halts, and in float64 until that says that its precision is used up. Nothing is trained and nothing is drawn at
random: there are no seeds. The last machine is a universal one that runs a busy beaver, written on its tape.

For every machine a text and a picture show the tape next to the network's activities; one is an animation too.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from throughtime import turing
from throughtime.experiments import Progress, Result, Results
from throughtime.experiments.turing_pictures import Frame, film, step_lines, strip
from throughtime.io import files
from throughtime.turing.machine import MOVES

MACHINES = {
    "increment": "1011",
    "palindrome": "01010",
    "abc": "aabbcc",
    "multiply": "11x11=",
    "beaver2": "",
    "beaver3": "",
    "beaver4": "",
    "universal": "a0$A1RI,1LIS1L,1RIIE",  # runs beaver2
}
QUICK = ("increment", "beaver2", "beaver4")
ANIMATED = "beaver4"
METRIC = "steps agreed"


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:  # noqa: ARG001
    """Run every machine in all three ways, write the table, texts and pictures."""
    rows = []
    names = QUICK if quick else tuple(MACHINES)
    for done, name in enumerate(names):
        progress(done / len(names), name)
        program, tape = turing.compile(turing.example(name)), MACHINES[name]
        frames = [Frame(*step) for step in program.look(tape)]
        rows.append(_judged(name, program, tape, frames))
        files.write(out / f"{name}.txt", step_lines(program, frames))
        files.write_whole(out / f"{name}.png", strip(program, frames, f"{name}, {len(frames)} steps"))
        if name == ANIMATED:
            film(program, frames[: 20 if quick else None], out / f"{name}.gif")
    progress(1.0, "done")
    table = pd.DataFrame(rows)
    files.write(out / "turing.csv", table.to_csv(index=False))
    results = [*_entries(table, "rational numbers"), *_entries(table, "float64")]
    baselines = _entries(table, "direct simulator")
    return Results(results, baselines)


def _entries(table: pd.DataFrame, column: str) -> list[Result]:
    pairs = zip(table["machine"], table[column], strict=True)
    return [Result(column, name, METRIC, [int(steps)]) for name, steps in pairs]


def simulated(machine: turing.Machine, tape: str) -> Iterator[turing.Configuration]:
    """The baseline: the machine run directly on a tape of cells."""
    state, cells, head = machine.start, machine.cells(tape), 0
    while state not in machine.halt:
        written, move, state = machine.rules[state, cells.get(head, machine.blank)]
        cells = {**cells, head: written}
        head += MOVES[move]
        yield turing.Configuration(state, machine.cells(cells), head)


def _judged(name: str, program: turing.Program, tape: str, frames: list[Frame]) -> dict[str, Any]:
    """How far each way of running the network agrees with the direct simulator."""
    truth = list(simulated(program.machine, tape))
    rounded = []
    try:
        for here in program.run(tape, exact=False):
            rounded.append(here)
    except turing.PrecisionUsedUp as error:
        stopped = str(error)
    else:
        stopped = ""
    return {
        "machine": name,
        "units": sum(layer.size for layer in program.network.layers),
        "direct simulator": len(truth),
        "rational numbers": _agreed([frame.here for frame in frames], truth),
        "float64": _agreed(rounded, truth),
        "float64 stopped": stopped,
    }


def _agreed(shown: list[turing.Configuration], truth: list[turing.Configuration]) -> int:
    equal = [mine == theirs for mine, theirs in zip(shown, truth, strict=False)]
    return equal.index(False) if False in equal else len(equal)
