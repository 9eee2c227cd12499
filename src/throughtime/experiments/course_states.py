"""The state of a course in a file, from which it goes on."""

import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from throughtime.engine import Weights
from throughtime.io import files

CURVE = ("epoch", "loss", "error", "seconds")  # the columns of a curve


class Finished(NamedTuple):
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


class Stand(NamedTuple):
    """What a course is after a round."""

    weights: Weights
    optimizer: Any
    best: Weights
    judged: NDArray[np.float64]  # error, loss and epoch of the best
    tally: NDArray[np.float64]  # of the epoch so far: summed loss, number asked; seconds of the course
    curve: NDArray[np.float64]  # (epochs, 4), NaN where nothing stands yet


def remark_of(stand: Stand, epoch: int) -> str:
    known = f", best error {stand.judged[0]:.4g} after epoch {stand.judged[2]:.0f}" if stand.judged[2] else ""
    return f"epoch {epoch}{known}"


class DamagedState(OSError):
    """The file of a course cannot be read, so it cannot go on."""


def keep(file: Path, done: int, tree: Any, about: str = "") -> None:
    """Write the state of a course; whoever is interrupted here finds the file from before.

    done   rounds
    tree   of arrays
    about  the course, so that no other goes on with it
    """
    made = BytesIO()
    np.savez(made, done, about, *jax.tree.leaves(tree))
    files.write(file, made.getvalue())


def resumed(file: Path, fresh: Any, about: str = "") -> tuple[int, Any]:
    """Rounds done and the state after them, as `keep` wrote it; 0 and the fresh one without a file.

    raises  ValueError if the file is of another course, or of another network; DamagedState if it is no state at all
    """
    if not file.exists():
        return 0, fresh
    leaves, tree = jax.tree.flatten(fresh)
    done, told, *kept = _kept_in(file)
    if str(told) != about:
        raise ValueError(f"{file} is the state of another course; name another folder, or remove it")
    if [np.shape(a) for a in kept] != [np.shape(a) for a in leaves]:
        raise ValueError(f"{file} is the course of another network; name another folder, or remove it")
    return int(done), jax.tree.unflatten(tree, [_like(a, b) for a, b in zip(kept, leaves, strict=True)])


def _kept_in(file: Path) -> list[NDArray[Any]]:
    """The arrays of a state: rounds done, the course, and the leaves of its tree."""
    try:
        with np.load(BytesIO(file.read_bytes())) as found:
            made = [found[f"arr_{number}"] for number in range(len(found.files))]
        if made[0].shape or made[0].dtype.kind != "i" or made[1].dtype.kind != "U":
            raise ValueError("it does not say how far it is")
    except (ValueError, LookupError, TypeError, AttributeError, EOFError, OSError, BadZipFile, zlib.error) as error:
        raise DamagedState(f"{file} is no state of a course, or damaged: {error}; remove it to begin anew") from None
    return made


def _like(values: NDArray[Any], fresh: Any) -> Any:
    return values if isinstance(fresh, np.ndarray) else jnp.asarray(values, fresh.dtype)
