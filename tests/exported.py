"""What the tests of exported networks share: models with columns and limits, and their runs here, as ONNX and as C."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest

import throughtime as tt
import zoo
from throughtime import Column, Connection, Layer, Model, Network, units
from throughtime.exchange import export_c, export_onnx, initial_history
from throughtime.models.columns import restore, standardise

STEPS, BATCH = 200, 2
COMPILER = shutil.which("cc") or shutil.which("gcc")
FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1")

needs_compiler = pytest.mark.skipif(COMPILER is None and "CI" not in os.environ, reason="there is no C compiler")

OTHERS = {
    "all elementwise units": Network(
        {"x": 3},
        (
            Layer("saturated", 2, units.saturated_linear, ("x",)),
            Layer(
                "kept",
                2,
                units.context(units.relu),
                (Connection("x", nets="input"), Connection("kept", 1, "identity", "carry")),
            ),
            Layer("bent", 2, units.context(units.logistic), ("saturated", Connection("bent", (1, 4), "diagonal"))),
            Layer("y", 3, units.softmax, ("kept", "bent", Connection("y", 2))),
        ),
        "y",
    ),
    "more than four of a kind": Network(
        {"x": 6}, (Layer("h", 9, units.tanh, ("x",)), Layer("y", 2, units.linear, (Connection("h", (0, 2)),))), "y"
    ),
    "unit by unit only": Network(
        {"x": 2}, (Layer("y", 2, units.tanh, (Connection("x", (0, 2), "identity"),), bias=False),), "y"
    ),
    "names that C does not like": Network(
        {"int": 1, "a b": 1, "a_b": 1, "2": 1},
        (
            Layer("state", 2, units.lstm, ("int", Connection("a b", 2), "a_b", Connection("state", 1))),
            Layer("net", 1, units.linear, ("state", "2", Connection("net", 1, "identity", name="é */"))),
        ),
        "net",
    ),
}
OWN = {unit.name for unit in zoo.OWN_UNITS}
NETWORKS = OTHERS | {
    name: network for name, network in zoo.FORWARD.items() if not OWN & {layer.unit.name for layer in network.layers}
}


@cache
def columns_for(network: Network) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """Of inputs and outputs, each with its own scaling; every output meets its limits now and then."""
    sizes = [size for name, size in network.inputs if name != "clock"]
    ys, _ = tt.run(network, zoo.weights_of(network), zoo.inputs_for(network, STEPS))
    rows = np.asarray(ys).reshape(-1, ys.shape[-1]) * (1.0 + np.arange(ys.shape[-1])) + np.arange(ys.shape[-1])
    low, high = np.quantile(rows, [0.2, 0.8], axis=0).tolist()
    outputs = (
        Column(f"y{i}", i, 1.0 + i, None if i == 2 else low[i], None if i == 0 else high[i]) for i in range(len(low))
    )
    return tuple(Column(f"u{i} /*°*/", 0.3 * i, 1.0 - 0.1 * i) for i in range(sum(sizes))), tuple(outputs)


def a_model(network: Network, members: int = 0, dtype: Any = np.float64) -> Model:
    """Random weights of one network, or of several."""
    drawn = [zoo.weights_of(network, seed) for seed in range(members or 1)]
    weights = jax.tree.map(lambda *leaves: jnp.stack(leaves) if members else leaves[0], *drawn)
    return Model(network, jax.tree.map(lambda w: w.astype(dtype), weights), *columns_for(network), members=members)


def inputs_for(model: Model, steps: int = STEPS, batch: int = BATCH) -> Any:
    return np.random.default_rng(3).normal(size=(steps, batch, len(model.inputs)))


def as_heard(model: Model, u: Any) -> dict[str, Any]:
    """What the network hears of u (T, B, I)."""
    made, seen = {}, standardise(u, model.inputs)
    for name, size in model.network.inputs:
        if name == "clock":
            made[name] = np.zeros((*u.shape[:-1], 1))
        else:
            made[name], seen = seen[..., :size], seen[..., size:]
    return made


class Run(NamedTuple):
    ys: Any  # (T, B, O) in the units of the data
    histories: Any  # the engine's, of every member; or what the graph gave


def members_of(model: Model) -> list[Any]:
    """The weights of each member."""
    if not model.members:
        return [model.weights]
    return [jax.tree.map(lambda leaf, k=k: leaf[k], model.weights) for k in range(model.members)]


def free_run(model: Model, u: Any, histories: Any = None) -> Run:
    """What `tt.run` says."""
    xs, all_weights = as_heard(model, u), members_of(model)
    before = histories or [None] * len(all_weights)
    runs = [tt.run(model.network, w, xs, h) for w, h in zip(all_weights, before, strict=True)]
    ys = np.mean([restore(np.asarray(y, float), model.outputs) for y, _ in runs], axis=0)
    return Run(ys, [history for _, history in runs])


def measured_for(model: Model, steps: int, gaps: bool) -> Any:
    """Outputs (T, O) as if measured, in the units of the data."""
    draw = np.random.default_rng(4)
    y = draw.normal(size=(steps, len(model.outputs)))
    return np.where(draw.random(y.shape) < 0.3, np.nan, y) if gaps else y


def told_step_by_step(model: Model, weights: Any, u: Any, y: Any) -> tuple[Any, Any]:
    """The naive way: `tt.step`, and the measured output put in by hand, in the row that stands for its time."""
    network, xs = model.network, as_heard(model, u)
    history, seen, made = tt.start(network, weights, 1), standardise(y, model.outputs), []
    for t, row in enumerate(seen):
        if network.lead == 0:
            out, history = tt.step(network, weights, history, {name: x[t] for name, x in xs.items()})
        past = np.array(history["a"][network.output])
        place = past[-1 - max(network.lead - 1, 0), 0]
        place[:] = np.where(np.isnan(row), place, row)
        history["a"][network.output] = jnp.asarray(past)
        if network.lead:
            out, history = tt.step(network, weights, history, {name: x[t] for name, x in xs.items()})
        made.append(restore(np.asarray(out[0], float), model.outputs))
    return np.stack(made), history


@cache
def expected(name: str) -> Run:
    model = a_model(NETWORKS[name])
    return free_run(model, inputs_for(model))


def gap(got: Any, wanted: Any) -> float:
    return zoo.distance(np.asarray(got, float), np.asarray(wanted, float))


def onnx_run(path: Path, u: Any, history: dict[str, Any]) -> Run:
    """The graph, step by step, given back its own history."""
    session, ys = onnxruntime.InferenceSession(path), []
    given = {i.name: np.float64 if i.type == "tensor(double)" else np.float32 for i in session.get_inputs()}
    for row in u:
        x = {"u": row.astype(given["u"])} if "u" in given else {}
        y, *later = session.run(None, history | x)
        history = dict(zip((name for name in given if name != "u"), later, strict=True))
        ys.append(y)
    return Run(np.stack(ys), history)


def exported(model: Model, path: Path, u: Any, history: Any = None) -> Run:
    """The free run of the graph, from the start or a history of one sequence."""
    export_onnx(model, path)
    before, axis = initial_history(model) if history is None else history, 1 if model.members else 0
    return onnx_run(path, u, {name: np.repeat(values, u.shape[1], axis) for name, values in before.items()})


def history_gap(got: dict[str, Any], wanted: Any) -> float:
    """Between a graph's history, {name: (B, D, S) or (B, N)}, and that of the engine."""
    past = {f"history_{s.replace(' ', '_')}": np.moveaxis(rows, 0, 1) for s, rows in wanted["a"].items()}
    past |= {f"memory_{s}": np.asarray(values)[:, 0] for s, values in wanted["memory"].items()}
    assert set(got) == set(past)
    return max((gap(got[name], past[name]) for name in past), default=0.0)


