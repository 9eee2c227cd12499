"""The library steps a stream as XLA does, in every instruction set; from several threads, without end, whatever it is given."""

import ctypes
import gc
import pickle
import resource
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import jax
import numpy as np
import pytest

import throughtime as tt
import zoo
from exported import NETWORKS, a_model, free_run, gap, inputs_for, measured_for
from throughtime import Model, Network, Stream
from throughtime.engine.native import stream as native
from throughtime.engine.native.build import LIBRARY
from throughtime.engine.native.loading import Library

STEPS, DOUBLE, SINGLE = 12, 1e-10, 2e-6
NATIVE = tt.engine_info().engine == "native"
with_native = pytest.mark.skipif(not NATIVE, reason="there is no native engine, or it was not chosen")


def folded(stream: Stream, u: Any, state: Any = None, measured: Any = None) -> Any:
    """The outputs (T, O), each fed with what was measured, if anything was, and the last state."""
    state, made = stream.start() if state is None else state, []
    for t, row in enumerate(u):
        y, state = stream.step(state, row) if measured is None else stream.feed(state, row, measured[t])
        made.append(y)
    return np.stack(made), state


@with_native
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["narx start", "narx, sooner", "lstm start", "series"])
def test_the_library_and_xla_say_and_remember_the_same(name: str, dtype: Any) -> None:
    """Each goes on from the other's states."""
    model, tolerance = a_model(NETWORKS[name], 2, dtype), DOUBLE if dtype == np.float64 else SINGLE
    u, y = inputs_for(model, STEPS, 1)[:, 0], measured_for(model, STEPS, gaps=True)
    stream = Stream(model)
    (said, state), on = folded(stream, u, measured=y), folded(stream, u)
    assert isinstance(stream._steps, native.LibrarySteps)
    with tt.using_engine("xla"):
        reference = Stream(model)
        wanted, remembered = folded(reference, u, measured=y)
        assert gap(folded(reference, u, state)[0], folded(stream, u, remembered)[0]) < tolerance
    assert gap(said, wanted) < tolerance
    assert gap(np.frombuffer(state[8:], dtype), np.frombuffer(remembered[8:], dtype)) < tolerance
    assert gap(on[0], said) > 1e-6 or model.network.feedback is None


@pytest.mark.parametrize("name", ["narx gaps", "lstm stack", "gru"])
def test_single_precision_is_that_of_the_run(name: str) -> None:
    model = a_model(NETWORKS[name], dtype=np.float32)
    u = inputs_for(model, STEPS, 1)
    assert gap(folded(Stream(model), u[:, 0])[0], free_run(model, u).ys[:, 0]) < 5e-7


SIZES: dict[str, Callable[[int], Network]] = {
    "lstm": lambda n: tt.lstm(3, n, 1),
    "gru": lambda n: tt.gru(2, [n, 2], n),
    "narx": lambda n: tt.narx(1, n, 1, (0, 2), (1, 3)),
}


@with_native
@pytest.mark.parametrize(("kind", "units"), [("lstm", 33), ("gru", 5), ("narx", 70)])
def test_every_instruction_set_and_a_long_step(kind: str, units: int, tmp_path: Path, monkeypatch: Any) -> None:
    """A copy of the library is one of its own, and chooses anew; a long step lets go of the interpreter."""
    network = SIZES[kind](units)
    weights = jax.tree.map(lambda w: w / np.sqrt(w.shape[-3]) if w.ndim > 3 else w, zoo.weights_of(network))
    for dtype, tolerance in ((np.float64, DOUBLE), (np.float32, SINGLE)):
        model = Model(network, jax.tree.map(lambda w, dtype=dtype: np.asarray(w, dtype), weights))
        u = np.random.default_rng(0).normal(size=(STEPS, network.inputs[0][1]))
        wanted, _ = tt.run(network, model.weights, u.astype(dtype)[:, None])
        for isa in ("baseline", "avx2", "avx512"):
            with monkeypatch.context() as patch:
                patch.setenv("THROUGHTIME_ISA", isa)
                loaded = ctypes.CDLL(shutil.copy(LIBRARY, tmp_path / f"{isa} {np.dtype(dtype)}"))
                patch.setattr(native, "load", lambda loaded=loaded: Library(loaded, ""))
                patch.setattr(native, "LONG", 0 if isa == "avx2" else native.LONG)
                native._library.cache_clear()
                said, _ = folded(Stream(model), u)
            native._library.cache_clear()
            assert gap(said, wanted[:, 0]) < tolerance


