"""The middle of `fit`: the training itself, and what is left of it however it ends."""

import time
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from throughtime.cli import output, results
from throughtime.cli.command import command, optimizer_said
from throughtime.cli.data import Data
from throughtime.cli.errors import Failure, Interrupted
from throughtime.drawing import count
from throughtime.dynamics.fitting import told_error
from throughtime.dynamics.holding import Parts
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.stages import learner_word
from throughtime.dynamics.standing import Standing, save_standing
from throughtime.dynamics.study import Study
from throughtime.dynamics.teaching import StageReport
from throughtime.io import files
from throughtime.models.saving import library_version, save
from throughtime.reports import judging
from throughtime.reports.rivals import linear_models
from throughtime.training import Diverged
from throughtime.work.looks import Look

KEPT = ("single_output", "members", "intervals", "linear")  # of the model's settings, said elsewhere or for machines
STUDY, EVENTS, PROGRESS = "study.json", "events.jsonl", "progress.safetensors"
SECONDS = 2.0  # from one saving of progress to the next, at least


@dataclass(frozen=True, eq=False)
class Job:
    """What one call of `fit` does.

    out        the folder
    overwrite  it may hold other files
    resumed    the study was begun there, and stands so
    """

    study: Study
    data: Data
    out: Path
    overwrite: bool = False
    resumed: Standing | None = None

    @property
    def progress(self) -> Path:
        """The file of how far it is."""
        return self.out / PROGRESS


class Clock(NamedTuple):
    """Moments of `time.monotonic`: when the program began, and when it had imported and began to read."""

    began: float
    entered: float


@dataclass
class Taught:
    """What a training left: the model with its best weights so far, or None, and how it ended."""

    model: DynamicModel | None = None
    ended: str = "finished"
    trouble: str = ""
    at: StageReport | None = None

    @property
    def epochs(self) -> int:
        """How many were done, in all stages."""
        return sum(self.at.epochs) if self.at else 0


@dataclass
class Watch:
    """Who is told of each look: the bar, and the file of events."""

    bar: output.Bar
    events: Path
    began: float

    def __call__(self, look: Look) -> None:
        """Tell of it."""
        self.bar.show(look)
        self.note(look, time.monotonic())

    def note(self, look: Look, moment: float) -> None:
        """Write it into the file of events alone."""
        files.append(self.events, look.to_line(moment - self.began), lasting=False)

    @property
    def seconds(self) -> float:
        """Since the fit was begun, but for those in which it was interrupted."""
        return time.monotonic() - self.began


def made_in(job: Job, parts: Parts, clock: Clock, quiet: bool) -> tuple[dict[str, Any], Taught]:
    """Train, save, judge, and write all files: what metrics.json holds, and what the training left."""
    new = not any((job.out / name).exists() for name in results.FILES)
    with output.Bar("fit", quiet) as bar:
        watch = Watch(bar, job.out / EVENTS, clock.began - (job.resumed.seconds if job.resumed else 0.0))
        try:
            _begin(job, new)
            for moment, phase in ((clock.began, "importing"), (clock.entered, "reading")):
                watch.note(Look(0.0, phase), moment)
            taught = learn(job, watch)
            if taught.model is None:
                _refuse_empty(taught)
        except (KeyboardInterrupt, Exception):
            if not job.resumed:
                _sweep(job, STUDY, EVENTS, PROGRESS) if new else _sweep(job, PROGRESS)
            raise
        metrics = _written(job, parts, taught, new, watch)
    if taught.ended != "interrupted":
        _sweep(job, PROGRESS)
    return metrics, taught


def _begin(job: Job, new: bool) -> None:
    """Say what is asked for before it is begun; where a folder is written over, what stands there is of the old study."""
    if job.resumed:
        return
    _sweep(job, EVENTS, PROGRESS)
    if new:
        files.write(job.out / STUDY, job.study.to_json())
    else:
        save_standing(job.progress, Standing(job.study))


def _sweep(job: Job, *names: str) -> None:
    for name in names:
        (job.out / name).unlink(missing_ok=True)


def _refuse_empty(taught: Taught) -> None:
    """End a training that left no model."""
    if taught.ended == "interrupted":
        raise KeyboardInterrupt
    nothing = "no network has a free run over the held-out rows that stays finite: try another --seed"
    raise Failure(f"{taught.trouble or nothing}; nothing is written")


