"""`throughtime report`: all that is known about a model on a table, as one HTML file."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from throughtime.cli import options, output, results
from throughtime.cli.data import Data, notes
from throughtime.cli.errors import Problem
from throughtime.cli.opening import Opened, open_model
from throughtime.dynamics.holding import Parts
from throughtime.dynamics.shares import Shares
from throughtime.io.files import fingerprint
from throughtime.reports import judging
from throughtime.reports.findings import Provenance, findings
from throughtime.reports.judgement import Span
from throughtime.reports.outcome import KEPT
from throughtime.reports.page import write_report

UNCHECKED = "no forecast intervals were checked: fit with --test 0.2, or report on a table of new rows"


def report(
    model: options.ModelPath,
    table: options.TablePath,
    out: Annotated[Path, typer.Option(metavar="FILE", help="HTML file; pictures are within.")],
    start_rows: options.StartRows = None,
    held_out: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="ROWS",
            help="Last rows that the model has not learned from. Default: as in its fit; all, if TABLE is another.",
        ),
    ] = None,
    time: options.Time = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Write one HTML file on a model and a table, to be looked at, sent and kept.

    The errors in free run and one step ahead beside those of the linear model; the response; the residuals' correlations
    with their bounds; error histograms; the step response; a forecast with its intervals, and how often they held; the
    table's fingerprint, the settings, and the command that makes the model again.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise Problem(f"--out {out}: the name must end in .html")
    output.file(out, overwrite)
    opened = open_model(model)
    data = opened.read(table, time, quiet=quiet)
    parts = _parts(opened, data, opened.led(start_rows), held_out, opened.learned(table, len(data)))
    with output.ProgressBar("report", quiet) as bar:
        judgement = judging.judge(opened.model, data, parts, None if isinstance(parts, Parts) else opened.linears)
        bar(0.4, "pictures")
        remarks = [note.removeprefix("note: ") for note in notes(data)] + ([] if judgement.coverage else [UNCHECKED])
        origin, sha256 = _origin(opened.made.settings), fingerprint(table)
        write_report(out, findings(opened.model, data, judgement, origin, sha256, remarks, results.REMEDY))
    if not quiet:
        output.say(f"written to {out}", err=True)


def _parts(opened: Opened, data: Data, led: int, held_out: int | None, learned: int) -> Parts | Sequence[Span]:
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
