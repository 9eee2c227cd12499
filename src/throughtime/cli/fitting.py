"""A fit is carried out: its limits read, its notes said, what came of it printed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from throughtime.cli import data as columns
from throughtime.cli import output, results, wiring
from throughtime.cli.again import Job
from throughtime.cli.command import command, in_options
from throughtime.cli.data import Data
from throughtime.cli.errors import INTERRUPTED, Failure, Interrupted, Problem
from throughtime.drawing import weight_count
from throughtime.dynamics.efforts import proposal
from throughtime.dynamics.shares import Shares
from throughtime.dynamics.wirings import FAR, Wiring
from throughtime.reports.outcome import Face, Outcome
from throughtime.reports.run_folder import FILES, Unjudged
from throughtime.reports.verdicts import coverage_sentences


def found_wiring(wired: Wiring, said: set[str], data: Data, shares: Shares) -> Wiring:
    """The wiring with the delays that the rows before the test show, but for those that were said."""
    end = len(data) - round(shares.test * len(data))
    given = {key: value for key, value in wired.options.items() if key in said or key not in FAR}
    return proposal(data.u[:end] if data.inputs else None, data.y[:end], wired.hidden, given)


def heard_note(found: Wiring) -> str:
    """What a network hears whose delays nobody said."""
    heard = [f"--{key.replace('_', '-')} {wiring.told(found.options[key])}" for key in FAR if key in found.options]
    return f"note: the network hears {' '.join(heard)}; throughtime delays tells why"


def limit(text: str | None, side: str, outputs: int) -> tuple[float | None, ...]:
    """A limit for each output from a text such as '0,none'; a single one is that of all."""
    if text is None:
        return ()
    try:
        parts = [part.strip().lower() for part in text.split(",")]
        made = tuple(None if part in ("", "none") else _number(part) for part in parts)
    except ValueError:
        raise Problem(f"--{side} {text!r} cannot be read; write a number for each output, or none: 0,none") from None
    return made * outputs if len(made) == 1 else made


def decays_in(text: str | None) -> float | tuple[float, ...] | None:
    """One weight decay, or several, from a text such as '0,0.001'."""
    if text is None:
        return None
    try:
        made = tuple(_number(part) for part in text.split(","))
    except ValueError:
        raise Problem(f"--decay {text!r} cannot be read; write a number, or several: 0,0.001,0.03") from None
    return made[0] if len(made) == 1 else made


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
    notes = [*columns.notes(data), *columns.constant(data), *columns.far_away(data), *columns.sparse(data)]
    if asked_rows < weights:
        notes.append(f"note: only {asked_rows} rows are learned from, for {weights} weights: give more rows")
    output.notes(notes, quiet)
    advice = results.remedy(study.settings(parts))
    face = Face(command(study, parts.training, folder.path), advice, phases)
    try:
        with in_options(), output.ProgressBar("fit", quiet) as bar:
            looks = folder.resume(data, face) if job.begun else folder.run(study, data, job.overwrite, face)
            outcome = bar.follow(looks).outcome
    except Unjudged as late:
        raise Interrupted(f"{late}; throughtime fit --resume {folder.path} makes them") from None
    assert outcome is not None
    _report(folder.path, outcome, outcome.metrics(data, parts, advice) if json_ else None, quiet)


def _stayed(members: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence on the networks that are still the linear model with which they began."""
    linear = sum(member["epoch"] == 0 for member in members)
    if linear == len(members):
        return ["the linear model is the answer: no training was better in free run over the held-out rows"]
    where = "where training found nothing better on the held-out rows"
    are = "is" if linear == 1 else "are"
    return [f"{linear} of the {len(members)} networks {are} the linear model, {where}"] if linear else []


def _folded(outcome: Outcome) -> list[str]:
    """A sentence on rows that are both learned from and held out, where no others judge."""
    if not outcome.study.parts.folds or outcome.study.parts.test:
        return []
    return [
        "validation is of the same rows as training, each run over by the networks that it was held out from; those were chosen "
        "by it, so leave rows out of all: --test 0.2"
    ]


def _report(out: Path, outcome: Outcome, metrics: dict[str, Any] | None, quiet: bool) -> None:
    if metrics is not None:
        typer.echo(json.dumps(metrics))
    elif not quiet:
        judgement = outcome.judgement
        results.show(judgement, results.headline(outcome))
        written = f"written to {out}: {', '.join(FILES)}"
        advice = results.remedy(outcome.settings)
        stayed = _stayed(outcome.model.members_)
        said = [
            *results.verdicts(judgement, advice),
            *stayed,
            *_folded(outcome),
            *coverage_sentences(judgement.coverage),
        ]
        for line in ["", *said, "", written]:
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
