"""What a judgement says in sentences: beside the linear model, of the intervals, of the residuals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from throughtime.dynamics.fitted import FREE
from throughtime.dynamics.intervals import Coverage
from throughtime.dynamics.residuals import ResidualTests

SHORT = 0.1  # of the promised share: less is more than the chance of overlapping forecasts
NEAR = 0.95  # of the mean's error: less is no news to speak of
REMEDY = "try other delays, other sizes, folds or another network"


class Held(NamedTuple):
    """How often forecast intervals held: the level promised, the share measured, and the forecasts compared."""

    level: float
    measured: float
    forecasts: int

    @classmethod
    def of(cls, coverage: Coverage) -> "Held":
        """Of all steps and outputs together."""
        return cls(coverage.level, coverage.overall, coverage.windows)

    @property
    def too_few(self) -> bool:
        """True if chance does not explain that so few measurements lay within."""
        return self.measured <= self.level - SHORT

    @property
    def too_wide(self) -> bool:
        """True if chance does not explain that so many measurements lay within."""
        return self.measured >= self.level + SHORT

    @property
    def doubt(self) -> str:
        """What is wrong with it, or nothing."""
        if self.too_few:
            return ": too few, these rows are unlike the held-out ones"
        return ": the intervals are wider than these rows need" if self.too_wide else ""


class Errors(NamedTuple):
    """Root mean squared errors of one model; infinite for a run that exploded."""

    free: float
    one_step: float


@dataclass(frozen=True)
class Verdict:
    """A network beside the linear model and the mean, on one output in one part of the data."""

    part: str
    output: str
    network: Errors
    linear: Errors
    mean: Errors

    @property
    def better(self) -> bool:
        """True if the network is better in both modes, and in free run than the mean, too."""
        return self._free and self.network.one_step < self.linear.one_step and self.network.free < self.mean.free

    @property
    def _free(self) -> bool:
        return self.network.free < self.linear.free

    def sentence(self, remedy: str = REMEDY) -> str:
        """Where the network is better, where it is not, and then what to do; an empty remedy: there is nothing to be done."""
        if self.mean.free == 0:
            return f"{self.output}, {self.part}: it does not vary there, so there is nothing to compare"
        free, near = (
            f"{'better' if ours < theirs else 'NOT better'} {where} ({ours:.4g} against {theirs:.4g})"
            for where, ours, theirs in zip(("in free run", "one step ahead"), self.network, self.linear, strict=True)
        )
        text = f"{self.output}, {self.part}, beside the linear model: {free}, {near}"
        if self.network.free >= self.mean.free:
            text += f"; in free run NOT better than the mean ({self.mean.free:.4g})"
        elif self.network.free > NEAR * self.mean.free:
            text += f"; in free run hardly better than the mean ({self.mean.free:.4g})"
        if not self._free:
            return f"{text}; {remedy}, or take the linear model" if remedy else text
        near_lost = self.network.one_step >= self.linear.one_step
        return f"{text}; for one step ahead alone, take the linear model" if near_lost else text


def coverage_sentences(coverage: Sequence[Held], where: str = "the test rows") -> list[str]:
    """A sentence on each level of the forecast intervals."""
    return [
        f"forecast intervals of {100 * held.level:g} % held {100 * held.measured:.1f} % of {where} ({held.forecasts} forecasts)"
        + held.doubt
        for held in coverage
    ]


def residual_sentences(tests: Mapping[str, ResidualTests]) -> list[str]:
    """A sentence on each test of each mode.

    Of a free run only those with the inputs: its errors are slow wherever there are disturbances.
    """
    return [
        f"{mode}, {sentence}"
        for mode, found in tests.items()
        for sentence in (found.verdicts[len(found.auto) :] if mode == FREE else found.verdicts)
    ]


def error_of(rmse: float | None) -> float:
    """A root mean squared error; a run that exploded has none."""
    return math.inf if rmse is None else rmse
