"""One step of a stream from Python: an LSTM with its output layer, a row of numpy in and the output out, nothing jitted between."""

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import jax
import numpy as np

import throughtime as tt
from benchmarks import gate, machine
from benchmarks.table import Row, Table, barred
from benchmarks.timing import Contestant, interleave
from benchmarks.torch_peer import torch
from benchmarks.works import nets
from throughtime.exchange import export_c, export_onnx, initial_history

INPUTS, STEPS, CHECKED = 4, 200, 20
UNITS = (8, 32, 128)
STREAM, FITTED, C = "tt.Stream.step", "DynamicModel.step", "exported C, float, -O2, ctypes"
BARS = {STREAM: (1.5, 1.5, 5.0), FITTED: (3.0, 3.0, None), C: (None, None, 5.0)}  # microseconds
Stepping = Callable[[np.ndarray], Any]  # a row of inputs to the output; what is remembered stays inside


def stream_step(quick: bool) -> Table:
    """Each step waits for its output, as whoever must act on it does; peers that are not installed have no row."""
    rows = [row for units in UNITS for row in _rows(units, quick)]
    title = f"stream-step: us a step, LSTM, {INPUTS} inputs, 1 output, one sequence; {machine.in_words()}"
    return Table("stream-step", title, rows)


def _rows(units: int, quick: bool) -> list[Row]:
    network = tt.lstm(INPUTS, units, 1)
    model = tt.Model(network, tt.init(network, 0, np.float32))
    us = np.random.default_rng(0).standard_normal((STEPS, INPUTS))
    begun = {name: step for name, make in PEERS.items() if (step := make(model)) is not None}
    wanted = np.asarray(tt.run(network, model.weights, us[:CHECKED, None].astype(np.float32))[0]).ravel()
    for name, step in begun.items():
        found = [float(np.ravel(step(u))[0]) for u in us[:CHECKED]]
        gate.same(f"{name}, {units} units", {"y": found}, {"y": wanted}, 1e-5)
    contestants = [Contestant(name, _calls(step, us), per=STEPS) for name, step in begun.items()]
    times = interleave(contestants, rounds=3 if quick else 11, turn=0.02 if quick else 0.1)
    return [_row(name, units, times) for name in begun]


def _calls(step: Stepping, us: np.ndarray) -> Callable[[], dict[str, Any]]:
    def repeated() -> dict[str, Any]:
        for u in us:
            step(u)
        return {}

    return repeated


def _row(name: str, units: int, times: dict[str, list[float]]) -> Row:
    own, bar = 1e6 * median(times[name]), BARS.get(name, (None,) * len(UNITS))[UNITS.index(units)]
    slower = median(theirs / ours for ours, theirs in zip(times[STREAM], times[name], strict=True))
    values = {"units": units, "what": name, "us": own, "times that of a stream": slower}
    return barred(values, [] if bar is None else [(f"<= {bar:g} us", own <= bar)])


def _stream(model: tt.Model) -> Stepping:
    stream = tt.Stream(model)
    state = stream.start()

    def step(u: np.ndarray) -> Any:
        nonlocal state
        y, state = stream.step(state, u)
        return y

    return step


def _fitted(model: tt.Model) -> Stepping:
    return tt.DynamicModel.from_model(model).start().step


def _of_engine(model: tt.Model) -> Stepping:
    weights = jax.device_put(model.weights)
    history = tt.start(model.network, weights, 1)

    def step(u: np.ndarray) -> Any:
        nonlocal history
        y, history = tt.step(model.network, weights, history, u[None].astype(np.float32))
        return np.asarray(y)

    return step


def _exported_c(model: tt.Model) -> Stepping | None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "peer.c"), Path(folder, "peer.so")
        export_c(model, source)
        options = ["-std=c99", "-O2", "-DPEER_FLOAT", "-shared", "-fPIC", "-o", str(made)]
        subprocess.run([compiler, *options, str(source), "-lm"], check=True)
        library = ctypes.CDLL(str(made))
    state, y = ctypes.create_string_buffer(1 << 16), np.zeros(1, np.float32)
    into = ctypes.c_void_p(y.ctypes.data)
    library.peer_start(state)

    def step(u: np.ndarray) -> Any:
        library.peer_step(state, u.astype(np.float32).tobytes(), into)
        return y

    return step


def _onnx(model: tt.Model) -> Stepping | None:
    if find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = machine.threads()
    with tempfile.TemporaryDirectory() as folder:
        export_onnx(model, Path(folder, "peer.onnx"))
        session = onnxruntime.InferenceSession(Path(folder, "peer.onnx"), options)
    history = dict(initial_history(model))
    names = tuple(name for name in (i.name for i in session.get_inputs()) if name != "u")

    def step(u: np.ndarray) -> Any:
        nonlocal history
        y, *later = session.run(None, {"u": u[None].astype(np.float32), **history})
        history = dict(zip(names, later, strict=True))
        return y

    return step


def _torch(model: tt.Model) -> Stepping | None:
    if find_spec("torch") is None:
        return None
    hidden, output = (model.weights[name] for name in ("hidden", "output"))
    order, units = (0, 1, 3, 2), model.network.size_of("hidden")  # torch's: input, forget, cell, output
    cell, last = torch().nn.LSTMCell(INPUTS, units), torch().nn.Linear(units, 1)
    with torch().no_grad():
        for parameter, key in ((cell.weight_ih, "input"), (cell.weight_hh, "recurrent")):
            own = np.asarray(hidden[key])
            parameter.copy_(torch().tensor(nets(own.reshape(own.shape[1], -1), order).T.copy()))
        cell.bias_ih.copy_(torch().tensor(nets(np.asarray(hidden["bias"]).reshape(-1), order)))
        cell.bias_hh.zero_()
        last.weight.copy_(torch().tensor(np.asarray(output["hidden"]).reshape(-1, 1).T.copy()))
        last.bias.copy_(torch().tensor(np.asarray(output["bias"]).reshape(-1)))
    past: Any = None

    @torch().inference_mode()
    def step(u: np.ndarray) -> Any:
        nonlocal past
        past = cell(torch().from_numpy(u[None].astype(np.float32)), past)
        return last(past[0]).numpy()

    return step


PEERS: dict[str, Callable[[tt.Model], Any]] = {
    STREAM: _stream,
    FITTED: _fitted,
    C: _exported_c,
    "tt.step": _of_engine,
    "onnxruntime": _onnx,
    "torch.nn.LSTMCell": _torch,
}
