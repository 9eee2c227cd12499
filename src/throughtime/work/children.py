"""One process of our own that does what it is told, piece by piece, on a core of its own.

It watches who started it, in a thread, and ends at once when that one is gone. It starts afresh: a fork of a process that runs
JAX may hang.
"""

import multiprocessing
import os
import pickle
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from threading import Lock, Thread
from typing import Any

CORES = ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # XLA listens to the first
GONE = (EOFError, BrokenPipeError, ConnectionResetError)

_starting = Lock()  # the environment is everybody's


class Lost(RuntimeError):
    """Processes that ended before they had a result, or could not start; what others had done was there before."""


class Died(Lost):
    """A process that ended at its work; the text says how."""


class Child:
    """A process, and the pipe to it. One thread at a time may ask it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._there, (self._pipe, far) = False, context.Pipe()
        self._process = context.Process(target=_serve, args=(far,), daemon=True)
        with _starting, _for_one_core(), _deaf_to_interrupts():
            self._process.start()
        far.close()

    def ask(self, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """What the function makes of this, there.

        raises  what it raises; `Died` if the process ends meanwhile, `Lost` if it never began
        """
        task = pickle.dumps((function, given, named))
        self._wait_for_it()
        try:
            self._pipe.send_bytes(task)
            good, value = self._pipe.recv()
        except GONE:
            raise Died(self._ending()) from None
        if not good:
            raise value
        return value

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.join()

    def _wait_for_it(self) -> None:
        try:
            self._there = self._there or self._pipe.recv()
        except GONE:
            raise Lost(
                f"a process for the work could not start ({self._ending()}); a script that starts processes must do so below "
                'if __name__ == "__main__":, or take workers=0'
            ) from None

    def _ending(self) -> str:
        """How it ended."""
        self._process.join(5)
        code = self._process.exitcode
        if code is None or code >= 0:
            return f"exit code {code}"
        return signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"


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
    """What a process does: its work, until its starter is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_starter, daemon=True).start()
    with suppress(*GONE):
        pipe.send(True)
        while True:
            pipe.send_bytes(_answer(pipe.recv_bytes()))


def _answer(task: bytes) -> bytes:
    try:
        function, given, named = pickle.loads(task)
        return pickle.dumps((True, function(*given, **named)))
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
