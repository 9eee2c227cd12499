"""RTRL against what bounds it: the machine's matrix product. Beside the block form stands what BPTT takes, in the same rounds."""

from statistics import median

import throughtime as tt
from benchmarks import gate, machine, online, peak
from benchmarks.table import Row, Table
from benchmarks.timing import interleave, ratio

PEAK, BLOCK = 75.0, 60.0


def peak_of_rtrl(quick: bool) -> Table:
    """P' = A P + E (x) z is one product of (n, n) with (n, n (n + I + 1)) in each step."""
    rows = [_peak(units, quick) for units in ((32,) if quick else (64, 128))]
    counted = f"operations of A P, 2 n^3 (n + I + 1) a step, I = {online.INPUTS}"
    return Table("rtrl-peak", f"rtrl-peak: RTRL(1), one sequence, float32; {counted}; {machine.in_words()}", rows)


def _peak(units: int, quick: bool) -> Row:
    online.exactness(units)
    mine = online.ours(units, tt.RTRL(1), 32 if quick else 256 if units == 64 else 64)
    turns = interleave([mine, *peak.products()], rounds=3 if quick else 9, turn=0.02 if quick else 0.1, seconds=8)
    times = peak.with_fastest(turns)
    own, flops = median(times[mine.name]), 2 * units**3 * (units + online.INPUTS + 1)
    share = 100 * flops * ratio(times, mine.name, peak.FASTEST)
    values = {
        "case": f"{units} units",
        "us per step": 1e6 * own,
        "GFLOP/s": 1e-9 * flops / own,
        "matrix product GFLOP/s": 1e-9 / median(times[peak.FASTEST]),
        "% of peak": share,
    }
    return Row(values, f">= {PEAK:g} %", share >= PEAK)


def peak_of_blocks(quick: bool) -> Table:
    """A block of 2n steps: n + 1 rows of errors sent back, what n of them make of what is heard, and one product A P."""
    rows = [_block(units, quick) for units in ((32,) if quick else (32, 64, 128))]
    counted = f"operations of the products, n^2 (2 (n + 1) + 3 (n + I + 1)) a step, I = {online.INPUTS}"
    title = f"rtrl-block: RTRL(block=2n), and BPTT() over the same steps of one sequence, float32; {counted}; {machine.in_words()}"
    return Table("rtrl-block", title, rows)


def _block(units: int, quick: bool) -> Row:
    steps = 256 if quick else 1024
    block, whole = online.ours(units, tt.RTRL(2 * units), steps), online.ours(units, tt.BPTT(), steps)
    gate.same(f"{block.name}, {units} units, against BPTT()", block.found(), whole.found(), 1e-3)
    turns = interleave(
        [block, whole, *peak.products()], rounds=3 if quick else 9, turn=0.02 if quick else 0.1, seconds=8
    )
    times = peak.with_fastest(turns)
    own, flops = median(times[block.name]), units**2 * (2 * (units + 1) + 3 * (units + online.INPUTS + 1))
    share = 100 * flops * ratio(times, block.name, peak.FASTEST)
    values = {
        "case": f"{units} units, {steps} steps",
        "ours": block.name,
        "us per step": 1e6 * own,
        "GFLOP/s": 1e-9 * flops / own,
        "% of peak": share,
        "BPTT() us per step": 1e6 * median(times[whole.name]),
        "times the cost of BPTT()": 1 / ratio(times, block.name, whole.name),
    }
    return Row(values, f">= {BLOCK:g} %", share >= BLOCK)
