"""Processes that work side by side: all results come, one that dies costs its own only, and none outlives who started it."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from throughtime.work.processes import CORES, Lost, side_by_side

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
