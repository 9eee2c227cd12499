"""A fit, look by look: what phase it is in, the free run beside one step ahead, and the model as it is by then."""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from throughtime.dynamics.holding import Parts
from throughtime.dynamics.measured import Measured
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.preparing import used_by
from throughtime.dynamics.teaching import Begun, StageReport, Teaching, measured_past
from throughtime.work.looks import Look


@dataclass(frozen=True, eq=False)
class FitLook(Look):
    """Where a fit stands.

    model  with the best weights so far, None before there are any that are finite
    at     from where it can go on; None where the phase has changed, but not yet the weights
    """

    model: DynamicModel | None = None
    at: StageReport | None = None


def looks(model: DynamicModel, data: Measured, parts: Parts, after: StageReport | None = None) -> Iterator[FitLook]:
    """Fit the model to the rows before the test."""
    stages: tuple[Teaching, ...] = tuple(model.teaching or ())
    part, found, near = 0.0, None, Near()
    yield FitLook(part, "preparing")
    for at in model.taught(*data.frames(slice(0, parts.end)), after=after):
        if isinstance(at, Begun):
            yield FitLook(max(part, at.stage / len(stages)), f"compiling {_loop(model, stages[at.stage])}", model=found)
            continue
        stage = stages[at.stage]
        part = (at.stage + at.report.epoch / stage.epochs) / len(stages)
        found = copy(model) if model.members_ else found  # those whose free run is finite
        near = near.of(model, data, parts)
        yield _standing(model, found, stage, at, 0.99 * part, near.error)
    yield FitLook(1.0, "fitted", model=model if model.members_ else None)  # with its intervals


class Near(NamedTuple):
    """One step ahead of the best network so far, which is the same from look to look until there is a better one."""

    whose: Any = None
    error: float | None = None

    def of(self, model: DynamicModel, data: Measured, parts: Parts) -> "Near":
        """That of the best one by now."""
        if not model.members_ or not parts.held.any():
            return Near()
        best = min(model.members_, key=lambda member: member["error"])
        return self if best == self.whose else Near(best, one_step(model, data, parts))


def _standing(
    model: DynamicModel, found: DynamicModel | None, stage: Teaching, at: StageReport, part: float, near: float | None
) -> FitLook:
    """A look with the errors of the best network: held out in free run, and one step ahead."""
    error = told_error(model, min((member["error"] for member in model.members_), default=np.nan))
    kind = "training" if at.report.validation is None else "free run"
    figures = {"epoch": float(sum(at.epochs)), kind: error}
    unit = "" if len(model.outputs_) == 1 else " deviations"
    remark = f"epoch {at.report.epoch}, {'training' if kind == 'training' else 'held out'} {error:.4g}{unit}"
    if near is not None:
        figures["one step"] = near
        remark += f", one step {near:.4g}"
    return FitLook(part, f"training {_loop(model, stage)}", remark, figures, found, at)


def _loop(model: DynamicModel, stage: Teaching) -> str:
    return f"{stage.loop} loop" if model.network_.feedback is not None else "network"


def told_error(model: DynamicModel, error: float) -> float:
    """An error over all outputs, as training has it: in the output's units, or in deviations if there are several."""
    return error * (model.outputs_[0].scale if len(model.outputs_) == 1 else len(model.outputs_) ** -0.5)


def one_step(model: DynamicModel, data: Measured, parts: Parts) -> float | None:
    """One step ahead over what is held out, the error of the network with the best free run there; None where it is the same.

    Cost: one pass of all networks over the held-out rows, over all rows if a network remembers more than was measured; about a
    hundredth of the time of a fit as it is usually asked for, and nothing to compile that judging would not.
    """
    network, best = model.network_, min(model.members_, key=lambda member: member["error"])
    held = np.flatnonzero(parts.held[best["fold"]] & (np.arange(parts.end) >= parts.first))
    if network.feedback is None or not len(held):
        return None
    begin = max(int(held[0]) - used_by(network), 0) if measured_past(network) else 0
    rows = slice(begin, int(held[-1]) + 1)
    ys = model.each(data.u[rows], data.y[rows])[model.members_.index(best)]
    left = (ys[held - begin] - data.y[held]) / np.array([c.scale for c in model.outputs_])
    asked = (~np.isnan(left)).any(axis=1).sum()
    return told_error(model, float(np.sqrt(np.nansum(left**2) / max(asked, 1))))
