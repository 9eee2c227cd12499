"""The report is whole, self-contained HTML that says what was found, whatever names and numbers it is given."""

import base64
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from throughtime.dynamics.intervals import Coverage
from throughtime.reports.findings import ColumnFacts, Findings, Provenance, Score, TableFacts
from throughtime.reports.page import write_report
from throughtime.reports.pictures import plot_errors
from throughtime.reports.shown import Picture

NASTY = "<b>\"tank\" & 'co'</b>"
VOID = {"meta", "img"}


class Reader(HTMLParser):
    """Checks that tags close in order, and keeps texts and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def findings(**changes: Any) -> Findings:
    column = ColumnFacts(NASTY, "output", 0.123456, -1.0, 2.0)
    scores = (
        Score("NARX", "training", 0.1, 0.2),
        Score("NARX", "test", 0.125, 0.31),
        Score("ARX", "training", 0.2, 0.4),
        Score("ARX", "test", 0.12, math.inf),
        Score("mean", "test", None, 1.0),
    )
    made = Findings(
        title=f"Report on {NASTY}",
        table=TableFacts(f"{NASTY}.csv", 1024, (column,), "ab" * 32, "4 s"),
        origin=Provenance(
            f"throughtime fit {NASTY}.csv", {NASTY: {"delays": [1, 2]}, "seed": np.int64(3)}, "0.1", "2026-01-02"
        ),
        measure="RMSE [V]",
        scores=scores,
        verdicts=(f"One step ahead the linear model is better on {NASTY}.",),
        beliefs=(f"residual of {NASTY}: white within bounds",),
        coverage={"test": (Coverage(0.8, 0.78125, (0.75, math.nan, 0.9), (0.78125,), 64),)},
        pictures=(
            Picture(f"Errors of {NASTY}", plot_errors({"free run": [1.0, 2.0, 4.0]}, [NASTY]), "good"),
            Picture("Second", plot_errors({"free run": [1.0, 2.0]}), "believe"),
        ),
    )
    return replace(made, **changes)


def written(folder: Path, found: Findings) -> str:
    write_report(folder / "report.html", found)
    return (folder / "report.html").read_text(encoding="utf-8")


def cells(text: str) -> list[list[str]]:
    """The rows of all tables."""
    rows = re.findall(r"<tr>(.*?)</tr>", text)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def test_the_page_is_whole_and_needs_nothing_else(tmp_path: Path) -> None:
    text = written(tmp_path, findings())
    made = Reader(text)
    names = {tag for tag, _ in made.tags}
    assert not names & {"script", "link", "iframe", "object", "base"}
    assert "://" not in text
    assert "url(" not in text
    for tag, attributes in made.tags:
        assert not {"href", "onload", "onclick"} & attributes.keys()
        if "src" in attributes:
            assert tag == "img"
            kind, data = str(attributes["src"]).split(",")
            assert kind == "data:image/png;base64"
            assert base64.b64decode(data).startswith(b"\x89PNG")
    assert sum(tag == "img" for tag, _ in made.tags) == 2


def test_text_of_users_is_shown_as_it_is(tmp_path: Path) -> None:
    text = written(tmp_path, findings())
    assert NASTY not in text
    made = Reader(text)
    shown = "".join(made.texts)
    for where in ("Report on {}", "{}.csv", "fit {}.csv", "better on {}", "residual of {}", "Errors of {}"):
        assert where.format(NASTY) in shown
    assert ("img", f"Errors of {NASTY}") in [(tag, attributes.get("alt")) for tag, attributes in made.tags]
    assert shown.count(NASTY) == 9  # also in <title>, as a column and as a setting
    assert '{"delays": [1, 2]}' in shown


def test_quality_comes_first_with_the_best_marked(tmp_path: Path) -> None:
    text = written(tmp_path, findings())
    headings = re.findall(r"<h2>(.*?)</h2>", text)
    assert headings == ["Is it any good?", "Can I believe it?", "How was it made?"]
    assert cells(text)[:9] == [
        ["", "free run", "one step"],
        ["training"],
        ["NARX", "0.2 *", "0.1 *"],
        ["ARX", "0.4", "0.2"],
        ["test"],
        ["NARX", "0.31 *", "0.125"],
        ["ARX", "inf", "0.12 *"],
        ["mean", "1", "-"],
        ["", "promised", "measured", "worst step", "best step", "forecasts"],
    ]
    assert cells(text)[9] == ["test", "80.0 %", "78.1 %", "75.0 %", "90.0 %", "64"]
    first, second = (text.index(f"<figcaption>{caption}") for caption in ("Errors of", "Second"))
    assert first < text.index("Can I believe it?") < second < text.index("How was it made?")


def test_the_best_is_marked_for_each_output_and_ties_are_all_marked(tmp_path: Path) -> None:
    """An output in small units is not better than one in large ones."""
    pairs = {("NARX", "a"): 0.001, ("ARX", "a"): 0.002, ("NARX", "b"): 70.0, ("ARX", "b"): 50.0, ("mean", "b"): 50.0}
    scores = tuple(Score(who, "test", e, 2 * e, output) for (who, output), e in pairs.items())
    text = written(tmp_path, findings(scores=scores))
    assert cells(text)[2:7] == [
        ["NARX, a", "0.002 *", "0.001 *"],
        ["ARX, a", "0.004", "0.002"],
        ["NARX, b", "140", "70"],
        ["ARX, b", "100 *", "50 *"],
        ["mean, b", "100 *", "50 *"],
    ]
    assert "* marks the best of each output." in text
    assert "* marks the best." in written(tmp_path, findings())


def test_what_was_not_set_is_not_told(tmp_path: Path) -> None:
    origin = Provenance("throughtime fit", {"clip": None, "epochs": [20, None], "seed": 0}, "0.1", "2026-01-02")
    text = written(tmp_path, findings(origin=origin))
    assert "<dt>seed</dt><dd>0</dd>" in text
    assert "<dd>[20, null]</dd>" in text
    assert "clip" not in text
    bare = written(tmp_path, findings(origin=replace(origin, settings={"clip": None})))
    assert "Settings" not in bare


def test_the_data_and_the_way_back_are_told(tmp_path: Path) -> None:
    text = written(tmp_path, findings())
    shown = "".join(Reader(text).texts)
    for fact in ("1024", "4 s", "ab" * 32, "2026-01-02", "0.1235"):
        assert fact in shown
    assert cells(text)[-1][1:] == ["output", "0.1235", "-1", "2"]


def test_little_can_be_told_too(tmp_path: Path) -> None:
    nothing = {"scores": (), "verdicts": (), "beliefs": (), "coverage": {}, "pictures": ()}
    made = Reader(written(tmp_path, findings(**nothing)))
    assert not {tag for tag, _ in made.tags} & {"img", "ul"}
    unknown = {"test": (Coverage(0.8, math.nan, (math.nan,), (math.nan,), 1),)}
    assert cells(written(tmp_path, findings(coverage=unknown)))[9] == ["test", "80.0 %", "-", "-", "-", "1"]


def test_the_same_findings_give_the_same_file(tmp_path: Path) -> None:
    assert written(tmp_path, findings()) == written(tmp_path, findings())
