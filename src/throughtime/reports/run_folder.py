"""A run is a folder: a study is done in it, look by look, and what came of it is there however it ends."""

import os
import time
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any

from throughtime.dynamics.fitting import FitLook
from throughtime.dynamics.holding import Parts
from throughtime.dynamics.measured import Measured
from throughtime.dynamics.standing import Standing, load_standing, load_study, save_standing
from throughtime.dynamics.study import Study
from throughtime.dynamics.wrong import Wrong
from throughtime.io import files
from throughtime.models.model import Model
from throughtime.models.saving import save
from throughtime.reports import folders, judging
from throughtime.reports.folders import EVENTS, PROGRESS, STUDY
from throughtime.reports.outcome import METRICS, MODEL, Face, Outcome, Taught, settings_of
from throughtime.reports.rivals import linear_models
from throughtime.training import Diverged
from throughtime.work.looks import Look

JUDGED = (MODEL, METRICS, "wiring.png", "training.png", "prediction.png")
FILES = (*JUDGED, STUDY, EVENTS)
LEARNING = 0.98  # of the whole; judging and drawing are the rest
SECONDS = 2.0  # from one saving of progress to the next, at least


class Unjudged(KeyboardInterrupt):
    """An interruption after the training: the model is saved, its scores and pictures may be missing."""


@dataclass(frozen=True, eq=False)
class RunLook(FitLook):
    """Where a run stands; the last look has what came of it."""

    outcome: Outcome | None = None


Looks = Generator[RunLook, None, None]


@dataclass(frozen=True)
class RunFolder:
    """A folder in which a study is done: what `throughtime fit --out` leaves, from Python.

    study.json, what was asked; events.jsonl, a line for each look; model.safetensors, for `tt.load` and every command;
    metrics.json, the judgement; pictures of wiring, training and prediction; and, while it is not done, progress.safetensors.

    `run` and `resume` give looks as they come. Who stops listening, is killed or out of room leaves a folder that `resume` goes on
    with, to the same numbers. An interruption (Ctrl-C, or `throw(KeyboardInterrupt)`) ends the training: what was learned so far
    is judged and written, and can be gone on with, too.

    >>> import numpy as np, tempfile, throughtime as tt
    >>> from throughtime.dynamics.table import Columns
    >>> from throughtime.dynamics.wirings import Wiring
    >>> study = tt.Study(Wiring("narx", (2,)), Columns(("u",), ("y",)), (tt.Teaching(epochs=2, look=1),), restarts=1)
    >>> u = np.sin(np.arange(60.0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     *_, last = tt.RunFolder(folder).run(study, (u, np.append(0, u[:-1])))
    ...     model = tt.load(f"{folder}/model.safetensors")
    >>> last.phase, last.outcome.epochs, model.network == study.network
    ('finished', 2, True)
    """

    path: Path

    def __init__(self, path: str | os.PathLike[str]) -> None:
        object.__setattr__(self, "path", Path(path))

    def run(self, study: Study, measured: Any, overwrite: bool = False, face: Face | None = None) -> Looks:
        """Do a study here, look by look; nothing is done before the first look is asked for.

        measured   `Measured`, or (u, y) as `DynamicModel.fit` takes them
        overwrite  the folder may hold other files; those of the same names are replaced, together
        face       what is added in the words of who asks

        raises     ValueError for what does not fit the study, a study that JSON cannot hold, or a folder that cannot be used;
                   `Diverged` if no network stays finite: then nothing is written
        """
        study.to_json()
        return self._looks(study, measured, None, overwrite, face)

    def resume(self, measured: Any, face: Face | None = None) -> Looks:
        """Go on with the study that was begun here, to the numbers of a run that was never stopped.

        raises  ValueError if none was begun, it has ended, or the columns are others
        """
        standing = self.standing()
        return self._looks(standing.study, measured, standing, True, face)

    def standing(self) -> Standing:
        """How far the study is that was begun here; a ValueError if there is none to go on with."""
        progress, file = self.path / PROGRESS, self.path / STUDY
        if self.path.is_file():
            raise Wrong(f"{{resume}} {self.path}: this is a file; give the folder of the fit")
        if progress.is_file():
            return load_standing(progress)
        if not file.is_file():
            raise Wrong(
                f"{{resume}} {self.path}: there is no {STUDY}, so nothing was begun there; begin with {{folder}} {self.path}"
            )
        if (self.path / METRICS).exists():
            raise Wrong(
                f"{{resume}} {self.path}: the fit in it has ended; do it again with {{study}} {file} {{folder}} another"
            )
        return Standing(load_study(file))

    def _looks(self, study: Study, measured: Any, before: Standing | None, overwrite: bool, face: Face | None) -> Looks:
        data = study.measured(measured)
        run = _Run(self.path, study, data, study.rows(data), before, face or Face(), time.monotonic())
        return run.looks(overwrite)


