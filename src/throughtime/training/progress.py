"""Progress on disk: a report in a file, and back, from which `train` goes on to the same numbers."""

import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import jax
import jax.numpy as jnp

from throughtime.io import trees
from throughtime.io.container import FileContentError
from throughtime.learners.lesson import Lesson
from throughtime.training.leaves import Leaves, leaves_of
from throughtime.training.origin import Origin
from throughtime.training.report import Report

ABOUT = "progress of a training of throughtime, version 1"


def save_progress(path: str | os.PathLike[str], report: Report) -> None:
    """Write a report of `train` into one .safetensors file, whole or not at all; what stood there before stays until then.

    The file says of which training it is (network, learner, loss and method in words, seed, epoch, a fingerprint of the data),
    and holds numbers only, no code. Raises `OSError` if the folder cannot be written.

    cost  that of writing weights, best weights and the optimizer's state, brought to the disk: some milliseconds and more

    >>> import optax, tempfile, throughtime as tt
    >>> network, echo = tt.elman(1, 3, 1), [([[1.0], [0.0]], [[0.0], [1.0]])]
    >>> args = network, tt.init(network, 0), tt.BPTT(), tt.SquaredError(), optax.adam(0.1), echo
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for report in tt.train(*args, epochs=3):
    ...         save_progress(f"{folder}/echo.progress", report)
    ...     *_, last = tt.train(*args, epochs=5, after=load_progress(f"{folder}/echo.progress"))
    >>> last.epoch, last.updates
    (5, 5)
    """
    trees.write(path, ABOUT, packed_report(report))


def load_progress(path: str | os.PathLike[str]) -> Report:
    """Read a report that `save_progress` wrote, for `train(..., after=report)`, which refuses one of another training.

    Its `optimizer_state` becomes the state of an optimizer there. Raises `OSError` if there is no file, and `ValueError`, in
    one line, for a file that is something else or damaged.
    """
    try:
        return report_in(trees.read(path, ABOUT))
    except (LookupError, TypeError, AttributeError):
        raise FileContentError(f"{path} holds no report; the file is damaged") from None


def packed_report(report: Report) -> dict[str, Any]:
    """A report as a tree that `io.trees` writes, alone or in a larger one."""
    made: dict[str, Any] = {field.name: getattr(report, field.name) for field in fields(report)}
    state = report.optimizer_state
    made["optimizer_state"] = dict((state if isinstance(state, Leaves) else leaves_of(state)).arrays)
    return made | {"lesson": (report.lesson.loss, report.lesson.asked), "origin": asdict(report.origin)}


def report_in(tree: Mapping[str, Any]) -> Report:
    """What `packed_report` made; raises LookupError or TypeError for anything else."""
    made: dict[str, Any] = dict(tree) | {
        "lesson": Lesson(tree["lesson"][0], tree["lesson"][1], None, None),
        "origin": Origin(**tree["origin"]),
    }
    made["optimizer_state"] = Leaves(tree["optimizer_state"])
    with jax.enable_x64(True):  # numbers of 64 bits stay what they are
        made |= {name: jax.tree.map(jnp.asarray, tree[name]) for name in ("weights", "best")}
    return Report(**made)
