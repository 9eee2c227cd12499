"""The ledger of an experiment: what is done is kept in files, so that who is killed goes on to the same numbers.

An experiment is made of pieces, each with a name, such as "NARX, seed 3". What a piece brought stands in a file of its own
below `training/`, whole or not at all, with a description: the experiment, quick or not, the version of this library, the
piece and its settings. A file of another description is of no use here, and the piece is done anew in its place.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from throughtime.dynamics import standing
from throughtime.experiments import KEPT
from throughtime.io import trees
from throughtime.training import progress
from throughtime.training.origin import in_words
from throughtime.training.report import NothingLeft

ABOUT = "a piece of an experiment of throughtime, version 1"


class DamagedState(OSError):
    """A file of what is done cannot be read, so it cannot be gone on with."""


Looks = Callable[..., Iterator[Any]]  # `Ledger.looks` of one piece


class ReportFormat(NamedTuple):
    """How a report becomes a tree, and back."""

    packed: Callable[[Any], Any]
    unpacked: Callable[[Any], Any]


OF_TRAIN = ReportFormat(progress.packed_report, progress.report_in)
OF_MODEL = ReportFormat(standing.packed, standing.unpacked)


@dataclass(frozen=True)
class Ledger:
    """What is done of an experiment.

    folder  of the files; it is made
    work    the experiment, quick or not, as a text

    >>> import tempfile
    >>> ledger = Ledger(Path(tempfile.mkdtemp()) / "training", "sums")
    >>> ledger.once("seed 3", lambda: (3.0, 4.0))
    (3.0, 4.0)
    >>> ledger.once("seed 3", lambda: 1 / 0)
    (3.0, 4.0)
    """

    folder: Path
    work: str

    @staticmethod
    def of(out: Path, work: str, quick: bool) -> "Ledger":
        """That of an experiment which writes into `out`."""
        return Ledger(out / KEPT, f"{work}, quick" if quick else work)

    def once(self, piece: str, work: Callable[[], Any], *settings: Any) -> Any:
        """What `work` brings, a tree as `io.trees` writes it, arrays as numpy's; where it is kept, it is not done again.

        settings  all that the numbers depend on beside the name, told as a training tells what it is made of

        raises  DamagedState, in one line, for a file that is no such thing
        """
        kept = self._kept(piece, settings)
        if kept is None:
            self._keep(piece, settings, work())
            kept = self._kept(piece, settings)
        return kept["result"]

    def looks(
        self, piece: str, train: Callable[..., Iterator[Any]], *settings: Any, form: ReportFormat = OF_TRAIN
    ) -> Iterator[Any]:
        """The reports of a training, each kept before it is yielded; first the one that is kept already, if one is.

        train  makes the reports, `after=` one, or None
        form   of reports: those of `train`, or `OF_MODEL` those of `DynamicModel.lessons`

        raises  what `once` and the training raise
        """
        kept = self._kept(piece, settings)
        after = None if kept is None else form.unpacked(kept["result"])
        if after is not None:
            yield after
        try:
            reports = train(after=after)
        except NothingLeft:  # it had come to its end
            return
        for report in reports:
            self._keep(piece, settings, form.packed(report))
            yield report

    def file(self, piece: str) -> Path:
        """Where a piece is kept."""
        name = re.sub(r"[^a-z0-9.]+", "-", f"{self.work}, {piece}".lower()).strip("-")
        return self.folder / f"{name}.progress"

    def described(self, piece: str, settings: Any = ()) -> str:
        """The piece as text, the same in every process."""
        return json.dumps([self.work, version("throughtime"), piece, *map(in_words, settings)])

    def _keep(self, piece: str, settings: Any, result: Any) -> None:
        write(self.file(piece), ABOUT, {"piece": self.described(piece, settings), "result": result})

    def _kept(self, piece: str, settings: Any) -> Any:
        file = self.file(piece)
        found = read(file, ABOUT, "piece", "result") if file.exists() else None
        return found if found is not None and found["piece"] == self.described(piece, settings) else None


def write(file: Path, about: str, tree: Any) -> None:
    """Write a tree, whole or not at all, into a folder that is made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    trees.write(file, about, tree)


def read(file: Path, about: str, *names: str) -> dict[str, Any]:
    """The dict of these names that `write` wrote.

    raises  DamagedState if it is no such file
    """
    try:
        found = trees.read(file, about)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.keys() != set(names):
        raise DamagedState(f"{file} is not {about}, or damaged; remove it to begin anew")
    return found
