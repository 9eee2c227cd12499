"""The command line: `throughtime fit`, and what can be done with the model it saves."""

import gc
import sys
import time
from typing import Annotated

import typer

from throughtime.cli import choose, delays, export, fit, forecast, lab, learn, look, recognise, report, show, use
from throughtime.cli.errors import INTERRUPTED, Ending, Group

__all__ = ["main", "program"]


COMMANDS = (
    *(look.look, look.convert, delays.delays, choose.choose, fit.fit, use.evaluate, use.simulate, use.predict),
    *(
        forecast.forecast,
        report.report,
        export.export,
        show.show,
        learn.learn,
        recognise.recognise,
        lab.experiment,
        lab.demo,
    ),
)
# Most of what imports and tracing make lives on: looking through it again and again is a tenth of a fit.
SELDOM = (100_000, 20, 20)


def program() -> typer.Typer:
    """The program. What its commands need of the library is imported when one of them runs."""
    app = typer.Typer(
        name="throughtime",
        cls=Group,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_about)
    for command in COMMANDS:
        app.command(no_args_is_help=command is not lab.demo)(command)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        from throughtime.engine.info import installed

        try:
            typer.echo(version("throughtime"))
        except PackageNotFoundError:  # run from a source folder
            typer.echo("unknown")
        typer.echo(installed() or _asked_of_jax())
        raise typer.Exit


def _asked_of_jax() -> object:
    from throughtime.engine import engine_info

    return engine_info()


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


def main() -> None:
    """Run the program, and end as it says."""
    ending, began, collected = Ending(), time.monotonic(), gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        program()(prog_name="throughtime", obj=began)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            ending.at_once()
        raise
    except KeyboardInterrupt:  # before there was a command to hear of it
        print("error: interrupted", file=sys.stderr)
        ending.at_once()
    finally:
        gc.set_threshold(*collected)
