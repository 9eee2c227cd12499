"""`throughtime fit`: from a table to a trained model, its errors, its pictures and a file of it."""

from dataclasses import replace
from time import monotonic

import typer

from throughtime.cli import fit_options as asked_for
from throughtime.cli import options
from throughtime.cli.importing import importing


def fit(
    context: typer.Context,
    table: asked_for.Table = None,
    outputs: asked_for.Outputs = "",
    out: asked_for.Out = None,
    inputs: asked_for.Inputs = "",
    time: asked_for.Time = None,
    time_format: asked_for.TimeFormat = None,
    low: asked_for.Low = None,
    high: asked_for.High = None,
    network: asked_for.Name = None,
    hidden: options.Hidden = "10",
    input_delays: options.InputDelays = None,
    output_delays: options.OutputDelays = None,
    delays: options.Delays = None,
    dead_time: asked_for.DeadTime = 0,
    width: options.Width = None,
    slots: options.Slots = None,
    activation: options.Activation = None,
    bidirectional: options.Bidirectional = False,
    learned_start: options.LearnedStart = False,
    increments: options.Increments = False,
    skip: options.Skip = False,
    effort: asked_for.EffortName = "usual",
    validation: asked_for.Validation = None,
    folds: asked_for.Folds = None,
    test: asked_for.Test = 0.0,
    washout: asked_for.Washout = None,
    loop: asked_for.Loop = None,
    horizon: asked_for.Horizon = None,
    optimizer: asked_for.Optimizer = None,
    learner: asked_for.Learner = None,
    restarts: asked_for.Restarts = None,
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

    Without --network it is a NARX network that begins as the linear model, with delays that are found (throughtime delays);
    of the networks that share a held-out block the best is kept, so that over the held-out rows none is worse than linear.

    Examples: throughtime fit tanks.csv --inputs u --outputs y --out tanks

    throughtime fit tanks.csv --inputs u --outputs y --network narx --input-delays 0:2 --output-delays 1:2 --hidden 10 --out tanks

    Once more, to the same numbers: throughtime fit tanks.csv --study tanks/study.json --out again.
    On with one that was interrupted or killed: throughtime fit tanks.csv --resume tanks
    """
    with importing():
        from throughtime.cli import data as columns
        from throughtime.cli import output, wiring
        from throughtime.cli.again import Job, again, beside, go_on
        from throughtime.cli.command import in_options
        from throughtime.cli.fitting import carry_out, decays_in, found_wiring, heard_note, limit
        from throughtime.dynamics.dead_time import with_dead_time
        from throughtime.dynamics.efforts import effort_of
        from throughtime.dynamics.shares import Shares
        from throughtime.dynamics.stages import Asked, optimizer_of, stages_of
        from throughtime.dynamics.study import Study
        from throughtime.dynamics.table import Columns, Limits, TableFile
        from throughtime.dynamics.wirings import LINEAR
        from throughtime.dynamics.wrong import Wrong
        from throughtime.io import readers
        from throughtime.io.files import fingerprint
        from throughtime.io.tables import Table
        from throughtime.reports.run_folder import RunFolder

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
            tuple(wiring.names(inputs)),
            tuple(wiring.names(asked_for.given("fit", outputs, "--outputs"))),
            time,
            time_format,
        )
        wired = wiring.wired(
            network or "narx",
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
            skip=skip or network is None,
        )
        meant, alike, by_effort = (
            effort_of(effort),
            wired.name == LINEAR,
            restarts is folds is validation is keep is None,
        )
        restarts, folds, validation, keep = meant.counts(restarts, folds, validation, keep, alike)
        shares = Shares(validation, folds, test, washout)
        data = columns.named(readers.read(table, Table), asked)
        if network is None and dead_time:
            raise Wrong("{dead_time} is for a {network} that is given: delays that are found hold it; leave it out")
        if network is None:
            said = {key for key, text in (("input_delays", input_delays), ("output_delays", output_delays)) if text}
            wired = found_wiring(wired, said, data, shares)
        epochs = epochs or (meant.epochs if optimizer in (None, "br", "lm") else None)
        decays = decays_in(decay)
        teaching = Asked(optimizer, learner, horizon, epochs, learning_rate, every, decays, patience, look, clip)
        made = with_dead_time(wired.build(len(asked.inputs), len(asked.outputs)), dead_time)
        if by_effort and decays is None and optimizer_of(made, teaching) == "br":
            teaching = replace(teaching, decay=meant.decays)
        stages = stages_of(made, wired.name, shares.of(data, made).training, loop, teaching)
        limits = Limits(*(limit(text, side, len(asked.outputs)) for text, side in ((low, "low"), (high, "high"))))
        origin = TableFile(table.name, fingerprint(table))
        asked_study = Study(wired, asked, stages, shares, restarts, keep, limits, seed, origin, dead_time)
        asked_study.rows(data)
    output.notes([heard_note(wired)] if network is None else [], quiet or json_)
    carry_out(Job(asked_study, data, RunFolder(out), overwrite), clock, json_, quiet)
