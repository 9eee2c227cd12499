"""One grid for all networks: forward and backward against every peer that has the network, and against the machine's peak."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import geometric_mean, median
from typing import Any

from benchmarks import gate, machine, ours, peak
from benchmarks.flax_rnn import flax_rnn
from benchmarks.plain import jax_scan
from benchmarks.table import Row, Table, barred
from benchmarks.timing import Contestant, Times, interleave, ratio
from benchmarks.torch_conv import torch_conv
from benchmarks.torch_layers import torch_layer
from benchmarks.torch_loop import torch_loop
from benchmarks.tsfast_narx import tsfast_narx
from benchmarks.works import NETWORKS, SIZES, Work, work

TOLERANCE = 1e-4  # float32, relative
OVERALL = {1: 1.8, 2: 2.3}  # by cores
AGAINST_ONEDNN, LEARNING, RUNNING = 1.2, 60.0, 70.0
PEERS: dict[str, tuple[Callable[[Work], Contestant], ...]] = {
    "fully-recurrent": (torch_layer, flax_rnn, jax_scan),
    "elman": (torch_loop, jax_scan),
    "jordan": (torch_loop, jax_scan),
    "lstm": (torch_layer, flax_rnn, jax_scan),
    "gru": (torch_layer, flax_rnn, jax_scan),
    "narx": (tsfast_narx, torch_loop, jax_scan),
    "narx-wide": (tsfast_narx, torch_loop, jax_scan),
    "tdnn": (torch_conv, jax_scan),
}


@dataclass(frozen=True)
class Point:
    """One network at one size, timed: who stood against whom, and how many operations a forward pass takes."""

    work: Work
    times: Times
    mine: str
    forward: str
    peers: Sequence[str]

    def of_peak(self, who: str, operations: int) -> float:
        """Operations per second, in percent of the matrix product's in the same rounds."""
        return 100 * operations * ratio(self.times, who, peak.FASTEST)


def grid(quick: bool, networks: Sequence[str] | None = None) -> Table:
    """Every network at every size; quick: one small size."""
    sizes = [(20, 32, 64)] if quick else SIZES
    rows, ratios = [], []
    for kind in networks or NETWORKS:
        for size in sizes:
            row = _row(_measured(work(kind, *size), quick))
            rows.append(row)
            ratios.append(row.values["times faster"])
    overall, bar = geometric_mean(ratios), OVERALL.get(machine.threads())
    mean = dict.fromkeys(rows[0].values, "") | {"network": "geometric mean", "times faster": overall}
    rows.append(barred(mean, [] if bar is None else [(f">= {bar:g}", overall >= bar)]))
    return Table("grid", f"{TITLE}; {machine.in_words()}", rows)


TITLE = (
    "grid: forward + backward in float32; operations of the products, 2 T B (numbers in dense weights) a pass, "
    "one pass forward, three forward + backward (dL/dx, which nobody computes, included; the column without it is what is done)"
)


def _measured(given: Work, quick: bool) -> Point:
    steps, batch, _ = given.xs.shape
    point = f"{given.kind}, T {steps}, B {batch}, units {given.units}"
    print(f"  {point}", file=sys.stderr, flush=True)
    mine, peers = ours.learning(given), [peer(given) for peer in PEERS[given.kind]]
    found = mine.found()
    for one in peers:
        gate.same(f"{point}, against {one.name}", found, one.found(), TOLERANCE)
    forward = ours.running(given)
    all_of_them = [mine, forward, *peak.products(), *peers]
    times = interleave(all_of_them, rounds=3 if quick else 11, turn=0.02 if quick else 0.04, seconds=1 if quick else 5)
    return Point(given, peak.with_fastest(times), mine.name, forward.name, [one.name for one in peers])


def _row(point: Point) -> Row:
    times, given = point.times, point.work
    faster = {name: ratio(times, point.mine, name) for name in point.peers}
    best = min(faster, key=faster.__getitem__)
    own, passes = median(times[point.mine]), 3 * given.flops
    learning, running = point.of_peak(point.mine, passes), point.of_peak(point.forward, given.flops)
    values: dict[str, Any] = {
        "network": given.kind,
        "T, B, units": f"{given.xs.shape[0]}, {given.xs.shape[1]}, {given.units}",
        "ours ms": 1e3 * own,
        "best peer": best,
        "peer ms": 1e3 * median(times[best]),
        "times faster": faster[best],
        "GFLOP/s": 1e-9 * passes / own,
        "% of peak": learning,
        "without dL/dx": point.of_peak(point.mine, passes - given.spared),
        "forward ms": 1e3 * median(times[point.forward]),
        "forward %": running,
        "others": ", ".join(f"{name} {value:.3g}" for name, value in faster.items() if name != best),
    }
    bars = [(">= 1", faster[best] >= 1)]
    if given.kind == "lstm":
        bars.append((f">= {AGAINST_ONEDNN:g} torch", faster["torch.nn.LSTM"] >= AGAINST_ONEDNN))
    if _full(given):
        bars += [(f"{LEARNING:g} %", learning >= LEARNING), (f"forward {RUNNING:g} %", running >= RUNNING)]
    return barred(values, bars)


def _full(given: Work) -> bool:
    """Whether the products are what the time goes into: a batch, wide layers, more than one input."""
    return given.xs.shape[1] > 1 and given.units >= 128 and given.xs.shape[2] > 1
