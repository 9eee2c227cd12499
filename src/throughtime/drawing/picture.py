"""The wiring as a picture: inputs at the bottom, layers as boxes, one arrow per connection.

Every arrow leaves a box at its top and enters one at its bottom. Connections to the next rank go straight; those
that skip ranks run up a lane on the left, those that feed back run down a lane on the right.
"""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, PathPatch
from matplotlib.path import Path as Curve

from throughtime.drawing import facts
from throughtime.drawing.layout import Arrow, Box, Plan, plan
from throughtime.io import files
from throughtime.network import Connection, Layer, LearnedDelays, Network
from throughtime.texts import literal

FORWARD, LOOP, BACKWARD_FILL, FILL, INPUT_FILL = "#33475b", "#d1495b", "#f3e6d3", "#dfeaf4", "#eeeeee"
STYLES = {
    "dense": ("learned, every pair of units", "-"),
    "diagonal": ("learned, unit by unit", (0, (5, 2))),
    "identity": ("fixed at one, unit by unit", (0, (1, 1.5))),
    "delays": ("learned, with its delays", (0, (6, 2, 1, 2))),
}
SUPERSCRIPT = str.maketrans("0123456789-+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺")


def draw(network: Network, where: str | Path | Axes, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> None:
    """Draws the wiring into a picture file (PNG, SVG, PDF by its ending) or into matplotlib axes.

    inputs, outputs  the names of the columns that it hears and says, if there are any

    Arrows in red lie in a loop. Delays are written as in system identification: z⁻² is "two steps ago".
    """
    handles = _legend(network)
    made = plan(network, label, 0.25 + 0.17 * len(handles), facts.column_names(network, inputs, outputs))
    if isinstance(where, Axes):
        _paint(made, network, handles, where)
        return
    figure = Figure(figsize=(made.width, made.height))
    _paint(made, network, handles, figure.add_axes((0.0, 0.0, 1.0, 1.0)))
    files.write_whole(where, figure, dpi=150)


def label(layer: Layer, connection: Connection) -> str:
    """What is written at an arrow: its delays, and the net inputs it feeds where these are not all."""
    delays = _powers(layer, connection.delays)
    nets = "" if connection.nets is None else fill("into " + literal(", ".join(connection.nets)), 18)
    silenced = f"dropout {connection.dropout:g}" if connection.dropout else ""
    return "\n".join(part for part in (delays, nets, silenced) if part)


def _powers(layer: Layer, delays: tuple[int, ...]) -> str:
    if delays == (0,):
        return ""
    sign = "+" if layer.backward else "-"
    words = ["z" + (f"{sign}{d}" if d else "0").translate(SUPERSCRIPT) for d in sorted(delays)]
    if len(words) <= 3:
        return " ".join(words)
    gaps = {b - a for a, b in zip(sorted(delays), sorted(delays)[1:], strict=False)}
    return f"{words[0]} … {words[-1]}" if gaps == {1} else f"{words[0]} {words[1]} … {words[-1]}"


def _style(connection: Connection) -> str:
    return "delays" if isinstance(connection.weight, LearnedDelays) else connection.weight


def _paint(made: Plan, network: Network, handles: list[Line2D], axes: Axes) -> None:
    axes.set_xlim(0, made.width)
    axes.set_ylim(0, made.height)
    axes.set_aspect("equal")
    axes.axis("off")
    in_loop = facts.loop_test(network)
    for arrow in made.arrows:
        _paint_arrow(arrow, LOOP if in_loop(arrow.layer, arrow.connection) else FORWARD, axes)
    for box in made.boxes.values():
        _paint_box(box, network, axes)
    output = made.boxes[network.output]
    end = (output.x, made.height - 0.15)
    axes.add_patch(FancyArrowPatch((output.x, output.top), end, arrowstyle="-|>", mutation_scale=11, color=FORWARD))
    axes.text(output.x + 0.12, end[1] - 0.1, "output", fontsize=8, color=FORWARD, va="center")
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 0), fontsize=8, frameon=False, handlelength=2.6)


def _paint_box(box: Box, network: Network, axes: Axes) -> None:
    layer = network.by_name.get(box.name)
    fill = INPUT_FILL if layer is None else BACKWARD_FILL if layer.backward else FILL
    corner = (box.x - box.width / 2, box.bottom)
    rounding = f"round,pad=0,rounding_size={0.3 if layer is None else 0.1}"
    axes.add_patch(
        FancyBboxPatch(corner, box.width, box.height, boxstyle=rounding, fc=fill, ec=FORWARD, lw=1.2, zorder=3)
    )
    middle = (box.top + box.bottom) / 2
    axes.text(box.x, middle + 0.05, literal(box.name), ha="center", va="bottom", fontsize=10, weight="bold", zorder=4)
    axes.text(box.x, middle - 0.03, literal(box.subtitle), ha="center", va="top", fontsize=8, zorder=4)


def _paint_arrow(arrow: Arrow, colour: str, axes: Axes) -> None:
    curve = _rounded(arrow.points)
    style = STYLES[_style(arrow.connection)][1]
    axes.add_patch(PathPatch(curve, fc="none", ec=colour, lw=1.3, ls=style, zorder=2))
    before, end = arrow.points[-2:]
    head = FancyArrowPatch(
        _towards(end, before, 0.16), end, arrowstyle="-|>", mutation_scale=11, color=colour, lw=1, shrinkA=0, shrinkB=0
    )
    axes.add_patch(head)
    if arrow.text:
        x, y = arrow.text_at
        axes.text(x, y, arrow.text, fontsize=8, color=colour, va="center", ha=arrow.text_side, linespacing=1.15)


Point = tuple[float, float]


def _towards(start: Point, end: Point, step: float) -> Point:
    """The point `step` away from `start` on the way to `end`, at most half way."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = max((dx * dx + dy * dy) ** 0.5, 1e-9)
    part = min(step, length / 2) / length
    return start[0] + dx * part, start[1] + dy * part


def _rounded(points: list[Point], radius: float = 0.22) -> Curve:
    """The polygonal line through the points with its corners rounded off."""
    vertices, codes = [points[0]], [Curve.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        vertices += [_towards(corner, before, radius), corner, _towards(corner, after, radius)]
        codes += [Curve.LINETO, Curve.CURVE3, Curve.CURVE3]
    return Curve([*vertices, points[-1]], [*codes, Curve.LINETO])


def _legend(network: Network) -> list[Line2D]:
    in_loop = facts.loop_test(network)
    drawn = [(layer, c) for layer in network.layers for c in layer.connections]
    used = {_style(c) for _, c in drawn}
    handles = [Line2D([], [], color=FORWARD, ls=ls, label=text) for name, (text, ls) in STYLES.items() if name in used]
    if any(in_loop(layer, c) for layer, c in drawn):
        handles.append(Line2D([], [], color=LOOP, label="lies in a loop"))
    return handles
