"""The page of a report: what of a table is judged apart, and what is written of it."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from throughtime.cli import output, results
from throughtime.cli.data import Data, notes
from throughtime.cli.errors import Problem
from throughtime.cli.opening import Opened
from throughtime.dynamics.holding import Parts
from throughtime.dynamics.shares import Shares
from throughtime.io.files import fingerprint
from throughtime.reports import judging
from throughtime.reports.findings import Provenance, findings
from throughtime.reports.judgement import Span
from throughtime.reports.outcome import KEPT
from throughtime.reports.page import write_report

UNCHECKED = "no forecast intervals were checked: fit with --test 0.2, or report on a table of new rows"


def write(
    out: Path, opened: Opened, data: Data, table: Path, parts: Parts | Sequence[Span], bar: output.ProgressBar
) -> None:
    """Judge the model, and write the page."""
    judgement = judging.judge(opened.model, data, parts, None if isinstance(parts, Parts) else opened.linears)
    bar(0.4, "pictures")
    remarks = [note.removeprefix("note: ") for note in notes(data)] + ([] if judgement.coverage else [UNCHECKED])
    origin, sha256 = _origin(opened.made.settings), fingerprint(table)
    write_report(
        out, findings(opened.model, data, judgement, origin, sha256, remarks, results.remedy(opened.made.settings))
    )


def parts_of(opened: Opened, data: Data, led: int, held_out: int | None, learned: int) -> Parts | Sequence[Span]:
    """What is judged apart."""
    first = max(opened.first, led)
    if held_out is not None:
        border = len(data) - held_out
        if border <= first:
            raise Problem(f"--held-out {held_out} leaves no other rows of {len(data)}; leave it out if all are new")
        return [Span("rest", slice(first, border), begin=led), Span("held out", slice(border, len(data)))]
    if not learned:
        if len(data) <= first + 1:
            raise Problem(
                f"{data.source} has {len(data)} rows, but the first {first} do not count; give a longer table"
            )
        return [Span("new data", slice(first, len(data)), begin=led)]
    folds, washout = (opened.told(name, share=False) for name in ("folds", "washout"))
    return Shares(opened.told("validation"), folds, opened.told("test"), washout).of(data, opened.model.network_)


def _origin(settings: Mapping[str, Any]) -> Provenance:
    return Provenance(
        settings.get("command", "not known: the model was not made by throughtime fit"),
        {key: value for key, value in settings.items() if key not in (*KEPT, "command", "version")},
        settings.get("version", "not known"),
        date.today().isoformat(),
    )
