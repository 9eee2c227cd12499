"""Exported networks give the same numbers elsewhere: as ONNX in onnxruntime, as C through a compiler, over free runs."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings

import throughtime as tt
import zoo
from exported import (
    BATCH,
    COMPILER,
    FLAGS,
    FORMATS,
    NETWORKS,
    a_model,
    as_heard,
    build,
    c_run,
    expected,
    exported,
    free_run,
    gap,
    history_gap,
    inputs_for,
    measured_for,
    members_of,
    needs_compiler,
    onnx_run,
    stream_run,
    told_step_by_step,
)
from throughtime import Column, Model, Network
from throughtime.exchange import WRITERS, export_c, export_onnx, initial_history
from throughtime.models.columns import standardise
from wirings import wirings

KNOWN = 20
TOLERANCE = 1e-10  # in float64, relative to the largest output
SINGLE = 5e-6  # in float32: onnxruntime has its own tanh, and what is rounded is fed back 200 times

SOME = ["narx", "gru", "lstm", "recurrent stack", "tdnn learned delays", "learned delays in a loop", "narx of changes"]
FED = ["narx", "narx gaps", "narx start", "narx of changes", "narx, sooner", "series", "loop in a loop"]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("form", [pytest.param(f, marks=needs_compiler if f == "c" else ()) for f in FORMATS])
def test_what_is_written_runs_free_as_the_model_does(form: str, name: str, tmp_path: Path) -> None:
    model = a_model(NETWORKS[name])
    ys = FORMATS[form](model, tmp_path, inputs_for(model)[:, 0])
    assert gap(ys, expected(name).ys[:, 0]) < TOLERANCE
    assert np.ptp(ys, axis=0).max() > 1e-3


def test_every_format_that_is_written_stands_under_the_law() -> None:
    assert {f".{form}" for form in FORMATS if form != "safetensors"} == WRITERS.keys()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_graph_gives_back_the_histories_of_a_batch(name: str, tmp_path: Path) -> None:
    model = a_model(NETWORKS[name])
    made = exported(model, tmp_path / "m.onnx", inputs_for(model))
    assert gap(made.ys, expected(name).ys) < TOLERANCE
    if "names" not in name:
        assert history_gap(made.histories, expected(name).histories[0]) < TOLERANCE


@pytest.mark.parametrize("name", SOME)
def test_onnx_in_single_precision(name: str, tmp_path: Path) -> None:
    model = a_model(NETWORKS[name], dtype=np.float32)
    made = exported(model, tmp_path / "m.onnx", inputs_for(model))
    assert made.ys.dtype == np.float32
    assert gap(made.ys, free_run(model, inputs_for(model)).ys) < SINGLE


@settings(max_examples=4)
@given(wirings())
def test_random_wirings(network: Network) -> None:
    """A few steps only: a random linear loop may grow."""
    sizes = sum(size for _, size in network.inputs)
    model = Model(network, zoo.weights_of(network), tuple(Column(f"u{i}", 0.5, 2.0) for i in range(sizes)), ())
    u = inputs_for(model, 7)
    ys, _ = tt.run(network, model.weights, as_heard(model, u))
    with tempfile.TemporaryDirectory() as folder:
        assert gap(exported(model, Path(folder, "m.onnx"), u).ys, ys) < TOLERANCE
        if COMPILER:
            assert gap(c_run(model, Path(folder), u[:, 0]), ys[:, 0]) < TOLERANCE


@needs_compiler
@pytest.mark.parametrize("name", SOME)
def test_c_in_single_precision(name: str, tmp_path: Path) -> None:
    """No number is silently turned into a double."""
    model = a_model(NETWORKS[name])
    made = c_run(model, tmp_path, inputs_for(model)[:, 0], flags=("-DM_FLOAT", "-Wdouble-promotion"))
    assert TOLERANCE < gap(made, expected(name).ys[:, 0]) < SINGLE


@pytest.mark.parametrize("name", [*SOME, "jordan start", "lstm start", "series", "unit by unit only"])
def test_an_ensemble_answers_with_the_mean(name: str, tmp_path: Path) -> None:
    model = a_model(NETWORKS[name], members=3)
    u = inputs_for(model)
    wanted = free_run(model, u)
    made = exported(model, tmp_path / "m.onnx", u)
    assert gap(made.ys, wanted.ys) < TOLERANCE
    for k, history in enumerate(wanted.histories):
        assert history_gap({part: values[k] for part, values in made.histories.items()}, history) < TOLERANCE
    if COMPILER:
        assert gap(c_run(model, tmp_path, u[:, 0]), wanted.ys[:, 0]) < TOLERANCE
    if name == "unit by unit only":
        return  # it has no weights in which its members could differ
    alone = free_run(Model(model.network, members_of(model)[0], model.inputs, model.outputs), u)
    assert gap(alone.ys, wanted.ys) > 1e-3


def test_limits_are_met_and_not_fed_back(tmp_path: Path) -> None:
    model = a_model(NETWORKS["narx"])
    u = inputs_for(model)
    ys = exported(model, tmp_path / "m.onnx", u).ys
    bare = tuple(Column(c.name, c.mean, c.scale) for c in model.outputs)
    free = exported(Model(model.network, model.weights, model.inputs, bare), tmp_path / "m.onnx", u).ys
    (low, _), (least, most) = ((c.low, c.high) for c in model.outputs)
    assert gap(np.clip(free, [low, least], [np.inf, most]), ys) < TOLERANCE
    assert gap(free, ys) > 1e-2


@pytest.mark.parametrize("members", [0, 2])
@pytest.mark.parametrize("name", FED)
def test_a_forecast_from_measured_outputs(name: str, members: int, tmp_path: Path) -> None:
    """`initial_history` and `NAME_feed` stand where a network stands that was told what was measured."""
    model = a_model(NETWORKS[name], members)
    u, y = inputs_for(model, 2 * KNOWN, 1), measured_for(model, KNOWN, gaps=name != "narx")
    told = [told_step_by_step(model, w, u[:KNOWN], y) for w in members_of(model)]
    wanted = free_run(model, u[KNOWN:], [history for _, history in told]).ys
    known = initial_history(model, u[:KNOWN, 0] if model.inputs else None, y)
    for k, (_, history) in enumerate(told):
        assert history_gap({n: v[k] if members else v for n, v in known.items()}, history) < TOLERANCE
    assert gap(exported(model, tmp_path / "m.onnx", u[KNOWN:], known).ys, wanted) < TOLERANCE
    assert gap(free_run(model, u).ys[KNOWN:], wanted) > 1e-6
    if COMPILER:
        before = np.mean([ys for ys, _ in told], axis=0)
        assert gap(c_run(model, tmp_path, u[:, 0], y), np.concatenate([before, wanted[:, 0]])) < TOLERANCE
        assert gap(c_run(model, tmp_path, u[:, 0], y), stream_run(model, tmp_path, u[:, 0], y)) < TOLERANCE


ULPS = """
#include <stdio.h>
#include "m.c"

