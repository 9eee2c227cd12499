"""The command line: `throughtime fit`, and what can be done with the model it saves."""

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from throughtime.cli.choose import choose, delays
from throughtime.cli.errors import INTERRUPTED, Group
from throughtime.cli.export import export
from throughtime.cli.fit import fit
from throughtime.cli.forecast import forecast
from throughtime.cli.lab import demo, experiment
from throughtime.cli.report import report
from throughtime.cli.show import show
from throughtime.cli.use import evaluate, predict, simulate

__all__ = ["app", "main"]

app = typer.Typer(
    name="throughtime",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)
for _command in (delays, choose, fit, evaluate, simulate, predict, forecast, report, export, show, experiment, demo):
    app.command(no_args_is_help=_command is not demo)(_command)


def _version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(version("throughtime"))
        except PackageNotFoundError:  # run from a source folder
            typer.echo("unknown")
        raise typer.Exit


@app.callback()
def _about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Recurrent networks for sequences: fit one to a table, run it, look at it.

    Exit codes: 0 done; 1 failed, such as a training that diverged; 2 bad input or usage; 130 interrupted.
    Every error is one line on standard error that says what, where and what to do.
    """


def main() -> None:
    """The program."""
    try:
        app(prog_name="throughtime")
    except SystemExit as end:
        if end.code == INTERRUPTED:  # at once: threads that still compile would crash on the way out
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise
