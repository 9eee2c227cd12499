"""`throughtime forecast`: a saved model goes on where a table ends."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from throughtime.cli import options
from throughtime.cli.errors import Problem
from throughtime.cli.importing import importing


def forecast(
    model: options.ModelPath,
    table: options.TablePath,
    horizon: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Steps ahead. Default: the rows of --future.")
    ] = None,
    future: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Table with the inputs to come; its first row follows TABLE's last."),
    ] = None,
    level: Annotated[
        float | None,
        typer.Option(help="Also the ends of intervals that should hold this share of what comes: 0.8 or 0.95."),
    ] = None,
    out: options.OutFile = None,
    time: options.Time = None,
    time_format: options.TimeFormat = None,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Go on after the last row of TABLE, whose measured outputs lead up to there.

    The output table has a row for each step ahead and a column for each output; with --level two more, such as "y low" and
    "y high". They are as wide as forecasts so far ahead have missed held-out rows: the first step alone follows on measured
    outputs, so from the second on they may be much wider. With a column of times, the forecasts carry the times that follow.

    Example: throughtime forecast tanks/model.safetensors tanks.csv --future pump.csv --level 0.8
    """
    with importing():
        import numpy as np

        from throughtime.cli import forecasting as asked
        from throughtime.cli import output
        from throughtime.cli.delivery import check_finite, check_out, deliver
        from throughtime.cli.opening import open_model
        from throughtime.memory import refuse_size

    check_out(out, overwrite, table, future)
    opened = open_model(model, time_format)
    asked.check(opened, future)
    data = opened.read(table, time, quiet=quiet)
    ahead, steps = None, horizon
    if future is not None:
        ahead = asked.inputs_to_come(opened, future, data, horizon)
        steps = horizon or len(ahead)
    if steps is None:
        raise Problem("say how far to go on: --horizon N")
    columns = len(data.inputs) + len(data.outputs)
    refuse_size(32 * steps * columns, f"a forecast of {min(steps, 10**30):.3g} steps", "take a smaller --horizon")
    remarks = (
        []
        if level is None
        else [*asked.check_level(opened, model, level, steps), *asked.held(opened, table, data, level)]
    )
    remarks += asked.check_times(data, ahead)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # a run that ran away is told below
        made = opened.model.forecast(
            steps, None if ahead is None else ahead.frames(slice(0, steps))[0], data.frames(), level
        )
    frame, *ends = [made] if level is None else made
    remarks += opened.beyond(np.zeros((steps, 0)) if ahead is None else ahead.u[:steps], frame[data.outputs].to_numpy())
    named = asked.named_ends(data)
    for end, edge in zip(ends, asked.ENDS, strict=False):
        for name in data.outputs:
            frame[named[f"{name} {edge}"]] = end[name]
    remarks += [
        f"note: {usual!r} is a column of {data.source}, so that end of the interval is called {name!r}"
        for usual, name in named.items()
        if ends and name != usual
    ]
    output.notes(remarks, quiet)
    deliver(frame, data.time, out, json_, quiet)
    check_finite(frame, data.outputs)
