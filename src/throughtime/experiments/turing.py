"""Turing completeness: does a recurrent network do what a program does, step by step?

Turing machines are compiled into recurrent networks of saturated-linear units, one network step per machine step. Every
configuration the network shows is compared with that of a direct simulator, in rational numbers until the machine
halts, and in float64 until that says that its precision is used up. Nothing is trained and nothing is drawn at
random: there are no seeds. The last machine is a universal one that runs a busy beaver, written on its tape.

For every machine a text and a picture show the tape next to the network's activities; one is an animation too.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from throughtime import turing
from throughtime.experiments import Progress, Result, Results
from throughtime.io import files
from throughtime.plots import COLOURS
from throughtime.turing.equations import Label
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
GROUPS = ("control", "tops", "stacks")


class Frame(NamedTuple):
    """One step: where the machine stands and how active each unit is that is not silent."""

    here: turing.Configuration
    seen: dict[Label, int | Fraction]


def run(quick: bool, seeds: int | None, out: Path, progress: Progress) -> Results:  # noqa: ARG001
    """Run every machine in all three ways, write the table, texts and pictures."""
    rows = []
    names = QUICK if quick else tuple(MACHINES)
    for done, name in enumerate(names):
        progress(done / len(names), name)
        program, tape = turing.compile(turing.example(name)), MACHINES[name]
        frames = [Frame(*step) for step in program.look(tape)]
        rows.append(_judged(name, program, tape, frames))
        files.write(out / f"{name}.txt", told(program, frames))
        files.write_figure(out / f"{name}.png", strip(program, frames, f"{name}, {len(frames)} steps"))
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


def told(program: turing.Program, frames: list[Frame]) -> str:
    """Every step as a line: the tape, its head in brackets; the active control unit; the stacks, in base B."""
    low, high = _reach(frames)
    lines = [
        f"{'step':>5}  {'tape':{3 * (high - low + 1)}}  {'control':24}  left stack, right stack (base {program.code.base})"
    ]
    for count, (here, seen) in enumerate(frames, 1):
        cells = (str(here.tape.get(place, program.machine.blank)) for place in range(low, high + 1))
        tape = "".join(f"[{s}]" if low + n == here.head else f" {s} " for n, s in enumerate(cells))
        (control,) = (" ".join(map(str, label[1:])) for label in seen if label[0] == "control")
        stacks = (Fraction(seen.get(("configuration", "stack", side), 0)) for side in ("left", "right"))
        digits = (".".join(map(str, (2 * k for k in program.code.decode(x)))) or "0" for x in stacks)
        lines.append(f"{count:5}  {tape}  {control:24}  {', '.join(f'0.{d}' if d != '0' else '0' for d in digits)}")
    return "\n".join(lines) + "\n"


def _reach(frames: list[Frame]) -> tuple[int, int]:
    places = [place for here, _ in frames for place in (*here.tape, here.head)]
    return min(places), max(places)


def _columns(program: turing.Program) -> list[Label]:
    """The units to show, control units of one state side by side."""
    units = program.wired.units
    state = {name: place for place, name in enumerate(program.machine.states)}
    control = sorted(units["control"], key=lambda label: state[label[1]])
    return [*control, *units.get("tops", ()), *units["stacks"]]


def strip(program: turing.Program, frames: list[Frame], title: str) -> Figure:
    """The tape over time next to the activities over time: one row per step, downwards."""
    low, high = _reach(frames)
    columns, cells = _columns(program), high - low + 1
    height = min(max(2.6, 0.14 * len(frames) + 1.2), 16.0)
    widths = [max(2.0, 0.2 * cells), max(3.5, min(0.13 * len(columns), 12.0))]
    figure = Figure(figsize=(sum(widths) + 1.2, height), dpi=110, layout="constrained")
    tape, active = figure.subplots(1, 2, sharey=True, width_ratios=widths)
    _paint_tape(tape, program, frames, low, high)
    seen = [[float(frame.seen.get(label, 0)) for label in columns] for frame in frames]
    box = (-0.5, len(columns) - 0.5, len(frames) + 0.5, 0.5)
    active.imshow(seen, aspect="auto", cmap="Blues", vmin=0, vmax=1, extent=box, interpolation="nearest")
    _name_groups(active, columns)
    tape.set(ylabel="step", xlabel="cell")
    tape.set_title("tape, the head framed", fontsize=8)
    tape.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(f"{title}; {len(columns)} units", fontsize=10)
    return figure


def _paint_tape(axes: Axes, program: turing.Program, frames: list[Frame], low: int, high: int) -> None:
    number, blank, few = program.number, program.machine.blank, len(frames) < 150
    size = 6 if len(frames) > 1 else 12
    shown = [[number[here.tape.get(place, blank)] for place in range(low, high + 1)] for here, _ in frames]
    pixels = np.array([(1.0, 1.0, 1.0), *(_light(n) for n in range(len(number) - 1))])[np.array(shown)]
    axes.imshow(pixels, aspect="auto", extent=(low - 0.5, high + 0.5, len(frames) + 0.5, 0.5), interpolation="nearest")
    for row, (here, _) in enumerate(frames, 1):
        axes.add_patch(Rectangle((here.head - 0.5, row - 0.5), 1, 1, fill=False, lw=1.2 if few else 0.5, clip_on=False))
        for place, symbol in here.tape.items() if few else ():
            axes.text(place, row, str(symbol), ha="center", va="center", fontsize=size, clip_on=True)


def _light(number: int) -> tuple[float, ...]:
    """A light colour for a symbol; they repeat, as the symbols are written too."""
    colour = COLOURS[number % len(COLOURS)].lstrip("#")
    return tuple(1 - 0.45 * (1 - int(colour[n : n + 2], 16) / 255) for n in (0, 2, 4))


def _name_groups(axes: Axes, columns: list[Label]) -> None:
    few = len(columns) <= 60
    axes.set_xticks(range(len(columns)) if few else [])
    if few:
        axes.set_xticklabels([" ".join(map(str, label[1:])) for label in columns], rotation=90, fontsize=5)
    for group in GROUPS:
        places = [n for n, label in enumerate(columns) if label[0] == group]
        if places:
            axes.axvline(places[-1] + 0.5, color="black", lw=0.6)
            axes.text(
                float(np.mean(places)), 1.01, group, transform=axes.get_xaxis_transform(), ha="center", fontsize=8
            )


def film(program: turing.Program, frames: list[Frame], path: Path) -> None:
    """An animation, a frame per step: the tape, the two stacks as numbers in their Cantor-like set, all units."""
    low, high = _reach(frames)
    figure, writer = Figure(figsize=(7.0, 4.8), dpi=80), PillowWriter(fps=3)
    with writer.saving(figure, str(path), dpi=80):
        for count, frame in enumerate(frames, 1):
            figure.clear()
            tape, stacks, units = figure.subplots(3, 1, height_ratios=[1, 1.2, 1.6])
            _show_tape(tape, program, frame, low, high)
            tape.set_title(f"step {count}: state {frame.here.state}", loc="left", fontsize=10)
            _show_stacks(stacks, program, frame)
            _show_units(units, program, frame)
            figure.subplots_adjust(left=0.1, right=0.98, top=0.92, bottom=0.14, hspace=0.6)
            writer.grab_frame()


def _show_tape(axes: Axes, program: turing.Program, frame: Frame, low: int, high: int) -> None:
    _paint_tape(axes, program, [frame], low, high)
    axes.set(yticks=[], xticks=range(low, high + 1))
    axes.tick_params(labelsize=6)


def _show_stacks(axes: Axes, program: turing.Program, frame: Frame) -> None:
    """Where each stack lies in [0, 1]; grey: the numbers that can begin with two given symbols."""
    code = program.code
    for row, side in enumerate(("left", "right")):
        for first in range(code.symbols):
            for second in range(code.symbols):
                begin = float(code.encode([first, second]))
                axes.plot([begin, begin + code.base**-2.0], [row, row], color="#cccccc", lw=9, solid_capstyle="butt")
        x = float(frame.seen.get(("configuration", "stack", side), 0))
        axes.plot([x], [row], "o", color=COLOURS[1], ms=6)
    axes.set(yticks=[0, 1], yticklabels=["left", "right"], xlim=(-0.02, 1.02), ylim=(1.6, -0.6))
    axes.set_title("stacks as numbers; grey: all that begin with two given symbols", fontsize=8)
    axes.tick_params(labelsize=7)


def _show_units(axes: Axes, program: turing.Program, frame: Frame) -> None:
    columns = _columns(program)
    axes.bar(range(len(columns)), [float(frame.seen.get(label, 0)) for label in columns], color=COLOURS[0])
    axes.set(ylim=(0, 1.05), xlim=(-0.6, len(columns) - 0.4), ylabel="activity")
    axes.tick_params(labelsize=7)
    _name_groups(axes, columns)
