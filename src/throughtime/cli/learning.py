"""The middle of `fit`: the training itself, and what is left of it however it ends."""

import time
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from throughtime.cli import output, results
from throughtime.cli.data import Data
from throughtime.cli.errors import Failure, Interrupted
from throughtime.drawing import count
from throughtime.dynamics.holding import Parts
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.teaching import Progress, Teaching
from throughtime.io import files
from throughtime.models.saving import library_version, save
from throughtime.reports import judging
from throughtime.reports.rivals import linear_models
from throughtime.training import Diverged

KEPT = ("single_output", "members", "intervals", "linear")  # of the model's settings, said elsewhere or for machines


@dataclass
class Taught:
    """What a training left: the model with its best weights so far, or None, and how it ended."""

    model: DynamicModel | None = None
    ended: str = "finished"
    trouble: str = ""
    epochs: int = 0


def made_in(
    out: Path, model: DynamicModel, data: Data, parts: Parts, settings: dict[str, Any], quiet: bool
) -> tuple[dict[str, Any], Taught]:
    """Train, save, judge, and write all files: what metrics.json holds, and what the training left."""
    began = time.monotonic()
    taught = learn(model, data, parts, quiet)
    if taught.model is None and taught.ended == "interrupted":
        raise KeyboardInterrupt
    if taught.model is None:
        trouble = (
            taught.trouble or "no network has a free run over the held-out rows that stays finite: try another --seed"
        )
        raise Failure(f"{trouble}; nothing is written")
    linears = linear_models(model.network_, data, parts)
    settings |= {
        "version": library_version(),
        "ended": taught.ended,
        "epochs_done": taught.epochs,
        "linear": linears[None].to_dict() if linears else None,
    }
    contents, new = taught.model.to_model(**settings), not any((out / name).exists() for name in results.FILES)
    if new:  # else all files are replaced together
        save(out / "model.safetensors", contents)
    try:
        judgement = judging.judge(taught.model, data, parts, linears)
        metrics = _about(taught.model, settings, data, parts) | judgement.to_dict(results.REMEDY)
        metrics |= {"seconds": round(time.monotonic() - began, 2)}
        assert judgement.evidence is not None
        with files.together():
            save(out / "model.safetensors", contents)
            results.describe(out, taught.model, metrics, data, judgement.evidence)
    except KeyboardInterrupt:
        if not new:  # the old scores and pictures are of another model
            for name in results.FILES:
                (out / name).unlink(missing_ok=True)
            save(out / "model.safetensors", contents)
        raise Interrupted(
            f"interrupted after training: {out / 'model.safetensors'} is saved, its scores and pictures may be missing"
        ) from None
    return metrics, taught


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


def learn(model: DynamicModel, data: Data, parts: Parts, quiet: bool) -> Taught:
    """Fit the model to the rows before the test; an interruption or a divergence keeps what there is."""
    taught, stages = Taught(), model.teaching or ()
    done = [0] * len(stages)
    try:
        with output.Bar("training", quiet) as bar:
            for progress in model.lessons(*data.frames(slice(0, parts.end))):
                done[progress.stage] = progress.report.epoch
                taught.epochs = sum(done)
                if model.members_:  # those whose free run is finite
                    taught.model = copy(model)
                part = progress.stage + progress.report.epoch / stages[progress.stage].epochs
                bar(part / len(stages), _remark(model, stages[progress.stage], progress))
            taught.model = model if model.members_ else None  # with its intervals
    except KeyboardInterrupt:
        taught.ended = "interrupted"
    except Diverged as trouble:
        taught.ended, taught.trouble = "diverged", str(trouble)
    return taught


def _remark(model: DynamicModel, stage: Teaching, progress: Progress) -> str:
    """Where it stands, short enough for one line of a terminal: the error is the best network's."""
    loop = f"{stage.loop} loop, " if model.network_.feedback is not None else ""
    kind = "training" if progress.report.validation is None else "held out"
    error = told_error(model, min((member["error"] for member in model.members_), default=np.nan))
    unit = "" if len(model.outputs_) == 1 else " deviations"
    return f"{loop}epoch {progress.report.epoch}, {kind} {error:.4g}{unit}"


def told_error(model: DynamicModel, error: float) -> float:
    """An error over all outputs, as training has it: in the output's units, or in deviations if there are several."""
    return error * (model.outputs_[0].scale if len(model.outputs_) == 1 else len(model.outputs_) ** -0.5)
