"""What came of a run: the model, its judgement, and how the training ended; what the files say of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from throughtime.drawing import weight_count
from throughtime.dynamics.fitting import told_error
from throughtime.dynamics.holding import Parts
from throughtime.dynamics.measured import Measured
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.study import Study
from throughtime.dynamics.teaching import StageReport
from throughtime.io import files
from throughtime.models.saving import library_version
from throughtime.reports.judgement import Judgement
from throughtime.reports.rivals import Linears
from throughtime.reports.verdicts import REMEDY

MODEL, METRICS = "model.safetensors", "metrics.json"
# Of the model's settings, said elsewhere or for machines.
KEPT = ("single_output", "members", "intervals", "linear", "ranges")


@dataclass(frozen=True)
class Face:
    """What who asks for a run adds to it, in its own words: the command line, a page, a program.

    command  that does the run again; None: there is none
    remedy   what to do where the linear model is better
    phases   what was done before the run: {phase: the moment of `time.monotonic` at which it began}
    """

    command: str | None = None
    remedy: str = REMEDY
    phases: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Taught:
    """What a training left.

    model    with the best weights so far; None before there are any that are finite
    at       where it stands
    ended    "finished", "interrupted" or "diverged"
    trouble  why it diverged
    """

    model: DynamicModel | None = None
    at: StageReport | None = None
    ended: str = "finished"
    trouble: str = ""

    @property
    def epochs(self) -> int:
        """How many were done, in all stages."""
        return sum(self.at.epochs) if self.at else 0


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a run.

    study      what was asked
    model      with the best weights, fitted
    judgement  of it, with its evidence
    ended      "finished"; "interrupted", or "diverged" for the reason in `trouble`: then the model is the best until then
    epochs     done, in all stages
    seconds    from the beginning to the judgement, but for those in which it was interrupted
    settings   what the model's file says beside the model
    """

    study: Study
    model: DynamicModel
    judgement: Judgement
    ended: str
    trouble: str
    epochs: int
    seconds: float
    settings: Mapping[str, Any]

    def metrics(self, data: Measured, parts: Parts, remedy: str = REMEDY) -> dict[str, Any]:
        """What metrics.json holds."""
        rows = {"training": parts.training, "validation": int(parts.held.any(axis=0).sum())}
        about = {
            "settings": {key: value for key, value in self.settings.items() if key not in KEPT},
            "data": {"table": data.source.name, "rows": len(data), "sha256": self.settings["sha256"]},
            "weights": weight_count(self.model.network_),
            "rows": rows | {"test": len(data) - parts.end, "washout": parts.first},
            "members": [m | {"error": told_error(self.model, m["error"])} for m in self.model.members_],
        }
        return about | self.judgement.to_dict(remedy) | {"seconds": round(self.seconds, 2)}

    def describe(self, folder: Path, data: Measured, parts: Parts, remedy: str = REMEDY) -> None:
        """Write metrics.json and the pictures into the folder; each appears only when it is complete."""
        from throughtime.drawing.picture import draw  # here: matplotlib takes long to import
        from throughtime.reports.course import plot_course
        from throughtime.reports.shown import response

        assert self.judgement.evidence is not None
        files.write(folder / METRICS, json.dumps(self.metrics(data, parts, remedy), indent=2) + "\n")
        draw(self.model.network_, folder / "wiring.png", data.inputs, data.outputs)
        files.write_whole(folder / "training.png", plot_course(self.model))
        files.write_whole(folder / "prediction.png", response(data, self.judgement.evidence))


def settings_of(study: Study, parts: Parts, taught: Taught, linears: Linears, face: Face) -> dict[str, Any]:
    """What the file of a model says of the run."""
    made = {} if face.command is None else {"command": face.command}
    return (
        study.settings(parts)
        | made
        | {
            "version": library_version(),
            "ended": taught.ended,
            "epochs_done": taught.epochs,
            "linear": linears[None].to_dict() if linears else None,
        }
    )
