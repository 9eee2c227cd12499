"""Where the boxes and arrows of a picture go; all lengths in inches."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from throughtime.drawing import facts
from throughtime.network import Connection, Layer, Network
from throughtime.texts import literal

Point = tuple[float, float]
Label = Callable[[Layer, Connection], str]
Names = Mapping[str, Sequence[str]]  # of the columns that an input or a layer stands for
HEIGHT, GAP, TRACK, LETTER, LINE = 0.62, 0.5, 0.17, 0.085, 0.15


@dataclass
class Box:
    """One input or layer: centre, bottom edge and size, and how often its edges are used."""

    name: str
    subtitle: str
    rank: int
    width: float
    x: float = 0.0
    bottom: float = 0.0
    height: float = HEIGHT

    @property
    def top(self) -> float:
        """The height of its upper edge."""
        return self.bottom + self.height


@dataclass
class Arrow:
    """One connection: its route through the picture, and where its text stands."""

    source: Box
    target: Box
    layer: Layer
    connection: Connection
    text: str
    lane: Literal["straight", "left", "right", "self"]
    lane_x: float = 0.0
    start: float = 0.0
    end: float = 0.0
    points: list[Point] = field(default_factory=list)
    text_at: Point = (0.0, 0.0)
    text_side: Literal["left", "right"] = "left"

    @property
    def room(self) -> float:
        """The width its lane needs: the line and the text beside it."""
        return 0.28 + LETTER * max((len(line) for line in self.text.split("\n")), default=0)

    @property
    def rows(self) -> int:
        """Lines of text."""
        return self.text.count("\n") + 1 if self.text else 0


@dataclass
class Plan:
    """A picture ready to be painted."""

    boxes: dict[str, Box]
    arrows: list[Arrow]
    width: float
    height: float


def plan(network: Network, label: Label, legend: float, names: Names = MappingProxyType({})) -> Plan:
    """Ranks from bottom to top, boxes side by side within a rank, then lanes, ports and gaps; `legend` stays free."""
    boxes = _boxes(network, names)
    arrows = [_arrow(boxes, layer, c, label(layer, c)) for layer in network.layers for c in layer.connections]
    arrows.sort(key=lambda a: (abs(a.source.rank - a.target.rank), a.source.rank))
    left, right = _columns(boxes, arrows)
    _lanes(arrows, left, right)
    _ports(boxes, arrows, network.output)
    height = _rows(boxes, arrows)
    for arrow in arrows:
        _route(arrow, arrows)
    return _framed(boxes, arrows, height, legend)


def _boxes(network: Network, names: Names) -> dict[str, Box]:
    rank = dict.fromkeys(dict(network.inputs), 0)
    for layer in facts.flow(network):
        rank[layer.name] = 1 + max((rank[c.source] for c in layer.connections if c.source in rank), default=0)
    texts = {name: f"{size} value" + "s" * (size > 1) for name, size in network.inputs}
    for layer in network.layers:
        texts[layer.name] = _subtitle(layer)
    texts = {name: facts.listed(text, names.get(name, ())) for name, text in texts.items()}
    return {name: Box(name, text, rank[name], _box_width(name, text)) for name, text in texts.items()}


def _subtitle(layer: Layer) -> str:
    words = f"{layer.size} {layer.unit.name} unit" + "s" * (layer.size > 1)
    words += ", backward in time" if layer.backward else ""
    return words + (", a(0) learned" if layer.start == "learned" else "")


def _box_width(name: str, text: str) -> float:
    return max(1.5, 0.3 + 0.1 * len(literal(name)), 0.3 + 0.075 * len(literal(text)))


def _arrow(boxes: dict[str, Box], layer: Layer, connection: Connection, text: str) -> Arrow:
    source, target = boxes[connection.source], boxes[layer.name]
    rise = target.rank - source.rank
    lane: Literal["straight", "left", "right", "self"] = (
        "self" if source is target else "right" if rise <= 0 else "straight" if rise == 1 else "left"
    )
    return Arrow(source, target, layer, connection, text, lane)


def _columns(boxes: dict[str, Box], arrows: list[Arrow]) -> tuple[float, float]:
    """Places the boxes of each rank side by side around x = 0 and returns the outermost edges."""
    edges = []
    for rank in range(max(box.rank for box in boxes.values()) + 1):
        row = [box for box in boxes.values() if box.rank == rank]
        rooms = [sum(a.room for a in arrows if a.lane == "self" and a.source is box) for box in row]
        widths = [box.width + max(room, 0.45) for box, room in zip(row, rooms, strict=True)]
        x = -(sum(widths) - max(rooms[-1], 0.45)) / 2
        for box, width in zip(row, widths, strict=True):
            box.x = x + box.width / 2
            x += width
        edges.append((row[0].x - row[0].width / 2, row[-1].x + row[-1].width / 2 + rooms[-1]))
    return min(edge for edge, _ in edges), max(edge for _, edge in edges)


def _lanes(arrows: list[Arrow], left: float, right: float) -> None:
    beside: dict[str, float] = {}
    for arrow in arrows:
        if arrow.lane == "self":
            edge = arrow.source.x + arrow.source.width / 2
            arrow.lane_x = beside.get(arrow.source.name, edge) + 0.2
            beside[arrow.source.name] = arrow.lane_x - 0.2 + arrow.room
        elif arrow.lane == "right":
            arrow.lane_x = right + 0.25
            right += arrow.room
        elif arrow.lane == "left":
            arrow.lane_x = left - 0.25
            left -= arrow.room


def _ports(boxes: dict[str, Box], arrows: list[Arrow], output: str) -> None:
    """Spreads the arrows over the edges of the boxes: skips left, straight ones in the middle, loops right."""
    for box in boxes.values():
        leaving = sorted((a for a in arrows if a.source is box), key=lambda a: _aim(a, a.target))
        entering = sorted((a for a in arrows if a.target is box), key=lambda a: _aim(a, a.source))
        for arrow, x in zip(leaving, _spread(box, leaving, reserved=box.name == output), strict=True):
            arrow.start = x
        for arrow, x in zip(entering, _spread(box, entering), strict=True):
            arrow.end = x


def _aim(arrow: Arrow, other: Box) -> tuple[int, float]:
    side = {"left": 0, "straight": 1, "self": 2, "right": 3}[arrow.lane]
    # An outer lane is reached over an inner one: its port lies further inside.
    return side, other.x if arrow.lane == "straight" else -arrow.lane_x if side > 1 else arrow.lane_x


def _spread(box: Box, arrows: list[Arrow], reserved: bool = False) -> list[float]:
    """Where sorted arrows touch an edge; `reserved` keeps the middle free for the network's own output arrow."""
    left = sum(a.lane == "left" for a in arrows)
    straight = sum(a.lane == "straight" for a in arrows) + reserved
    middle = left + (straight - 1) / 2 if straight else (len(arrows) - 1) / 2
    slots = [i + reserved * (i >= left) - middle for i in range(len(arrows))]
    step = min(0.34, (box.width / 2 - 0.15) / max([abs(s) for s in slots] + [0.1]))
    return [box.x + step * slot for slot in slots]


