"""Interleaved timing: A B C A B C ..., so that whatever else the machine does hits all alike."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Times = dict[str, list[float]]


def _as_it_is(result: Any) -> Mapping[str, Any]:
    return dict(result)


@dataclass(frozen=True)
class Contestant:
    """One way of doing the work.

    name  what the table calls it
    call  does the work once, waits until it is done, and returns what it found
    read  what it found -> {name: array}, in the layout all contestants share, for the gate
    per   time steps (or whatever is counted) in one call
    """

    name: str
    call: Callable[[], Any]
    read: Callable[[Any], Mapping[str, Any]] = _as_it_is
    per: int = 1

    def found(self) -> Mapping[str, Any]:
        """Do the work once, and read the result."""
        return self.read(self.call())


def interleave(contestants: Sequence[Contestant], rounds: int, turn: float, seconds: float | None = None) -> Times:
    """Seconds per counted unit, for each contestant one figure per round.

    turn     how long a contestant's turn lasts at least, in seconds; short work is repeated within the turn
    seconds  fewer rounds, but at least three, where all would last longer than that
    """
    once = {c.name: _once(c) for c in contestants}
    repeats = {name: max(1, round(turn / lasts)) for name, lasts in once.items()}
    if seconds is not None:
        rounds = min(rounds, max(3, int(seconds / sum(repeats[name] * lasts for name, lasts in once.items()))))
    times: Times = {c.name: [] for c in contestants}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for c in contestants:
                times[c.name].append(_turn(c, repeats[c.name]) / (repeats[c.name] * c.per))
    finally:
        gc.enable()
    return times


def _turn(contestant: Contestant, repeats: int) -> float:
    begin = time.perf_counter()
    for _ in range(repeats):
        contestant.call()
    return time.perf_counter() - begin


def _once(contestant: Contestant) -> float:
    contestant.call()  # the first call compiles
    first = _turn(contestant, 1)
    return first if first > 0.2 else min(first, _turn(contestant, 1))


def ratio(times: Times, ours: str, peer: str) -> float:
    """How many times faster ours is: the median over rounds, each round's figures taken side by side."""
    return median(theirs / own for own, theirs in zip(times[ours], times[peer], strict=True))