@dataclass
class _Run:
    """A run at work."""

    path: Path
    study: Study
    data: Measured
    parts: Parts
    before: Standing | None
    face: Face
    entered: float
    new: bool = True
    taught: Taught = field(default_factory=Taught)

    @property
    def began(self) -> float:
        """The moment of `time.monotonic` at which it would have begun without interruptions."""
        return min([*self.face.phases.values(), self.entered]) - (self.before.seconds if self.before else 0.0)

    @property
    def seconds(self) -> float:
        """Since it was begun, but for those in which it was interrupted."""
        return time.monotonic() - self.began

    def looks(self, overwrite: bool) -> Looks:
        """All of it."""
        with folders.own(self.path, overwrite or self.before is not None):
            self.new = not any((self.path / name).exists() for name in JUDGED)
            try:
                self._begin()
                yield from self._learned()
                self._refuse_empty()
            except (KeyboardInterrupt, Exception) as end:
                if self.before is None and not self._goes_on_after(end):
                    self._sweep(STUDY, EVENTS, PROGRESS) if self.new else self._sweep(PROGRESS)
                raise
            outcome = yield from self._judged()
            if outcome.ended != "interrupted":
                self._sweep(PROGRESS)
            with suppress(KeyboardInterrupt):  # all is done
                yield RunLook(1.0, outcome.ended, model=outcome.model, at=self.taught.at, outcome=outcome)

    def note(self, look: Look) -> None:
        """Write a look into the file of events."""
        files.append(self.path / EVENTS, look.to_line(self.seconds), lasting=False)

    def _begin(self) -> None:
        """Say what is asked for before it is begun; where a folder is written over, what stands there is of the old study."""
        if self.before is None:
            self._sweep(EVENTS, PROGRESS)
            if self.new:
                files.write(self.path / STUDY, self.study.to_json())
            else:
                save_standing(self.path / PROGRESS, Standing(self.study))
        for phase, moment in self.face.phases.items():
            files.append(self.path / EVENTS, Look(0.0, phase).to_line(moment - self.began), lasting=False)

    def _goes_on_after(self, end: BaseException) -> bool:
        """Whether something was learned and saved before files could be written no more, as on a full disk."""
        return isinstance(end, OSError) and self.taught.at is not None and (self.path / PROGRESS).exists()

    def _sweep(self, *names: str) -> None:
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def _learned(self) -> Looks:
        """Fit the model; however it ends, what there is is kept."""
        before = self.before.at if self.before else None
        self.taught, saved, due = Taught(at=before), before, -inf
        try:
            for look in self.study.run(self.data, before):
                self.taught = Taught(look.model or self.taught.model, look.at or self.taught.at)
                look = replace(look, part=LEARNING * look.part)
                self.note(look)
                if look.at is not None and time.monotonic() >= due:
                    self._save()
                    saved, due = look.at, time.monotonic() + SECONDS
                yield RunLook(**vars(look))
        except (KeyboardInterrupt, GeneratorExit) as end:
            if self.taught.at is not saved:
                self._save()
            if isinstance(end, GeneratorExit):
                raise
            self.taught = replace(self.taught, ended="interrupted")
        except Diverged as trouble:
            self.taught = replace(self.taught, ended="diverged", trouble=str(trouble))

    def _save(self) -> None:
        save_standing(self.path / PROGRESS, Standing(self.study, self.taught.at, self.seconds))

    def _refuse_empty(self) -> None:
        """End a training that left no model."""
        if self.taught.model is not None:
            return
        if self.taught.ended == "interrupted":
            raise KeyboardInterrupt
        nothing = "no network has a free run over the held-out rows that stays finite: try another seed"
        raise Diverged(f"{self.taught.trouble or nothing}; nothing is written")

    def _judged(self) -> Generator[RunLook, None, Outcome]:
        """Judge the model, and write all files."""
        assert self.taught.model is not None
        model, taught = self.taught.model, self.taught
        linears = linear_models(model.network_, self.data, self.parts)
        settings = settings_of(self.study, self.parts, taught, linears, self.face)
        contents = model.to_model(**settings, single_output=len(model.outputs_) == 1)
        if self.new:  # else all files are replaced together
            save(self.path / MODEL, contents)
        try:
            yield self._phase("judging")
            judgement = judging.judge(model, self.data, self.parts, linears)
            outcome = Outcome(
                self.study, model, judgement, taught.ended, taught.trouble, taught.epochs, self.seconds, settings
            )
            yield self._phase("drawing")
            with files.together():
                self._write(contents)
                outcome.describe(self.path, self.data, self.parts, self.face.remedy)
            with suppress(OSError):
                self.note(Look(1.0, taught.ended))
        except KeyboardInterrupt:
            if not self.new:  # the old scores and pictures are of another model
                self._sweep(*JUDGED, STUDY)
                self._write(contents)
            raise Unjudged(
                f"interrupted after training: {self.path / MODEL} is saved, its scores and pictures may be missing"
            ) from None
        return outcome

    def _phase(self, phase: str) -> RunLook:
        look = RunLook(0.99, phase, model=self.taught.model, at=self.taught.at)
        self.note(look)
        return look

    def _write(self, contents: Model) -> None:
        save(self.path / MODEL, contents)
        files.write(self.path / STUDY, self.study.to_json())
