"""A saved classifier on a table, or another model that answers once: classes with their probabilities, or numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from throughtime import answers
from throughtime.cli import data as columns
from throughtime.cli.errors import Problem
from throughtime.cli.opening import times_in
from throughtime.dynamics.measured import Values
from throughtime.estimators import SequenceClassifier, SequenceRegressor
from throughtime.io import readers
from throughtime.io.tables import Table
from throughtime.models.model import Model


def answers_alone(made: Model) -> bool:
    """True for a model that does not say numbers step by step."""
    return bool(made.classes) or answers.of(made.settings) != answers.EVERY


def answered(
    made: Model, table: Path, times: tuple[str | None, str | None], quiet: bool
) -> tuple[pd.DataFrame, str | None]:
    """What the model makes of the table, which is one sequence: a row for each step, or one; and the name of the times.

    times  their column and how dates are written there; None: as in the fit
    """
    if "features" in made.settings:
        raise Problem("this model hears recordings, not a table: use `throughtime recognise`")
    if not made.inputs:
        raise Problem("this model was saved without the names of its columns, so it cannot be used on a table")
    read = readers.read(table, Table)
    _refuse_numbered(made, read)
    time, like = times_in(read, made, *times)
    data = columns.read(read, [c.name for c in made.inputs], (), time, False, like)
    columns.tell(data, quiet)
    values = _classes(made, data.u) if made.classes else _numbers(made, data.u)
    return values.set_index(data.times[-len(values) :]), data.time


def _refuse_numbered(made: Model, read: Table) -> None:
    """Refuse a table without columns of the names that a model taught arrays has given to its inputs."""
    names = [column.name for column in made.inputs]
    if made.settings.get("named_inputs", True) is False and not set(names) <= set(read.columns):
        raise Problem(
            f"{read.path}: the model was taught arrays, whose columns it calls {', '.join(names)}; call those of the table so, or "
            "fit it on tables"
        )


def _classes(made: Model, u: Values) -> pd.DataFrame:
    model = SequenceClassifier.from_model(made)
    (chances,) = model.predict_proba([_as_taught(model, u)])
    chances = np.atleast_2d(chances)
    best = {"class": model.classes_[chances.argmax(axis=1)]}
    return pd.DataFrame(best | {f"probability of {name}": p for name, p in zip(made.classes, chances.T, strict=True)})


def _numbers(made: Model, u: Values) -> pd.DataFrame:
    model = SequenceRegressor.from_model(made)
    values = np.reshape(model.predict([_as_taught(model, u)]), (1, -1))
    return pd.DataFrame(values, columns=[c.name for c in made.outputs])


def _as_taught(model: Any, u: Values) -> Any:
    """The inputs with names if the model was taught with names, else without: scikit-learn warns of anything else."""
    names = getattr(model, "feature_names_in_", None)
    return u if names is None else pd.DataFrame(u, columns=names)
