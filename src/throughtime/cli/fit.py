"""`throughtime fit`: from a table to a trained model, its errors, its pictures and a file of it."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray

from throughtime.cli import data as columns
from throughtime.cli import fit_options as asked_for
from throughtime.cli import options, output, results, wiring
from throughtime.cli.errors import INTERRUPTED, Failure, Problem
from throughtime.cli.learning import Taught, made_in
from throughtime.cli.plan import loops_of, optimizer_of, parts_of, refuse_large, stages_of
from throughtime.drawing import count
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.preparing import used_by
from throughtime.dynamics.teaching import Teaching
from throughtime.io import readers
from throughtime.io.files import fingerprint
from throughtime.io.tables import Table
from throughtime.models.columns import refuse_limits
from throughtime.reports.judgement import Judgement
from throughtime.reports.verdicts import coverage_sentences

Values = NDArray[np.float64]
PATHS = ("table", "out")  # whose folders are not kept; a Path, or its text, as the version of typer has it
NOT_REPEATED = ("overwrite", "json_", "quiet")  # of the command that is kept: they change nothing that is learned


def fit(
    context: typer.Context,
    table: options.TablePath,
    outputs: asked_for.Outputs,
    out: asked_for.Out,
    inputs: asked_for.Inputs = "",
    time: asked_for.Time = None,
    low: asked_for.Low = None,
    high: asked_for.High = None,
    network: asked_for.Name = "narx",
    hidden: options.Hidden = "10",
    input_delays: options.InputDelays = None,
    output_delays: options.OutputDelays = None,
    delays: options.Delays = None,
    width: options.Width = None,
    slots: options.Slots = None,
    activation: options.Activation = None,
    bidirectional: options.Bidirectional = False,
    learned_start: options.LearnedStart = False,
    increments: options.Increments = False,
    skip: options.Skip = False,
    validation: asked_for.Validation = 0.2,
    folds: asked_for.Folds = 0,
    test: asked_for.Test = 0.0,
    washout: asked_for.Washout = None,
    loop: asked_for.Loop = None,
    horizon: asked_for.Horizon = None,
    optimizer: asked_for.Optimizer = None,
    learner: asked_for.Learner = None,
    restarts: asked_for.Restarts = 5,
    keep: asked_for.Keep = None,
    epochs: asked_for.Epochs = None,
    learning_rate: asked_for.LearningRate = None,
    every: asked_for.Every = None,
    decay: asked_for.Decay = None,
    patience: asked_for.Patience = None,
    look: asked_for.Look = None,
    clip: asked_for.Clip = None,
    seed: asked_for.Seed = 0,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train networks on a table, and save the model, its errors and pictures.

    Writes model.safetensors, metrics.json, wiring.png, training.png and prediction.png into DIR. Free-run and one-step
    errors stand beside each other, and beside those of a linear model with the same delays. However a network is trained,
    training ends early by its free run over rows that were held out. The columns are standardised inside the model. With
    Ctrl-C the best weights so far are saved.

    Example: throughtime fit tanks.csv --inputs u --outputs y --network narx --input-delays 0:2 --output-delays 1:2
    --hidden 10 --out tanks
    """
    heard, asked = wiring.names(inputs), wiring.names(outputs)
    columns.check_names(heard, asked)
    chosen = wiring.chosen(
        input_delays=input_delays,
        output_delays=output_delays,
        taps=delays,
        width=width,
        slots=slots,
        activation=activation,
        bidirectional=bidirectional,
        learned_start=learned_start,
        increments=increments,
        skip=skip,
    )
    made = wiring.build(network, len(heard), wiring.hidden(hidden), len(asked), **chosen)
    loops = loops_of(loop, made, network)
    read = columns.read(readers.read(table, Table), heard, asked, time)
    parts = parts_of(read, made, (validation, test), folds, washout)
    given = {"learner": learner, "epochs": epochs, "rate": learning_rate, "every": every, "horizon": horizon}
    given |= {"decay": decay, "patience": patience, "look": look, "clip": clip}
    optimizer = optimizer_of(optimizer, made, given)
    stages = stages_of(made, loops, optimizer, parts.training, given)
    refuse_large(made, stages, restarts * max(folds, 1), parts.training)
    edges = limits_of(low, high, asked)
    model = DynamicModel(
        made,
        stages,
        restarts=restarts,
        folds=folds,
        validation=validation,
        keep=keep,
        washout=parts.first - used_by(made),
        low=edges[0],
        high=edges[1],
        random_state=seed,
    )
    settings: dict[str, Any] = {
        "table": table.name,
        "sha256": fingerprint(table),
        "command": command_of(context),
        "time": time,
    }
    settings |= {
        "network": network,
        "loop": "-".join(loops),
        "optimizer": optimizer,
        "learner": learner or ("bptt" if optimizer == "adam" else None),
    }
    settings |= _told(stages, optimizer) | {"restarts": restarts, "keep": keep, "seed": seed}
    settings |= {"validation": validation, "folds": folds, "test": test, "washout": parts.first}
    asked_rows, weights = parts.training - parts.first, count(made)
    notes = [*columns.notes(read), *columns.constant(read), *columns.sparse(read)]
    if asked_rows < weights:
        notes.append(f"note: only {asked_rows} rows are learned from, for {weights} weights: give more rows")
    output.notes(notes, quiet)
    with output.folder(out, overwrite):
        metrics, taught = made_in(out, model, read, parts, settings, quiet)
    _report(out, metrics, taught, json_, quiet)


