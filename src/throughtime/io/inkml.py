"""InkML, the drawings of the W3C: traces, whose channels a context names, in groups that say what is written."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np

from throughtime.features.pen.drawings import FARTHEST
from throughtime.io.ink_traces import Channels, points_of
from throughtime.io.pen import Drawing, LabelledDrawings, Values

SUFFIXES = (".inkml",)
GIVES = LabelledDrawings

Element = ElementTree.Element
FORMATS = ("traceFormat", "channelList")
ID = "{http://www.w3.org/XML/1998/namespace}id"
DEEPEST = 100  # groups within groups


@dataclass
class _Ink:
    """A file as it is read: elements by their names for references, strokes by their traces' places, labels of groups."""

    path: Path
    known: dict[str, Element] = field(default_factory=dict)
    strokes: list[Values] = field(default_factory=list)
    traces: dict[str, int] = field(default_factory=dict)
    groups: list[tuple[str | None, list[str], int, int]] = field(default_factory=list)
    context: Element | None = None
    default: Element | None = None
    told: dict[str, int] = field(default_factory=dict)

    def tell(self, what: str) -> None:
        """Count something unusual."""
        self.told[what] = self.told.get(what, 0) + 1


def read(path: Path) -> LabelledDrawings:
    """The groups of traces that say what they show, each a drawing with its label; the whole file where none does.

    y goes down in InkML and is turned. Traces with the pen up, and points whose place is not known, are left out.

    raises  ValueError in one line: no XML, entities, channels without X or Y, a point with fewer values than channels, a reference
            to what is not there
    """
    root = _root(path)
    ink = _Ink(path)
    for element in root.iter():
        for key in (ID, "id"):
            if element.get(key):
                ink.known.setdefault(str(element.get(key)), element)
    formats = [element for element in root.iter() if _name(element) in FORMATS]
    direct = [child for child in root if _name(child) in FORMATS]
    ink.default = direct[0] if direct else formats[0] if len(formats) == 1 else None
    _walk(ink, root, None, 0)
    whole = _label(root)
    places = list[tuple[str | None, list[int]]](_parts(ink)) or [(whole, list(range(len(ink.strokes))))]
    drawn = [(label, [ink.strokes[k] for k in own if len(ink.strokes[k])]) for label, own in places]
    parts = [(label, strokes) for label, strokes in drawn if strokes]
    if not parts:
        raise ValueError(f"{path} has no point of a trace; give an InkML file with a drawing")
    found = ["y goes down in InkML and was turned", *(f"{what}: {count}" for what, count in ink.told.items())]
    return LabelledDrawings([Drawing.of(strokes) for _, strokes in parts], [label for label, _ in parts], found)


def _root(path: Path) -> Element:
    """The tree of a file that asks for nothing else.

    raises  ValueError if it is no XML, or declares entities or parts outside
    """
    data = path.read_bytes()

    def refuse(*_: object) -> None:
        raise ValueError(f"{path} declares entities, or parts outside of it; write the file without a DOCTYPE")

    def doctype(*said: object) -> None:
        _, system, public, _ = said
        if system or public:
            refuse()

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = refuse
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data, True)
        root = ElementTree.fromstring(data)
    except (expat.ExpatError, ElementTree.ParseError, LookupError) as error:
        raise ValueError(f"{path} is no whole XML: {error}; copy it again") from None
    if _name(root) != "ink":
        raise ValueError(f"{path} is XML of another kind, whose outermost element is {_name(root)[:40]!r}, not ink")
    return root


def _name(element: Element) -> str:
    """Without its namespace."""
    return str(element.tag).rpartition("}")[2]


def _walk(ink: _Ink, element: Element, context: Element | None, depth: int) -> None:
    """Traces in order; a context that stands in the way holds from there on."""
    if depth > DEEPEST:
        raise ValueError(f"{ink.path} has more than {DEEPEST} elements in one another; flatten its groups")
    begin, references = len(ink.strokes), list[str]()
    for child in element:
        name, own = _name(child), context
        if child.get("contextRef") and name in ("trace", "traceGroup"):
            own = _referred(ink, child, "contextRef")
        if name == "context" and _name(element) == "ink":
            ink.context = child
        if name == "trace":
            _trace(ink, child, own)
        elif name == "traceView":
            references += [str(value).lstrip("#") for key, value in child.attrib.items() if key == "traceDataRef"]
            _walk(ink, child, own, depth + 1)
        elif name in ("traceGroup", "definitions"):
            _walk(ink, child, own, depth + 1)
    if _name(element) in ("traceGroup", "traceView"):
        ink.groups.append((_label(element), references, begin, len(ink.strokes)))


