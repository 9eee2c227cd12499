"""Where a fit stands, in a file: the study, and all that is needed to go on from there to the same numbers."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from throughtime.dynamics.study import Study
from throughtime.dynamics.teaching import StageReport, stands
from throughtime.io import trees
from throughtime.io.container import FileContentError
from throughtime.training import progress
from throughtime.training.best import BestWeights

ABOUT = "progress of a fit of throughtime, version 1"
Looks = tuple[tuple[Any, ...], ...]  # of each stage, look by look


class Standing(NamedTuple):
    """A study that was begun.

    at       where it stands; None: at its beginning
    seconds  that it has taken so far
    """

    study: Study
    at: StageReport | None = None
    seconds: float = 0.0


def save_standing(path: str | os.PathLike[str], standing: Standing) -> None:
    """Write it, whole or not at all; numbers only, no code.

    raises  OSError if the folder cannot be written, ValueError for a study that JSON cannot hold
    """
    at = standing.at and packed(standing.at)
    trees.write(path, ABOUT, {"study": standing.study.to_json(), "at": at, "seconds": float(standing.seconds)})


def load_standing(path: str | os.PathLike[str]) -> Standing:
    """What `save_standing` wrote.

    raises  OSError if there is no file; ValueError, in one line, for a file that is something else or damaged
    """
    tree = trees.read(path, ABOUT)
    try:
        at = None if tree["at"] is None else unpacked(tree["at"])
        return Standing(Study.from_json(tree["study"]), at, float(tree["seconds"]))
    except (LookupError, TypeError, AttributeError):
        raise FileContentError(f"{path} holds no progress of a fit; the file is damaged") from None


def load_study(path: str | os.PathLike[str]) -> Study:
    """The study in a file, which `Study.to_json` wrote.

    raises  OSError if there is no file; ValueError, in one line, for a file that is something else
    """
    try:
        return Study.from_json(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        why = "it is no text" if isinstance(error, UnicodeDecodeError) else error
        raise ValueError(f"{path}: {why}; give the study.json that a fit has left") from None


def packed(at: StageReport) -> dict[str, Any]:
    """As a tree that `io.trees` writes; the looks of a stage are one array."""
    looks = {name: [np.stack(own) if own else None for own in getattr(at, name)] for name in ("losses", "validations")}
    earlier = None if at.earlier is None else at.earlier._asdict()
    return {"own": progress.packed_report(at.own), "earlier": earlier, "epochs": at.epochs} | looks


def unpacked(tree: Any) -> StageReport:
    """What `packed` made."""
    earlier = tree["earlier"]
    if earlier is not None:
        with jax.enable_x64(True):  # numbers of 64 bits stay what they are
            earlier = BestWeights(**earlier | {"weights": jax.tree.map(jnp.asarray, earlier["weights"])})
    epochs = tuple(int(done) for done in tree["epochs"])
    return stands(progress.report_in(tree["own"]), earlier, epochs, _looks(tree["losses"]), _looks(tree["validations"]))


def _looks(stages: Sequence[Any]) -> Looks:
    return tuple(() if own is None else tuple(own) for own in stages)
