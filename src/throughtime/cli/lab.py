"""`throughtime experiment` and `throughtime demo`: reproducible experiments, each a file of its own."""

import json
from pathlib import Path
from typing import Annotated

import typer

from throughtime import experiments
from throughtime.cli import options
from throughtime.cli.errors import Problem
from throughtime.cli.importing import importing

Quick = Annotated[bool, typer.Option("--quick", help="A small version, to see that it works.")]
Seeds = Annotated[int | None, typer.Option(min=1, metavar="K", help="Number of seeds; all are reported.")]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Folder for tables and pictures. Default: a new one here.", rich_help_panel=options.LEAVING
    ),
]


def experiment(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(experiments.EXPERIMENTS)}.")],
    quick: Quick = False,
    seeds: Seeds = None,
    out: Out = None,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run an experiment; it writes its table and picture into a folder."""
    if name not in experiments.EXPERIMENTS:
        raise Problem(f"there is no experiment {name!r}; there are {', '.join(experiments.EXPERIMENTS)}")
    _run(name, quick, seeds, out, overwrite, json_, quiet)


def demo(
    quick: Quick = False,
    seeds: Seeds = None,
    out: Out = None,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Learn to predict the yearly sunspot numbers and compare with a linear model; under a minute.

    The same as `throughtime experiment sunspots`. Everything is fitted on 1700-1920; the relative variance on
    1921-55 and 1956-79 is printed next to that of a linear autoregressive model, AR(12). Writes the model and pictures.
    """
    _run("sunspots", quick, seeds, out, overwrite, json_, quiet)


def _run(
    name: str, quick: bool, seeds: int | None, out: Path | None, overwrite: bool, json_: bool, quiet: bool
) -> None:
    with importing():
        from throughtime.cli import output
        from throughtime.cli.command import in_options
        from throughtime.cli.experimenting import show
        from throughtime.io import files
        from throughtime.reports import folders

        experiments.run_function(name)  # here, where it is said that one waits for imports
    path = output.free_folder(f"throughtime-{name}") if out is None else out
    with in_options(), folders.own(path, overwrite), output.ProgressBar(name, quiet) as bar:
        said = experiments.conduct(name, quick, seeds, path, bar)
        files.write(path / "results.json", json.dumps(said, indent=2) + "\n")
    if json_:
        typer.echo(json.dumps(said))
    elif not quiet:
        show(said)
        output.say()
        output.say(f"written to {path}: {', '.join(sorted(p.name for p in path.iterdir()))}")
