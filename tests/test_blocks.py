"""Padding to a few sizes is invisible, and what is compiled for these serves every length."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import throughtime as tt
import zoo
from throughtime import Network, blocks
from throughtime.dynamics.misses import misses
from throughtime.dynamics.model import DynamicModel
from throughtime.engine.programs import forget
from throughtime.features import SpeechFeatures
from throughtime.models import rollout
from throughtime.models.columns import Column
from throughtime.models.each import run_each
from throughtime.models.members import stack_members
from throughtime.sequences import inputs_of
from wirings import wirings

TOLERANCE = 1e-12
DRAWN = np.random.default_rng(0)
GAPS = ("no gap", "nothing known", "known at first", "gaps", "one output missing")
FED_BACK = ["narx gaps", "narx start", "series", "loop in a loop"]
OTHERS = ["lstm start", "own memory", "tdnn start", "bidirectional lstm"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A size of which short sequences fill several."""
    monkeypatch.setattr(blocks, "STEPS", (5,))
    monkeypatch.setattr(rollout, "STEPS", (5,))
    monkeypatch.setattr(blocks, "COLUMNS", (1, 4))


@given(st.integers(0, 30_000), st.sampled_from([3, 8]))
def test_blocks_hold_all_steps_and_add_little(total: int, part: int) -> None:
    found = list(blocks.cut(total, part=part))
    assert [n for rows, _ in found for n in range(rows.start, rows.stop)] == list(range(total))
    assert all(rows.stop - rows.start == size for rows, size in found[:-1])
    assert all(size in blocks.STEPS for _, size in found)
    assert sum(size for _, size in found) <= max(total + total / part, total + blocks.STEPS[0])
    assert len(found) <= 9 + total // blocks.STEPS[-1]
    if total:
        assert total <= blocks.one_block(total) <= max(64, 1.5 * total)


def sequences_of(network: Network, lengths: tuple[int, ...]) -> list[dict[str, Any]]:
    return [{name: DRAWN.normal(size=(n, size)) for name, size in network.inputs} for n in lengths]


def alone(network: Network, weights: Any, x: dict[str, Any]) -> Any:
    """One run of one sequence, without any padding."""
    return np.asarray(tt.run(network, weights, {name: values[:, None] for name, values in x.items()})[0])[:, 0]


@pytest.mark.parametrize("network", [pytest.param(network, id=name) for name, network in zoo.NETWORKS.items()])
@pytest.mark.usefixtures("small")
def test_sequences_in_blocks_are_the_unpadded_runs(network: Network) -> None:
    """Some are shorter than a delay; of what runs forward only, a shorter one is the beginning of a longer."""
    weights, (longest,) = zoo.weights_of(network), sequences_of(network, (9,))
    lengths = (1, 9, 4)
    xs = [{name: values[:n] for name, values in longest.items()} for n in lengths]
    found = run_each(network, weights, [inputs_of(network, x) for x in xs])
    backward = network.backward
    whole = alone(network, weights, longest)
    for x, ys, n in zip(xs, found, lengths, strict=True):
        np.testing.assert_allclose(ys, alone(network, weights, x) if backward else whole[:n], atol=TOLERANCE)


@given(wirings(backward=True), st.lists(st.integers(1, 12), min_size=1, max_size=6))
@settings(max_examples=4)
def test_random_wirings_in_blocks_too(network: Network, lengths: list[int]) -> None:
    weights, xs = tt.init(network, 0), sequences_of(network, tuple(lengths))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(blocks, "STEPS", (5,))
        patched.setattr(rollout, "STEPS", (5,))
        patched.setattr(blocks, "COLUMNS", (1, 4))
        found = run_each(network, weights, [inputs_of(network, x) for x in xs])
    for x, ys in zip(xs, found, strict=True):
        np.testing.assert_allclose(ys, alone(network, weights, x), atol=TOLERANCE)


