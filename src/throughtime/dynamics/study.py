"""A study: what one fit is asked to do, as a value. Command line, Python and files say the same one, and run it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from throughtime.checks import is_whole, quoted
from throughtime.dynamics import stages as teaching
from throughtime.dynamics.dead_time import with_dead_time
from throughtime.dynamics.fitting import FitLook, looks
from throughtime.dynamics.holding import Parts
from throughtime.dynamics.measured import Measured
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.preparing import used_by
from throughtime.dynamics.shares import Shares
from throughtime.dynamics.table import Columns, Limits, TableFile
from throughtime.dynamics.teaching import StageReport, Teaching
from throughtime.dynamics.wirings import Wiring
from throughtime.dynamics.written import study_from_dict, study_to_dict
from throughtime.dynamics.wrong import Wrong
from throughtime.later import LaterModule
from throughtime.network import Network

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = LaterModule("pandas")


MOST = 10**30


@dataclass(frozen=True)
class Study:
    """What one fit is asked to do: `run` does it, and `to_json` writes it down.

    wiring    a `Wiring`, such as `Wiring("narx", (10,), {"output_delays": (1, 2)})`, or a `Network` in closed loop
    columns   inputs, outputs and time
    stages    how it is taught: `Teaching` values, one after the other
    parts     which rows are for training, validation and test
    restarts  networks trained at once (for each fold); the model is their mean
    keep      how many of each fold, the best on what is held out; None: all
    limits    of the sensors of the outputs
    seed      of the first weights
    dead_time steps that inputs take to have any effect: the network hears them so much later
    table     the file with what was measured, and its fingerprint; None: it is no file

    >>> import numpy as np
    >>> from throughtime.dynamics.study import Study
    >>> from throughtime.dynamics.table import Columns
    >>> from throughtime.dynamics.teaching import Teaching
    >>> from throughtime.dynamics.wirings import Wiring
    >>> study = Study(Wiring("narx", (2,)), Columns(("u",), ("y",)), (Teaching(epochs=2, look=1),), restarts=1)
    >>> u = np.sin(np.arange(50.0))
    >>> *_, last = study.run((u, np.append(0, u[:-1])))
    >>> last.part, last.model.network_ == study.network, Study.from_json(study.to_json()) == study
    (1.0, True, True)
    """

    wiring: Wiring | Network
    columns: Columns
    stages: tuple[Teaching, ...]
    parts: Shares = field(default_factory=Shares)
    restarts: int = 5
    keep: int | None = None
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    table: TableFile | None = None
    dead_time: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        if not self.stages or not all(isinstance(stage, Teaching) for stage in self.stages):
            raise Wrong(f"{{stages}} must be one or more Teaching values, not {quoted(self.stages)}")
        for name, least in (("restarts", 1), ("keep", 1), ("seed", 0), ("dead_time", 0)):
            value = getattr(self, name)
            if not is_whole(value, least, MOST) and not (name == "keep" and value is None):
                raise Wrong(f"{{{name}}} must be a whole number of at least {least}, not {quoted(value)}")
        self.limits.arrays(self.columns.outputs)

    @cached_property
    def network(self) -> Network:
        """The network, for the columns."""
        made = self.wiring
        if isinstance(made, Wiring):
            made = made.build(len(self.columns.inputs), len(self.columns.outputs))
        return with_dead_time(made, self.dead_time)

    @property
    def name(self) -> str:
        """What the network is called."""
        return self.wiring.name if isinstance(self.wiring, Wiring) else "network"

    def model(self, parts: Parts) -> DynamicModel:
        """The model that is to be fitted to the rows before the test."""
        low, high = self.limits.arrays(self.columns.outputs)
        return DynamicModel(
            self.network,
            self.stages,
            restarts=self.restarts,
            folds=self.parts.folds,
            validation=self.parts.validation,
            keep=self.keep,
            washout=parts.first - used_by(self.network),
            low=low,
            high=high,
            random_state=self.seed,
        )

    def rows(self, measured: Measured) -> Parts:
        """Which rows of what was measured are for what; a `Wrong` if they are too few, or the machine is too small."""
        _check_columns(self, measured)
        for stage in self.stages:
            teaching.refuse_cut(self.network, stage.every)
        parts = self.parts.of(measured, self.network)
        teaching.refuse_large(self.network, self.stages, self.restarts * max(self.parts.folds, 1), parts.training)
        return parts

    def run(self, measured: Any, after: StageReport | None = None) -> Iterator[FitLook]:
        """Fit it, look by look; the last look has the model as it is when all is done, each one that as it is by then.

        measured  `Measured`, or (u, y) as `DynamicModel.fit` takes them
        after     where an earlier run stood (its look's `at`): this one goes on to the same numbers

        raises    ValueError for what does not fit the study, `Diverged` if no network stays finite
        """
        data = self.measured(measured)
        parts = self.rows(data)
        return looks(self.model(parts), data, parts, after)

    def measured(self, given: Any) -> Measured:
        """What was measured, as it is, or of (u, y): columns of tables by the names of this study, arrays as they are."""
        if isinstance(given, Measured):
            return given
        u, y = given
        return Measured.of(_picked(u, self.columns.inputs, "u"), _picked(y, self.columns.outputs, "y"))

    def settings(self, parts: Parts) -> dict[str, Any]:
        """What the file of a model says of the study that it was fitted by."""
        last, table = self.stages[-1], self.table
        said = teaching.optimizer_said(last.optimizer)
        optimizer = str(last.optimizer) if isinstance(said, dict) else said
        whole = optimizer in teaching.WHOLE
        return {
            "table": table and table.name,
            "sha256": table and table.sha256,
            "time": self.columns.time,
            "time_format": self.columns.time_format,
            "dead_time": self.dead_time,
            "network": self.name,
            "loop": "-".join(stage.loop for stage in self.stages),
            "optimizer": optimizer,
            "learner": None if whole else teaching.learner_word(last.learner),
            "epochs": [stage.epochs for stage in self.stages],
            "learning_rate": None if whole else last.rate,
            **{name: getattr(last, name) for name in ("horizon", "every", "decay", "clip", "patience", "look")},
            **{name: getattr(self, name) for name in ("restarts", "keep", "seed")},
            **{name: getattr(self.parts, name) for name in ("validation", "folds", "test")},
            "washout": parts.first,
        }

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold."""
        return study_to_dict({f.name: getattr(self, f.name) for f in fields(self)})

    def to_json(self) -> str:
        """As text; the same study gives the same text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """What `to_dict` made; a ValueError in one line names the field that is wrong."""
        return cls(**study_from_dict(said))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        try:
            said = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"this is no study: it is not JSON ({error})") from None
        return cls.from_dict(said)

    def of_table(self, name: str, sha256: str) -> Self:
        """The same study of a file."""
        return replace(self, table=TableFile(name, sha256))


def _check_columns(study: Study, measured: Measured) -> None:
    heard, asked = len(study.columns.inputs), len(study.columns.outputs)
    if (measured.u.shape[1], measured.y.shape[1]) != (heard, asked):
        raise Wrong(
            f"{measured.source} has {measured.u.shape[1]} inputs and {measured.y.shape[1]} outputs, the study asks for "
            f"{heard} and {asked}"
        )


def _picked(given: Any, names: tuple[str, ...], what: str) -> Any:
    if not isinstance(given, pd.DataFrame):
        return given
    for name in names:
        if name not in given.columns:
            raise Wrong(
                f"{what} has no column {name!r}, which the study asks for; it has {', '.join(map(str, given.columns))}"
            )
    return given[list(names)]
