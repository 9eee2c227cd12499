"""A labeller taught, judged and written, step by step."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from throughtime import plots
from throughtime.cli import output
from throughtime.cli.command import in_options
from throughtime.cli.errors import INTERRUPTED
from throughtime.features.series import KIND
from throughtime.io import files
from throughtime.labelling import baseline
from throughtime.labelling.held_out import split
from throughtime.labelling.judged import MOST, LabelJudgement, judged, plot_confusion
from throughtime.labelling.labelled import LabelColumns, Labelled, read
from throughtime.labelling.teaching import LabelLook, LabelTeaching, chances, model_together, teach
from throughtime.models.saving import save
from throughtime.reports import folders
from throughtime.texts import first_few


def carry_out(
    data: Path,
    test: Path | None,
    asked: LabelColumns,
    held: tuple[float, str | None],
    teaching: LabelTeaching,
    out: Path,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Read, teach, judge, write and tell."""
    with in_options(), folders.own(out, overwrite), output.ProgressBar("learn", quiet) as bar:
        bar(0.0, "reading")
        labelled = read(data, asked)
        if test is None:
            known, new = split(labelled, *held, teaching.seed)
        else:
            known, new = labelled, read(test, asked, labelled.features)
        last = bar.follow(teach(known, teaching))
        made = _judge(last, known, new, teaching)
        model = model_together(last.networks, known.features)
        said = {
            "data": str(data),
            "test": None if test is None else str(test),
            "learned from": len(known),
            "heard": known.features.get("columns", ()) if known.features["kind"] == KIND else (),
            "teaching": asdict(teaching) | {"members": len(last.networks)},
            **made.to_dict(),
        }
        with files.together():
            save(out / "model.safetensors", model)
            files.write(out / "results.json", json.dumps(said, indent=2) + "\n")
            files.write_whole(out / "confusion.png", plot_confusion(made))
            files.write_whole(
                out / "training.png", plots.plot_training(last.losses[0], unit="loss per recording, one network")
            )
    _tell(said, made, out, as_json, quiet)
    if len(last.networks) < teaching.members:
        output.say(f"interrupted after {len(last.networks)} of {teaching.members} networks, which are saved", err=True)
        raise typer.Exit(INTERRUPTED)


def _judge(last: LabelLook, known: Labelled, new: Labelled, teaching: LabelTeaching) -> LabelJudgement:
    model = model_together(last.networks, known.features)
    simple = baseline.answers(baseline.forest(known.xs, known.labels, teaching.seed), new.xs)
    return judged(chances(model, new.xs), [str(name) for name in model.classes], new, simple)


def _tell(said: dict[str, Any], made: LabelJudgement, out: Path, as_json: bool, quiet: bool) -> None:
    if as_json:
        typer.echo(json.dumps(said))
    elif not quiet:
        output.say(f"learned from {said['learned from']} recordings{_heard(said['heard'])}")
        output.say(made.sentence())
        for mistake in made.mistakes[:MOST]:
            output.say(f"{mistake.name} is {mistake.label!r}, answered {mistake.answer!r} ({mistake.probability:.2f})")
        if len(made.mistakes) > MOST:
            output.say(f"... and {len(made.mistakes) - MOST} more in results.json")
        output.say()
        output.say(f"written to {out}: {', '.join(sorted(p.name for p in out.iterdir()))}")


def _heard(columns: Sequence[str]) -> str:
    return f", of which the columns {first_few(columns)} are heard" if columns else ""
