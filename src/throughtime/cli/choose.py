"""`throughtime choose`: which of several networks is best on a table, beside the linear model."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Annotated

import numpy as np
import typer

from throughtime.cli import again, options, output, wiring
from throughtime.cli.command import in_options
from throughtime.cli.data import Data, read, tell
from throughtime.cli.delays import Inputs, Outputs
from throughtime.cli.errors import Failure, Interrupted
from throughtime.cli.fit_options import Optimizer, Table, given
from throughtime.dynamics.choosing import Judged
from throughtime.dynamics.search import Search
from throughtime.dynamics.stages import LEARNER_CHOICES, Asked, refuse_large, stages_of
from throughtime.dynamics.study import Study
from throughtime.dynamics.table import Columns, TableFile
from throughtime.dynamics.wirings import Wiring
from throughtime.io import readers, tables
from throughtime.io.files import fingerprint
from throughtime.work.children import Lost

ONE_NETWORK, SIZES, HEARD, FED_BACK = ["narx"], ["4", "8"], ["0:2"], ["1:2"]


def choose(
    context: typer.Context,
    table: Table = None,
    outputs: Outputs = "",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSON lines of what is done; an existing one goes on. Events: a file beside it.",
            show_default=False,
        ),
    ] = None,
    inputs: Inputs = "",
    time: options.RowTime = None,
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
        typer.Option(help=f"adam: {LEARNER_CHOICES}; repeat for more."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most so many in each loop. Default: as fit.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="adam: first step size. Default: 0.01.")] = None,
    decay: Annotated[float | None, typer.Option(help="Weight decay. Default: 0.")] = None,
    folds: Annotated[int, typer.Option(min=1, help="Blocks of time to be predicted, each from what lies before.")] = 4,
    restarts: Annotated[int, typer.Option(min=1, help="Networks of each kind, trained side by side.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Of the first weights.")] = 0,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes; default one per core, 0: this one.")] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Go on with the search that is in that file.", show_default=False),
    ] = None,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare networks by time-ordered cross-validation, beside the linear model with the same delays.

    Every combination of the repeated options is trained, as `fit` would, on what lies before each of several blocks, and
    runs free over the block. The best comes first; where the linear model is better, it says so. Ctrl-C keeps what is done:
    the same command goes on, and so does throughtime choose --resume FILE.

    Example: throughtime choose tanks.csv --inputs u --outputs y --hidden 4 --hidden 8 --input-delays 0:2
    --input-delays 0:9 --output-delays 1:2 --out search.jsonl
    """
    phases = {"importing": context.obj or monotonic(), "reading": monotonic()}
    if resume is not None:
        again.beside(context, "resume", "table", "workers", "json_", "quiet")
        search = again.search_in(resume)
        table = again.table_of(search.study, table, resume, "choose")
        return carry_out(search, _read(table, search.study.columns, quiet), resume, workers, phases, json_, quiet)
    table, out = given("choose", table, "TABLE"), given("choose", out, "--out")
    with in_options():
        columns = Columns(tuple(wiring.names(inputs)), tuple(wiring.names(given("choose", outputs, "--outputs"))), time)
        data = _read(table, columns, quiet)
        origin, studies = TableFile(table.name, fingerprint(table)), dict[str, Study]()
        learners: list[str | None] = [*learner] if learner else [None]
        for name, wired in _wirings(network, len(columns.inputs), hidden, input_delays, output_delays):
            for text in learners:
                made = wired.build(len(columns.inputs), len(columns.outputs))
                asked = Asked(optimizer, text, epochs=epochs, rate=learning_rate, decay=decay)
                study = Study(
                    wired,
                    columns,
                    stages_of(made, "", len(data), None, asked),
                    restarts=restarts,
                    seed=seed,
                    table=origin,
                )
                refuse_large(made, study.stages, restarts * max(folds, 1), len(data))
                studies[name if text is None else f"{name} --learner {text}"] = study
    carry_out(Search(studies, folds), data, out, workers, phases, json_, quiet)


def _read(table: Path, columns: Columns, quiet: bool) -> Data:
    data = read(readers.read(table, tables.Table), columns.inputs, columns.outputs, columns.time)
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


def _wirings(
    networks: list[str], inputs: int, hidden: list[str], input_delays: list[str], output_delays: list[str]
) -> Iterator[tuple[str, Wiring]]:
    """All combinations, each under the options that make it."""
    for name in networks:
        taps: list[tuple[str, dict[str, str]]] = [("", {})]
        if name == "narx":
            taps = [
                (
                    (f" --input-delays {i}" if inputs else "") + f" --output-delays {o}",
                    {"output_delays": o} | ({"input_delays": i} if inputs else {}),
                )
                for i in (input_delays if inputs else input_delays[:1])
                for o in output_delays
            ]
        for units in hidden:
            for text, chosen in taps:
                wired = wiring.wired(
                    name,
                    units,
                    input_delays=chosen.get("input_delays"),
                    output_delays=chosen.get("output_delays"),
                )
                yield f"--network {name} --hidden {units}{text}", wired


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
