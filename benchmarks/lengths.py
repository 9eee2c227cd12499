"""A new length at every call: what it costs beside a length that was there before, and that nothing is kept of it."""

from benchmarks import gate
from benchmarks.machine import fresh
from benchmarks.one_length import KINDS, LENGTHS, asked, model, record
from benchmarks.table import Row, Table

LATER, GROWTH = 2.0, 5.0  # ms over a known length, the median; MB in all


def lengths(quick: bool) -> Table:
    """300 lengths, each for the first time and again."""
    exactness()
    rows = [_row(kind, LENGTHS // 10 if quick else LENGTHS) for kind in KINDS]
    return Table(
        "lengths", "records of ever new lengths: NARX, 10 units, 5 members, 300 steps and more, one core", rows
    )


def _row(kind: str, count: int) -> Row:
    found = fresh("one_length", kind, str(count))
    later, growth = found["new"] - found["known"], found["after"] - found["before"]
    values = {
        "call": kind,
        "lengths": count,
        "ms, new": found["new"],
        "ms, known": found["known"],
        "programs": found["programs"],
        "MB more": f"{growth:.1f}",
    }
    return Row(values, f"< {LATER:g} ms, < {GROWTH:g} MB", later < LATER and growth < GROWTH)


def exactness() -> None:
    """What is run in blocks is run step by step."""
    made, (u, _) = model(), record(400)
    parts = [made.start().step(u[0]), *(made.step(x) for x in u[1:])]
    gate.same("free run, step by step", {"y": parts}, {"y": made.simulate(u)}, 1e-4)
    for kind in KINDS:
        asked(made, kind, 0)
