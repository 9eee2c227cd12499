"""The state of a course in a file, from which it goes on."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from throughtime.engine import Weights
from throughtime.experiments import ledger

ABOUT = "the state of a course of throughtime, version 1"
CURVE = ("epoch", "loss", "error", "seconds")  # the columns of a curve


class CourseResult(NamedTuple):
    """What a course brought.

    weights  the averaged ones with the lowest validation error; of equals, those with the lower validation loss
    error    that error
    epoch    after which they stood, counted from 1
    curve    (epochs, 4): epoch, mean training loss in it, validation error after it (NaN where not measured), seconds
    """

    weights: Weights
    error: float
    epoch: int
    curve: NDArray[np.float64]


class CourseState(NamedTuple):
    """What a course is after a round."""

    weights: Weights
    optimizer: Any
    best: Weights
    judged: NDArray[np.float64]  # error, loss and epoch of the best
    tally: NDArray[np.float64]  # of the epoch so far: summed loss, number asked; seconds of the course
    curve: NDArray[np.float64]  # (epochs, 4), NaN where nothing stands yet


def remark_of(stand: CourseState, epoch: int) -> str:
    known = f", best error {stand.judged[0]:.4g} after epoch {stand.judged[2]:.0f}" if stand.judged[2] else ""
    return f"epoch {epoch}{known}"


def keep_state(file: Path, done: int, tree: Any, about: str = "") -> None:
    """Write the state of a course; whoever is interrupted here finds the file from before.

    done   rounds
    tree   of arrays
    about  the course, so that no other goes on with it
    """
    ledger.write(file, ABOUT, {"done": done, "course": about, "leaves": jax.tree.leaves(tree)})


def resumed_state(file: Path, fresh: Any, about: str = "") -> tuple[int, Any]:
    """Rounds done and the state after them, as `keep` wrote it; 0 and the fresh one without a file.

    raises  ValueError if the file is of another course, or of another network; DamagedState if it is no state at all
    """
    if not file.exists():
        return 0, fresh
    leaves, tree = jax.tree.flatten(fresh)
    found = ledger.read(file, ABOUT, "done", "course", "leaves")
    kept = found["leaves"]
    if found["course"] != about:
        raise ValueError(f"{file} is the state of another course; name another folder, or remove it")
    if [np.shape(a) for a in kept] != [np.shape(a) for a in leaves]:
        raise ValueError(f"{file} is the course of another network; name another folder, or remove it")
    return int(found["done"]), jax.tree.unflatten(tree, [_like(a, b) for a, b in zip(kept, leaves, strict=True)])


def _like(values: NDArray[Any], fresh: Any) -> Any:
    return values if isinstance(fresh, np.ndarray) else jnp.asarray(values, fresh.dtype)