def _parts(ink: _Ink) -> Iterator[tuple[str, list[int]]]:
    """Each labelled group that has no labelled one within it, and the places of its strokes."""
    used = list[set[int]]()
    for label, references, begin, end in ink.groups:  # inner ones come first
        if label is None:
            continue
        for name in references:
            if name not in ink.traces and name not in ink.known:
                raise ValueError(f"{ink.path} refers to a trace {name[:40]!r} that is not there; mend it")
        places = {*range(begin, end), *(ink.traces[name] for name in references if name in ink.traces)}
        if places and not any(inner & places for inner in used):
            used.append(places)
            yield label, sorted(places)


def _label(element: Element) -> str | None:
    """What the element's annotation says is written."""
    for child in element:
        if _name(child) in ("annotation", "annotationXML") and child.get("type", "").lower() in ("truth", "label"):
            return " ".join("".join(child.itertext()).split())
    return next((str(element.get(key)) for key in ("label",) if element.get(key)), None)


def _trace(ink: _Ink, trace: Element, context: Element | None) -> None:
    number = len(ink.strokes) + 1
    where = f"{ink.path}: trace {number}"
    name = trace.get(ID) or trace.get("id")
    chosen = context if context is not None else ink.context
    text = (trace.text or "") + "".join(child.tail or "" for child in trace)
    points = np.array(points_of(text, _channels(ink, chosen, where), where), float).reshape(-1, 2)
    known = np.isfinite(points).all(axis=1)
    if not known.all():
        ink.tell("points whose place is not known were left out")
    points = points[known] * (1, -1)
    if (np.abs(points) > FARTHEST).any():
        raise ValueError(f"{where} has a number that no screen has; mend it")
    if trace.get("type", "penDown").lower() in ("penup", "hover"):
        ink.tell("traces with the pen up were left out")
        points = points[:0]
    before = trace.get("priorRef", "").lstrip("#")
    if trace.get("continuation") in ("middle", "end") and before in ink.traces:
        place = ink.traces[before]
        ink.strokes[place] = np.concatenate([ink.strokes[place], points])
    else:
        place = len(ink.strokes)
        ink.strokes.append(points)
    if name:
        ink.traces[name] = place


def _channels(ink: _Ink, context: Element | None, where: str) -> Channels:
    """Those that the context names; X and Y where there is none at all."""
    described = _format(ink, context, 0) if context is not None else None
    if described is None:
        described = ink.default
    if described is None:
        return Channels(("X", "Y"))
    regular, rare = list[str](), list[str]()
    for child in described:
        if _name(child) == "channel":
            regular.append(child.get("name", "").upper())
        elif _name(child) == "intermittentChannels":
            rare += [inner.get("name", "").upper() for inner in child if _name(inner) == "channel"]
    if "X" not in regular or "Y" not in regular:
        raise ValueError(f"{where}: the channels are {', '.join(regular)[:60] or 'none'}; a drawing needs X and Y")
    return Channels(tuple(regular), tuple(rare))


def _format(ink: _Ink, element: Element, depth: int) -> Element | None:
    """The format that an element holds or refers to: its own first, then of its source, then of the context it builds on."""
    if depth > DEEPEST:
        raise ValueError(f"{ink.path} has contexts that refer to one another in a circle; break it")
    if _name(element) in FORMATS:
        return element
    for child in element:
        if (
            _name(child) in (*FORMATS, "inkSource", "captureDevice")
            and (found := _format(ink, child, depth + 1)) is not None
        ):
            return found
    for key in ("traceFormatRef", "inkSourceRef", "captureDeviceRef", "contextRef"):
        if element.get(key) and element.get(key) != "#DefaultContext":
            return _format(ink, _referred(ink, element, key), depth + 1)
    return None


def _referred(ink: _Ink, element: Element, key: str) -> Element:
    name = element.get(key, "").rpartition("#")[2]
    if name not in ink.known:
        if name == "DefaultContext":
            return Element("context")
        raise ValueError(f"{ink.path} refers to {name[:40]!r}, which is not there; mend its {key}")
    return ink.known[name]
