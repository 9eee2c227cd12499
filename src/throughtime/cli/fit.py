"""`throughtime fit`: from a table to a trained model, its errors, its pictures and a file of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import typer

from throughtime.cli import data as columns
from throughtime.cli import fit_options as asked_for
from throughtime.cli import options, output, results, wiring
from throughtime.cli.again import Job, again, beside, go_on
from throughtime.cli.command import command, in_options
from throughtime.cli.errors import INTERRUPTED, Failure, Interrupted, Problem
from throughtime.drawing import weight_count
from throughtime.dynamics.shares import Shares
from throughtime.dynamics.stages import Asked, stages_of
from throughtime.dynamics.study import Study
from throughtime.dynamics.table import Columns, Limits, TableFile
from throughtime.io import readers
from throughtime.io.files import fingerprint
from throughtime.io.tables import Table
from throughtime.reports.outcome import Face, Outcome
from throughtime.reports.run_folder import FILES, RunFolder, Unjudged
from throughtime.reports.verdicts import coverage_sentences


def fit(
    context: typer.Context,
    table: asked_for.Table = None,
    outputs: asked_for.Outputs = "",
    out: asked_for.Out = None,
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
    study: asked_for.Again = None,
    resume: asked_for.Resume = None,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train networks on a table, and save the model, its errors and pictures.

    Writes model.safetensors, metrics.json, study.json, events.jsonl, wiring.png, training.png and prediction.png into DIR.
    Free-run and one-step errors stand beside each other, and beside those of a linear model with the same delays. However a
    network is trained, training ends early by its free run over rows that were held out. The columns are standardised inside
    the model. With Ctrl-C the best weights so far are saved.

    Example: throughtime fit tanks.csv --inputs u --outputs y --network narx --input-delays 0:2 --output-delays 1:2
    --hidden 10 --out tanks

    Once more, to the same numbers: throughtime fit tanks.csv --study tanks/study.json --out again.
    On with one that was interrupted or killed: throughtime fit tanks.csv --resume tanks
    """
    clock = {"importing": context.obj or monotonic(), "reading": monotonic()}
    if resume is not None:
        beside(context, "resume", "table", "json_", "quiet")
        return carry_out(go_on(resume, table), clock, json_, quiet)
    if study is not None:
        beside(context, "study", "table", "inputs", "outputs", "time", "out", "overwrite", "json_", "quiet")
        out, named = asked_for.given("fit", out, "--out"), (wiring.names(inputs), wiring.names(outputs), time)
        return carry_out(again(study, table, named, out, overwrite), clock, json_, quiet)
    table, out = asked_for.given("fit", table, "TABLE"), asked_for.given("fit", out, "--out")
    with in_options():
        asked = Columns(
            tuple(wiring.names(inputs)), tuple(wiring.names(asked_for.given("fit", outputs, "--outputs"))), time
        )
        wired = wiring.wired(
            network,
            hidden,
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
        teaching = Asked(optimizer, learner, horizon, epochs, learning_rate, every, decay, patience, look, clip)
        made = wired.build(len(asked.inputs), len(asked.outputs))
        shares = Shares(validation, folds, test, washout)
        data = columns.read(readers.read(table, Table), asked.inputs, asked.outputs, time)
        stages = stages_of(made, network, shares.of(data, made).training, loop, teaching)
        limits = Limits(*(_limit(text, side, len(asked.outputs)) for text, side in ((low, "low"), (high, "high"))))
        origin = TableFile(table.name, fingerprint(table))
        asked_study = Study(wired, asked, stages, shares, restarts, keep, limits, seed, origin)
        asked_study.rows(data)
    carry_out(Job(asked_study, data, RunFolder(out), overwrite), clock, json_, quiet)


def _limit(text: str | None, side: str, outputs: int) -> tuple[float | None, ...]:
    """A limit for each output from a text such as '0,none'; a single one is that of all."""
    if text is None:
        return ()
    try:
        parts = [part.strip().lower() for part in text.split(",")]
        made = tuple(None if part in ("", "none") else _number(part) for part in parts)
    except ValueError:
        raise Problem(f"--{side} {text!r} cannot be read; write a number for each output, or none: 0,none") from None
    return made * outputs if len(made) == 1 else made


def _number(part: str) -> float:
    made = float(part)
    if made != made:
        raise ValueError(part)
    return made


def carry_out(job: Job, phases: Mapping[str, float], json_: bool, quiet: bool) -> None:
    """Fit what was asked for, in its folder, and say what came of it."""
    study, data, folder = job.study, job.data, job.folder
    with in_options():
        parts = study.rows(data)
    asked_rows, weights = parts.training - parts.first, weight_count(study.network)
    notes = [*columns.notes(data), *columns.constant(data), *columns.sparse(data)]
    if asked_rows < weights:
        notes.append(f"note: only {asked_rows} rows are learned from, for {weights} weights: give more rows")
    output.notes(notes, quiet)
    face = Face(command(study, parts.training, folder.path), results.REMEDY, phases)
    try:
        with in_options(), output.ProgressBar("fit", quiet) as bar:
            looks = folder.resume(data, face) if job.begun else folder.run(study, data, job.overwrite, face)
            outcome = bar.follow(looks).outcome
    except Unjudged as late:
        raise Interrupted(f"{late}; throughtime fit --resume {folder.path} makes them") from None
    assert outcome is not None
    _report(folder.path, outcome, outcome.metrics(data, parts, results.REMEDY) if json_ else None, quiet)


def _report(out: Path, outcome: Outcome, metrics: dict[str, Any] | None, quiet: bool) -> None:
    if metrics is not None:
        typer.echo(json.dumps(metrics))
    elif not quiet:
        judgement = outcome.judgement
        results.show(judgement, results.headline(outcome))
        written = f"written to {out}: {', '.join(FILES)}"
        for line in ["", *results.verdicts(judgement), *coverage_sentences(judgement.coverage), "", written]:
            output.say(line)
    if outcome.ended == "interrupted":
        output.say(
            f"interrupted after {outcome.epochs} epochs: the best weights so far are saved in {out}; "
            f"throughtime fit --resume {out} goes on",
            err=True,
        )
        raise typer.Exit(INTERRUPTED)
    if outcome.ended == "diverged":
        raise Failure(f"{outcome.trouble}; the last good weights are saved in {out}")