def _rows(boxes: dict[str, Box], arrows: list[Arrow]) -> float:
    """Sets the heights of the ranks; a gap is as high as the horizontal stretches and the texts in it need."""
    bottom = 0.0
    top = max(box.rank for box in boxes.values())
    for rank in range(top + 1):
        for box in boxes.values():
            if box.rank == rank:
                box.bottom = bottom
        texts = max((a.rows for a in arrows if a.lane == "straight" and a.source.rank == rank), default=0)
        bottom += HEIGHT + GAP + LINE * texts + TRACK * (_tracks(arrows, rank, "up") + _tracks(arrows, rank, "down"))
    return bottom


Way = Literal["up", "down"]


def _in_gap(arrows: list[Arrow], gap: int, way: Way) -> list[Arrow]:
    """Lane arrows with a horizontal stretch above the rank `gap`: just after they leave a box ("up"), or before they
    enter one of the next rank ("down"); self loops first."""
    found = [a for a in arrows if a.lane != "straight" and (a.source.rank if way == "up" else a.target.rank - 1) == gap]
    return sorted(found, key=lambda a: a.lane != "self")


def _track(arrow: Arrow, arrows: list[Arrow], gap: int, way: Way) -> int:
    """The height of its horizontal stretch, counted from the box; neighbours share those of their self loops."""
    there = _in_gap(arrows, gap, way)
    own = [a for a in there if a.lane == "self" and a.source is arrow.source]
    if arrow.lane == "self":
        return own.index(arrow)
    selves = [a.source.name for a in there if a.lane == "self"]
    others = [a for a in there if a.lane != "self"]
    return max((selves.count(name) for name in selves), default=0) + others.index(arrow)


def _tracks(arrows: list[Arrow], gap: int, way: Way) -> int:
    return 1 + max((_track(a, arrows, gap, way) for a in _in_gap(arrows, gap, way)), default=-1)


def _route(arrow: Arrow, arrows: list[Arrow]) -> None:
    start, end = (arrow.start, arrow.source.top), (arrow.end, arrow.target.bottom)
    below, above = arrow.source.rank, arrow.target.rank - 1
    if arrow.lane == "straight":
        arrow.points = [start, end]
        y = start[1] + 0.16 + TRACK * _tracks(arrows, below, "up") + LINE * arrow.rows / 2
        slope = (end[0] - start[0]) / (end[1] - start[1])
        arrow.text_at = (start[0] + (y - start[1]) * slope + 0.08 + abs(slope) * LINE * arrow.rows / 2, y)
        return
    up = start[1] + 0.12 + TRACK * _track(arrow, arrows, below, "up")
    down = end[1] - 0.24 - TRACK * _track(arrow, arrows, above, "down")
    arrow.points = [start, (start[0], up), (arrow.lane_x, up), (arrow.lane_x, down), (end[0], down), end]
    side = -0.08 if arrow.lane == "left" else 0.08
    arrow.text_side = "right" if arrow.lane == "left" else "left"
    arrow.text_at = (arrow.lane_x + side, (up + down) / 2)


def _framed(boxes: dict[str, Box], arrows: list[Arrow], height: float, legend: float) -> Plan:
    """Moves everything so that the lower left corner is (0, 0), with room for the legend at the bottom."""
    reach = [a.lane_x + (a.room if a.lane in ("right", "self") else -a.room) for a in arrows if a.lane != "straight"]
    texts = [a.text_at[0] + a.room for a in arrows if a.lane == "straight"]
    lefts = [box.x - box.width / 2 for box in boxes.values()]
    rights = [box.x + box.width / 2 for box in boxes.values()]
    x = 0.3 - min(lefts + reach)
    for box in boxes.values():
        box.x, box.bottom = box.x + x, box.bottom + legend
    for arrow in arrows:
        arrow.points = [(px + x, py + legend) for px, py in arrow.points]
        arrow.text_at = (arrow.text_at[0] + x, arrow.text_at[1] + legend)
    width = max(max(rights + reach + texts) + x + 0.2, 2.9)
    return Plan(boxes, arrows, width, height + legend)
