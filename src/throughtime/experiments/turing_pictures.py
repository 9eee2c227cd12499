"""What a program does, told and shown: the tape beside the activities of the network."""

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from throughtime import turing
from throughtime.plots import COLOURS
from throughtime.turing.equations import Label

GROUPS = ("control", "tops", "stacks")


class Frame(NamedTuple):
    """One step: where the machine stands and how active each unit is that is not silent."""

    here: turing.Configuration
    seen: dict[Label, int | Fraction]


def step_lines(program: turing.Program, frames: list[Frame]) -> str:
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
