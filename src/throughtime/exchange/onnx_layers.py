"""Layers as nodes of an ONNX graph: one product per layer, then the operations of its unit.

The product is of what all its connections hear, side by side, with their weights, one below the other. A connection
unit by unit is a diagonal block of that matrix; net inputs that a connection does not feed have zeros.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from throughtime.exchange.time_step import HistoryPart, Names, TimeStep, Values
from throughtime.network import Connection, Layer


class Graph:
    """Nodes and constants, as they come to be; a value is known by its name."""

    def __init__(self, library: Any, step: TimeStep) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._library = library
        self._dtype = step.dtype
        self._names = Names()

    def op(self, kind: str, *inputs: str, to: str | None = None, **attributes: Any) -> str:
        """The value that an operation makes, called `to` where it matters."""
        name = to or self._names(f"{kind}_value")
        self.nodes.append(self._library.helper.make_node(kind, inputs, [name], **attributes))
        return name

    def parts(self, value: str, count: int) -> list[str]:
        """A value cut into equal parts along its last axis."""
        if count == 1:
            return [value]
        names = [self._names("Split_value") for _ in range(count)]
        self.nodes.append(self._library.helper.make_node("Split", [value], names, axis=-1))
        return names

    def constant(self, values: Any, name: str = "constant", dtype: Any = None) -> str:
        """A constant of the network's type, or of another."""
        made = self._names(f"{name}_value")
        array = np.asarray(values, dtype or self._dtype, order="C")
        self.constants.append(self._library.numpy_helper.from_array(array, made))
        return made

    def whole(self, *numbers: int) -> str:
        """A list of whole numbers."""
        return self.constant(numbers, "numbers", np.int64)


def heard(
    graph: Graph,
    step: TimeStep,
    connection: Connection,
    now: Mapping[str, str],
    past: Mapping[str, HistoryPart],
    full: Mapping[str, str],
) -> str:
    """(B, D S): what a connection carries, delay after delay.

    now   what each source does now, if it is computed
    past  the parts of the history
    full  (B, D + 1, S): past and now of those computed and heard with a delay
    """
    source, delays = connection.source, connection.delays
    if delays == (0,):
        return now[source]
    line = full.get(source, past[source].name)  # in a loop, a source is heard before it is computed
    rows = graph.whole(*(step.depth(source) - d for d in delays))
    tapped = graph.op("Gather", line, rows, axis=-2)
    shape = (*([0, 0] if step.members else [0]), len(delays) * step.network.size_of(source))  # 0: as it is
    return graph.op("Reshape", tapped, graph.whole(*shape))


def net_inputs(graph: Graph, step: TimeStep, layer: Layer, heard: list[str]) -> str:
    """(B, nets N): the net inputs, one after the other."""
    blocks = [_block(step, layer, c) for c in layer.connections]
    side_by_side = graph.op("Concat", *heard, axis=-1) if len(heard) > 1 else heard[0]
    weight = graph.constant(np.concatenate(blocks, axis=-2), f"weight_{layer.name}")
    net, bias = graph.op("MatMul", side_by_side, weight), step.bias(layer)
    if bias is None:
        return net
    row = bias.reshape(*bias.shape[:-2], 1, -1) if step.members else bias.reshape(-1)
    return graph.op("Add", net, graph.constant(row, f"bias_{layer.name}"))


def _block(step: TimeStep, layer: Layer, connection: Connection) -> Values:
    """(D S, nets N): the weights of a connection as a matrix into all net inputs."""
    size, fed = step.network.size_of(connection.source), list(layer.fed(connection.nets))
    lead, count = (step.members,) if step.members else (), len(connection.delays)
    block = np.zeros((*lead, count, size, len(layer.nets), layer.size))
    weight = step.weight(layer, connection)
    if connection.one_to_one:
        for n in range(size):
            block[..., n, fed, n] = 1.0 if weight is None else weight[..., n]
    elif weight is not None:
        block[..., fed, :] = weight
    return block.reshape(*lead, count * size, -1)


def activity(graph: Graph, name: str, nets: list[str], memory: str | None) -> tuple[str, str | None]:
    """Activity and memory of a layer, from its net inputs; the equations are those of `units`."""
    if memory is not None:
        return _lstm(graph, nets, memory)
    if name == "gru":
        return _gru(graph, nets), None
    if name.startswith("context-"):
        return graph.op("Add", ELEMENTWISE[name.removeprefix("context-")](graph, nets[0]), nets[1]), None
    return ELEMENTWISE[name](graph, nets[0]), None


def _logistic(graph: Graph, net: str) -> str:
    """1/(1+exp(-x)), not "Sigmoid": runtimes have approximations of that which end where the function is small."""
    one = graph.constant(1.0)
    return graph.op("Div", one, graph.op("Add", one, graph.op("Exp", graph.op("Neg", net))))


def _saturate(graph: Graph, net: str) -> str:
    return graph.op("Clip", net, graph.constant(0.0), graph.constant(1.0))


ELEMENTWISE: dict[str, Callable[[Graph, str], str]] = {
    "linear": lambda graph, net: net,
    "tanh": lambda graph, net: graph.op("Tanh", net),
    "logistic": _logistic,
    "relu": lambda graph, net: graph.op("Relu", net),
    "saturated_linear": _saturate,
    "softmax": lambda graph, net: graph.op("Softmax", net, axis=-1),
}


def _lstm(graph: Graph, nets: list[str], memory: str) -> tuple[str, str]:
    enter, forget, leave = (_logistic(graph, net) for net in nets[:3])
    candidate = graph.op("Mul", enter, graph.op("Tanh", nets[3]))
    cell = graph.op("Add", graph.op("Mul", forget, memory), candidate)
    return graph.op("Mul", leave, graph.op("Tanh", cell)), cell


def _gru(graph: Graph, nets: list[str]) -> str:
    reset, update = graph.op("Sigmoid", nets[1]), graph.op("Sigmoid", nets[2])
    candidate = graph.op("Tanh", graph.op("Add", nets[0], graph.op("Mul", reset, nets[3])))
    kept = graph.op("Mul", update, nets[4])
    return graph.op("Add", graph.op("Mul", graph.op("Sub", graph.constant(1.0), update), candidate), kept)
