"""`throughtime delays`: what a model of a table should hear."""

import json
from pathlib import Path
from typing import Annotated

import typer

from throughtime.cli import options
from throughtime.cli.errors import Problem
from throughtime.cli.importing import importing

Inputs = Annotated[str, typer.Option(metavar="u[,u]", help="Columns of the inputs; none for a series.")]
Outputs = Annotated[str, typer.Option(metavar="y[,y]", help="Columns of the outputs; empty cells are gaps.")]


def delays(
    table: options.TablePath,
    outputs: Outputs,
    inputs: Inputs = "",
    time: options.RowTime = None,
    time_format: options.TimeFormat = None,
    lags: Annotated[int, typer.Option(min=1, help="The largest delay looked at.")] = 30,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Picture of the correlations with their bounds (PNG, SVG, PDF).")
    ] = None,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
) -> None:
    """Suggest delays to begin with, from correlations with their bounds of chance and from free runs of small models.

    Input delays begin where the cross-correlation does after the input was made white. There are as many, and as many outputs
    are heard, as the linear model needs one step ahead, at most ten; fewer, if small models run as well free over blocks held out
    in turn. A series has those of its partial autocorrelation. They are where a search begins: `throughtime choose` decides.

    Example: throughtime delays tanks.csv --inputs u --outputs y --out delays.png
    """
    with importing():
        from throughtime.cli import data as columns
        from throughtime.cli import output, wiring
        from throughtime.cli.command import in_options
        from throughtime.cli.correlations import plain
        from throughtime.dynamics.delays import suggest_delays
        from throughtime.dynamics.table import Columns
        from throughtime.io import files, readers
        from throughtime.io.tables import Table
        from throughtime.reports.correlograms import plot_delays

    with in_options():
        named = Columns(tuple(wiring.names(inputs)), tuple(wiring.names(outputs)), time, time_format)
    data = columns.named(readers.read(table, Table), named)
    columns.tell(data, json_)
    if out is not None:
        output.file(out, overwrite)
    if lags >= len(data):
        raise Problem(f"--lags {lags} is too many for the {len(data)} rows of {table}; take fewer")
    found = suggest_delays(
        data.u if data.inputs else None, data.y, lags, input_names=data.inputs, output_names=data.outputs
    )
    if out is not None:
        files.write_whole(out, plot_delays(found))
    if json_:
        typer.echo(json.dumps(plain(found)))
        return
    output.say(f"--output-delays {wiring.told(found.outputs) or 'none found'}")
    if data.inputs:
        output.say(f"--input-delays {wiring.told(found.inputs) or 'none found'}")
    for sentence in found.sentences:
        output.say(sentence)
    if out is not None:
        output.say(f"written to {out}", err=True)
