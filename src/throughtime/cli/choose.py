"""`throughtime delays` and `throughtime choose`: what a model of a table should hear, and how large it should be."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from throughtime.cli import options, output, wiring
from throughtime.cli.data import check_names
from throughtime.cli.errors import Failure, Interrupted, Problem
from throughtime.cli.fit_options import Optimizer
from throughtime.cli.plan import loops_of, optimizer_of, refuse_large, stages_of
from throughtime.dynamics.choosing import Candidate, Judged
from throughtime.dynamics.choosing import choose as judged
from throughtime.dynamics.correlation import Correlations
from throughtime.dynamics.delays import Delays, suggest_delays
from throughtime.dynamics.teaching import Teaching
from throughtime.io import files, readers
from throughtime.io.tables import Table
from throughtime.network import Network
from throughtime.reports.correlograms import plot_delays
from throughtime.work.processes import Lost

ONE_NETWORK, SIZES, HEARD, FED_BACK = ["narx"], ["4", "8"], ["0:2"], ["1:2"]

Inputs = Annotated[str, typer.Option(metavar="u[,u]", help="Columns of the inputs; none for a series.")]
Outputs = Annotated[str, typer.Option(metavar="y[,y]", help="Columns of the outputs; empty cells are gaps.")]


def delays(
    table: options.TablePath,
    outputs: Outputs,
    inputs: Inputs = "",
    lags: Annotated[int, typer.Option(min=1, help="The largest delay looked at.")] = 30,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Picture of the correlations with their bounds (PNG, SVG, PDF).")
    ] = None,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
) -> None:
    """Suggest delays to begin with, from correlations with their bounds of chance.

    Output delays come from the partial autocorrelation, input delays from the cross-correlation after the input was made
    white. They are linear views: `throughtime choose` decides.

    Example: throughtime delays tanks.csv --inputs u --outputs y --out delays.png
    """
    heard, asked = wiring.names(inputs), wiring.names(outputs)
    u, y = _signals(table, heard, asked, quiet=json_)
    if out is not None:
        output.file(out, overwrite)
    if lags >= len(y):
        raise Problem(f"--lags {lags} is too many for the {len(y)} rows of {table}; take fewer")
    found = suggest_delays(u, y, lags, input_names=heard, output_names=asked)
    if out is not None:
        files.write_whole(out, plot_delays(found))
    if json_:
        typer.echo(json.dumps(_plain(found)))
        return
    output.say(f"--output-delays {_told(found.outputs) or 'none found'}")
    if heard:
        output.say(f"--input-delays {_told(found.inputs) or 'none found'}")
    if out is not None:
        output.say(f"written to {out}", err=True)


def _signals(table: Path, heard: list[str], asked: list[str], quiet: bool) -> tuple[Any, Any]:
    check_names(heard, asked)
    read = readers.read(table, Table)
    u, y = read.numbers(heard) if heard else None, read.numbers(asked, gaps=True)
    output.notes(read.notes, quiet)
    return u, y


def _told(chosen: tuple[int, ...]) -> str:
    """0, 1, 2 as 0:2, the way the command line takes it."""
    steady = len(chosen) > 1 and chosen == tuple(range(chosen[0], chosen[-1] + 1))
    return f"{chosen[0]}:{chosen[-1]}" if steady else ",".join(map(str, chosen))


def _plain(found: Delays) -> dict[str, Any]:
    def listed(c: Correlations) -> dict[str, Any]:
        return {"lags": np.asarray(c.lags).tolist(), "values": list(c.values), "bound": np.asarray(c.bound).tolist()}

    return {
        "inputs": list(found.inputs),
        "outputs": list(found.outputs),
        "partial autocorrelation": {name: listed(c) for name, c in found.partial.items()},
        "cross-correlation": {" -> ".join(pair): listed(c) for pair, c in found.crossed.items()},
    }


def choose(
    table: options.TablePath,
    outputs: Outputs,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="JSON lines of what is done; an existing file is gone on with.")
    ],
    inputs: Inputs = "",
    network: Annotated[list[str], typer.Option(help="One or more networks; repeat the option.")] = ONE_NETWORK,
    hidden: Annotated[list[str], typer.Option(metavar="N[,N]", help="Hidden units; repeat for more.")] = SIZES,
    input_delays: Annotated[
        list[str], typer.Option(metavar="D", help="narx: delays of the inputs, as 0:2; repeat for more.")
    ] = HEARD,
    output_delays: Annotated[
        list[str], typer.Option(metavar="D", help="narx: delays of the outputs fed back; repeat for more.")
    ] = FED_BACK,
    optimizer: Optimizer = None,
    learner: Annotated[
        list[str] | None,
        typer.Option(help=f"adam: {wiring.LEARNERS}; repeat for more."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most so many in each loop. Default: as fit.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="adam: first step size. Default: 0.01.")] = None,
    decay: Annotated[float | None, typer.Option(help="Weight decay. Default: 0.")] = None,
    folds: Annotated[int, typer.Option(min=1, help="Blocks of time to be predicted, each from what lies before.")] = 4,
    restarts: Annotated[int, typer.Option(min=1, help="Networks of each kind, trained side by side.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Of the first weights.")] = 0,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes; default one per core, 0: this one.")] = None,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare networks by time-ordered cross-validation, beside the linear model with the same delays.

    Every combination of the repeated options is trained, as `fit` would, on what lies before each of several blocks, and
    runs free over the block. The best comes first; where the linear model is better, it says so. Ctrl-C keeps what is done:
    the same command goes on.

    Example: throughtime choose tanks.csv --inputs u --outputs y --hidden 4 --hidden 8 --input-delays 0:2
    --input-delays 0:9 --output-delays 1:2 --out search.jsonl
    """
    heard, asked = wiring.names(inputs), wiring.names(outputs)
    u, y = _signals(table, heard, asked, quiet)
    given = {"epochs": epochs, "rate": learning_rate, "decay": decay, "every": None, "clip": None}
    learners: list[str | None] = [*learner] if learner else [None]
    candidates = [
        Candidate(
            named if text is None else f"{named} --learner {text}", made, _stages(made, optimizer, len(y), given, text)
        )
        for name in network
        for named, made in _wirings(name, len(heard), len(asked), hidden, input_delays, output_delays)
        for text in learners
    ]
    for candidate in candidates:
        refuse_large(candidate.network, candidate.teaching, restarts * max(folds, 1), len(y))
    output.file(out, overwrite=True)  # a file of results goes on
    done: list[Judged] = []
    lost = ""
    search = judged(candidates, u, y, folds, restarts, seed, out, workers)
    try:
        with output.Bar(f"{len(candidates)} candidates", quiet) as bar:
            for found in search:
                done.append(found)
                best = min(done, key=lambda j: j.error)
                bar(len(done) / len(candidates), f"{len(done)} done  best {best.error:.4g}: {best.name}")
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted: {len(done)} of {len(candidates)} are kept in {out}; the same command goes on"
        ) from None
    except Lost as trouble:
        lost = f"{trouble}; the others are kept in {out}, and the same command goes on"
    if done:
        _report(sorted(done, key=lambda j: j.error), json_, quiet)
    if lost:
        raise Failure(lost)


def _wirings(
    name: str, inputs: int, outputs: int, hidden: list[str], input_delays: list[str], output_delays: list[str]
) -> list[tuple[str, Network]]:
    """All combinations of one architecture, each under the options that make it."""
    make, made = partial(wiring.build, name, inputs), []
    taps: list[tuple[str, dict[str, Any]]] = [("", {})]
    if name == "narx":
        taps = [
            (
                (f" --input-delays {i}" if inputs else "") + f" --output-delays {o}",
                {"output_delays": wiring.delays(o)} | ({"input_delays": wiring.delays(i)} if inputs else {}),
            )
            for i in (input_delays if inputs else input_delays[:1])
            for o in output_delays
        ]
    for units in hidden:
        for text, chosen in taps:
            made.append((f"--network {name} --hidden {units}{text}", make(wiring.hidden(units), outputs, **chosen)))
    return made


def _stages(
    network: Network, optimizer: str | None, rows: int, given: dict[str, Any], learner: str | None
) -> tuple[Teaching, ...]:
    """How `fit` would teach it."""
    asked = given | {"learner": learner}
    return stages_of(network, loops_of(None, network, ""), optimizer_of(optimizer, network, asked), rows, asked)


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
