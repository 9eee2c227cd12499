"""`throughtime experiment` and `throughtime demo`: reproducible experiments, each a file of its own."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from throughtime import experiments
from throughtime.cli import options, output
from throughtime.cli.command import in_options
from throughtime.cli.errors import Problem
from throughtime.io import files
from throughtime.reports import folders

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


def show(said: dict[str, Any]) -> None:
    """Print the results of an experiment: a line per split, a column per network."""
    entries = [*said["results"], *said["baselines"]]
    found = {(entry["split"], entry["network"]): _spread(entry["values"]) for entry in entries}
    networks, splits = (list(dict.fromkeys(entry[key] for entry in entries)) for key in ("network", "split"))
    measures = ", ".join(dict.fromkeys(entry["metric"] for entry in entries))
    title = f"{said['experiment']}{', quick' if said['quick'] else ''}: {measures} ({said['seconds']:.1f} s)"
    rows = [[str(split), *(found.get((split, network), "") for network in networks)] for split in splits]
    output.table(title, ["", *networks], rows)
    for bar in said["bars"]:
        output.say(_reached(bar, entries))
    for note in said["notes"]:
        output.say(f"note: {note}")


def _reached(bar: dict[str, Any], entries: list[dict[str, Any]]) -> str:
    """How many seeds reach what they were meant to."""
    same = [e for e in entries if (e["network"], e["split"]) == (bar["network"], bar["split"])]
    values = [value for entry in same for value in entry["values"]]
    good = sum(value <= bar["at_most"] for value in values)
    return f"{bar['network']}, {bar['split']}: at most {_figure(bar['at_most'])} ({bar['about']}) in {good} of {len(values)}"


def _spread(values: list[float]) -> str:
    """The median, and below it the range over the seeds."""
    low, middle, high = (_figure(float(q)) for q in np.quantile(values, [0, 0.5, 1]))
    return middle if low == high else f"{middle}\n{low} to {high}"


def _figure(value: float) -> str:
    return f"{value:.3f}" if value >= 0.01 or value == 0 else f"{value:.1e}"
