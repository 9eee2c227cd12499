"""Programs of the library: compiled with as much thought as there is to compute, and kept between runs to the same bits."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import wraps
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.experimental.compilation_cache import compilation_cache

import throughtime as tt
import zoo
from throughtime.engine import kept, programs
from throughtime.engine.naming import Unnamed, named
from throughtime.engine.programs import LIGHT, PLAIN
from throughtime.io import signs
from throughtime.learners.lesson import Lesson
from throughtime.models.members import run_beside, stack_members
from throughtime.training import epochs, train
from throughtime.training.epochs import early_and_late

NETWORK = tt.narx(1, 3, 1, range(2), (1, 2))
OWN = tt.Unit("own", ("net",), 0, lambda net, memory: (jnp.sin(net[..., 0, :]), memory))


def given(network: tt.Network = NETWORK, steps: int = 6, seed: int = 0) -> tuple[Any, ...]:
    """What `run_beside` takes."""
    weights = stack_members([zoo.weights_of(network, seed), zoo.weights_of(network, seed + 1)])
    history = jax.tree.map(lambda h: np.stack([h, h]), tt.start(network, zoo.weights_of(network), 2))
    xs = {name: np.random.default_rng(1).normal(size=(steps, 2, size)) for name, size in network.inputs}
    return network, weights, history, xs, None


def same(one: Any, other: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[Path]]]:
    """A folder for programs, as in a new process; what is in it."""
    monkeypatch.setenv(kept.WHERE, str(tmp_path / "programs"))
    own = jax.config.jax_compilation_cache_dir  # that of the tests
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    kept.opened.cache_clear()
    programs.forget()
    yield lambda: sorted(path for path in (tmp_path / "programs").glob("*/*") if not path.name.startswith("."))
    kept.opened.cache_clear()
    jax.config.update("jax_compilation_cache_dir", own)
    compilation_cache.reset_cache()


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """How often JAX has traced `run_beside` since the last call; then all is forgotten, as in a new process."""
    seen: list[str] = []

    def note(event: str, _: float, **how: Any) -> None:
        if event.endswith("jaxpr_trace_duration") and how.get("fun_name") == "run_beside":
            seen.append(event)

    def since() -> int:
        count = len(seen)
        seen.clear()
        programs.forget()
        return count

    jax.monitoring.register_event_duration_secs_listener(note)
    yield since
    jax.monitoring.unregister_event_duration_listener(note)


def options(network: tt.Network, steps: int, often: bool = False) -> Any:
    """Those with which a run of so many steps is compiled."""
    weights = jax.tree.map(lambda leaf: leaf[None], zoo.weights_of(network))
    return programs.options_of(network, weights, [np.zeros((steps, 1, 1))], often)


@pytest.mark.skipif(tt.engine_info().engine != "native", reason="all is XLA's")
def test_little_is_compiled_soon_and_much_with_thought() -> None:
    assert options(NETWORK, 100) == LIGHT
    assert options(NETWORK, 10_000_000) == options(NETWORK, 100, often=True) == PLAIN
    own = tt.Network(1, [tt.Layer("y", 2, OWN, [tt.Connection("y", 1), "input"])], "y")
    assert options(own, 100) == ()  # a loop that XLA steps
    ahead = tt.Network(1, [tt.Layer("y", 2, OWN, ["input"])], "y")
    assert options(ahead, 100) == LIGHT
    with tt.using_engine("xla"):
        assert options(NETWORK, 100) == options(NETWORK, 100, often=True) == ()


@pytest.mark.skipif(tt.engine_info().engine != "native", reason="all is XLA's")
def test_options_change_no_number_but_by_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(9, 1))
    found = []
    for chosen in (LIGHT, PLAIN, ()):
        monkeypatch.setattr(programs, "options_of", lambda *_, chosen=chosen: chosen)
        args = NETWORK, zoo.weights_of(NETWORK), tt.BPTT(), tt.SquaredError(), optax.sgd(0.1)
        found.append(next(train(*args, [(x, x)], epochs=1)).weights)
    assert max(zoo.distance(found[0], found[2]), zoo.distance(found[1], found[2])) < 1e-12
    assert zoo.distance(found[0], args[1]) > 1e-3


def test_what_is_early_goes_by_the_number_of_the_epoch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many epochs are one call, and wherever a training goes on."""
    assert [early_and_late(range(*ends)) for ends in ((1, 11), (201, 211))] == [[range(1, 11)], [range(201, 211)]]
    monkeypatch.setattr(epochs, "EARLY", 2)
    x = np.random.default_rng(0).normal(size=(7, 1))
    args = NETWORK, zoo.weights_of(NETWORK), tt.BPTT(), tt.SquaredError(), optax.sgd(0.1), [(x, x)]
    *_, whole = train(*args, epochs=4, look=4)
    *_, first = train(*args, epochs=1)
    *_, later = train(*args, epochs=4, look=3, after=first)
    same(whole.weights, later.weights)


