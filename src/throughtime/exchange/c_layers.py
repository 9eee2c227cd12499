"""One C function per layer: its net inputs from what it hears, then its activities."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from throughtime.exchange.c_text import Index, comment, constant, function, indented, index, loops
from throughtime.exchange.time_step import Names, TimeStep
from throughtime.network import Connection, Layer

TOGETHER = 4  # sources whose products are summed before they are added


def fields_of(step: TimeStep) -> dict[str, str]:
    """Where the state holds each source: "a_NAME"; row 0 is its activities now, row d those d steps before."""
    named = Names()
    sources = [*(name for name, _ in step.inputs), *(layer.name for layer in step.layers)]
    return {source: named(f"a_{source}") for source in sources}


def member_of(step: TimeStep, source: str) -> str:
    """The index of the member, of a layer of an ensemble; inputs are the same for all members."""
    return "[k]" if step.members and source in step.network.by_name else ""


def layer_functions(step: TimeStep, prefix: str) -> tuple[list[str], list[str]]:
    """The definitions of all layers with their weights, and the calls that make a step."""
    named, lines, calls = Names(), list[str](), list[str]()
    for layer in step.layers:
        writer = _Writer(step, prefix, named, layer)
        body = [*writer.net(), *writer.activity()]
        name = writer.name("layer", layer.name)
        heard = ", ".join(f"{c.source} [{_delays(c.delays)}]" for c in layer.connections)
        about = comment(f"{layer.name}: {layer.size} x {layer.unit.name}; hears [so many steps back] {heard}")
        k, head = (", k", ", int k") if step.members else ("", "")
        lines += [f"/* {about} */", *writer.constants, ""]
        lines += function(f"static void {name}({prefix}_state *state{head})", body)
        calls.append(f"{name}(state{k});")
    return lines, calls


def _delays(delays: Sequence[int]) -> str:
    first, last = delays[0], delays[-1]
    whole = len(delays) > 3 and list(delays) == list(range(first, last + 1))
    return f"{first} to {last}" if whole else ", ".join(map(str, delays))


def _several(size: int, added: Callable[[Sequence[str]], list[str]]) -> list[str]:
    """What so many sources add, four at a time.

    Each time all net inputs are read and written, which costs more than the products; compilers join no steps of a loop, as that
    would round otherwise, but they take several units at once.
    """
    whole = size - size % TOGETHER if size > TOGETHER else 0
    made = added([str(s) for s in range(whole, size)]) if size > whole else []
    if whole:
        head = f"for (int s = 0; s < {whole}; s += {TOGETHER}) {{"
        made = [head, *indented(added(["s", *(f"s + {k}" for k in range(1, TOGETHER))])), "}", *made]
    return made


def _sum(to: str, terms: Sequence[str]) -> list[str]:
    """A statement that adds the terms, one on each line."""
    *most, last = [f"{to} += {terms[0]}", *(f"    + {term}" for term in terms[1:])]
    return [*most, f"{last};"]


class _Writer:
    """Writes one layer; the constants it needs come together on the way."""

    def __init__(self, step: TimeStep, prefix: str, named: Names, layer: Layer) -> None:
        self.constants: list[str] = []
        self._step, self._prefix, self._named, self._layer = step, prefix, named, layer
        self._real, self._k = f"{prefix}_real", "[k]" if step.members else ""
        self._nets: Index = ("i", len(layer.nets))
        self._units: Index = ("n", layer.size)

    def name(self, kind: str, of: str) -> str:
        """A name of the file that is not taken yet."""
        return f"{self._prefix}_{self._named(f'{kind}_{of}')}"

    def net(self) -> list[str]:
        """The net inputs: the bias, and what each connection adds."""
        i, n, bias = index(self._nets), index(self._units), self._step.bias(self._layer)
        first = "0" if bias is None else f"{self._constant('b', self._layer.name, bias)}{self._k}[{i}][{n}]"
        lines = [f"{self._real} net[{len(self._layer.nets)}][{self._layer.size}];"]
        lines += loops([self._nets, self._units], [f"net[{i}][{n}] = {first};"])
        return lines + [line for c in self._layer.connections for line in self._wire(c)]

    def _wire(self, c: Connection) -> list[str]:
        name, fed, size = f"{self._layer.name}_{c.key}", self._layer.fed(c.nets), self._step.network.size_of(c.source)
        taps, nets = ("d", len(c.delays)), ("i", len(fed))
        delay, into = self._chosen("delays", name, c.delays, taps), self._chosen("nets", name, fed, nets)
        weight, (d, i, n) = self._step.weight(self._layer, c), map(index, (taps, nets, self._units))
        held = "" if weight is None else f"{self._constant('w', name, weight)}{self._k}[{d}]"

        def added(heard: Sequence[str]) -> list[str]:
            at = [f"[{i}]" if c.one_to_one else f"[{s}][{i}]" for s in heard]
            rows = [self._row(c.source, delay, s) for s in heard]
            terms = [f"{held}{a}[{n}] * {row}" if held else row for a, row in zip(at, rows, strict=True)]
            return loops([nets, self._units], _sum(f"net[{into}][{n}]", terms))

        return loops([taps], added([n]) if c.one_to_one else _several(size, added))

    def _constant(self, kind: str, of: str, values: Any, type_: str = "") -> str:
        made = self.name(kind, of)
        self.constants += constant(type_ or self._real, made, np.asarray(values))
        return made

    def _chosen(self, kind: str, of: str, values: Sequence[int], axis: Index) -> str:
        """The value at an index: written out, counted on from the first, or looked up in a table."""
        first, count = values[0], len(values)
        if count == 1:
            return str(first)
        if list(values) == list(range(first, first + count)):
            return f"{first} + {axis[0]}" if first else axis[0]
        return f"{self._constant(kind, of, values, 'int')}[{axis[0]}]"

    def _row(self, source: str, delay: str, unit: str) -> str:
        return f"state->{fields_of(self._step)[source]}{member_of(self._step, source)}[{delay}][{unit}]"

    def activity(self) -> list[str]:
        """The activities from the net inputs; the equations are those of `units`."""
        n, unit = index(self._units), self._layer.unit.name
        a, nets = self._row(self._layer.name, "0", n), [f"net[{i}][{n}]" for i in range(len(self._layer.nets))]
        if unit == "lstm":
            return loops([self._units], self._lstm(a, nets, n))
        if unit == "gru":
            return loops([self._units], self._gru(a, nets))
        if unit == "softmax":
            return self._softmax(a, nets[0])
        carried = f" + {nets[1]}" if unit.startswith("context-") else ""
        return loops([self._units], [f"{a} = {self._bent(unit.removeprefix('context-'), nets[0])}{carried};"])

    def _bent(self, f: str, net: str) -> str:
        called = {"linear": "", "saturated_linear": f"{self._prefix}_saturate"}
        function_ = called.get(f, f"{self._prefix}_{f}")
        return f"{function_}({net})" if function_ else net

    def _lstm(self, a: str, nets: list[str], n: str) -> list[str]:
        memory = next(p.name for p in self._step.parts if p.kind == "memory" and p.source == self._layer.name)
        gates = zip(("enter", "forget", "leave"), nets[:3], strict=True)
        kept = f"state->{memory}{self._k}[{n}]"
        return [
            *(f"const {self._real} {gate} = {self._bent('logistic', net)};" for gate, net in gates),
            f"{kept} = forget * {kept} + enter * {self._bent('tanh', nets[3])};",
            f"{a} = leave * {self._bent('tanh', kept)};",
        ]

    def _gru(self, a: str, nets: list[str]) -> list[str]:
        candidate, reset, update, recurrent, previous = nets
        return [
            f"const {self._real} reset = {self._bent('logistic', reset)};",
            f"const {self._real} update = {self._bent('logistic', update)};",
            f"const {self._real} candidate = {self._bent('tanh', f'{candidate} + reset * {recurrent}')};",
            f"{a} = (1 - update) * candidate + update * {previous};",
        ]

    def _softmax(self, a: str, net: str) -> list[str]:
        exponential = f"{self._prefix.upper()}_EXP"
        return [
            f"{self._real} most = net[0][0], sum = 0;",
            *loops([self._units], [f"if ({net} > most) most = {net};"]),
            *loops([self._units], [f"{a} = {exponential}({net} - most);", f"sum += {a};"]),
            *loops([self._units], [f"{a} /= sum;"]),
        ]
