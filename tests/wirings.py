"""Random wirings for Hypothesis: layers in a row that hear each other forth and back, with any delays.

Valid by construction. Layer i always hears layer i - 1, so everything reaches the output; what else it hears from
before it may come at once, what it hears from itself or from behind it only after a delay, and only from layers that
run in the same direction all the way, for a loop has one direction.
"""

from typing import Any

from hypothesis import strategies as st

from throughtime import Connection, Layer, LearnedDelays, Network, Unit, units

UNITS = (units.tanh, units.logistic, units.linear, units.lstm)
MOST_DELAY = 4


@st.composite
def _connection(draw: Any, source: str, least: int, same_size: bool, dropout: bool) -> Connection:
    """One connection whose delays are at least that long."""
    dropped = 0.5 if dropout and draw(st.booleans()) else 0.0
    kind: Any = draw(st.sampled_from(["dense", "dense", "learned", *(["diagonal", "identity"] if same_size else [])]))
    if kind == "learned":
        return Connection(source, weight=LearnedDelays(draw(st.integers(least, 3)), least, 0.8), dropout=dropped)
    delays = draw(st.lists(st.integers(least, MOST_DELAY), min_size=1, max_size=2, unique=True))
    return Connection(source, tuple(delays), kind, dropout=dropped)


@st.composite
def wirings(
    draw: Any, backward: bool = False, units: tuple[Unit, ...] = UNITS, largest: int = 5, dropout: bool = False
) -> Network:
    """A random network; `backward`: some of its layers may run backward; `dropout`: some connections drop half."""
    inputs = {f"x{i}": draw(st.integers(1, 3)) for i in range(draw(st.integers(1, 2)))}
    count = draw(st.integers(1, 4))
    sizes = [draw(st.integers(1, largest)) for _ in range(count)]
    turned = [backward and draw(st.booleans()) for _ in range(count)]
    layers = [draw(_layer(i, sizes, turned, inputs, units, dropout)) for i in range(count)]
    learned = [draw(st.booleans()) for _ in range(count)]
    made = tuple(_with_start(layer, layers) if own else layer for layer, own in zip(layers, learned, strict=True))
    order = draw(st.permutations(made))
    return Network(inputs, tuple(order), f"l{count - 1}")


@st.composite
def _layer(
    draw: Any,
    i: int,
    sizes: list[int],
    turned: list[bool],
    inputs: dict[str, int],
    units: tuple[Unit, ...],
    dropout: bool,
) -> Layer:
    heard = [
        draw(_connection(name, 0, size == sizes[i], dropout))
        for name, size in inputs.items()
        if i == 0 or draw(st.booleans())
    ]
    if i > 0:
        heard.append(draw(_connection(f"l{i - 1}", 0, sizes[i - 1] == sizes[i], dropout)))
    for j in range(i - 1):
        if draw(st.booleans()):
            heard.append(draw(_connection(f"l{j}", 0, sizes[j] == sizes[i], dropout)))
    for j in range(i, len(sizes)):
        if len(set(turned[i : j + 1])) == 1 and draw(st.booleans()):
            heard.append(draw(_connection(f"l{j}", 1, sizes[j] == sizes[i], dropout)))
    unit = draw(st.sampled_from(units))
    return Layer(f"l{i}", sizes[i], unit, tuple(heard), draw(st.booleans()), turned[i])


def _with_start(layer: Layer, layers: list[Layer]) -> Layer:
    """The layer with a learned a(0), where it has any history to learn."""
    later = [
        c for other in layers if other.backward == layer.backward for c in other.connections if c.source == layer.name
    ]
    if not layer.memory and max((d for c in later for d in c.delays), default=0) == 0:
        return layer
    return Layer(layer.name, layer.size, layer.unit, layer.connections, layer.bias, layer.backward, "learned")
