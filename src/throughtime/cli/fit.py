"""`throughtime fit`: from a table to a trained network, its errors, its pictures and a saved model."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from throughtime.cli import options, output, results, tables, wiring
from throughtime.cli.errors import INTERRUPTED, Failure, Interrupted, Problem
from throughtime.cli.options import LEAVING, TRAINING
from throughtime.cli.teaching import LOOPS, History, Plan, data_of, loops_of, teach
from throughtime.storage import Model, save


def fit(
    table: options.TablePath,
    outputs: Annotated[str, typer.Option(metavar="y[,y]", help="Columns to predict; empty cells ask nothing.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results.", rich_help_panel=LEAVING)],
    inputs: Annotated[
        str,
        typer.Option(metavar="u[,u]", help="Columns it hears. None: narx and jordan predict a series from its past."),
    ] = "",
    network: Annotated[
        str, typer.Option(help=f"One of {', '.join(wiring.NETWORKS)}.", rich_help_panel=options.WIRING)
    ] = "narx",
    hidden: options.Hidden = "10",
    input_delays: options.InputDelays = None,
    output_delays: options.OutputDelays = None,
    delays: options.Delays = None,
    width: options.Width = None,
    activation: options.Activation = None,
    bidirectional: options.Bidirectional = False,
    learned_start: options.LearnedStart = False,
    learner: Annotated[
        str,
        typer.Option(help="bptt, bptt:HORIZON, rtrl, rtrl:BLOCK, focused or backprop.", rich_help_panel=TRAINING),
    ] = "bptt",
    loop: Annotated[
        str | None,
        typer.Option(
            help="narx, jordan: train on their own past outputs (closed), on measured ones (open), or first open, then "
            "closed. A network trained open may fail when it runs free. Default: closed; open for a series.",
            metavar="|".join(LOOPS),
            rich_help_panel=TRAINING,
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="At most so many.", rich_help_panel=TRAINING)] = 500,
    learning_rate: Annotated[
        float, typer.Option(help="First step size of Adam; it falls to zero.", rich_help_panel=TRAINING)
    ] = 0.01,
    every: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Steps between two updates. Default: a tenth of the rows, at least 100.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    validation: Annotated[
        float, typer.Option(help="Last part of the table, held out for early stopping.", rich_help_panel=TRAINING)
    ] = 0.2,
    patience: Annotated[
        int, typer.Option(min=1, help="End after so many epochs without a better one.", rich_help_panel=TRAINING)
    ] = 100,
    washout: Annotated[
        int | None,
        typer.Option(
            min=0, help="First rows in which nothing is asked. Default: the longest delay.", rich_help_panel=TRAINING
        ),
    ] = None,
    clip: Annotated[float, typer.Option(help="Largest norm of the gradient; 0: any.", rich_help_panel=TRAINING)] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the first weights.", rich_help_panel=TRAINING)] = 0,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a network on a table, and save the model, its errors and pictures.

    Writes model.safetensors, metrics.json, wiring.png, training.png and prediction.png into DIR. The columns are
    standardised inside the model. With Ctrl-C the best weights so far are saved.

    Example: throughtime fit tanks.csv --inputs u --outputs y --network narx --input-delays 0:2 --output-delays 1:2
    --hidden 10 --out tanks
    """
    heard, asked = wiring.names(inputs), wiring.names(outputs)
    made = wiring.build(
        network,
        len(heard),
        wiring.hidden(hidden),
        len(asked) or 1,
        input_delays=input_delays and wiring.delays(input_delays),
        output_delays=output_delays and wiring.delays(output_delays),
        delays=delays and [wiring.delays(part) for part in delays.split("/")],
        width=width,
        f=activation and wiring.unit(activation),
        bidirectional=bidirectional or None,
        start="learned" if learned_start else None,
    )
    loops = loops_of(loop, made, network)
    data = data_of(tables.read(table), heard, asked, made, loops, validation, washout)
    _check_rates(learning_rate, clip)
    cut_every = None if any(layer.backward for layer in made.layers) else every or max(100, -(-data.cut // 10))
    plan = Plan(
        wiring.learner(learner),
        loops,
        epochs,
        learning_rate,
        cut_every,
        seed,
        patience if validation else None,
        clip or None,
    )
    settings = {"table": table.name, "network": network, "learner": learner, "loop": loops[-1], "seed": seed}
    settings |= {"epochs": epochs, "learning_rate": learning_rate, "every": cut_every, "clip": clip}
    with output.folder(out, overwrite):
        started = time.monotonic()
        history = teach(made, data, plan, quiet)
        if history.weights is None:
            raise (
                KeyboardInterrupt
                if history.ended == "interrupted"
                else Failure(history.trouble + "; nothing is written")
            )
        settings |= {"ended": history.ended, "epochs_done": len(history.losses), "best_epoch": history.best_epoch}
        model = Model(made, history.weights, data.inputs, data.outputs, washout=data.washout, settings=settings)
        save(out / "model.safetensors", model)
        try:
            metrics = results.metrics(model, data.x, data.y, data.cut)
            metrics["seconds"] = round(time.monotonic() - started, 2)
            results.describe(out, model, metrics, history.losses, history.validations, (data.x, data.y), data.cut)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted after training: {out / 'model.safetensors'} is saved, its scores and pictures may be missing"
            ) from None
    _report(out, metrics, history, json_, quiet)


def _report(out: Path, metrics: dict[str, Any], history: History, json_: bool, quiet: bool) -> None:
    if json_:
        typer.echo(json.dumps(metrics))
    elif not quiet:
        results.show(metrics)
        if poor := results.verdict(metrics):
            typer.echo(f"\n{poor}")
        typer.echo(f"\nwritten to {out}: {', '.join(results.FILES)}")
    if history.ended == "interrupted":
        kept = f"epoch {history.best_epoch} of {len(history.losses)}"
        typer.echo(f"interrupted: the best weights so far ({kept}) are saved in {out}", err=True)
        raise typer.Exit(INTERRUPTED)
    if history.ended == "diverged":
        raise Failure(f"{history.trouble}; the last good weights are saved in {out}")


def _check_rates(learning_rate: float, clip: float) -> None:
    if not 0 < learning_rate < np.inf:
        raise Problem(f"--learning-rate must be above 0, not {learning_rate}")
    if not 0 <= clip < np.inf:
        raise Problem(f"--clip must be 0 or above, not {clip}")