int main(void)
{
    double worst = 0;
    for (int i = 1; i <= 100000; i++) {
        const m_real x = (m_real)(25e-10 * i * i);
        const long double t = tanhl(x), unit = ldexpl(1, ilogbl(t) - DIGITS);
        const double error = (double)(fabsl(m_tanh(x) - t) / unit), other = (double)(fabsl(m_tanh(-x) + t) / unit);
        worst = fmax(worst, fmax(error, other));
    }
    printf("%g %g %g %g", worst, (double)m_tanh(0), (double)m_tanh(-INFINITY), (double)m_tanh(NAN));
    return 0;
}
"""


@needs_compiler
@pytest.mark.parametrize(("flags", "digits"), [(("-DM_FLOAT",), 23), ((), 52)])
def test_the_tanh_of_c_has_its_figures_near_0_and_far_from_it(
    flags: tuple[str, ...], digits: int, tmp_path: Path
) -> None:
    export_c(a_model(NETWORKS["elman"]), tmp_path / "m.c")
    (tmp_path / "main.c").write_text(ULPS)
    build([*FLAGS, *flags, f"-DDIGITS={digits}"], tmp_path, "main.c")
    worst, zero, least, nan = subprocess.run(
        [tmp_path / "main"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert 0.5 < float(worst) < 4
    assert (float(zero), float(least)) == (0, -1)
    assert np.isnan(float(nan))


@pytest.mark.parametrize("inputs", [0, 1])
def test_a_fitted_ensemble_forecasts_the_same_elsewhere(inputs: int, tmp_path: Path) -> None:
    u = np.random.default_rng(0).normal(size=(60, inputs)) if inputs else None
    y = np.convolve(np.random.default_rng(0).normal(size=60), 0.5 ** np.arange(9))[:60] + 5.0
    network = tt.narx(inputs, 2, 1, (0, 1), (1, 2))
    fitted = tt.DynamicModel(network, [tt.Teaching(epochs=5)], restarts=2, random_state=0, high=5.5).fit(u, y)
    model, later = fitted.to_model(), np.zeros((KNOWN, inputs))
    wanted = fitted.forecast(KNOWN, u_future=later if inputs else None)
    made = exported(model, tmp_path / "m.onnx", later[:, None], initial_history(model, u, y))
    assert gap(made.ys[:, 0, 0], wanted) < TOLERANCE
    assert model.members == 2


@pytest.mark.parametrize("sooner", [0, 1])
def test_the_history_is_that_of_the_open_loop_handed_over(sooner: int) -> None:
    closed = tt.narx(2, 3, 1, (1, 2), (1, 3))
    weights, network = zoo.weights_of(closed), closed.remove_delay(sooner) if sooner else closed
    model = a_model(network)
    u, y = inputs_for(model, KNOWN, 1), measured_for(model, KNOWN, gaps=False)
    xs = {"input": standardise(u, model.inputs), "measured output": standardise(y, model.outputs)[:, None]}
    _, history = tt.run(closed.open_loop(), weights, xs)
    history = tt.hand_over(closed.open_loop(), closed, weights, history)
    wanted = tt.hand_over(closed, network, weights, history)
    assert history_gap(initial_history(model, u[:, 0], y), wanted) < TOLERANCE


def test_what_a_network_without_feedback_is_told_changes_nothing() -> None:
    model = a_model(NETWORKS["gru"])
    u, y = inputs_for(model, KNOWN, 1), measured_for(model, KNOWN, gaps=True)
    wanted = free_run(model, u).histories[0]
    assert history_gap(initial_history(model, u[:, 0], y), wanted) < TOLERANCE
    assert history_gap(initial_history(model, u[:, 0]), wanted) < TOLERANCE


def test_a_graph_says_how_to_use_it(tmp_path: Path) -> None:
    """Without this library: the history before the first step stands in the file."""
    network = tt.narx(1, 3, 2, (0, 2), (1,), start="learned")
    model = Model(network, zoo.weights_of(network), (Column("u", 1.0, 2.0),), (), ("no", np.int64(1)), 5)
    export_onnx(model, tmp_path / "m.onnx")
    about = onnxruntime.InferenceSession(tmp_path / "m.onnx").get_modelmeta().custom_metadata_map
    history = {name: np.array(part["start"]) for name, part in json.loads(about["history"]).items()}
    assert {n: p["shape"] for n, p in json.loads(about["history"]).items()} == {
        "history_input": ["B", 2, 1],
        "history_output": ["B", 1, 2],
    }
    u = np.ones((5, 1, 1))
    assert (
        gap(onnx_run(tmp_path / "m.onnx", u, history).ys, tt.run(network, model.weights, (u - 1.0) / 2.0)[0])
        < TOLERANCE
    )
    assert json.loads(about["inputs"]) == [{"name": "u", "mean": 1.0, "scale": 2.0, "low": None, "high": None}]
    assert [c["name"] for c in json.loads(about["outputs"])] == ["output 0", "output 1"]
    assert [json.loads(about[n]) for n in ("lead", "members", "washout", "classes")] == [0, 0, 5, ["no", 1]]
    assert tt.from_json(about["network"]) == network


def test_measured_outputs_of_an_open_loop_look_like_the_outputs(tmp_path: Path) -> None:
    network = tt.narx(1, 3, 1, 0, 1).open_loop()
    columns = Column("u", 1.0, 2.0), Column("y", 3.0, 4.0)
    made = [Model(network, zoo.weights_of(network), given, columns[1:]) for given in (columns[:1], columns)]
    u = np.random.default_rng(0).normal(size=(5, 1, 2))
    wanted = free_run(made[1], u).ys
    for model in made:
        assert gap(exported(model, tmp_path / "m.onnx", u).ys, wanted) < TOLERANCE


@needs_compiler
def test_c_can_be_compiled_on_its_own(tmp_path: Path) -> None:
    """In two files, under a name of one's own, with two states at once."""
    model = a_model(NETWORKS["narx"])
    export_c(model, tmp_path / "2nd tank.c", name="tank")
    (tmp_path / "main.c").write_text(
        "#include <stdio.h>\n#define TANK_DECLARATIONS\n"
        '#include "2nd tank.c"\n#include "2nd tank.c"\n'
        "int main(void) { tank_state a, b; double u[1] = {0.5}, y[2], z[2]; tank_start(&a); tank_step(&a, u, y);\n"
        'tank_start(&b); tank_step(&a, u, y); tank_step(&b, u, z); printf("%.17g %.17g", y[0], z[0]); return 0; }\n'
    )
    build(FLAGS, tmp_path, "main.c", "2nd tank.c")
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    second, first = map(float, done.stdout.split())
    ys = free_run(model, np.full((2, 1, 1), 0.5)).ys[:, 0, 0]
    assert gap([first, second], ys) < TOLERANCE
    export_c(model, tmp_path / "2nd tank.c")
    assert "void net_2nd_tank_step(" in (tmp_path / "2nd tank.c").read_text()


