"""The value that a wiring is: inputs, layers, the output; checked when it is made, and the forms it has."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import Any

from throughtime import graph
from throughtime.checks import quoted
from throughtime.layers import Connection, Layer, LearnedDelays, settled, whole_number
from throughtime.network.checking import CLOCK, check_wiring
from throughtime.network.layer_graph import sources_of
from throughtime.network.writing import in_short, plain


@dataclass(frozen=True, init=False)
class Network:
    """Inputs, layers and the layer whose activities are the output.

    inputs  {name: size}, a number (one input called "input"), or pairs; 0: none, the network runs by itself. It then
            takes an input "clock" of size 1 that no layer hears, which tells how many steps to run
    layers  in any order; delays close loops, and a loop without a delay is refused
    output  name of the output layer
    lead    the output at step t stands for the value at step t + lead

    >>> from throughtime import Connection, Layer, Network, units
    >>> hidden = Layer("hidden", 3, units.tanh, ["x", Connection("hidden", delays=1)])
    >>> Network({"x": 2}, [hidden, Layer("y", 1, units.linear, ["hidden"])], "y").size_of("hidden")
    3
    """

    inputs: tuple[tuple[str, int], ...]
    layers: tuple[Layer, ...]
    output: str
    lead: int
    _hash: int = field(init=False, repr=False, compare=False)

    def __init__(
        self,
        inputs: int | Mapping[str, int] | Iterable[tuple[str, int]],
        layers: Iterable[Layer],
        output: str,
        lead: int = 0,
    ) -> None:
        settled(self, inputs=_inputs(inputs), layers=tuple(layers), output=output, lead=whole_number(lead, "lead", 0))
        check_wiring(self)
        settled(self, _hash=hash((self.inputs, self.layers, output, self.lead)))

    def __repr__(self) -> str:
        """In one line; `tt.show` tells all, `to_json` keeps it."""
        return f"<Network: {in_short(self)}>"

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return Network, (self.inputs, self.layers, self.output, self.lead)  # hashes of text differ between processes

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        """The layers by their names."""
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The number of units of every input and layer."""
        return dict(self.inputs) | {layer.name: layer.size for layer in self.layers}

    def size_of(self, source: str) -> int:
        """The number of units of an input or a layer."""
        return self.sizes[source]

    def to_json(self) -> str:
        """The wiring as JSON text; `from_json` reads it back."""
        return json.dumps(plain(self), separators=(",", ":"))

    @property
    def measured(self) -> str:
        """The name of the input that stands for measured outputs in the open loop."""
        return f"measured {self.output}"

    @property
    def backward(self) -> bool:
        """True if a layer runs from the end of a sequence, which then must be whole."""
        return any(layer.backward for layer in self.layers)

    @property
    def is_open(self) -> bool:
        """True if measured outputs are fed in where the network's own were."""
        return self.measured in dict(self.inputs)

    @property
    def feedback(self) -> str | None:
        """The source whose past stands for past outputs: the measured ones, the output layer, or None."""
        if self.is_open:
            return self.measured
        return self.output if any(c.source == self.output for m in self.layers for c in m.connections) else None

    def open_loop(self) -> "Network":
        """The same network, fed with measured outputs in place of its own (series-parallel, teacher forcing).

        Every connection that listens to the output layer listens to a new input "measured output" of the same size,
        and keeps its name, so the same weights fit both networks. `close_loop` undoes it, `hand_over` turns the history
        of one into that of the other.

        raises  ValueError if no connection hears the output layer, if the loop is open already, or if the output layer
                has start="learned": its past is then given, and there is nothing to learn
        """
        if self.is_open:
            raise ValueError(f"the loop is open already: input {self.measured!r} stands for the output")
        if self.by_name[self.output].start == "learned":
            raise ValueError(
                f"layer {self.output!r} has a learned start, but an open loop is given its past: use start='zero'"
            )
        for layer in self.layers:
            for c in layer.connections:
                if c.source == self.output and min(c.delays) < self.lead:
                    raise ValueError(
                        f"layer {layer.name!r} hears {c.source!r} {min(c.delays)} steps back, but the output leads by "
                        f"{self.lead}: what it would hear is not measured yet; open the loop before remove_delay"
                    )
        rewired = tuple(rewire(layer, self.output, self.measured, -self.lead) for layer in self.layers)
        if rewired == self.layers:
            raise ValueError(f"no connection hears the output layer {self.output!r}: there is no loop to open")
        given = tuple(pair for pair in self.inputs if pair[0] != CLOCK)
        return replace(self, inputs=(*given, (self.measured, self.size_of(self.output))), layers=rewired)

    def close_loop(self) -> "Network":
        """The same network, fed with its own outputs (parallel): the inverse of `open_loop`."""
        if not self.is_open:
            raise ValueError(
                f"there is no input {self.measured!r} to close the loop with; only an open loop can be closed"
            )
        if self.size_of(self.measured) != self.size_of(self.output):
            raise ValueError(
                f"the input {self.measured!r} has {self.size_of(self.measured)} values, the output {self.output!r} "
                f"{self.size_of(self.output)}: it cannot stand for it"
            )
        rewired = tuple(rewire(layer, self.measured, self.output, self.lead) for layer in self.layers)
        left = tuple((n, s) for n, s in self.inputs if n != self.measured)
        return replace(self, inputs=left or ((CLOCK, 1),), layers=rewired)

    def remove_delay(self, steps: int = 1) -> "Network":
        """The same network, whose output comes `steps` steps sooner: every connection from an input hears so much less far back.

            y'(t) = y(t + steps)

        For an open loop the measured outputs are inputs too; `close_loop` sets their delays right. The weights stay.

        raises  ValueError if an input is heard with a smaller delay: that output cannot be known so soon

        >>> from throughtime import narx
        >>> sooner = narx(1, 5, 1, input_delays=(1, 2), output_delays=(1, 2)).open_loop().remove_delay()
        >>> [c.delays for c in sooner.by_name["hidden"].connections], sooner.lead
        ([(0, 1), (0, 1)], 1)
        """
        return self._later(whole_number(steps, "steps", 1))

    def add_delay(self, steps: int = 1) -> "Network":
        """The inverse of `remove_delay`: the output comes `steps` steps later.

        raises  ValueError if the lead is smaller than that
        """
        if whole_number(steps, "steps", 1) > self.lead:
            raise ValueError(f"add_delay({steps}) undoes remove_delay, but the network leads by {self.lead} steps only")
        return self._later(-steps)

    def with_dropout(self, share: float) -> "Network":
        """The same network with dropout on what layers hear from layers below them; within a loop nothing is dropped.

        A connection drops that share of its source's units, drawn once for a whole sequence. Connections from inputs, and
        all within a loop of layers, a layer's connection with itself among them, stay as they are: what is remembered
        is not forgotten. The weights stay.

        raises  ValueError if the share is not at least 0 and below 1

        >>> from throughtime import lstm
        >>> network = lstm(2, [3, 3], 1).with_dropout(0.2)
        >>> [(layer.name, c.key) for layer in network.layers for c in layer.connections if c.dropout]
        [('hidden2', 'hidden1'), ('output', 'hidden2')]

        Source: W. Zaremba, I. Sutskever, O. Vinyals, "Recurrent neural network regularization", 2014, which draws anew at
        every step.
        """
        loops = graph.strong_components(sources_of(self))
        below = {name: self.by_name.keys() - set(members) for members in loops for name in members}

        def dropping(layer: Layer) -> Layer:
            made = (replace(c, dropout=share) if c.source in below[layer.name] else c for c in layer.connections)
            return replace(layer, connections=tuple(made))

        return replace(self, layers=tuple(map(dropping, self.layers)))

    def _later(self, steps: int) -> "Network":
        names = dict(self.inputs)
        for layer in self.layers:
            if layer.backward:
                raise ValueError(f"layer {layer.name!r} runs backward from the end: there is no sooner or later for it")
        for layer in self.layers:
            for c in layer.connections:
                if c.source in names and min(c.delays) < steps:
                    raise ValueError(
                        f"layer {layer.name!r} hears {c.source!r} with delay {min(c.delays)}, so the output cannot come "
                        f"{steps} steps sooner; wire the inputs with delays of at least {steps}"
                    )
        moved = tuple(reduce(lambda m, n: rewire(m, n, n, -steps), names, layer) for layer in self.layers)
        return replace(self, layers=moved, lead=self.lead + steps)


