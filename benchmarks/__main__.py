"""`python -m benchmarks`: all tables, each figure with its peer and its bar.

Exit code: 0 all bars are met; 1 one is not (0 with --report-only); 3 the exactness gate is red, and no figure is shown.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine

TABLES = {
    "tanh": ("layers", "tanh"),
    "lstm": ("layers", "lstm"),
    "rtrl": ("online", "rtrl"),
    "first-call": ("first_call", "first_call"),
    "stream": ("stream", "stream"),
    "levenberg": ("levenberg", "levenberg"),
    "fitting": ("levenberg", "fitting"),
    "records": ("records", "records"),
}
SHORT, RED = 1, 3


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--table", action="append", choices=TABLES, help="only this table (may be given several times)")
    parser.add_argument("--quick", action="store_true", help="few sizes and rounds, no law tests: not to be quoted")
    parser.add_argument("--no-laws", action="store_true", help="compare only what is timed, do not run the law tests")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--report-only", action="store_true", help="exit code 0 even if a bar is not met")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Gate, then tables, then the verdict."""
    asked = arguments(given)
    machine.settle()
    from benchmarks.gate import Red, laws  # only now: it imports numpy

    try:
        held = "what is timed; law tests not run" if asked.quick or asked.no_laws else laws(machine.ROOT)
        core = machine.pin()
        made = [_table(name, asked.quick) for name in asked.table or TABLES]
    except Red as error:
        print(f"the exactness gate is red, so no speed is shown: {error}", file=sys.stderr)
        return RED
    _report(made, asked.json, {"gate": held, "quick": asked.quick, "machine": machine.facts(core)})
    return 0 if asked.report_only or all(table.met for table in made) else SHORT


def _table(name: str, quick: bool) -> Any:
    module, function = TABLES[name]
    print(f"measuring {name} ...", file=sys.stderr, flush=True)
    return getattr(importlib.import_module(f"benchmarks.{module}"), function)(quick)


def _report(tables: Sequence[Any], file: Path | None, about: dict[str, Any]) -> None:
    from benchmarks.table import show

    print(f"gate: {about['gate']}\nmachine: {about['machine']}\n")
    for table in tables:
        show(table)
    missed = sum(row.met is False for table in tables for row in table.rows)
    print("all bars met" if not missed else f"{missed} bars not met")
    if file is not None:
        file.write_text(json.dumps({**about, "tables": [table.as_json() for table in tables]}, indent=1))


if __name__ == "__main__":
    sys.exit(main())
