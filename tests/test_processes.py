"""Processes that work side by side: all results come, one that dies costs its own only, and none outlives who started it."""

import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from throughtime.work.children import CORES, Died, Lost
from throughtime.work.processes import Processes, side_by_side

STARTER = """
from test_processes import compile_for_ever
from throughtime.work.processes import side_by_side
if __name__ == "__main__":
    list(side_by_side(compile_for_ever, {"a": 1, "b": 2}, 2))
"""


def work(item: int) -> int:
    if item == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    if item == 14:
        raise ValueError("14 is too many")
    return 10 * item


def threads(_: int) -> int:
    jax.block_until_ready(jnp.ones((300, 300)) @ jnp.ones((300, 300)))
    return len(os.listdir("/proc/self/task"))


def compile_for_ever(_: int) -> None:
    """Says who it is, then keeps XLA compiling, one program after the other."""
    print(os.getpid(), flush=True)

    def long(x: jax.Array, turn: int) -> jax.Array:
        for _ in range(1000):
            x = jnp.sin(x @ x) + jnp.roll(x, 1)
        return x + turn

    for turn in count():
        jax.jit(long, static_argnums=1)(jnp.ones((4, 4)), turn)


def alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    return False


def test_a_process_that_dies_costs_its_own_work_only_and_is_told() -> None:
    found = side_by_side(work, {"one": 1, "odd": 13, "two": 2, "three": 3}, 1)
    assert [next(found), next(found), next(found)] == [10, 20, 30]
    with pytest.raises(Lost, match=r"^no result of odd \(SIGKILL\): the process ended before it was done"):
        next(found)


def test_what_work_raises_is_raised_here() -> None:
    with pytest.raises(ValueError, match="14 is too many") as told:
        list(side_by_side(work, {"bad": 14}))
    assert "in work" in told.value.__notes__[0]


def slow(item: float) -> float:
    time.sleep(item)
    return item


def who(_: int) -> int:
    return os.getpid()


def test_ours_is_an_executor_that_outlives_a_process() -> None:
    with Processes(1) as executor:
        assert isinstance(executor, Executor)
        first, killed, last = executor.submit(who, 0), executor.submit(work, 13), executor.submit(who, 0)
        with pytest.raises(Died, match="SIGKILL"):
            killed.result()
        assert first.result() != last.result() != os.getpid()
        assert executor.submit(int, "11", base=2).result() == 3
        assert list(executor.map(work, [1, 2, 3])) == [10, 20, 30]
        with pytest.raises(ValueError, match="14 is too many"):
            executor.submit(work, 14).result()
        with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
            executor.submit(lambda: 1).result()
        assert executor.submit(work, 4).result() == 40  # nothing is lost by that
        left = executor.submit(slow, 0.2)
    assert left.result() == 0.2  # leaving waits for what was begun
    assert not alive(last.result())
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(work, 1)


def test_what_is_not_begun_can_be_cancelled_and_what_runs_be_ended() -> None:
    executor = Processes(1)
    pid, running, waiting = executor.submit(who, 0), executor.submit(slow, 60.0), executor.submit(work, 1)
    assert alive(pid.result())
    begun = time.monotonic()
    executor.kill_workers()
    assert waiting.cancelled()
    assert isinstance(running.exception(), Died)
    assert not alive(pid.result())
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("executor", [ThreadPoolExecutor(2), Processes(2)], ids=["threads", "ours"])
def test_any_executor_shares_the_work_out_and_is_left_running(executor: Executor) -> None:
    names = {str(n): n for n in range(5)}
    with executor:
        assert sorted(side_by_side(work, names, executor)) == [0, 10, 20, 30, 40]
        with pytest.raises(ValueError, match="14 is too many"):
            list(side_by_side(work, {"bad": 14, **names}, executor))
        assert executor.submit(work, 2).result() == 20


def test_a_pool_that_breaks_is_told_with_what_it_had() -> None:
    class Broken(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            if args[0] != 13:
                return super().submit(fn, *args, **kwargs)
            future = Future[Any]()
            future.set_exception(BrokenExecutor("its worker is gone"))
            return future

    found = side_by_side(work, {"odd": 13, "one": 1}, Broken(1))
    assert next(found) == 10
    with pytest.raises(Lost, match=r"no result of odd \(its worker is gone\)"):
        next(found)


def test_results_that_nobody_waits_for_leave_no_process() -> None:
    found = side_by_side(who, dict.fromkeys("abc", 1), 1)
    pid = next(found)
    assert alive(pid)
    found.close()  # type: ignore[attr-defined]
    assert not alive(pid)


def test_each_computes_on_one_core_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CORES:
        monkeypatch.delenv(name, raising=False)
    (alone,) = side_by_side(threads, {"one": 1})
    assert "NPROC" not in os.environ
    monkeypatch.setenv("NPROC", "2")
    (both,) = side_by_side(threads, {"one": 1})
    assert both > alone


def test_none_outlives_its_starter_even_while_xla_compiles(tmp_path: Path) -> None:
    (tmp_path / "starter.py").write_text(STARTER)
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    with subprocess.Popen(
        [sys.executable, tmp_path / "starter.py"],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
        text=True,
    ) as starter:
        assert starter.stdout is not None
        workers = [int(starter.stdout.readline()) for _ in range(2)]
        try:
            time.sleep(1)  # it is compiling
            assert all(map(alive, workers))
            starter.kill()
            end = time.monotonic() + 20  # a crowded machine may take its time
            while any(map(alive, workers)) and time.monotonic() < end:
                time.sleep(0.05)
            assert not any(map(alive, workers))
        finally:
            for process in (starter.pid, *filter(alive, workers)):
                os.kill(process, signal.SIGKILL)
