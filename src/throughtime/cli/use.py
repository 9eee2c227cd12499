"""`throughtime simulate`, `predict` and `evaluate`: a saved model on a table."""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from throughtime.cli import options, output, results, tables, wiring
from throughtime.cli.errors import Problem
from throughtime.storage import Model, load

Values = NDArray[np.float64]
Out = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="CSV or Parquet file for the outputs; default: CSV to standard output."),
]


StartRows = Annotated[
    int | None,
    typer.Option(min=0, help="First rows in which measured outputs lead; default 0, for a series its longest delay."),
]


def simulate(
    model: options.ModelPath,
    table: options.TablePath,
    out: Out = None,
    start_rows: StartRows = None,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the model free: it hears the inputs of the table and its own past outputs.

    The output table has a column for each output and a row for each row of TABLE. Measured outputs are needed only
    for --start-rows.
    """
    made, read = load(model), tables.read(table)
    x = _inputs(made, read)
    leading, known = _leading(made, start_rows), None
    if leading:
        names = [column.name for column in made.outputs]
        known = read.numbers(names, gaps=True)
        known[leading:] = np.nan
    _write(made, read, x, known, out, overwrite, json_, quiet)


def _leading(model: Model, start_rows: int | None) -> int:
    """The number of first rows in which measured outputs lead."""
    series = wiring.is_series(model.network)
    leading = wiring.longest_delay(model.network) * series if start_rows is None else start_rows
    if leading and wiring.feedback(model.network) is None:
        raise Problem("--start-rows is for models that hear past outputs; this one hears only its inputs: leave it out")
    return leading


def predict(
    model: options.ModelPath,
    table: options.TablePath,
    out: Out = None,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Predict one step ahead: the model hears the inputs and the measured outputs up to the step before.

    Where a measured output is missing, the model's own prediction takes its place. A model that does not hear past
    outputs gives the same as in `simulate`.
    """
    made, read = load(model), tables.read(table)
    x, known = _inputs(made, read), None
    if wiring.feedback(made.network) is not None:
        known = read.numbers([column.name for column in made.outputs], gaps=True)
    _write(made, read, x, known, out, overwrite, json_, quiet)


def evaluate(
    model: options.ModelPath,
    table: options.TablePath,
    start_rows: StartRows = None,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure the model's errors on a table that holds the outputs too.

    The washout of the model, and the first rows in which measured outputs lead (--start-rows), do not count.
    """
    made, read = load(model), tables.read(table)
    x = _inputs(made, read)
    y = read.numbers([column.name for column in made.outputs], gaps=True)
    leading = _leading(made, start_rows)
    if len(y) <= max(made.washout, leading):
        raise Problem(
            f"{table} has {len(y)} rows, but the first {max(made.washout, leading)} outputs do not count (washout)"
        )
    with output.Bar(f"running {len(read)} rows", quiet) as bar:
        said = results.evaluation(made, x, y, leading, bar)
    if json_:
        typer.echo(json.dumps(said))
    elif not quiet:
        results.show_evaluation(said, f"{model} on {table}")


def _inputs(model: Model, table: tables.Table) -> Values:
    """The columns the model hears, apart from past outputs."""
    if not model.outputs:
        raise Problem("this model was saved without the names of its columns, so it cannot be used on a table")
    longest = wiring.longest_delay(model.network)
    if len(table) <= longest:
        raise Problem(f"{table.path} has {len(table)} rows, too few for a model that hears {longest} steps back")
    if wiring.is_series(model.network):
        return np.zeros((len(table), 0))
    return table.numbers([column.name for column in model.inputs])


def _write(
    model: Model,
    table: tables.Table,
    x: Values,
    known: Values | None,
    out: Path | None,
    overwrite: bool,
    json_: bool,
    quiet: bool,
) -> None:
    if out is not None:
        output.file(out, overwrite)
    with output.Bar(f"running {len(table)} rows", quiet) as bar:
        ys = results.predict(model, x, known, bar)
    made = pd.DataFrame(ys, columns=pd.Index([column.name for column in model.outputs]))
    if out is not None or not json_:
        tables.write(made, out)
    if json_:
        typer.echo(json.dumps({"rows": len(made), "written": out and str(out), "outputs": made.to_dict("list")}))
    elif out is not None and not quiet:
        typer.echo(f"{len(ys)} rows written to {out}", err=True)