def _inputs(given: Any) -> tuple[tuple[str, int], ...]:
    if isinstance(given, str):
        raise ValueError(f"inputs must be a number or {{name: size}}, not {given!r}")
    if isinstance(given, Mapping):
        given = given.items()
    elif not isinstance(given, Iterable):
        given = (("input", given),) if given != 0 else ((CLOCK, 1),)
    return tuple((name, whole_number(size, f"input {name!r}: size", 1)) for name, size in given)


def a_network(given: Any) -> Network:
    """What is given, if it is a network and not the function that makes one."""
    if not isinstance(given, Network):
        name = getattr(given, "__name__", None)
        what = (
            quoted(given)
            if name is None
            else f"{name} itself: call it with its sizes, as in lstm(inputs=2, hidden=8, outputs=1)"
        )
        raise ValueError(f"the network must be a Network, not {what}")
    return given


def rewire(layer: Layer, old: str, new: str, later: int) -> Layer:
    """The layer, hearing `new` where it heard `old`, with delays greater by `later`."""

    def moved(c: Connection) -> Connection:
        if c.source != old:
            return c
        weight: Any = c.weight
        if isinstance(weight, LearnedDelays):
            weight = replace(weight, minimum=weight.minimum + later, maximum=weight.maximum + later)
        delays = tuple(d + later for d in c.delays)
        return replace(c, source=new, delays=delays, weight=weight, name=None if c.key == new else c.key)

    return replace(layer, connections=tuple(moved(c) for c in layer.connections))
