"""`python -m benchmarks`: all tables, each figure with its peer and its bar, on one core and on two.

Exit code: 0 all bars are met; 1 one is not (0 with --report-only); 3 the exactness gate is red, and no figure is shown.
"""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine

TABLES = {
    "grid": ("grid", "grid"),
    "rtrl": ("online", "rtrl"),
    "rtrl-peak": ("influence", "peak_of_rtrl"),
    "rtrl-block": ("influence", "peak_of_blocks"),
    "stream-step": ("stream_step", "stream_step"),
    "unequal": ("unequal", "unequal"),
    "first-call": ("first_call", "first_call"),
    "stream": ("stream", "stream"),
    "levenberg": ("levenberg", "levenberg"),
    "fitting": ("levenberg", "fitting"),
    "records": ("records", "records"),
    "lengths": ("lengths", "lengths"),
    "long": ("long_stretch", "long_stretch"),
    "learned-delays": ("learned_delays", "learned_delays"),
    "waiting": ("waiting", "waiting"),
}
ON_SEVERAL_CORES = ("grid", "rtrl-peak", "rtrl-block", "unequal")  # the others are measured on one core only
SHORT, RED = 1, 3


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--table", action="append", choices=TABLES, help="only this table (may be given several times)")
    parser.add_argument("--network", action="append", help="only this network in the grid (may be given several times)")
    several = [1, 2][: len(machine.at_hand())]
    parser.add_argument("--cores", type=int, nargs="+", default=several, help="how many, each in its own process")
    parser.add_argument("--quick", action="store_true", help="few sizes and rounds, no law tests: not to be quoted")
    parser.add_argument("--no-laws", action="store_true", help="compare only what is timed, do not run the law tests")
    parser.add_argument(
        "--before", metavar="PYTHON", help="of another environment, with the build that `waiting` is set against"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--report-only", action="store_true", help="exit code 0 even if a bar is not met")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Gate, then tables, then the verdict."""
    asked = arguments(given)
    machine.settle(asked.cores[0])
    from benchmarks.gate import Red, laws  # only now: it imports numpy

    try:
        held = "what is timed; law tests not run" if asked.quick or asked.no_laws else laws(machine.ROOT)
        runs = [_here(asked)] if len(asked.cores) == 1 else [_started(asked, cores) for cores in asked.cores]
    except Red as error:
        print(f"the exactness gate is red, so no speed is shown: {error}", file=sys.stderr)
        return RED
    missed = _report(held, runs)
    if asked.json is not None:
        asked.json.write_text(json.dumps({"gate": held, "quick": asked.quick, "runs": runs}, indent=1))
    return SHORT if missed and not asked.report_only else 0


def _here(asked: argparse.Namespace) -> dict[str, Any]:
    """The tables on one number of cores, in this process."""
    cores = machine.pin(asked.cores[0])
    made = [_table(name, asked) for name in asked.table or TABLES]
    return {**machine.facts(cores), "tables": [table.as_json() for table in made]}


def _table(name: str, asked: argparse.Namespace) -> Any:
    module, function = TABLES[name]
    print(f"measuring {name}, {machine.in_words()} ...", file=sys.stderr, flush=True)
    given: dict[str, Any] = {"networks": asked.network} if name == "grid" and asked.network else {}
    if name == "waiting":
        given = {"before": asked.before}
    return getattr(importlib.import_module(f"benchmarks.{module}"), function)(asked.quick, **given)


def _started(asked: argparse.Namespace, cores: int) -> dict[str, Any]:
    """The same in a process of its own: what JAX, torch and numpy read at their import differs."""
    from benchmarks.gate import Red

    names = [name for name in asked.table or TABLES if cores == 1 or name in ON_SEVERAL_CORES]
    wanted = [part for name in names for part in ("--table", name)]
    wanted += [part for name in asked.network or () for part in ("--network", name)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "figures.json")
        command = [sys.executable, "-m", "benchmarks", "--cores", str(cores), "--no-laws", "--report-only", *wanted]
        command += ["--json", str(file), *(["--quick"] if asked.quick else [])]
        command += ["--before", asked.before] if asked.before else []
        done = subprocess.run(command, cwd=machine.ROOT, stdout=subprocess.DEVNULL, check=False)
        if done.returncode == RED:
            raise Red(f"on {cores} cores")
        if done.returncode:
            raise SystemExit(f"the benchmarks on {cores} cores failed; see above")
        (run,) = json.loads(file.read_text())["runs"]
        return dict(run)


def _report(held: str, runs: Sequence[dict[str, Any]]) -> int:
    """Print everything; how many bars are not met."""
    from benchmarks.table import Table, show

    print(f"gate: {held}")
    missed = 0
    for run in runs:
        tables = [Table.from_json(made) for made in run["tables"]]
        print(f"machine: { ({key: value for key, value in run.items() if key != 'tables'}) }\n")
        for table in tables:
            show(table)
        missed += sum(row.met is False for table in tables for row in table.rows)
    print("all bars met" if not missed else f"{missed} bars not met")
    return missed


if __name__ == "__main__":
    sys.exit(main())