def _written(job: Job, parts: Parts, taught: Taught, new: bool, watch: Watch) -> dict[str, Any]:
    """Judge the model, and write all files."""
    assert taught.model is not None
    out, data, model = job.out, job.data, taught.model
    linears = linear_models(model.network_, data, parts)
    settings = settings_of(job.study, parts, job.out) | {
        "version": library_version(),
        "ended": taught.ended,
        "epochs_done": taught.epochs,
        "linear": linears[None].to_dict() if linears else None,
    }
    contents = model.to_model(**settings)
    if new:  # else all files are replaced together
        save(out / "model.safetensors", contents)
    try:
        watch(Look(0.99, "judging"))
        judgement = judging.judge(model, data, parts, linears)
        assert judgement.evidence is not None
        metrics = _about(model, settings, data, parts) | judgement.to_dict(results.REMEDY)
        metrics |= {"seconds": round(watch.seconds, 2)}
        watch(Look(0.99, "drawing"))
        with files.together():
            save(out / "model.safetensors", contents)
            files.write(out / STUDY, job.study.to_json())
            results.describe(out, model, metrics, data, judgement.evidence)
        with suppress(OSError):
            watch(Look(1.0, taught.ended))
    except KeyboardInterrupt:
        if not new:  # the old scores and pictures are of another model
            _sweep(job, *results.FILES, STUDY)
            save(out / "model.safetensors", contents)
            files.write(out / STUDY, job.study.to_json())
        raise Interrupted(
            f"interrupted after training: {out / 'model.safetensors'} is saved, its scores and pictures may be missing; "
            f"throughtime fit --resume {out} makes them"
        ) from None
    return metrics


def settings_of(study: Study, parts: Parts, out: Path) -> dict[str, Any]:
    """What a model's file says of the study."""
    last, table, shares = study.stages[-1], study.table, study.parts
    word = optimizer_said(last.optimizer)
    return {
        "table": table and table.name,
        "sha256": table and table.sha256,
        "command": command(study, parts.training, out),
        "time": study.columns.time,
        "network": study.name,
        "loop": "-".join(stage.loop for stage in study.stages),
        "optimizer": word,
        "learner": learner_word(last.learner) if word not in ("lm", "br") else None,
        "epochs": [stage.epochs for stage in study.stages],
        "learning_rate": last.rate if word not in ("lm", "br") else None,
        **{name: getattr(last, name) for name in ("horizon", "every", "decay", "clip", "patience", "look")},
        **{name: getattr(study, name) for name in ("restarts", "keep", "seed")},
        **{name: getattr(shares, name) for name in ("validation", "folds", "test")},
        "washout": parts.first,
    }


def _about(model: DynamicModel, settings: dict[str, Any], data: Data, parts: Parts) -> dict[str, Any]:
    """What metrics.json holds beside the scores."""
    rows = {"training": parts.training, "validation": int(parts.held.any(axis=0).sum())}
    members = [m | {"error": told_error(model, m["error"])} for m in model.members_]
    return {
        "settings": {key: value for key, value in settings.items() if key not in KEPT},
        "data": {"table": data.source.name, "rows": len(data), "sha256": settings["sha256"]},
        "weights": count(model.network_),
        "rows": rows | {"test": len(data) - parts.end, "washout": parts.first},
        "members": members,
    }


def learn(job: Job, watch: Watch) -> Taught:
    """Fit the model; an interruption or a divergence keeps what there is."""
    before = job.resumed.at if job.resumed else None
    taught, saved, due = Taught(at=before), before, -inf
    try:
        for look in job.study.run(job.data, before):
            taught = Taught(look.model or taught.model, at=look.at or taught.at)
            watch(look)
            if look.at is not None and time.monotonic() >= due:
                save_standing(job.progress, Standing(job.study, look.at, watch.seconds))
                saved, due = look.at, time.monotonic() + SECONDS
    except KeyboardInterrupt:
        taught.ended = "interrupted"
        if taught.at is not saved:
            save_standing(job.progress, Standing(job.study, taught.at, watch.seconds))
    except Diverged as trouble:
        taught.ended, taught.trouble = "diverged", str(trouble)
    return taught
