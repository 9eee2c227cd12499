"""`throughtime report`: all that is known about a model on a table, as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from throughtime.cli import options
from throughtime.cli.errors import Problem
from throughtime.cli.importing import importing


def report(
    model: options.ModelPath,
    table: options.TablePath,
    out: Annotated[Path, typer.Option(metavar="FILE", help="HTML file; pictures are within.")],
    start_rows: options.StartRows = None,
    held_out: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="ROWS",
            help="Last rows that the model has not learned from. Default: as in its fit; all, if TABLE is another.",
        ),
    ] = None,
    time: options.Time = None,
    time_format: options.TimeFormat = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Write one HTML file on a model and a table, to be looked at, sent and kept.

    The errors in free run and one step ahead beside those of the linear model; the response; the residuals' correlations
    with their bounds; error histograms; the step response; a forecast with its intervals, and how often they held; the
    table's fingerprint, the settings, and the command that makes the model again.
    """
    with importing():
        from throughtime.cli import output
        from throughtime.cli.opening import open_model
        from throughtime.cli.reporting import parts_of, write

    if out.suffix.lower() not in (".html", ".htm"):
        raise Problem(f"--out {out}: the name must end in .html")
    output.file(out, overwrite)
    opened = open_model(model, time_format)
    data = opened.read(table, time, quiet=quiet)
    parts = parts_of(opened, data, opened.led(start_rows), held_out, opened.learned(table, len(data)))
    with output.ProgressBar("report", quiet) as bar:
        write(out, opened, data, table, parts, bar)
    if not quiet:
        output.say(f"written to {out}", err=True)
