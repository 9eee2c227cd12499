"""A search: the studies of candidates that are compared, as a value that stands in the file of their results."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from throughtime.checks import is_whole, one_line, quoted
from throughtime.dynamics.choosing import SEARCH, Candidate, Judged, choose, done_in
from throughtime.dynamics.holding import forward_chain
from throughtime.dynamics.preparing import used_by
from throughtime.dynamics.study import Study
from throughtime.io import files
from throughtime.work.looks import Look

COMPARING = "comparing"


@dataclass(frozen=True, eq=False)
class SearchLook(Look):
    """Where a search stands.

    judged  the candidate that is done; None where the phase has changed
    """

    judged: Judged | None = None


def events_of(file: str | os.PathLike[str]) -> Path:
    """The file of events beside a file of results."""
    return Path(file).with_suffix(".events.jsonl")


def _look(done: Sequence[Judged], total: int) -> SearchLook:
    best = min(done, key=lambda judged: judged.error)
    remark = f"{len(done)} done  best {best.error:.4g}: {best.name}"
    return SearchLook(len(done) / total, COMPARING, remark, {"best": best.error}, done[-1])


@dataclass(frozen=True)
class Search:
    """Candidates, each as the study that `fit` would do, all with as many restarts and the same seed.

    studies  by the names that tell the candidates apart
    folds    blocks of time to be predicted, each from what lies before
    """

    studies: Mapping[str, Study]
    folds: int = 4

    def __post_init__(self) -> None:
        if not self.studies or not is_whole(self.folds, 1):
            raise ValueError(f"a search has studies, and at least one fold, not {quoted(self.folds)}")

    @property
    def study(self) -> Study:
        """One of them, of which the others have columns and table, too."""
        return next(iter(self.studies.values()))

    def run(
        self,
        u: Any,
        y: Any,
        file: str | os.PathLike[str],
        workers: int | None = None,
        phases: Mapping[str, float] | None = None,
    ) -> Iterator[SearchLook]:
        """Compare them, as `choose` does, look by look; the file says what is searched for, too.

        A line for each look goes into a file of events beside it (`events_of`), as that of a fit; seconds count from this call.

        phases  what was done before: {phase: the moment of `time.monotonic` at which it began}
        """
        done_in(file)  # refuses a file of anything else
        for study in self.studies.values():
            forward_chain(len(y), used_by(study.network), self.folds, 0.2)  # refuses too few rows
        if search_in(file) != self:
            files.append(file, self.to_line())
        candidates = [Candidate(name, study.network, study.stages) for name, study in self.studies.items()]
        found = choose(candidates, u, y, self.folds, self.study.restarts, self.study.seed, file, workers)
        return self._looks(found, events_of(file), phases or {})

    def _looks(self, found: Iterator[Judged], events: Path, phases: Mapping[str, float]) -> Iterator[SearchLook]:
        began, total = min([*phases.values(), time.monotonic()]), len(self.studies)

        def note(look: SearchLook, moment: float) -> SearchLook:
            files.append(events, look.to_line(moment - began), lasting=False)
            return look

        for phase, moment in phases.items():
            note(SearchLook(0.0, phase), moment)
        done, ended = list[Judged](), "stopped"
        try:
            yield note(SearchLook(0.0, COMPARING, "none done; each is compiled first"), time.monotonic())
            for judged in found:
                done.append(judged)
                yield note(_look(done, total), time.monotonic())
            ended = "finished"
        finally:
            with suppress(OSError):  # such as a full disk, which ended it
                note(SearchLook(len(done) / total, ended), time.monotonic())

    def to_line(self) -> str:
        """As a line of the file of results."""
        studies = {name: study.to_dict() for name, study in self.studies.items()}
        return json.dumps({"search": {"folds": self.folds, "studies": studies}})

    @classmethod
    def from_line(cls, line: str) -> Self:
        """What `to_line` made."""
        said = json.loads(line)["search"]
        return cls({name: Study.from_dict(study) for name, study in said["studies"].items()}, said["folds"])


def search_in(file: str | os.PathLike[str]) -> Search | None:
    """What was searched for last in a file of results; None if it does not say.

    raises  ValueError for a file in which that cannot be read
    """
    if not Path(file).exists():
        return None
    found = None
    for number, line in enumerate(Path(file).read_text(encoding="utf-8").split("\n"), 1):
        if line.startswith(SEARCH) and line.endswith("}"):  # else it was cut short
            try:
                found = Search.from_line(line)
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                raise ValueError(one_line(f"{file}: line {number} is no search: {error}")) from None
    return found