DRIVER = """
#include <stdio.h>
#include "m.c"

int main(void)
{
    double given;
    m_real u[8], y[4], measured[4];
    m_state state;
    m_start(&state);
    for (int t = 0; t < STEPS; t++) {
        for (int i = 0; i < INPUTS; i++) { if (scanf("%lf", &given) != 1) return 1; u[i] = (m_real)given; }
        for (int i = 0; i < OUTPUTS; i++) { if (scanf("%lf", &given) != 1) return 1; measured[i] = (m_real)given; }
        if (t < FED) FEED
        else m_step(&state, u, y);
        for (int i = 0; i < OUTPUTS; i++) printf("%.17g ", (double)y[i]);
    }
    (void)measured;
    return 0;
}
"""


def c_run(model: Model, folder: Path, u: Any, measured: Any = None, flags: tuple[str, ...] = ()) -> Any:
    """The outputs (T, O) of the compiled file; fed with the measured outputs as long as there are any."""
    export_c(model, folder / "m.c")
    known, outputs = 0 if measured is None else len(measured), model.network.size_of(model.network.output)
    words = {"STEPS": len(u), "INPUTS": u.shape[1], "OUTPUTS": outputs, "FED": known}
    words["FEED"] = "m_feed(&state, u, y, measured);" if known else "return 2;"
    (folder / "main.c").write_text(DRIVER)
    options = [*FLAGS, *flags, *(f"-D{name}={value}" for name, value in words.items())]
    build(options, folder, "main.c")
    told = np.full((len(u), outputs), np.nan)
    told[:known] = 0 if measured is None else measured
    text = "\n".join(" ".join(map(repr, map(float, row))) for row in np.hstack([u, told]))
    done = subprocess.run([folder / "main"], input=text, capture_output=True, text=True, check=True)
    return np.array(done.stdout.split(), float).reshape(len(u), outputs)


def build(options: Any, folder: Path, *files: str) -> None:
    assert COMPILER, "CI needs a C compiler"
    command = [COMPILER, *options, "-o", folder / "main", *(folder / file for file in files), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def stream_run(model: Model, folder: Path, u: Any, measured: Any = ()) -> Any:
    """The outputs (T, O) of the file that the library itself writes and reads, step by step; fed as long as there is anything."""
    tt.save(folder / "m.safetensors", model)
    stream = tt.Stream(tt.load(folder / "m.safetensors"))
    state, made = stream.start(), []
    for t, row in enumerate(u):
        y, state = stream.feed(state, row, measured[t]) if t < len(measured) else stream.step(state, row)
        made.append(y)
    return np.stack(made)


# Every format that a model is written in: the free run (T, O) of the file, on u (T, I).
FORMATS = {
    "c": c_run,
    "onnx": lambda model, folder, u: exported(model, folder / "m.onnx", u[:, None]).ys[:, 0],
    "safetensors": stream_run,
}
