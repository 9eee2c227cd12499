"""The command line: `throughtime fit`, and what can be done with the model it saves."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from throughtime.cli.errors import INTERRUPTED, Ending, Group
from throughtime.engine import engine_info

__all__ = ["main", "program"]


def program(commands: bool = True) -> typer.Typer:
    """The program; without its commands, whose imports take seconds, it knows its version only."""
    app = typer.Typer(
        name="throughtime",
        cls=Group,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_about)
    if commands:
        _add_commands(app)
    return app


def _add_commands(app: typer.Typer) -> None:
    from throughtime.cli.choose import choose
    from throughtime.cli.delays import delays
    from throughtime.cli.export import export
    from throughtime.cli.fit import fit
    from throughtime.cli.forecast import forecast
    from throughtime.cli.lab import demo, experiment
    from throughtime.cli.recognise import recognise
    from throughtime.cli.report import report
    from throughtime.cli.show import show
    from throughtime.cli.use import evaluate, predict, simulate

    models = (delays, choose, fit, evaluate, simulate, predict, forecast, report, export, show)
    for command in (*models, recognise, experiment, demo):
        app.command(no_args_is_help=command is not demo)(command)


def _version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(version("throughtime"))
        except PackageNotFoundError:  # run from a source folder
            typer.echo("unknown")
        typer.echo(engine_info())
        raise typer.Exit


def _about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print version and engine, and end.")
    ] = False,
) -> None:
    """Recurrent networks for sequences: fit one to a table, run it, look at it.

    Exit codes: 0 done; 1 failed, such as a training that diverged or a full disk; 2 bad input or usage; 130 interrupted by
    Ctrl-C, 143 by SIGTERM, 129 by SIGHUP: what there is to keep is kept, the same way; 141 where nobody read on, as `head`.
    Every error is one line on standard error that says what, where and what to do.
    """


@contextmanager
def _said_meanwhile(phase: str, words: Sequence[str]) -> Iterator[None]:
    """The phase on standard error while it lasts, where that is a terminal and nobody asked for quiet."""
    shown = sys.stderr.isatty() and not {"-q", "--quiet"} & {*words}
    print(f"{phase} ...\r" if shown else "", end="", file=sys.stderr, flush=True)
    yield
    print(" " * len(f"{phase} ...") + "\r" if shown else "", end="", file=sys.stderr, flush=True)


def main() -> None:
    """Run the program, and end as it says."""
    ending, began = Ending(), time.monotonic()
    try:
        with _said_meanwhile("importing", sys.argv[1:]):
            whole = program(commands=sys.argv[1:] != ["--version"])
        whole(prog_name="throughtime", obj=began)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            ending.at_once()
        raise
    except KeyboardInterrupt:  # before there was a command to hear of it
        print("error: interrupted", file=sys.stderr)
        ending.at_once()
