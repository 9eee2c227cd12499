"""One time step as an ONNX graph: u and the history go in, y and the next history come out."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from throughtime.exchange.onnx_layers import Graph, activity, heard, net_inputs
from throughtime.exchange.time_step import HistoryPart, TimeStep, Values, time_step_of
from throughtime.io import files
from throughtime.models.columns import Column, limits
from throughtime.models.model import Model
from throughtime.models.saving import library_version

OPSET, IR_VERSION = 17, 8  # of 2022: what runtimes for small devices understand too


def write(model: Model, path: str | os.PathLike[str], dtype: Any = None) -> None:
    """Write one time step of a trained network as an ONNX file; the scaling is inside.

        y(t), next history = step(u(t), history)

    Inputs of the graph, B sequences side by side, in one floating-point type:

        u                 (B, I) in the units of the data; left out if the network has no inputs
        history_SOURCE    (B, D, S) the last activities of a source heard with a delay, the oldest first, D its largest
                          delay; in the network's standardised units
        memory_LAYER      (B, N) what the units of an LSTM remember

    Outputs: y (B, O) in the units of the data, within the limits of the columns (what is fed back is not cut off), and
    next_history_SOURCE, next_memory_LAYER, to be given back in at the next step. y stands for the time of u, or `lead`
    steps later. With members, histories are (K, B, ...), and y is the mean of the members' outputs.

    The file's metadata are JSON: "history" {name: {"shape", "start"}}, the history before the first step for one
    sequence (B = 1), "inputs" and "outputs" (the columns: name, mean, scale, low, high), "lead", "members", "washout",
    "classes", "network" (the wiring) and "format". To start from measured outputs, take the history from
    `throughtime.exchange.initial_history(model, u, y)`, or fill it yourself: (value - mean) / scale of the column.

    model  a `Model`, also an ensemble (`members`); its columns give the scaling, none is none
    path   of the file; it appears only when it is complete
    dtype  "float32" or "float64", also of the weights; None: that of the weights, or JAX's own where there are none

    raises  ValueError for a network with backward layers, units of one's own, or weights or a scaling that are not finite;
            ModuleNotFoundError without the package onnx; OSError if the file cannot be written

    >>> import tempfile, numpy as np, onnxruntime, throughtime as tt
    >>> from throughtime.exchange import initial_history
    >>> network = tt.narx(1, 3, 1, input_delays=(0, 1), output_delays=(1, 2))
    >>> model = tt.Model(network, tt.init(network, 0), (tt.Column("voltage", 2.0, 0.5),), (tt.Column("level", 5.0, 2.0),))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tt.export_onnx(model, f"{folder}/tank.onnx")
    ...     session = onnxruntime.InferenceSession(f"{folder}/tank.onnx")
    >>> history = initial_history(model)
    >>> for voltage in (2.0, 2.5, 3.0):
    ...     u = np.array([[voltage]], history["history_input"].dtype)
    ...     y, *later = session.run(None, {"u": u, **history})
    ...     history = dict(zip(history, later))
    >>> y.shape, [i.name for i in session.get_inputs()]
    ((1, 1), ['u', 'history_input', 'history_output'])
    """
    library, step = _library(), time_step_of(model, dtype)
    graph = Graph(library, step)
    _step(graph, step)
    made = library.helper.make_model(
        library.helper.make_graph(graph.nodes, "step", *_ends(library, step), graph.constants),
        producer_name="throughtime",
        producer_version=library_version(),
        opset_imports=[library.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    library.helper.set_model_props(made, _metadata(model, step))
    library.checker.check_model(made, full_check=True)
    files.write(path, made.SerializeToString())


def _library() -> Any:
    try:
        import onnx
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "export_onnx needs the package onnx; install it with: pip install 'throughtime[onnx]'"
        ) from None
    return onnx


def _step(graph: Graph, step: TimeStep) -> None:
    now, past = _inputs(graph, step), {part.source: part for part in step.parts if part.kind == "a"}
    memory = {part.source: part.name for part in step.parts if part.kind == "memory"}
    full = {source: _line(graph, past[source].name, now[source]) for source in now if source in past}
    for layer in step.layers:
        carried = [heard(graph, step, c, now, past, full) for c in layer.connections]
        nets = graph.parts(net_inputs(graph, step, layer, carried), len(layer.nets))
        now[layer.name], kept = activity(graph, layer.unit.name, nets, memory.get(layer.name))
        if kept:
            graph.op("Identity", kept, to=f"next_{memory[layer.name]}")
        if layer.name in past:
            full[layer.name] = _line(graph, past[layer.name].name, now[layer.name])
    for source, part in past.items():
        later = graph.whole(1), graph.whole(step.depth(source) + 1), graph.whole(-2)
        graph.op("Slice", full[source], *later, to=f"next_{part.name}")
    _outputs(graph, step, now[step.network.output])


def _inputs(graph: Graph, step: TimeStep) -> dict[str, str]:
    """The inputs as the network sees them; with members (K, B, S), so that all that follows has that axis."""
    if not step.inputs:
        return {}
    lead = (step.members, 1) if step.members else (1,)
    mean, scale = (np.broadcast_to(row, (*lead, len(step.u))) for row in _scaling(step.u))
    seen = graph.op("Div", graph.op("Sub", "u", graph.constant(mean, "mean_u")), graph.constant(scale, "scale_u"))
    if len(step.inputs) == 1:
        return {step.inputs[0][0]: seen}
    made, first = {}, 0
    for name, size in step.inputs:
        made[name] = graph.op("Slice", seen, graph.whole(first), graph.whole(first + size), graph.whole(-1))
        first += size
    return made


def _scaling(columns: Sequence[Column]) -> tuple[Values, Values]:
    return np.array([c.mean for c in columns]), np.array([c.scale for c in columns])


def _line(graph: Graph, past: str, now: str) -> str:
    """(B, D + 1, S): the past of a source, and what it does now."""
    return graph.op("Concat", past, graph.op("Unsqueeze", now, graph.whole(-2)), axis=-2)


def _outputs(graph: Graph, step: TimeStep, output: str) -> None:
    """In the units of the data, within the limits; with members their mean."""
    mean, scale = _scaling(step.y)
    value = graph.op("Add", graph.op("Mul", output, graph.constant(scale)), graph.constant(mean))
    low, high = limits(step.y)
    if np.isfinite(low).any():
        value = graph.op("Max", value, graph.constant(low))
    if np.isfinite(high).any():
        value = graph.op("Min", value, graph.constant(high))
    if step.members:
        graph.op("ReduceMean", value, axes=[0], keepdims=0, to="y")
    else:
        graph.op("Identity", value, to="y")


def _ends(library: Any, step: TimeStep) -> tuple[list[Any], list[Any]]:
    """What goes in and comes out, with shapes."""
    kind = library.helper.np_dtype_to_tensor_dtype(np.dtype(step.dtype))

    def value(name: str, shape: Sequence[int | str]) -> Any:
        return library.helper.make_tensor_value_info(name, kind, shape)

    given = [value("u", ("B", len(step.u)))] if step.inputs else []
    before = [value(part.name, _shape(step, part)) for part in step.parts]
    after = [value(f"next_{part.name}", _shape(step, part)) for part in step.parts]
    return [*given, *before], [value("y", ("B", len(step.y))), *after]


def _shape(step: TimeStep, part: HistoryPart) -> tuple[int | str, ...]:
    members = 1 if step.members else 0
    return (*part.start.shape[:members], "B", *part.start.shape[members:])


def _metadata(model: Model, step: TimeStep) -> dict[str, str]:
    axis = 1 if step.members else 0
    history = {
        part.name: {"shape": _shape(step, part), "start": np.expand_dims(part.start, axis).tolist()}
        for part in step.parts
    }
    about = {
        "history": history,
        "inputs": [asdict(c) for c in step.u],
        "outputs": [asdict(c) for c in step.y],
        "lead": step.network.lead,
        "members": step.members,
        "washout": model.washout,
        "classes": list(model.classes),
    }
    texts = {name: json.dumps(value, default=_plain) for name, value in about.items()}
    return texts | {"network": step.network.to_json(), "format": "throughtime step 1"}


def _plain(value: Any) -> Any:
    return value.item()  # the classes of an estimator may be numpy's numbers
