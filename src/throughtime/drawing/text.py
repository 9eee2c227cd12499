"""The wiring as text: one box per layer, one line per connection."""

from collections.abc import Sequence

from throughtime.drawing import facts
from throughtime.network import Connection, Layer, LearnedDelays, Network
from throughtime.network.shapes import weight_count
from throughtime.texts import printable, quantity

Row = tuple[str, str, str, str, str]  # mark, source, when it is heard, kind of weight, number of weights


def show(network: Network, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> str:
    """The wiring as text for a terminal: layers with size and unit, what each listens to, with delays and weights.

    inputs, outputs  the names of the columns that it hears and says, if there are any

    >>> from throughtime import architectures
    >>> print(show(architectures.jordan(1, 3, 1)))
    input · 1 value
    ╭─ hidden · 3 tanh units ── 9 weights ─╮
    │   input    t     dense             3 │
    │ ↺ output   t-1   dense             3 │
    │   bias                             3 │
    ╰──────────────────────────────────────╯
    ╭─ output · 1 linear unit ─ 4 weights ─╮
    │ ↺ hidden   t     dense             3 │
    │   bias                             1 │
    ╰──────────────────────────────────────╯
    13 weights to learn; output layer: output; ↺ lies in a loop, which is stepped through time
    """
    layers = facts.flow(network)
    tables = [_rows(network, layer) for layer in layers]
    names = facts.column_names(network, inputs, outputs)
    titles = [
        (
            facts.listed(_title(layer), names.get(layer.name, ())),
            quantity(facts.layer_weight_count(network, layer), "weight"),
        )
        for layer in layers
    ]
    widths = [max(len(row[i]) for table in tables for row in table) for i in range(5)]
    inner = max(sum(widths) + 12, *(len(left) + len(right) + 7 for left, right in titles))
    lines = [
        f"{printable(name)} · {facts.listed(quantity(size, 'value'), names.get(name, ()))}"
        for name, size in network.inputs
    ]
    for (left, right), table in zip(titles, tables, strict=True):
        lines.append(f"╭─ {left} {'─' * (inner - len(left) - len(right) - 6)} {right} ─╮")
        lines += [_line(row, widths, inner) for row in table]
        lines.append(f"╰{'─' * inner}╯")
    return "\n".join([*lines, _summary(network)])


def when(layer: Layer, delays: tuple[int, ...]) -> str:
    """The time steps that are heard: 't, t-1, t-2', or 't-1 ... t-50'; a backward layer hears 't+1'."""
    sign = "+" if layer.backward else "-"
    words = [f"t{sign}{d}" if d else "t" for d in sorted(delays)]
    if len(words) <= 3:
        return ", ".join(words)
    if max(delays) - min(delays) == len(delays) - 1:
        return f"{words[0]} ... {words[-1]}"
    return f"{words[0]}, {words[1]} ... {words[-1]} ({len(words)} delays)"


def _title(layer: Layer) -> str:
    return f"{printable(layer.name)} · {quantity(layer.size, f'{printable(layer.unit.name)} unit')}" + (
        " · backward in time" if layer.backward else ""
    )


def _rows(network: Network, layer: Layer) -> list[Row]:
    in_loop = facts.loop_test(network)
    rows = [
        (
            "↺" if in_loop(layer, c) else " ",
            _source(layer, c),
            when(layer, c.delays),
            _kind(c),
            str(facts.connection_weight_count(network, layer, c) or "-"),
        )
        for c in layer.connections
    ]
    if layer.biased:
        rows.append((" ", "bias", "", _into(layer.bias), str(facts.biases(network, layer))))
    if layer.start == "learned":
        rows.append((" ", "a(0)", "", "learned", str(facts.starts(network, layer))))
    return rows


def _source(layer: Layer, connection: Connection) -> str:
    source = "itself" if connection.source == layer.name else connection.source
    return printable(source if connection.name is None else f"{source} ({connection.name})")


def _kind(connection: Connection) -> str:
    weight = connection.weight
    if isinstance(weight, LearnedDelays):
        word = "dense, delays learned"
    else:
        word = "identity, fixed at 1" if weight == "identity" else weight
    silenced = f", dropout {connection.dropout:g}" if connection.dropout else ""
    return word + silenced + _into(connection.nets, " ")


def _into(nets: bool | tuple[str, ...] | None, before: str = "") -> str:
    return printable(f"{before}into {', '.join(nets)}") if isinstance(nets, tuple) else ""


def _line(row: Row, widths: list[int], inner: int) -> str:
    mark, source, heard, kind = (f"{cell:{width}}" for cell, width in zip(row[:4], widths, strict=False))
    left = f" {mark} {source}   {heard}   {kind}"
    return f"│{left}{row[4]:>{inner - len(left) - 1}} │"


def _summary(network: Network) -> str:
    in_loop = facts.loop_test(network)
    looped = any(in_loop(layer, c) for layer in network.layers for c in layer.connections)
    said = "↺ lies in a loop, which is stepped through time" if looped else "no loops: all time steps run at once"
    return f"{quantity(weight_count(network), 'weight')} to learn; output layer: {printable(network.output)}; {said}"
