"""Work in processes of their own, a core each. None outlives the process that asked for it, however that ends.

Each process hears of its work through a pipe of its own, so that one that dies costs its own piece of work only. It watches who
started it, in a thread, and ends at once when that one is gone. They start afresh: a fork of a process that runs JAX may hang.
"""

import multiprocessing
import os
import pickle
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any

CORES = ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # XLA listens to the first


class Lost(RuntimeError):
    """Processes that ended before they had a result, or could not start; what others had done was there before."""


def side_by_side(function: Callable[[Any], Any], work: Mapping[str, Any], workers: int | None = None) -> Iterator[Any]:
    """`function` of each piece of work, each result as soon as it is there, in any order.

    function  and the pieces of work go to other processes, so they must be picklable
    work      by names, which errors tell
    workers   processes; None: one per core

    raises  what `function` raises, at once; `Lost` in the end, if a process died at its work; then its others are done
    """
    left, lost, team = deque(work), list[str](), list[_Worker]()
    try:
        for _ in range(min(len(left), workers or cores())):
            team.append(_Worker())
        for worker in team:
            worker.begin(function, left.popleft(), work)
        while busy := {worker.pipe: worker for worker in team if worker.name}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                try:
                    result = worker.heard()
                except EOFError:
                    lost.append(f"{worker.name} ({worker.ending()})")
                    team.remove(worker)
                    if left:
                        team.append(_Worker())
                        team[-1].begin(function, left.popleft(), work)
                    continue
                worker.give(left.popleft() if left else "", work)
                yield result
    finally:
        for worker in team:
            worker.end()
    if lost:
        raise Lost(
            f"no result of {', '.join(lost)}: the process ended before it was done; fewer workers need less memory"
        )


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Worker:
    """A process, the pipe to it, and the name of what it works on; "": nothing."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.name, (self.pipe, far) = "", context.Pipe()
        self._process = context.Process(target=_serve, args=(far,), daemon=True)
        with _for_one_core(), _deaf_to_interrupts():
            self._process.start()
        far.close()

    def begin(self, function: Callable[[Any], Any], name: str, work: Mapping[str, Any]) -> None:
        """Wait until it is there, and give it its first work."""
        try:
            self.pipe.send(function)
            self.pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise Lost(
                f"a process for the work could not start ({self.ending()}); a script that starts processes must do so below "
                'if __name__ == "__main__":, or take workers=0'
            ) from None
        self.give(name, work)

    def give(self, name: str, work: Mapping[str, Any]) -> None:
        """Give it work; "": none is left."""
        self.name = name
        with suppress(BrokenPipeError, ConnectionResetError):  # it died: it is heard
            self.pipe.send(work[name] if name else None)

    def heard(self) -> Any:
        """Its result; raises what its work raised, `EOFError` if it died."""
        try:
            good, value = self.pipe.recv()
        except ConnectionResetError:
            raise EOFError from None
        if not good:
            raise value
        return value

    def ending(self) -> str:
        """How it ended."""
        self._process.join(5)
        code = self._process.exitcode
        if code is None or code >= 0:
            return f"exit code {code}"
        return signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"

    def end(self) -> None:
        """End it, whatever it does."""
        self.pipe.close()
        self._process.kill()
        self._process.join()


@contextmanager
def _for_one_core() -> Iterator[None]:
    """What starts meanwhile computes on one core, unless the user has said otherwise: the libraries look when they are loaded."""
    ours = [name for name in CORES if name not in os.environ]
    os.environ.update(dict.fromkeys(ours, "1"))
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """What starts meanwhile never hears Ctrl-C, which a terminal sends to all: who started it ends it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection) -> None:
    """What a process does: its work, until there is none or its starter is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_starter, daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        function = pipe.recv()
        pipe.send(None)
        while (item := pipe.recv()) is not None:
            pipe.send_bytes(_answer(function, item))


def _answer(function: Callable[[Any], Any], item: Any) -> bytes:
    try:
        return pickle.dumps((True, function(item)))
    except Exception as error:
        error.add_note(traceback.format_exc())
        with suppress(Exception):
            pickle.loads(made := pickle.dumps((False, error)))
            return made
        return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))


def _end_with_starter() -> None:
    starter = multiprocessing.parent_process()
    assert starter is not None
    wait([starter.sentinel])
    os._exit(1)
