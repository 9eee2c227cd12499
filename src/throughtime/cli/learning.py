"""The middle of `fit`: the training itself, and what is left of it however it ends."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from throughtime.cli import output, results
from throughtime.cli.command import command, optimizer_said
from throughtime.cli.data import Data
from throughtime.cli.errors import Failure, Interrupted
from throughtime.drawing import count
from throughtime.dynamics.fitting import FitLook, told_error
from throughtime.dynamics.holding import Parts
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.stages import learner_word
from throughtime.dynamics.study import Study
from throughtime.dynamics.teaching import StageReport
from throughtime.io import files
from throughtime.models.saving import library_version, save
from throughtime.reports import judging
from throughtime.reports.rivals import linear_models
from throughtime.training import Diverged
from throughtime.work.looks import Look

KEPT = ("single_output", "members", "intervals", "linear")  # of the model's settings, said elsewhere or for machines
STUDY, EVENTS = "study.json", "events.jsonl"


@dataclass(frozen=True, eq=False)
class Job:
    """What one call of `fit` does.

    out        the folder
    overwrite  it may hold other files
    resumed    it holds this study, begun
    after      where that stood; None: at its beginning
    """

    study: Study
    data: Data
    out: Path
    overwrite: bool = False
    resumed: bool = False
    after: StageReport | None = None


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
    began: float = field(default_factory=time.monotonic)

    def __call__(self, look: Look) -> None:
        """Tell of it."""
        self.bar.show(look)
        files.append(self.events, look.to_line(time.monotonic() - self.began))


def made_in(job: Job, parts: Parts, quiet: bool) -> tuple[dict[str, Any], Taught]:
    """Train, save, judge, and write all files: what metrics.json holds, and what the training left."""
    new = not any((job.out / name).exists() for name in results.FILES)
    if not job.resumed:
        (job.out / EVENTS).unlink(missing_ok=True)
    with output.Bar("fit", quiet) as bar:
        watch = Watch(bar, job.out / EVENTS)
        if new:
            files.write(job.out / STUDY, job.study.to_json())
        watch(Look(0.0, "imported", figures={"seconds of processor": round(time.process_time(), 2)}))
        try:
            taught = learn(job, watch)
            if taught.model is None:
                _refuse_empty(taught)
        except BaseException:
            if new and not job.resumed:
                for name in (STUDY, EVENTS):
                    (job.out / name).unlink(missing_ok=True)
            raise
        return _written(job, parts, taught, new, watch), taught


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
        metrics |= {"seconds": round(time.monotonic() - watch.began, 2)}
        watch(Look(0.99, "drawing"))
        with files.together():
            save(out / "model.safetensors", contents)
            files.write(out / STUDY, job.study.to_json())
            results.describe(out, model, metrics, data, judgement.evidence)
        with suppress(OSError):
            watch(Look(1.0, taught.ended))
    except KeyboardInterrupt:
        if not new:  # the old scores and pictures are of another model
            for name in results.FILES:
                (out / name).unlink(missing_ok=True)
            save(out / "model.safetensors", contents)
        raise Interrupted(
            f"interrupted after training: {out / 'model.safetensors'} is saved, its scores and pictures may be missing"
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
    taught = Taught(at=job.after)
    try:
        for look in job.study.run(job.data, job.after):
            taught = _after(taught, look)
            watch(look)
    except KeyboardInterrupt:
        taught.ended = "interrupted"
    except Diverged as trouble:
        taught.ended, taught.trouble = "diverged", str(trouble)
    return taught


def _after(taught: Taught, look: FitLook) -> Taught:
    return Taught(look.model or taught.model, at=look.at or taught.at)
