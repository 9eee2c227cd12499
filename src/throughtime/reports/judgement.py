"""What came of a fit, as a value: it goes through JSON, and what was seen of the model goes with it as long as it is here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from throughtime.checks import is_number, is_whole, quoted
from throughtime.dynamics.fitted import FREE, ONE_STEP
from throughtime.dynamics.intervals import Coverage
from throughtime.dynamics.measured import Values
from throughtime.dynamics.residuals import ResidualTests
from throughtime.dynamics.scores import Scores
from throughtime.reports.rivals import Predicted
from throughtime.reports.verdicts import REMEDY, Errors, Held, Verdict, error_of
from throughtime.texts import first_few

Judged = Mapping[str, Mapping[str, Scores]]  # mode, part -> the scores of every output
MODES = (FREE, ONE_STEP)
NEW = ("test", "held out", "validation")  # parts that speak of a model, the first one best
SEEN = ("training", "rest")  # parts that were learned from
SCORE = ("rmse", "fit_percent", "relative_variance", "rows")


class Span(NamedTuple):
    """Rows that are judged together.

    fold   the networks of that fold alone, which have not seen these rows; None: all
    begin  the free run begins at this row, from what was measured before; None: at the first of `rows`
    """

    part: str
    rows: slice
    fold: int | None = None
    begin: int | None = None


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a judgement was read from, for pictures.

    spans      rows that were judged together
    predicted  {part: {mode: (T, O)}}: what the network predicted, NaN outside the part
    tests      {mode: the residuals' correlations} on the rows of `checked`
    coverage   of the forecast intervals, step by step
    """

    spans: tuple[Span, ...]
    predicted: Predicted
    tests: Mapping[str, ResidualTests]
    coverage: tuple[Coverage, ...]

    @property
    def checked(self) -> slice:
        """The rows on which the residuals are looked at: those held out, where there are any."""
        return checked(self.spans)

    @property
    def joined(self) -> dict[str, Values]:
        """{mode: (T, O)}, each row from the last part that it belongs to."""
        return joined(self.predicted, self.spans)


def checked(spans: tuple[Span, ...]) -> slice:
    """The rows from the first to the last of what was held out; of all, if nothing was."""
    apart = [span.rows for span in spans if span.part not in SEEN] or [span.rows for span in spans]
    return slice(min(rows.start for rows in apart), max(rows.stop for rows in apart))


def joined(predicted: Predicted, spans: tuple[Span, ...]) -> dict[str, Values]:
    """{mode: (T, O)}, each row from the last part that it belongs to."""
    made = {mode: np.full_like(predicted[spans[0].part][mode], np.nan) for mode in MODES}
    for part, rows, *_ in spans:
        for mode, values in made.items():
            values[rows] = predicted[part][mode][rows]
    return made


@dataclass(frozen=True)
class Judgement:
    """What a model of a system is worth: `throughtime.reports.judging.judge` makes one.

    network    {mode: {part: {output: {"rmse", "fit_percent", "relative_variance", "rows"}}}}: "free run" and "one step", on
               "training", "validation", "test" or other parts; None where there is no such number
    baselines  the same of the simplest rivals: "linear" with the network's delays, "mean", and "last value", which has no
               free run
    coverage   how often the forecast intervals of each level held rows that were not learned from; empty: not known
    residuals  a sentence on each test of what the errors on held-out rows still hold of the past and of the inputs
    evidence   predictions and correlations behind it; None for a judgement that was read

    >>> import numpy as np, throughtime as tt
    >>> from throughtime.dynamics.measured import Measured
    >>> from throughtime.reports.judging import judge
    >>> u = np.sin(np.arange(60.0))
    >>> measured = Measured.of(u, np.append(0, u[:-1]))
    >>> model = tt.DynamicModel(tt.narx(1, 3, 1, 0, 1), [tt.Teaching(epochs=5)], restarts=1).fit(*measured.frames())
    >>> judgement = judge(model, measured)
    >>> sorted(judgement.baselines), tt.Judgement.from_dict(judgement.to_dict()) == judgement
    (['last value', 'mean'], True)
    """

    network: Judged
    baselines: Mapping[str, Judged]
    coverage: tuple[Held, ...] = ()
    residuals: tuple[str, ...] = ()
    evidence: Evidence | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        """In one line: root mean squared errors on the part that speaks of the model, beside the linear model's."""
        told = [
            f"{verdict.output}, {verdict.part}: {verdict.network.free:.4g} in free run, {verdict.network.one_step:.4g} one step "
            f"ahead (linear model {verdict.linear.free:.4g}, {verdict.linear.one_step:.4g})"
            for verdict in self.verdicts
        ] or [f"{name} on {', '.join(parts)}" for name, parts in self.network.items()]
        return f"<Judgement: {first_few(told, 2)}>"

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The network beside the linear model on every output: on the test, else on what was held out."""
        parts = list(self.network[FREE])
        part = next((p for p in NEW if p in parts), parts[-1])
        known = [name for name, score in self.network[FREE][part].items() if score["rows"]]
        return tuple(self._verdict(part, name) for name in known if "linear" in self.baselines)

    def _verdict(self, part: str, output: str) -> Verdict:
        def errors(who: Judged) -> Errors:
            return Errors(*(error_of(who[mode][part][output]["rmse"]) for mode in MODES))

        return Verdict(
            part, output, errors(self.network), errors(self.baselines["linear"]), errors(self.baselines["mean"])
        )

    def to_dict(self, remedy: str = REMEDY) -> dict[str, Any]:
        """What JSON can hold, the verdicts in words; `remedy`: what to do where the linear model is better."""
        return {
            "network": self.network,
            "baselines": self.baselines,
            "verdict": [verdict.sentence(remedy) for verdict in self.verdicts],
            "coverage": [held._asdict() for held in self.coverage],
            "residuals": list(self.residuals),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """What `to_dict` wrote, among other things or alone; ValueError for what it cannot have written."""
        try:
            network, rivals = plain["network"], dict(plain["baselines"])
            for judged in (network, *rivals.values()):
                _check(judged)
            coverage = tuple(Held(**held) for held in plain.get("coverage", ()))
            known = all(is_number(held.level) and is_number(held.measured) for held in coverage)
        except (LookupError, TypeError, AttributeError):
            known = False
        if not known:
            raise ValueError("this is no judgement: it needs the scores of a network and of its baselines")
        return cls(network, rivals, coverage, tuple(map(str, plain.get("residuals", ()))))


def _check(judged: Judged) -> None:
    for score in _scores(judged):
        known = all(score[name] is None or is_number(score[name]) for name in SCORE[:-1])
        if not known or not is_whole(score["rows"], 0):
            raise ValueError(f"no score of a judgement is {quoted(score)}: it has {', '.join(SCORE)}")


def _scores(judged: Judged) -> Iterator[Any]:
    for parts in judged.values():
        for outputs in parts.values():
            yield from outputs.values()