def test_what_fits_no_state_is_refused_and_garbage_does_no_harm() -> None:
    """Also what is as long: a state of another scaling. What has the right mark is taken for what it says, here NaN."""
    model = a_model(NETWORKS["narx"], dtype=np.float32)
    stream, u = Stream(model), inputs_for(model, 1, 1)[0, 0]
    state = stream.start()
    scaled = Stream(replace(model, outputs=tuple(replace(c, scale=2 * c.scale) for c in model.outputs)))
    for other in (scaled.start(), state[:-1], state + b"0", b"", bytes(len(state))):
        for call in (lambda s: stream.step(s, u), lambda s: stream.with_measured(s, [0.0, 0.0])):
            with pytest.raises(ValueError, match="the state is one of another model: of another wiring, scaling"):
                call(other)
    for wrong in (bytearray(state), {"a": {}}, "state", 7):
        with pytest.raises(ValueError, match=f"a state is the bytes that .* return, not {type(wrong).__name__}"):
            stream.step(wrong, u)  # type: ignore[arg-type]
    y, after = stream.step(state[:8] + b"\xff" * (len(state) - 8), u)
    assert np.isnan(y).all()
    assert len(after) == len(state)
    assert gap(scaled.step(scaled.start(), u)[0], stream.step(state, u)[0]) > 1e-3


@with_native
def test_no_thread_takes_the_answer_of_another_that_stepped_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    model = a_model(NETWORKS["narx gaps"], members=2)
    stream, rows = Stream(model), [seed + inputs_for(model, 1, 1)[0, 0] for seed in range(2)]
    alone = [stream.step(stream.start(), row)[0] for row in rows]
    step, both = stream._steps._step, Barrier(2)  # type: ignore[union-attr]

    def waits(*given: Any) -> Any:
        came = step(*given)
        both.wait(timeout=60)
        return came

    monkeypatch.setattr(stream._steps, "_step", waits)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda row: stream.step(stream.start(), row)[0], rows))
    assert (alone[0] != alone[1]).all()
    np.testing.assert_array_equal(found, alone)


def test_threads_may_share_a_stream() -> None:
    model = a_model(NETWORKS["narx gaps"], members=2)
    stream, us = Stream(model), [seed + inputs_for(model, 2000, 1)[:, 0] for seed in range(4)]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda u: folded(stream, u), us))
    finally:
        sys.setswitchinterval(usual)
    for u, (ys, state) in zip(us, found, strict=True):
        again, last = folded(stream, u)
        np.testing.assert_array_equal(ys, again)
        assert state == last


def resident() -> int:
    """The memory of this process, in bytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@with_native
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells the memory of a process so")
def test_steps_and_streams_without_end_take_no_memory() -> None:
    network = tt.lstm(4, 64, 1)
    model, u = Model(network, tt.init(network, 0)), np.zeros(4)
    stream = Stream(model)
    state = stream.start()

    def some(steps: int, streams: int) -> None:
        nonlocal state
        for _ in range(steps):
            _, state = stream.step(state, u)
        for _ in range(streams):
            Stream(model).step(state, u)

    some(1000, 20)
    before = resident()
    some(50_000, 200)
    assert resident() - before < 4 << 20


def test_a_stream_goes_to_another_process_and_takes_up_where_it_was() -> None:
    model = a_model(NETWORKS["lstm stack"], members=2)
    u = inputs_for(model, STEPS, 1)[:, 0]
    wanted, (_, state) = folded(Stream(model), u)[0], folded(Stream(model), u[:5])
    again, state = pickle.loads(pickle.dumps((Stream(model), state)))
    np.testing.assert_array_equal(folded(again, u[5:], state)[0], wanted[5:])