def record(network: Network, steps: int, gaps: str) -> tuple[Any, Any]:
    u = DRAWN.normal(size=(steps, sum(size for name, size in network.inputs if name != "clock")))
    y = DRAWN.normal(size=(steps, network.size_of(network.output)))
    known = np.ones_like(y, bool)
    if gaps == "nothing known":
        known[:] = False
    elif gaps == "known at first":
        known[steps // 2 :] = False
    elif gaps == "gaps":
        known[[1, 4, 5, 6]] = False
    elif gaps == "one output missing":
        known[3:6, 0] = False
    return u, np.where(known, y, np.nan)


def step_by_step(network: Network, weights: Any, u: Any, y: Any) -> Any:
    """Outputs (T, O): after each step what was measured is written over the network's own output."""
    history, made, step = tt.start(network, weights, 1), [], jax.jit(lambda h, x: tt.step(network, weights, h, x))
    for now, known in zip(u, y, strict=True):
        x, first = {}, 0
        for name, size in network.inputs:
            x[name] = now[None, first : first + size] if name != "clock" else np.zeros((1, size))
            first += 0 if name == "clock" else size
        ys, history = step(history, x)
        made.append(np.asarray(ys[0]))
        if network.feedback is not None:
            past = np.array(history["a"][network.output])
            past[-1, 0] = np.where(np.isnan(known), past[-1, 0], known)
            history = history | {"a": history["a"] | {network.output: past}}
    return np.stack(made)


@pytest.mark.parametrize("name", FED_BACK + OTHERS)
@pytest.mark.usefixtures("small")
def test_a_record_followed_in_blocks_is_every_step_of_it(name: str) -> None:
    """Whatever is known of the outputs, and wherever the record is cut; the second part is one step, or more than a block."""
    network = zoo.NETWORKS[name]
    backward = network.backward
    both = [zoo.weights_of(network, seed) for seed in (0, 1)]
    weights = stack_members(both)
    for gaps in GAPS if network.feedback is not None else GAPS[:1]:
        u, y = record(network, 9, gaps)
        if backward:
            wanted = np.stack([alone(network, w, {network.inputs[0][0]: u}) for w in both])
        else:
            wanted = np.stack([step_by_step(network, w, u, y) for w in both])
        np.testing.assert_allclose(rollout.follow(network, weights, u, y).outputs, wanted, atol=TOLERANCE)
        for border in () if backward else (1, 7):
            first = rollout.follow(network, weights, u[:border], y[:border])
            second = rollout.follow(network, weights, u[border:], y[border:], first.history)
            cut = np.concatenate([first.outputs, second.outputs], axis=1)
            np.testing.assert_allclose(cut, wanted, atol=TOLERANCE)


def untrained(network: Network, members: int = 2, low: float | None = None) -> DynamicModel:
    """A model with weights as they were drawn, in units of its own."""
    columns = [
        tuple(Column(f"{side}{n}", 0.3 * n, 1.5 + n, *edges) for n in range(count))
        for side, count, edges in (
            ("u", sum(size for _, size in network.inputs), ()),
            ("y", network.size_of(network.output), (low, None)),
        )
    ]
    weights = stack_members([tt.init(network, seed) for seed in range(members)])
    settings = {"members": [{"fold": 0}] * members, "single_output": False}
    return DynamicModel.from_model(tt.Model(network, weights, *columns, settings=settings, members=members))


PLANT = tt.narx(2, 3, 2, (0, 3), (1, 2))
LEARNED_START = tt.narx(1, 2, 1, (0, 1), (1, 4), start="learned")


@pytest.mark.parametrize(
    ("network", "gaps"), [(PLANT, "no gap"), (PLANT, "gaps"), (LEARNED_START, "one output missing")]
)
def test_a_prediction_of_k_steps_is_the_last_of_a_forecast_of_k(network: Network, gaps: str) -> None:
    model, (u, y) = untrained(network, low=-1.0), record(network, 30, gaps)
    for ahead in (2, 7):
        found = model.predict(u, y, ahead=ahead)
        assert found.shape == y.shape
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found[:ahead], model.simulate(u[:ahead]), atol=TOLERANCE)
        for t in (ahead, 11, 29):
            past = t - ahead + 1
            made = model.forecast(ahead, u[past : t + 1], history=(u[:past], y[:past]))
            np.testing.assert_allclose(found[t], made[-1], atol=TOLERANCE)
    assert np.abs(model.predict(u, y, ahead=2) - model.predict(u, y)).max() > 1e-3
    assert np.abs(model.predict(u, y, ahead=2) - model.predict(u, y, ahead=7)).max() > 1e-3