def test_a_program_that_was_kept_is_not_traced_again(place: Any, traced: Any) -> None:
    before = run_beside(*given())
    assert traced()
    assert len(place()) == 1
    found = run_beside(*given())
    assert not traced()
    same(found, before)
    run_beside(*given(steps=7))
    assert traced()
    assert len(place()) == 2
    run_beside(*given(tt.narx(1, 3, 1, range(2), (1, 2), f=tt.units.logistic)))
    assert traced()
    assert len(place()) == 3
    with tt.using_engine("xla"):
        run_beside(*given())
    assert traced()


def test_what_jax_is_told_belongs_to_the_name(place: Any, traced: Any) -> None:
    run_beside(*given())
    own = jax.config.jax_random_seed_offset
    try:
        jax.config.update("jax_random_seed_offset", own + 1)
        traced()
        run_beside(*given())
        assert traced()
        assert len(place()) == 2
    finally:
        jax.config.update("jax_random_seed_offset", own)


def test_what_is_no_program_is_compiled_anew(place: Any, traced: Any) -> None:
    before = run_beside(*given())
    (path,) = place()
    whole = path.read_bytes()
    for broken in (b"", whole[:-1], whole + b"\0"):
        traced()
        path.write_bytes(broken)
        same(run_beside(*given()), before)
        assert traced()
        assert path.read_bytes()[32:] != broken[32:]


def test_what_does_not_run_is_compiled_anew(place: Any, traced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def lame(*_: Any) -> Any:
        raise jax.errors.JaxRuntimeError("NOT_FOUND")

    before = run_beside(*given())
    traced()
    with monkeypatch.context() as within:
        within.setattr(kept, "_read", lambda _: lame)
        same(run_beside(*given()), before)
    assert traced()
    assert len(place()) == 1


def test_nothing_is_kept_beside_the_cache_of_jax(place: Any, tmp_path: Path) -> None:
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "jax"))
    run_beside(*given())
    assert place() == []


def test_what_has_no_name_is_not_kept(place: Any) -> None:
    network = tt.Network(1, [tt.Layer("y", 2, OWN, ["input"])], "y")
    run_beside(*given(network))
    assert place() == []


