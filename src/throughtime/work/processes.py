"""Work shared out to processes: our own, a core each, or those of anything that is a `concurrent.futures.Executor`.

Each process of ours hears of its work through a pipe of its own, so that one that dies costs its own piece of work only. None
outlives the process that asked for it, however that ends (`children`).
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, NamedTuple

from throughtime.work.children import Child, Died, Lost


def side_by_side(
    function: Callable[[Any], Any], work: Mapping[str, Any], workers: int | Executor | None = None
) -> Iterator[Any]:
    """`function` of each piece of work, each result as soon as it is there, in any order.

    function  and the pieces of work go to other processes, so they must be picklable
    work      by names, which errors tell
    workers   processes; None: one per core. Or an executor, such as Dask's `client.get_executor()`, which is left running

    raises  what `function` raises, at once; `Lost` in the end, if a process died at its work; then its others are done
    """
    if isinstance(workers, Executor):
        yield from _shared(function, work, workers)
        return
    own = Processes(min(len(work), workers or cores()))
    try:
        yield from _shared(function, work, own)
    finally:
        own.kill_workers()


def _shared(function: Callable[[Any], Any], work: Mapping[str, Any], executor: Executor) -> Iterator[Any]:
    ready, names, lost = SimpleQueue[Future[Any]](), dict[Future[Any], str](), list[str]()
    try:
        for name, piece in work.items():
            names[future := executor.submit(function, piece)] = name
            future.add_done_callback(ready.put)
        for _ in work:
            future = ready.get()
            if isinstance(future.exception(), (Died, BrokenExecutor)):
                lost.append(f"{names[future]} ({future.exception()})")
            else:
                yield future.result()
    finally:
        for future in names:
            future.cancel()
    if lost:
        raise Lost(
            f"no result of {', '.join(lost)}: the process ended before it was done; fewer workers need less memory"
        )


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Task(NamedTuple):
    """What is to be done, and the future that hears of it."""

    future: Future[Any]
    function: Callable[..., Any]
    given: tuple[Any, ...]
    named: dict[str, Any]


class Processes(Executor):
    """An executor of processes with a core each. A process that dies costs the work it had: its future raises `Died`.

    workers  so many at most, each started when there is work for it; None: one per core

    >>> with Processes(1) as executor:
    ...     executor.submit(pow, 2, 5).result()
    32
    """

    def __init__(self, workers: int | None = None) -> None:
        self._most, self._closed, self._lock = workers or cores(), False, Lock()
        self._work, self._team = SimpleQueue[_Task | None](), list[_Worker]()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have it done as soon as a process is free.

        raises  RuntimeError after `shutdown`
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("these processes were shut down; make new ones")
            future = Future[Any]()
            self._work.put(_Task(future, fn, args, kwargs))
            if len(self._team) < self._most:
                self._team.append(_Worker(self._work))
            return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work, and end each process when it has done its own."""
        with self._lock:
            self._closed = True
        if cancel_futures:
            self._cancel()
        for _ in self._team:
            self._work.put(None)
        for worker in self._team if wait else ():
            worker.thread.join()

    def kill_workers(self) -> None:
        """End all processes at once, whatever they do."""
        self.shutdown(wait=False, cancel_futures=True)
        for worker in self._team:
            worker.kill()

    def _cancel(self) -> None:
        while True:
            try:
                task = self._work.get_nowait()
            except Empty:
                return
            if task is not None:
                task.future.cancel()


class _Worker:
    """A process, which is replaced when it dies, and the thread that asks it."""

    def __init__(self, work: "SimpleQueue[_Task | None]") -> None:
        self._child: Child | None = Child()  # here, not in the thread: the environment changes while it starts
        self._ending, self._lock = False, Lock()
        self.thread = Thread(target=self._serve, args=(work,), daemon=True)
        self.thread.start()

    def kill(self) -> None:
        with self._lock:
            self._ending = True
            child = self._child
        if child:
            child.kill()
        self.thread.join()

    def _serve(self, work: "SimpleQueue[_Task | None]") -> None:
        while (task := work.get()) is not None:
            if task.future.set_running_or_notify_cancel():
                self._do(task)
        if self._child:
            self._child.kill()

    def _do(self, task: _Task) -> None:
        try:
            result = self._living().ask(task.function, *task.given, **task.named)
        except Exception as error:
            if isinstance(error, Lost):
                self._child = None
            task.future.set_exception(error)
        else:
            task.future.set_result(result)

    def _living(self) -> Child:
        with self._lock:
            if self._ending:
                raise Died("ended")
            self._child = self._child or Child()
            return self._child
