"""All that a report says of a model: values that a page, or another face, shows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from throughtime.dynamics.fitted import FREE, ONE_STEP
from throughtime.dynamics.intervals import Coverage
from throughtime.dynamics.measured import Measured
from throughtime.dynamics.model import DynamicModel
from throughtime.reports.judgement import Judgement, Span
from throughtime.reports.shown import Picture, pictures_of
from throughtime.reports.verdicts import REMEDY
from throughtime.times.steps import told_step, usual_step


@dataclass(frozen=True)
class ColumnFacts:
    """One column of the table, in its own unit.

    role  "input", "output", or what else it was used for
    """

    name: str
    role: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class TableFacts:
    """The table behind the model.

    name         of the file
    rows         of the table
    columns      that were used
    fingerprint  of the file, see `io.files`
    sample_time  such as "4 s"
    """

    name: str
    rows: int
    columns: tuple[ColumnFacts, ...]
    fingerprint: str
    sample_time: str = ""


@dataclass(frozen=True)
class Score:
    """Both errors of one model (the network, the linear baseline, the mean) on one part of the data; None: not known.

    who     such as "NARX"
    part    such as "training", "validation", "test"
    output  where there are several
    """

    who: str
    part: str
    one_step: float | None
    free_run: float | None
    output: str = ""


@dataclass(frozen=True)
class Provenance:
    """How to make the model again.

    command   that reproduces it
    settings  anything JSON can hold; what is None is not told
    version   of the library
    date      of the report
    """

    command: str
    settings: Mapping[str, Any]
    version: str
    date: str


@dataclass(frozen=True, eq=False)
class Findings:
    """All that a report says.

    title       of the report
    measure     what scores are, with the unit: "RMSE [V]"; less is better
    scores      the model and its baselines beside each other
    verdicts    sentences on them, such as "The linear model is better."
    beliefs     sentences on what the residuals hold, see `residual_tests`
    coverage    {part of the data: what `Conformal.coverage` measured there}
    """

    title: str
    table: TableFacts
    origin: Provenance
    measure: str
    scores: tuple[Score, ...]
    verdicts: tuple[str, ...] = ()
    beliefs: tuple[str, ...] = ()
    coverage: Mapping[str, Sequence[Coverage]] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()


def findings(
    model: DynamicModel,
    measured: Measured,
    judgement: Judgement,
    origin: Provenance,
    sha256: str,
    notes: Sequence[str] = (),
    remedy: str = REMEDY,
) -> Findings:
    """All that a report says of a model on measured columns, with the evidence of their judgement.

    sha256  of the file of the columns
    notes   on the columns, such as on gaps in their times
    remedy  what to do where the linear model is better
    """
    evidence, several = judgement.evidence, len(measured.outputs) > 1
    if evidence is None:
        raise ValueError("this judgement was read, without the predictions behind it; judge again")
    names = ", ".join(measured.outputs)
    return Findings(
        title=f"{origin.settings.get('network', 'Model')} for {names} in {measured.source.name}",
        table=_table(measured, sha256),
        origin=origin,
        measure="RMSE, in the units of each output" if several else f"RMSE of {names}",
        scores=tuple(_scores(judgement, several)),
        verdicts=tuple(verdict.sentence(remedy) for verdict in judgement.verdicts),
        beliefs=(*judgement.residuals, *notes),
        coverage={_place(evidence.spans): evidence.coverage} if evidence.coverage else {},
        pictures=tuple(pictures_of(model, measured, evidence)),
    )


def _table(measured: Measured, sha256: str) -> TableFacts:
    steady = measured.time is not None and len(measured) > 1
    step = told_step(usual_step(measured.times)) if steady else ""
    return TableFacts(measured.source.name, len(measured), tuple(_facts(measured)), sha256, step)


def _facts(measured: Measured) -> Iterator[ColumnFacts]:
    for role, names, values in (("input", measured.inputs, measured.u), ("output", measured.outputs, measured.y)):
        for name, column in zip(names, values.T, strict=True):
            known = column[~np.isnan(column)] if not np.isnan(column).all() else np.array([np.nan])
            yield ColumnFacts(name, role, *(float(of(known)) for of in (np.mean, np.min, np.max)))


def _scores(judgement: Judgement, several: bool) -> Iterator[Score]:
    judged = {"network": judgement.network, **judgement.baselines}
    for part, outputs in judgement.network[FREE].items():
        for name in outputs:
            for who, own in judged.items():
                near, free = (own.get(mode, {}).get(part, {}).get(name, {}).get("rmse") for mode in (ONE_STEP, FREE))
                yield Score(who, part, near, free, name if several else "")


def _place(spans: Sequence[Span]) -> str:
    """The part of the data on which forecast intervals were checked."""
    parts = [span.part for span in spans]
    return next((part for part in ("test", "held out", "new data") if part in parts), parts[-1])