def test_nothing_is_kept_where_it_is_off(place: Any, traced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run_beside(*given())
    monkeypatch.setenv(kept.WHERE, "off")
    kept.opened.cache_clear()
    traced()
    run_beside(*given())
    assert traced()
    assert len(place()) == 1


def test_a_folder_that_others_may_write_to_is_not_trusted(place: Any) -> None:
    run_beside(*given())
    (path,) = place()
    for folder in (path.parent, path.parent.parent):
        folder.chmod(0o777)
        kept.opened.cache_clear()
        assert kept.opened() is None
        folder.chmod(0o700)
    kept.opened.cache_clear()
    assert kept.opened() == path.parent


def test_who_has_no_home_keeps_nothing(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(kept.WHERE)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    kept.opened.cache_clear()
    run_beside(*given())
    assert kept.opened() is None
    assert place() == []


def test_a_process_older_than_its_sources_keeps_nothing(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it runs is not what the sources say by now."""
    newest = max(path.stat().st_mtime for path in kept._sources())
    monkeypatch.setattr(kept, "BEGAN", newest - 1)
    assert kept.opened() is None
    monkeypatch.setattr(kept, "BEGAN", newest)
    kept.opened.cache_clear()
    assert kept.opened()
    monkeypatch.setattr(kept, "BEGAN", newest - 1)  # as if they were changed only now
    run_beside(*given())
    assert place() == []


def test_what_cannot_be_removed_stays(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_beside(*given())
    (path,) = place()
    path.write_bytes(b"")
    programs.forget()

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr(signs, "standing", lambda _: nullcontext())
    same(run_beside(*given()), before)


def test_what_a_process_died_of_is_thrown_away(place: Any) -> None:
    run_beside(*given())
    (path,) = place()
    sign = path.parent / signs.NAME.format(0)
    sign.touch()  # without a lock
    kept.opened.cache_clear()
    kept.opened()
    assert place() == []
    assert not sign.exists()
    with signs.standing(path.parent):  # of a living one
        assert not signs.fallen(path.parent)
    assert not list(path.parent.iterdir())


def test_signs_that_come_and_go_are_not_those_of_the_dead(tmp_path: Path) -> None:
    """However many stand, in threads or processes, at whatever moment one looks."""

    def come_and_go(_: int) -> None:
        for _ in range(300):
            with signs.standing(tmp_path):
                pass

    with ThreadPoolExecutor(3) as pool:
        work = [pool.submit(come_and_go, number) for number in range(3)]
        while not all(one.done() for one in work):
            assert not signs.fallen(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_folder_keeps_to_its_room(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run_beside(*given())
    (first,) = place()
    os.utime(first, (1, 1))
    monkeypatch.setattr(kept, "ROOM", 3 * first.stat().st_size // 2)
    strange = first.parent.parent / "letters" / "old.txt"  # of somebody who keeps other things there
    strange.parent.mkdir()
    strange.touch()
    os.utime(strange, (1, 1))
    run_beside(*given(steps=7))
    assert strange.exists()
    strange.unlink()
    assert len(place()) == 1
    assert place() != [first]


@pytest.mark.usefixtures("place")
def test_inside_another_program_it_is_what_jit_makes() -> None:
    network, weights, *rest = given()
    inside = jax.jit(lambda weights: run_beside(network, weights, *rest))(weights)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), inside, run_beside(*given()))


@pytest.mark.usefixtures("place")
def test_nothing_that_jax_is_told_changes() -> None:
    before = dict(jax.config.values)
    run_beside(*given())
    assert dict(jax.config.values) == before


def test_names_tell_apart_whatever_differs() -> None:
    values = (
        optax.adam(0.1),
        optax.adam(0.2),
        optax.sgd(0.1),
        tt.BPTT(),
        tt.BPTT(3),
        tt.elman(1, 2, 1),
        tt.elman(1, 3, 1),
    )
    assert len({named(value) for value in values}) == len(values)
    decay = optax.adam(optax.cosine_decay_schedule(0.1, 10)), optax.adam(optax.cosine_decay_schedule(0.1, 11))
    assert named(decay[0]) != named(decay[1])
    fading = optax.exponential_decay(0.1, 10, 0.5), optax.exponential_decay(0.1, 10, 0.4)  # with an empty cell
    assert named(fading[0]) != named(fading[1])
    assert named((1, "1", 1.5, None, True, Lesson)) != named((1, 1, 1.5, None, True, Lesson))
    assert named(0.0) != named(-0.0)
    for own in (lambda x: x, OWN, object(), given):
        with pytest.raises(Unnamed):
            named(own)


def test_nothing_is_named_by_a_function_that_it_only_looks_like() -> None:
    """Such as a wrapper, which has the name of what it wraps, or a function with a derivative of one's own."""

    @wraps(jnp.tanh)
    def twice(x: jax.Array) -> jax.Array:
        return 2 * jnp.tanh(x)

    straight: Any = jax.custom_jvp(jnp.sign)
    straight.defjvp(lambda primals, tangents: (jnp.sign(primals[0]), tangents[0]))
    through: Any = jax.custom_vjp(jnp.sign)
    through.defvjp(lambda x: (jnp.sign(x), None), lambda _, error: (error,))
    for own in (twice, straight, through, {0: 0.1}.get, tt.BPTT().learn, np.array([object()])):
        with pytest.raises(Unnamed):
            named(own)
    assert named(jnp.tanh) != named(jnp.sign)


ANOTHER = """
import hashlib, json, jax, numpy as np, throughtime as tt
seen = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, _, **how: seen.append(how.get("fun_name")) if event.endswith("jaxpr_trace_duration") else None)
network = tt.narx(1, 3, 1, range(2), (1, 2))
weights = jax.tree.map(lambda *w: np.stack(w), tt.init(network, 0), tt.init(network, 1))
x = np.random.default_rng(0).normal(size=(30, 1))
how = tt.LevenbergMarquardt(bayesian=True)
*_, last = tt.train(network, weights, tt.BPTT(), tt.SquaredError(), how, [(x, np.sin(x))], epochs=3, members=2)
bits = b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(last.weights))
print(json.dumps([hashlib.sha256(bits).hexdigest(), seen]))
"""


def test_the_same_training_again_compiles_nothing_and_ends_in_the_same_bits(tmp_path: Path) -> None:
    """In a process of its own, which has not met LAPACK before."""
    environment = os.environ | {kept.WHERE: str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    found = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", ANOTHER], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        found.append(json.loads(done.stdout))
    assert found[0][0] == found[1][0]
    assert "_epochs" in found[0][1]
    assert "_epochs" not in found[1][1]
