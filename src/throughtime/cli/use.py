"""`throughtime simulate`, `predict` and `evaluate`: a saved model on a table."""

import json
from typing import Annotated

import typer

from throughtime.cli import options
from throughtime.cli.errors import Problem
from throughtime.cli.importing import importing


def simulate(
    model: options.ModelPath,
    table: options.TablePath,
    out: options.OutFile = None,
    start_rows: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="ROWS",
            help="First rows in which measured outputs lead; default 0, for a series those that fill its delays, and the washout.",
        ),
    ] = None,
    time: options.Time = None,
    time_format: options.TimeFormat = None,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the model free: it hears the inputs of the table and its own past outputs.

    The output table has a column for each output and a row for each row of TABLE. Measured outputs are needed only
    for --start-rows.
    """
    with importing():
        import numpy as np

        from throughtime.cli import output
        from throughtime.cli.delivery import check_out
        from throughtime.cli.opening import open_model
        from throughtime.cli.running import far_off, follow

    check_out(out, overwrite, table)
    opened = open_model(model, time_format)
    leading = opened.led(start_rows if start_rows is not None or opened.series else 0)
    data = opened.read(table, time, known=leading > 0 or None, quiet=quiet)
    led = np.arange(len(data))[:, None] < leading
    ys = follow(opened, data, np.where(led, data.y, np.nan), out, json_, quiet)
    if not leading and opened.model.network_.feedback is not None:
        output.notes(far_off(opened, data, ys), quiet)


def predict(
    model: options.ModelPath,
    table: options.TablePath,
    ahead: Annotated[
        int, typer.Option(min=1, metavar="STEPS", help="Hear the measured outputs up to so many steps before each row.")
    ] = 1,
    out: options.OutFile = None,
    time: options.Time = None,
    time_format: options.TimeFormat = None,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Predict one step ahead, or --ahead: the model hears the inputs, and the measured outputs up to so many steps before.

    Where a measured output is missing, the model's own prediction takes its place; in the first --ahead rows it runs free. A
    model that does not hear past outputs gives the same as in `simulate`. A classifier says the class of each row and the
    probability of every class; a model that was taught one answer for a sequence gives it as one row.
    """
    with importing():
        from throughtime.cli import answering, opening
        from throughtime.cli.delivery import check_out, deliver
        from throughtime.cli.running import follow
        from throughtime.models.saving import load

    check_out(out, overwrite, table)
    made = load(model)
    if answering.answers_alone(made):
        if ahead > 1:
            raise Problem("--ahead is for models of a system; this one answers with classes, or once for all rows")
        deliver(*answering.answered(made, table, (time, time_format), quiet), out, json_, quiet)
        return
    opened = opening.opened(made, time_format)
    data = opened.read(table, time, known=opened.model.network_.feedback is not None, quiet=quiet)
    follow(opened, data, data.y, out, json_, quiet, ahead)


def evaluate(
    model: options.ModelPath,
    table: options.TablePath,
    start_rows: options.StartRows = None,
    time: options.Time = None,
    time_format: options.TimeFormat = None,
    ahead: Annotated[
        int, typer.Option(min=1, metavar="STEPS", help="Also the errors of predictions so many steps ahead.")
    ] = 1,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure the model's errors on a table that holds the outputs too: free run, one step ahead, and --ahead beside them.

    The linear model of its fit stands beside it. Then come the residuals: whether they are white, and whether they go with
    the inputs, which says what the model misses; and how often its forecast intervals held. The washout of the model, and
    the first rows in which measured outputs lead (--start-rows), do not count.
    """
    with importing():
        import numpy as np

        from throughtime.cli import output
        from throughtime.cli.opening import open_model
        from throughtime.cli.running import plain, tell
        from throughtime.reports import judging
        from throughtime.reports.judgement import Span

    opened = open_model(model, time_format)
    led = opened.led(start_rows)
    start = max(opened.first, led)
    data = opened.read(table, time, quiet=quiet)
    if len(data) <= start:
        raise Problem(
            f"{table} has {len(data)} rows, but the first {start} do not count (delays, washout and --start-rows)"
        )
    for place, name in enumerate(data.outputs):
        if np.isnan(data.y[start:, place]).all():
            raise Problem(f"{table}: column {name!r} is empty in all rows that count: nothing to measure")
    learned = opened.learned(table, len(data))
    with output.ProgressBar(f"running {len(data)} rows", quiet):
        span = Span("all", slice(start, len(data)), begin=led)
        judgement = judging.judge(opened.model, data, [span], opened.linears, learned, ahead)
    if json_:
        typer.echo(json.dumps(plain(judgement, led, learned)))
    elif not quiet:
        tell(
            judgement, f"{model} on {table}, from row {start + 1} on; measured outputs lead in the first {led}", learned
        )