def limits_of(low: str | None, high: str | None, outputs: list[str]) -> tuple[Values | None, Values | None]:
    """The limits of the sensors, a number for each output; NaN where there is none."""
    least, largest = (None if text is None else _edge(text, o, outputs) for text, o in ((low, "low"), (high, "high")))
    none = np.full(len(outputs), np.nan)
    refuse_limits(outputs, none if least is None else least, none if largest is None else largest, ("--low", "--high"))
    return least, largest


def _edge(text: str, option: str, outputs: list[str]) -> Values:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (1, len(outputs)):
        raise Problem(f"--{option} {text!r} has {len(parts)} numbers for {len(outputs)} outputs ({', '.join(outputs)})")
    try:
        made = np.array([np.nan if part.lower() in ("", "none") else _number(part) for part in parts])
    except ValueError:
        raise Problem(f"--{option} {text!r} cannot be read; write a number for each output, or none: 0,none") from None
    return np.broadcast_to(made, len(outputs))


def _number(part: str) -> float:
    made = float(part)
    if np.isnan(made):
        raise ValueError(part)
    return made


def command_of(context: typer.Context) -> str:
    """The command as it was given, with the names of files in place of their paths."""
    words = ["throughtime", str(context.info_name)]
    for parameter in context.command.params:
        source, value = context.get_parameter_source(parameter.name or ""), context.params.get(parameter.name or "")
        if source is None or source.name != "COMMANDLINE" or parameter.name in NOT_REPEATED:
            continue
        option = parameter.opts[0]
        if option.startswith("-"):
            words.append(option)
        if value is not True:
            words.append(Path(str(value)).name if parameter.name in PATHS else str(value))
    return shlex.join(words)


def _told(stages: Sequence[Teaching], optimizer: str) -> dict[str, Any]:
    last = stages[-1]
    made = {name: getattr(last, name) for name in ("horizon", "every", "decay", "clip", "patience", "look")}
    rate = last.rate if optimizer == "adam" else None
    return {"epochs": [stage.epochs for stage in stages], "learning_rate": rate} | made


def _report(out: Any, metrics: dict[str, Any], taught: Taught, json_: bool, quiet: bool) -> None:
    if json_:
        typer.echo(json.dumps(metrics))
    elif not quiet:
        judgement = Judgement.from_dict(metrics)
        results.show(judgement, results.headline(metrics))
        written = f"written to {out}: {', '.join(results.FILES)}"
        for line in ["", *metrics["verdict"], *coverage_sentences(judgement.coverage), "", written]:
            output.say(line)
    if taught.ended == "interrupted":
        output.say(f"interrupted after {taught.epochs} epochs: the best weights so far are saved in {out}", err=True)
        raise typer.Exit(INTERRUPTED)
    if taught.ended == "diverged":
        raise Failure(f"{taught.trouble}; the last good weights are saved in {out}")
