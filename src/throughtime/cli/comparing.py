"""Networks compared: the wirings that options ask for, and what came of them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import typer

from throughtime.cli import output, wiring
from throughtime.cli.data import Data, named, tell
from throughtime.cli.errors import Failure, Interrupted
from throughtime.dynamics.choosing import Judged
from throughtime.dynamics.search import Search
from throughtime.dynamics.table import Columns
from throughtime.dynamics.wirings import LINEAR, USUAL_HIDDEN, Wiring
from throughtime.io import readers, tables
from throughtime.work.children import Lost


def record_of(table: Path, columns: Columns, quiet: bool) -> Data:
    """The columns of a table that are modelled, with notes on it."""
    data = named(readers.read(table, tables.Table), columns)
    tell(data, quiet)
    return data


def carry_out(
    search: Search,
    data: Data,
    out: Path,
    workers: int | None,
    phases: Mapping[str, float],
    json_: bool,
    quiet: bool,
) -> None:
    """Compare the candidates of a search, and say what came of it."""
    output.file(out, overwrite=True)  # a file of results goes on
    done, total, lost = list[Judged](), len(search.studies), ""
    try:
        with output.ProgressBar(f"{total} candidates", quiet) as bar:
            for look in search.run(data.u if data.inputs else None, data.y, out, workers, phases):
                done += [] if look.judged is None else [look.judged]
                bar.show(look)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {len(done)} of {total} are kept in {out}; the same command goes on") from None
    except Lost as trouble:
        lost = f"{trouble}; the others are kept in {out}, and the same command goes on"
    if done:
        _report(sorted(done, key=lambda j: j.error), json_, quiet)
    if lost:
        raise Failure(lost)


def wirings(
    networks: list[str], inputs: int, hidden: list[str], input_delays: list[str], output_delays: list[str]
) -> Iterator[tuple[str, Wiring]]:
    """All combinations, each under the options that make it."""
    for name in networks:
        taps: list[tuple[str, dict[str, str]]] = [("", {})]
        if name in ("narx", LINEAR):
            taps = [
                (
                    (f" --input-delays {i}" if inputs else "") + f" --output-delays {o}",
                    {"output_delays": o} | ({"input_delays": i} if inputs else {}),
                )
                for i in (input_delays if inputs else input_delays[:1])
                for o in output_delays
            ]
        usual = ",".join(map(str, USUAL_HIDDEN))  # which the linear model has none of
        for units in hidden if name != LINEAR else [usual]:
            for text, chosen in taps:
                wired = wiring.wired(
                    name,
                    units,
                    input_delays=chosen.get("input_delays"),
                    output_delays=chosen.get("output_delays"),
                )
                sized = "" if name == LINEAR else f" --hidden {units}"
                yield f"--network {name}{sized}{text}", wired


def _report(done: list[Judged], json_: bool, quiet: bool) -> None:
    if json_:
        listed = [{"name": j.name, "error": j.error, "verdict": j.verdict, "folds": j.free} for j in done]
        typer.echo(json.dumps({"measure": "relative variance", "candidates": listed}))
        return
    if quiet:
        return
    rows = [
        [short, *(f"{np.mean(part):.4g}" for part in (j.free, j.linear_free, j.one_step, j.linear_one_step))]
        for j, short in zip(done, _differing([j.name for j in done]), strict=True)
    ]
    title = "relative variance, mean over the blocks; linear: with the same delays"
    output.table(title, ["candidate", "free run", "linear", "one step", "linear"], rows)
    for line in ("", f"best: {done[0].name}", done[0].verdict):
        output.say(line)


def _differing(names: list[str]) -> list[str]:
    """The names without the options that all have in common."""
    options = [re.findall(r"--\S+ \S+", name) for name in names]
    common = set.intersection(*map(set, options)) if len(names) > 1 else set()
    return [" ".join(option for option in own if option not in common) for own in options]
