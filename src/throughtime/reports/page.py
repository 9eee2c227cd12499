"""What was found about a model, as one HTML file that needs nothing else: it can be mailed, printed and kept."""

import base64
import html
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from throughtime.dynamics.intervals import Coverage
from throughtime.io import files
from throughtime.reports.findings import Findings, Score
from throughtime.texts import printable

DOTS = 130  # per inch of a picture: sharp on paper, some 100 kB each


def write_report(path: str | os.PathLike[str], findings: Findings) -> None:
    """Write the findings as one HTML file, pictures and style within; no scripts, and nothing is fetched.

    First "Is it any good?" (free run beside one step, the model beside its baselines), then "Can I believe it?"
    (residuals, coverage of the intervals), then the data and how to make it again. All text is escaped. The same
    findings give the same file.

    path      of the file; overwritten
    findings  what to say

    raises    OSError if the file cannot be written
    cost      a second or so for each picture

    >>> import tempfile
    >>> from pathlib import Path
    >>> from throughtime.reports.findings import Findings, Provenance, Score, TableFacts
    >>> found = Findings("Tank", TableFacts("tank.csv", 9, (), "12ab"), Provenance("throughtime fit tank.csv", {}, "0.1", ""),
    ...                  "RMSE [m]", (Score("NARX", "test", 0.1, 0.3), Score("ARX", "test", 0.1, 0.4)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(f"{folder}/report.html", found)
    ...     "Is it any good?" in Path(folder, "report.html").read_text(encoding="utf-8")
    True
    """
    files.write(path, page(findings))


def page(findings: Findings) -> str:
    """The report as text."""
    parts = (
        f"<h1>{escape(findings.title)}</h1>",
        *_good(findings),
        *_believe(findings),
        *_made(findings),
    )
    return HEAD.format(title=escape(findings.title), style=STYLE) + "\n".join(parts) + "\n</main></body></html>\n"


def _good(found: Findings) -> Iterable[str]:
    yield "<h2>Is it any good?</h2>"
    yield _sentences(found.verdicts)
    best = "the best of each output" if any(score.output for score in found.scores) else "the best"
    yield f"<p>{escape(found.measure)}, less is better; * marks {best}. One step ahead, measured outputs are"
    yield "known up to the step before; in free run, only the inputs are, and errors feed on themselves.</p>"
    rows = [row for part in dict.fromkeys(score.part for score in found.scores) for row in _part(found.scores, part)]
    yield _table(("", "free run", "one step"), rows)
    yield from _pictures(found, "good")


def _believe(found: Findings) -> Iterable[str]:
    yield "<h2>Can I believe it?</h2>"
    yield _sentences(found.beliefs)
    if found.coverage:
        yield "<p>How often measurements lay within the forecast intervals. Intervals that promise 80 % should hold about"
        yield "80 % of data that they were not fitted to; neighbouring forecasts overlap, so a few per cent mean little.</p>"
        rows = [(part, *_covered(cover)) for part, covers in found.coverage.items() for cover in covers]
        yield _table(("", "promised", "measured", "worst step", "best step", "forecasts"), rows)
    yield from _pictures(found, "believe")


def _made(found: Findings) -> Iterable[str]:
    table, origin = found.table, found.origin
    yield "<h2>How was it made?</h2>"
    facts = {"data": table.name, "rows": table.rows, "sample time": table.sample_time, "SHA-256": table.fingerprint}
    facts |= {"throughtime": origin.version, "date": origin.date}
    yield _facts({name: value for name, value in facts.items() if value != ""})
    rows = [(c.name, c.role, *map(_number, (c.mean, c.low, c.high))) for c in table.columns]
    yield _table(("column", "used as", "mean", "lowest", "highest"), rows)
    yield f"<p>The command that makes it again:</p><pre>{escape(origin.command)}</pre>"
    given = {name: _plain(value) for name, value in origin.settings.items() if value is not None}
    if given:
        yield "<h3>Settings</h3>"
        yield _facts(given)
    yield from _pictures(found, "made")


def _part(scores: Sequence[Score], part: str) -> Iterable[Sequence[str]]:
    """A heading, and a row for each model, marked where it is the best of its output."""
    own = [score for score in scores if score.part == part]
    yield (part,)
    for score in own:
        rivals = [other for other in own if other.output == score.output]
        free, near = (_least(getattr(other, kind) for other in rivals) for kind in ("free_run", "one_step"))
        who = f"{score.who}, {score.output}" if score.output else score.who
        yield who, _marked(score.free_run, free), _marked(score.one_step, near)


def _covered(cover: Coverage) -> list[str]:
    steps = [share for share in cover.by_step if not math.isnan(share)] or [math.nan]
    shares = [cover.level, cover.overall, min(steps), max(steps)]
    return [*("-" if math.isnan(share) else f"{100 * share:.1f} %" for share in shares), str(cover.windows)]


def _pictures(found: Findings, section: str) -> Iterable[str]:
    for picture in found.pictures:
        if picture.section == section:
            caption, file = escape(picture.caption), io.BytesIO()
            picture.figure.savefig(file, format="png", dpi=DOTS, metadata={"Software": None})
            data = base64.b64encode(file.getvalue()).decode()
            width = round(100 * picture.figure.get_figwidth())
            image = f'<img alt="{caption}" width="{width}" src="data:image/png;base64,{data}">'
            yield f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def escape(text: str) -> str:
    """Text in a page: neither markup nor control characters, which could hide or turn round what stands beside them."""
    return html.escape(printable(text))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; it scrolls by itself where it is too wide. A row of one cell is a heading."""
    top = "".join(f"<th>{escape(word)}</th>" for word in head)
    body = "".join(f"<tr>{_row(row, len(head))}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(row: Sequence[str], columns: int) -> str:
    name, *cells = map(escape, row)
    if not cells:
        return f'<th scope="rowgroup" colspan="{columns}">{name}</th>'
    return f'<th scope="row">{name}</th>' + "".join(f"<td>{cell}</td>" for cell in cells)


def _facts(facts: Mapping[str, Any]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(str(n))}</dt><dd>{escape(str(v))}</dd>' for n, v in facts.items())}</dl>"


def _sentences(texts: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>" if texts else ""


def _least(values: Iterable[float | None]) -> float | None:
    return min((v for v in values if v is not None and math.isfinite(v)), default=None)


def _marked(value: float | None, best: float | None) -> str:
    text = _number(value)
    return f"{text} *" if value is not None and text == _number(best) else text


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.4g}"


def _plain(value: Any) -> str:
    if isinstance(value, (str, np.generic)):
        return str(value)
    return json.dumps(value, default=str, ensure_ascii=False)


HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>{style}</style></head><body><main>
"""

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #22303c; background: #fff; margin: 0 }
main { max-width: 60rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.7rem; overflow-wrap: anywhere }
h2 { margin-top: 2.5rem; border-bottom: 2px solid #d1495b; padding-bottom: .2rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap }
tbody th, thead th:first-child { text-align: left; font-weight: 600 }
th[colspan] { padding-top: 1rem; color: #d1495b }
figure { margin: 1.5rem 0; break-inside: avoid }
img { max-width: 100%; height: auto }
figcaption { color: #556; font-size: .9rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f5f7; padding: .7rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem }
dt { font-weight: 600; max-width: 40vw; overflow-wrap: anywhere }
dd { margin: 0; overflow-wrap: anywhere }
@media print { main { max-width: none; padding: 0 } .wide { overflow: visible } h2, h3 { break-after: avoid } }
"""
