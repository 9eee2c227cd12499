"""`throughtime choose`: which of several networks is best on a table, beside the linear model."""

from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from throughtime.cli import options
from throughtime.cli.choices import LEARNERS
from throughtime.cli.delays import Inputs, Outputs
from throughtime.cli.fit_options import Optimizer, Table, given
from throughtime.cli.importing import importing

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
    time_format: options.TimeFormat = None,
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
        typer.Option(help=f"adam: {', '.join(LEARNERS)}; repeat for more."),
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
    with importing():
        from throughtime.cli import again, wiring
        from throughtime.cli.command import in_options
        from throughtime.cli.comparing import carry_out, record_of, wirings
        from throughtime.dynamics.search import Search
        from throughtime.dynamics.stages import Asked, refuse_large, stages_of
        from throughtime.dynamics.study import Study
        from throughtime.dynamics.table import Columns, TableFile
        from throughtime.io.files import fingerprint

    phases = {"importing": context.obj or monotonic(), "reading": monotonic()}
    if resume is not None:
        again.beside(context, "resume", "table", "workers", "json_", "quiet")
        search = again.search_in(resume)
        table = again.table_of(search.study, table, resume, "choose")
        return carry_out(search, record_of(table, search.study.columns, quiet), resume, workers, phases, json_, quiet)
    table, out = given("choose", table, "TABLE"), given("choose", out, "--out")
    with in_options():
        heard, asked_for = wiring.names(inputs), wiring.names(given("choose", outputs, "--outputs"))
        columns = Columns(tuple(heard), tuple(asked_for), time, time_format)
        data = record_of(table, columns, quiet)
        origin, studies = TableFile(table.name, fingerprint(table)), dict[str, Study]()
        learners: list[str | None] = [*learner] if learner else [None]
        for name, wired in wirings(network, len(columns.inputs), hidden, input_delays, output_delays):
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
