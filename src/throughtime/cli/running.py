"""A saved model over a table: its outputs go out, or what they are worth is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from throughtime.cli import output, results
from throughtime.cli.data import Data
from throughtime.cli.delivery import check_finite, deliver
from throughtime.cli.opening import Opened
from throughtime.reports.judgement import Judgement
from throughtime.reports.verdicts import coverage_sentences

Values = NDArray[np.float64]


def follow(
    opened: Opened, data: Data, known: Values, out: Path | None, json_: bool, quiet: bool, ahead: int = 1
) -> Values:
    """Run the model over a table, and deliver what it makes of it. known: the measured outputs that it hears."""
    with output.ProgressBar(f"running {len(data)} rows", quiet) as bar:
        ys = opened.model.follow(data.u, known, bar, ahead)
    frame = pd.DataFrame(ys, data.times, pd.Index(data.outputs))
    output.notes(opened.beyond(data.u, ys), quiet)
    deliver(frame, data.time, out, json_, quiet)
    check_finite(frame, data.outputs)
    return ys


def far_off(opened: Opened, data: Data, ys: Values) -> Iterator[str]:
    """A note on each measured output from which the run begins further than later, by more than its deviation."""
    for column, own, y in zip(opened.model.outputs_, ys.T, data.y.T, strict=True):
        errors = np.abs(own - y)
        known = np.flatnonzero(np.isfinite(errors))
        if len(known) and errors[known[0]] > max(column.scale, 3 * float(np.median(errors[known]))):
            begin = f"{own[known[0]]:.4g}, where {y[known[0]]:.4g} was measured"
            yield f"note: the run begins with {column.name!r} at {begin}; let measured outputs lead: --start-rows {opened.first}"


def plain(judgement: Judgement, led: int, learned: int) -> dict[str, Any]:
    """A judgement as `evaluate` gives it to scripts."""
    plain = judgement.to_dict(results.REMEDY)
    order = ("verdict", "residuals", "coverage", "baselines")
    return {**judgement.network, "start_rows": led, "learned_rows": learned} | {key: plain[key] for key in order}


def tell(judgement: Judgement, title: str, learned: int) -> None:
    """Print it; learned: so many first rows of the table the model has learned from."""
    results.show(judgement, title)
    output.say()
    where = f"the rows after {learned}" if learned else "these rows"
    held = coverage_sentences(judgement.coverage, where)
    for sentence in [*results.verdicts(judgement, results.REMEDY), *judgement.residuals, *held]:
        output.say(sentence)
    if learned:
        output.say(f"note: the model has learned from the first {learned} rows of this table; they are no test")