def test_c_says_what_goes_in_and_comes_out(tmp_path: Path) -> None:
    network = tt.narx(1, 2, 1, (1,), (1,)).remove_delay()
    columns = (Column("voltage (V)", 1.0, 2.0),), (Column("level (cm)", 3.0, 0.5, 0.0, 10.0),)
    export_c(Model(network, zoo.weights_of(network), *columns), tmp_path / "tank.c")
    head = (tmp_path / "tank.c").read_text().split("*/")[0]
    assert "u[0]  voltage (V)  mean 1.0, scale 2.0\n" in head
    assert "y[0]  level (cm)  mean 3.0, scale 0.5, at least 0.0, at most 10.0\n" in head
    assert "1 step(s) after" in head


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": zoo.BACKWARD["bidirectional"]}, "layer 'hidden backward' runs backward .* no single time step"),
        (
            {"network": zoo.FORWARD["own coupled unit"]},
            "layer 'h' has the unit 'competition', which export cannot write",
        ),
        (
            {"network": zoo.FORWARD["ntm"]},
            "layer 'memory' has the unit 'ntm-3', which export cannot write .*: linear, tanh",
        ),
        ({"inputs": (Column("u"),)}, "the model has 1 columns for its inputs, but its network takes 2"),
        ({"outputs": (Column("y"),)}, "the model has 1 columns for its outputs, but its network takes 2"),
        ({"members": 3}, "the model has 3 members, but not every weight has a leading axis"),
        ({"weights": zoo.weights_of(zoo.FORWARD["lstm"])}, "the weights of layer 'hidden'"),
    ],
)
def test_what_cannot_be_exported_is_said(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    network = change.get("network", zoo.FORWARD["elman"])
    model = Model(**{"network": network, "weights": zoo.weights_of(network)} | change)
    for export in (export_onnx, export_c):
        with pytest.raises(ValueError, match=words) as error:
            export(model, tmp_path / "m")
        assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


@needs_compiler
@pytest.mark.parametrize("flag", ["-ffast-math", "-Ofast", "-ffinite-math-only"])
def test_c_that_needs_nan_or_infinity_is_not_compiled_without_them(flag: str, tmp_path: Path) -> None:
    """NAN says that an output was not measured: a compiler that takes it for a number puts it into the state."""
    told, cut_off = a_model(NETWORKS["narx"]), a_model(NETWORKS["gru"])
    plain = Model(cut_off.network, cut_off.weights, cut_off.inputs, tuple(Column(c.name) for c in cut_off.outputs))
    for model, words in ((told, "NAN, which stands for not measured"), (cut_off, "INFINITY"), (plain, "")):
        export_c(model, tmp_path / "m.c")
        command = [str(COMPILER), *FLAGS, flag, "-c", "-o", str(tmp_path / "m.o"), str(tmp_path / "m.c")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == (not words), done.stderr
        assert words in done.stderr
        assert not words or "compile m without -ffast-math" in done.stderr


def test_a_type_can_be_asked_for_also_without_weights(tmp_path: Path) -> None:
    for name in ("unit by unit only", "narx"):
        model = a_model(NETWORKS[name])
        u = inputs_for(model, KNOWN)
        wanted = free_run(model, u).ys
        for dtype, bound in (("float32", SINGLE), ("float64", TOLERANCE)):
            export_onnx(model, tmp_path / "m.onnx", dtype=dtype)
            before = initial_history(model, dtype=dtype)
            ys = onnx_run(tmp_path / "m.onnx", u, {n: np.repeat(v, BATCH, 0) for n, v in before.items()}).ys
            assert ys.dtype == dtype
            assert gap(ys, wanted) < bound
    with pytest.raises(ValueError, match="dtype='int32': a network is exported in float32 or float64"):
        export_onnx(model, tmp_path / "m.onnx", dtype="int32")


@pytest.mark.parametrize("side", ["inputs", "outputs"])
@pytest.mark.parametrize(
    ("column", "words"),
    [
        (Column("c", np.inf), "column 'c' has mean inf and scale 1.0; export needs a finite mean"),
        (Column("c", np.nan), "mean nan"),
        (Column("c", 0.0, np.inf), "scale inf"),
        (Column("c", 0.0, 0.0), "a finite scale that is not 0, in float64"),
        (Column("c", 0.0, 1.0, np.nan), "has the limits nan and None; low must be below high"),
        (Column("c", 0.0, 1.0, 2.0, 1.0), "the limits 2.0 and 1.0"),
        (Column("c", 0.0, 1.0, np.inf), "the limits inf and None"),
    ],
)
def test_a_scaling_that_says_nothing_is_refused(column: Column, words: str, side: str, tmp_path: Path) -> None:
    model = a_model(NETWORKS["narx"])
    columns = {"inputs": model.inputs, "outputs": model.outputs}
    columns[side] = (*columns[side][:-1], column)
    for export in (export_c, export_onnx):
        with pytest.raises(ValueError, match=words):
            export(Model(model.network, model.weights, **columns), tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_numbers_beyond_float32_are_refused_there(tmp_path: Path) -> None:
    model = a_model(NETWORKS["narx"])
    for column in (Column("c", 1e300), Column("c", 0.0, 1e-300)):
        with pytest.raises(ValueError, match="in float32"):
            export_onnx(Model(model.network, model.weights, (column,), ()), tmp_path / "m.onnx", dtype="float32")
    large = jax.tree.map(lambda w: w * 1e300, model.weights)
    with pytest.raises(ValueError, match="the weights are not finite in float32"):
        export_onnx(Model(model.network, large), tmp_path / "m.onnx", dtype="float32")


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = a_model(NETWORKS["narx"])
    spoiled = jax.tree.map(lambda w: w * np.nan, model.weights)
    with pytest.raises(ValueError, match="the weights are not finite"):
        export_onnx(Model(model.network, spoiled), tmp_path / "m.onnx")
    with pytest.raises(ValueError, match=r"names in C cannot begin with name='2nd tank'"):
        export_c(model, tmp_path / "m.c", name="2nd tank")


@pytest.mark.parametrize(
    ("u", "y", "words"),
    [
        (np.zeros((5, 2)), np.zeros(5), r"u has shape \(5, 2\); the model wants \(steps, 1\)"),
        (np.zeros(5), np.zeros((5, 3)), r"y has shape \(5, 3\); the model wants \(steps, 2\)"),
        (np.zeros(5), np.zeros((4, 2)), "u has 5 steps and y has 4"),
        (None, np.zeros((4, 2)), r"the network has inputs \(u0.*\); give u"),
        (np.array([0.0, np.nan]), None, "u: row 1, column 0 is NaN; fill the gap"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(u: Any, y: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        initial_history(a_model(NETWORKS["narx"]), u, y)


def test_without_the_package_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'throughtime\[onnx\]'"):
        export_onnx(a_model(NETWORKS["narx"]), tmp_path / "m.onnx")
