"""Report and pictures show the numbers of the judgement: nothing is lost, turned round or taken from other rows."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import throughtime as tt
from throughtime.dynamics.holding import Parts, held_out
from throughtime.dynamics.measured import Measured
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.records import Record
from throughtime.reports import shown
from throughtime.reports.findings import Findings, Provenance, findings
from throughtime.reports.judgement import Evidence, Judgement, Span
from throughtime.reports.judging import judge
from throughtime.reports.page import page

ORIGIN = Provenance("throughtime fit tank.csv", {"network": "narx"}, "0.1", "2026-01-02")
ROWS, END = 200, 165
HOURS = pd.date_range("2026-01-01", periods=ROWS, freq="h")


def table() -> Measured:
    random = np.random.default_rng(1)
    u, y = np.column_stack([random.normal(size=ROWS), np.full(ROWS, 2.0)]), np.zeros((ROWS, 2))
    for t in range(1, ROWS):
        y[t] = 0.5 * y[t - 1] + [u[t - 1, 0], 1000 * u[t - 1, 0] ** 2]
    y[40] = np.nan
    return Measured(u, y, ["pump", "still"], ["level", "flow"], HOURS, "hour", Path("data/tank.csv"))


MEASURED = table()


@cache
def fitted() -> tuple[DynamicModel, Judgement, Evidence]:
    model = DynamicModel(
        tt.narx(2, 3, 2, 1, 1), [tt.Teaching(epochs=3)], restarts=2, validation=0.4, horizon=8, random_state=0
    )
    model.fit(*MEASURED.frames(slice(0, END)))
    held = held_out([Record(MEASURED.u[:END], MEASURED.y[:END])], 1, 0, 0.4)[0]
    judgement = judge(model, MEASURED, Parts(1, END, held))
    assert judgement.evidence is not None
    return model, judgement, judgement.evidence


@cache
def found() -> Findings:
    model, judgement, _ = fitted()
    return findings(model, MEASURED, judgement, ORIGIN, "ab" * 32, ("a note",), "think again")


def test_every_score_of_the_judgement_is_told_once_under_its_own_name() -> None:
    judgement = fitted()[1]
    told = {(s.who, s.part, s.output): (s.free_run, s.one_step) for s in found().scores}
    assert len(told) == len(found().scores) == 4 * 3 * 2
    for who, judged in {"network": judgement.network, **judgement.baselines}.items():
        for place, mode in enumerate(("free run", "one step")):
            for part in ("training", "validation", "test"):
                for output in ("level", "flow"):
                    wanted = judged[mode][part][output]["rmse"] if mode in judged else None
                    assert told[who, part, output][place] == wanted
    assert told["last value", "test", "flow"][0] is None


def test_the_page_shows_these_numbers_in_their_rows() -> None:
    text = page(found())
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", text)]
    begin = rows.index(["test"])
    network = fitted()[1].network
    for offset, name in ((1, "level"), (5, "flow")):
        label, *cells = rows[begin + offset]
        assert label == f"network, {name}"
        wanted = [f"{network[mode]['test'][name]['rmse']:.4g}" for mode in ("free run", "one step")]
        assert [cell.removesuffix(" *") for cell in cells] == wanted
    for sentence in (*found().verdicts, *fitted()[1].residuals, "a note"):
        assert f"<li>{sentence}</li>" in text


def test_sentences_are_those_of_the_judgement_with_the_given_remedy() -> None:
    judgement = fitted()[1]
    assert found().verdicts == tuple(v.sentence("think again") for v in judgement.verdicts)
    assert len(found().verdicts) == 2
    assert found().beliefs == (*judgement.residuals, "a note")
    (place, coverage), *none = found().coverage.items()
    assert (place, none) == ("test", [])
    assert [(c.level, c.overall, c.windows) for c in coverage] == [tuple(held) for held in judgement.coverage]


def test_the_table_is_told_column_by_column() -> None:
    facts = found().table
    assert (facts.name, facts.rows, facts.fingerprint, facts.sample_time) == ("tank.csv", ROWS, "ab" * 32, "1 h")
    assert [(c.name, c.role) for c in facts.columns] == [
        ("pump", "input"),
        ("still", "input"),
        ("level", "output"),
        ("flow", "output"),
    ]
    known = [v for v in MEASURED.y[:, 1] if not np.isnan(v)]
    assert (facts.columns[3].mean, facts.columns[3].low, facts.columns[3].high) == pytest.approx(
        (sum(known) / len(known), min(known), max(known))
    )
    assert found().title == "narx for level, flow in tank.csv"
    assert found().measure == "RMSE, in the units of each output"


def test_an_output_that_was_never_measured_is_no_trouble() -> None:
    model = fitted()[0]
    y = np.column_stack([MEASURED.y[:, 0], np.full(ROWS, np.nan)])
    empty = Measured(MEASURED.u, y, MEASURED.inputs, MEASURED.outputs, HOURS, "hour")
    made = findings(model, empty, judge(model, empty), ORIGIN, "")
    assert np.isnan(made.table.columns[3].mean)
    assert made.verdicts == ()
    assert [s.free_run for s in made.scores if s.output == "flow"] == [None] * 3
    assert "<td>-</td>" in page(made)


def test_a_judgement_that_was_read_has_nothing_to_show() -> None:
    model, judgement, _ = fitted()
    with pytest.raises(ValueError, match="judge again"):
        findings(model, MEASURED, tt.Judgement.from_dict(judgement.to_dict()), ORIGIN, "")


def line(axes: Any, label: str) -> Any:
    (one,) = [line for line in axes.lines if line.get_label() == label]
    return np.asarray(one.get_ydata(), float)


def test_the_response_shows_each_row_from_the_last_part_it_belongs_to() -> None:
    evidence = fitted()[2]
    axes = shown.response(MEASURED, evidence).axes
    border = evidence.spans[0].rows.stop
    for place in range(2):
        for label, mode in (("free run", "free run"), ("one step ahead", "one step")):
            drawn = line(axes[2 * place], label)
            np.testing.assert_array_equal(drawn[1:border], evidence.predicted["training"][mode][1:border, place])
            np.testing.assert_array_equal(drawn[border:END], evidence.predicted["validation"][mode][border:END, place])
            np.testing.assert_array_equal(drawn[END:], evidence.predicted["test"][mode][END:, place])
        np.testing.assert_array_equal(line(axes[2 * place], "measured"), MEASURED.y[:, place])
    assert len(axes[1].patches) == 2  # validation and test are shaded, training is not
    assert axes[-1].get_xlabel() == "hour"


def test_rows_are_counted_from_one_where_there_are_no_times() -> None:
    plain = Measured(MEASURED.u, MEASURED.y, MEASURED.inputs, MEASURED.outputs, pd.RangeIndex(ROWS))
    axes = shown.response(plain, fitted()[2]).axes[-1]
    assert (axes.get_xlabel(), axes.get_xlim()) == ("row", (1, ROWS))


def test_a_step_response_is_a_jump_after_rest_of_every_input_that_ever_varied() -> None:
    model = fitted()[0]
    pump, still = model.inputs_
    found = shown.step_responses(model, MEASURED)
    assert list(found) == [f"pump + {pump.scale:.3g}"]
    u = np.array([[pump.mean, still.mean]] * 200 + [[pump.mean + pump.scale, still.mean]] * 60)
    (response,) = found.values()
    np.testing.assert_allclose(response, np.asarray(model.simulate(u))[200:], rtol=1e-9)
    assert len(shown.step_responses(model, Measured(np.random.rand(9, 2), MEASURED.y[:9], [], [], HOURS[:9]))) == 2


def test_pictures_stand_in_their_sections_and_name_their_rows() -> None:
    evidence = fitted()[2]
    captions = {picture.caption.split(":")[0]: picture for picture in found().pictures}
    rows = f"rows {evidence.checked.start + 1} to {ROWS}"
    assert list(captions) == [
        "Response",
        "Step response",
        "Forecast of the last 49 rows from those before, given the inputs that came, and what came. Intervals are as wide as "
        "forecasts so far ahead have missed; the first step alone follows on measured outputs.",
        f"Residuals, one step, {rows}",
        f"Residuals, free run, {rows}",
        f"Errors on {rows}.",
    ]
    assert [p.section for p in captions.values()] == ["good", "good", "believe", "believe", "believe", "believe"]
    titles = [axes.get_title(loc="left") for axes in captions[f"Residuals, free run, {rows}"].figure.axes]
    assert titles == [f"residual of {name}, with earlier pump" for name in ("level", "flow")]
    left = (MEASURED.y - evidence.joined["free run"])[evidence.checked, 0]
    about = f"free run: mean {np.nanmean(left):.2g}, deviation {np.nanstd(left):.2g}"
    assert captions[f"Errors on {rows}."].figure.axes[0].get_title(loc="left") == about


def test_the_forecast_goes_on_from_the_rows_before_it_with_its_intervals() -> None:
    model = fitted()[0]
    axes = found().pictures[2].figure.axes[0]
    u, y = MEASURED.frames()
    border = ROWS - 49
    wanted, low, high = model.forecast(49, u.iloc[border:], (u.iloc[:border], y.iloc[:border]), 0.95)
    drawn = line(axes, "forecast")
    np.testing.assert_allclose(drawn[1:], wanted["level"], rtol=1e-9)
    assert drawn[0] == MEASURED.y[border - 1, 0]
    np.testing.assert_array_equal(line(axes, "what came"), MEASURED.y[border:, 0])
    corners = np.asarray(axes.collections[0].get_paths()[0].vertices)[:, 1]  # type: ignore[union-attr]
    assert {round(v, 6) for v in (*low["level"], *high["level"])} <= {round(float(v), 6) for v in corners}


def test_intervals_are_named_after_the_newest_part() -> None:
    model = fitted()[0]
    new = judge(model, MEASURED, [Span("new data", slice(1, ROWS))])
    assert list(findings(model, MEASURED, new, ORIGIN, "").coverage) == ["new data"]