def test_one_step_is_the_prediction_and_as_many_as_there_are_the_free_run() -> None:
    model, (u, y) = untrained(PLANT), record(PLANT, 20, "gaps")
    np.testing.assert_array_equal(model.predict(u, y, ahead=1), model.predict(u, y))
    for ahead in (20, 500):
        np.testing.assert_allclose(model.predict(u, y, ahead=ahead), model.simulate(u), atol=TOLERANCE)
    one, several = (model.predict([u, u[:9]], [y, y[:9]], ahead=k) for k in (1, 4))
    assert [made.shape for made in several] == [made.shape for made in one]
    deaf = untrained(tt.lstm(1, 2, 1))
    np.testing.assert_array_equal(deaf.predict(u[:, :1], y[:, :1], ahead=5), deaf.simulate(u[:, :1]))
    for wrong in (0, -3, 2.5, True, "3", None):
        with pytest.raises(ValueError, match=f"ahead must be a whole number of at least 1, .*, not {wrong!r}"):
            model.predict(u, y, ahead=wrong)
        if wrong == 0:
            continue
        with pytest.raises(ValueError, match=f"horizon must be a whole number of at least 0, .*, not {wrong!r}"):
            model.forecast(wrong, u, history=(u, y))
    found = model.evaluate(u, y, ahead=4)
    assert list(found) == ["free run", "one step", "4 steps"]
    assert list(model.evaluate(u, y)) == ["free run", "one step"]
    late = model.used_ + 3  # the delays are filled four steps before
    errors = y[late:] - model.predict(u, y, ahead=4)[late:]
    assert found["4 steps"]["y1"]["rmse"] == pytest.approx(np.sqrt(np.nanmean(errors[:, 1] ** 2)), rel=1e-9)


@pytest.fixture
def programs() -> Iterator[Callable[[], int]]:
    """How many programs were compiled since the last call."""
    seen: list[str] = []

    def note(event: str, _: float, **__: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            seen.append(event)

    def since() -> int:
        count = len(seen)
        seen.clear()
        return count

    forget()
    jax.monitoring.register_event_duration_secs_listener(note)
    yield since
    jax.monitoring.unregister_event_duration_listener(note)


def told(model: DynamicModel, u: Any, y: Any) -> None:
    """Everything that is asked of a model of a system."""
    gaps = y.copy()
    gaps[2::7] = np.nan
    model.forecast(5, u[:5], history=(u, y))
    model.forecast(len(u), u, history=(u[-8:], y[-8:]))
    model.simulate(u)
    model.predict(u, y)
    model.predict(u, gaps)
    model.evaluate(u, y)
    model.start((u, y)).step(u[0])
    model.predict(u[-40:], y[-40:], ahead=len(u) // 30 + 2)
    misses(model.ensemble(), model._records(u, y)[0], np.ones((1, len(u)), bool), [[0, 1]], 10)


def test_a_handful_of_programs_serves_records_of_every_length(programs: Callable[[], int]) -> None:
    model, u, y = untrained(tt.narx(1, 3, 1, (0, 1), (1, 2))), DRAWN.normal(size=(700, 1)), DRAWN.normal(size=(700, 1))
    for steps in (10, 60, 150, 340, 700):
        told(model, u[:steps], y[:steps])
    assert programs() <= 25  # free, led and mixed, in three sizes each, and what makes forecasts along a record
    for steps in (11, 12, 63, 147, 341, 509, 688):
        told(model, u[-steps:], y[-steps:])
    assert programs() == 0


def test_a_handful_of_programs_settles_on_records_of_every_length(programs: Callable[[], int]) -> None:
    model, u, y = untrained(LEARNED_START), DRAWN.normal(size=(60, 1)), DRAWN.normal(size=(60, 1))
    settled = model.settle(u, y, steps=2)
    assert programs() > 0
    for steps in (20, 41):
        assert np.isfinite(model.settle(u[:steps], y[:steps], steps=2).simulate(u[:steps])).all()
    np.testing.assert_allclose(settled.simulate(u), model.settle(u, y, steps=2).simulate(u), atol=TOLERANCE)
    settled.simulate(u)
    assert programs() <= 2  # the run after it


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_handful_of_programs_serves_sequences_of_every_length(
    programs: Callable[[], int], bidirectional: bool
) -> None:
    network = tt.lstm(13, 2, 2, bidirectional=bidirectional)
    settings = {
        "features": SpeechFeatures(deltas=0).settings(rate=8000),
        "answer": "mean over time",
        "per_step": True,
    }
    model = tt.Model(network, tt.init(network, 0), classes=("yes", "no"), settings=settings)
    estimator = tt.SequenceRegressor.from_model(
        tt.Model(network, tt.init(network, 0), *([Column(f"x{n}") for n in range(size)] for size in (13, 2)))
    )
    sound = DRAWN.normal(size=24_000) / 9

    def ask(steps: int) -> None:
        estimator.predict(np.ones((steps, 13)))
        estimator.predict([np.ones((n, 13)) for n in range(steps, steps + 5)])
        tt.recognise(model, (sound[: 200 + 80 * steps], 8000))

    for steps in (40, 90, 120, 250):
        ask(steps)
    assert programs() <= (24 if bidirectional else 16)
    for steps in (41, 55, 91, 122, 241):
        ask(steps)
    assert programs() == 0
