"""A judgement is a value: it says what its numbers say, and goes through JSON as metrics.json holds it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import throughtime as tt
from command_line import fitted
from throughtime.cli.results import REMEDY, remedy, show
from throughtime.dynamics.correlation import autocorrelation, cross_correlation
from throughtime.dynamics.holding import Parts, held_out
from throughtime.dynamics.measured import Measured
from throughtime.dynamics.records import Record
from throughtime.dynamics.residuals import ResidualTests
from throughtime.reports.judgement import Judgement
from throughtime.reports.judging import judge
from throughtime.reports.verdicts import Errors, Held, Verdict, coverage_sentences, residual_sentences

FREE, NEAR = "free run", "one step"


def score(rmse: float | None, rows: int = 9) -> dict[str, Any]:
    return {"rmse": rmse, "fit_percent": None, "relative_variance": None, "rows": rows}


def of(free: float | None, near: float | None, parts: tuple[str, ...] = ("training", "test"), rows: int = 9) -> Any:
    return {mode: {part: {"y": score(e, rows)} for part in parts} for mode, e in ((FREE, free), (NEAR, near))}


def judgement(network: Any, linear: Any, mean: Any, **more: Any) -> Judgement:
    return Judgement(network, {"linear": linear, "mean": mean}, **more)


BETTER = (
    "y, test, beside the linear model: better in free run (0.1 against 0.2), better one step ahead (0.01 against 0.02)"
)
LOST = "y, test, beside the linear model: NOT better in free run"


@pytest.mark.parametrize(
    ("network", "linear", "mean", "wanted", "better"),
    [
        ((0.1, 0.01), (0.2, 0.02), 1.0, BETTER, True),
        (
            (0.1, 0.03),
            (0.2, 0.02),
            1.0,
            "one step ahead (0.03 against 0.02); for one step ahead alone, take the linear model",
            False,
        ),
        (
            (0.3, 0.01),
            (0.2, 0.02),
            1.0,
            "better one step ahead (0.01 against 0.02); do this, or take the linear model",
            False,
        ),
        (
            (0.3, 0.01),
            (0.2, 0.02),
            0.3,
            "; in free run NOT better than the mean (0.3); do this, or take the linear model",
            False,
        ),
        ((0.1, 0.01), (0.2, 0.02), 0.05, "; in free run NOT better than the mean (0.05)", False),
        ((0.1, 0.01), (0.2, 0.02), 0.101, "; in free run hardly better than the mean (0.101)", True),
        (
            (0.2, 0.02),
            (0.2, 0.02),
            1.0,
            f"{LOST} (0.2 against 0.2), NOT better one step ahead (0.02 against 0.02)",
            False,
        ),
        ((None, 0.01), (0.2, 0.02), 1.0, "NOT better in free run (inf against 0.2), better one step", False),
        (
            (0.1, 0.01),
            (None, None),
            1.0,
            "better in free run (0.1 against inf), better one step ahead (0.01 against inf)",
            True,
        ),
    ],
)
def test_a_verdict_says_where_the_network_is_better_and_what_to_do(
    network: Any, linear: Any, mean: float, wanted: str, better: bool
) -> None:
    (verdict,) = judgement(of(*network), of(*linear), of(mean, mean)).verdicts
    assert wanted in verdict.sentence("do this")
    assert verdict.better is better
    assert ("do this" in verdict.sentence("do this")) is ("NOT better in free run (" in verdict.sentence())
    assert "--" not in verdict.sentence()  # a browser has no options


@pytest.mark.parametrize(
    ("parts", "chosen"),
    [
        (("training", "validation", "test"), "test"),
        (("rest", "held out"), "held out"),
        (("training", "validation"), "validation"),
        (("training",), "training"),
        (("new data",), "new data"),
    ],
)
def test_the_verdict_is_on_the_rows_that_are_newest_to_the_model(parts: tuple[str, ...], chosen: str) -> None:
    (verdict,) = judgement(*(of(e, e, parts) for e in (0.1, 0.2, 0.3))).verdicts
    assert (verdict.part, verdict.network, verdict.linear, verdict.mean) == (
        chosen,
        Errors(0.1, 0.1),
        Errors(0.2, 0.2),
        Errors(0.3, 0.3),
    )


def test_without_a_rival_or_a_measurement_there_is_no_verdict() -> None:
    assert Judgement(of(1.0, 1.0), {"mean": of(2.0, 2.0)}).verdicts == ()
    assert judgement(*[of(None, None, rows=0)] * 3).verdicts == ()


def test_coverage_is_told_in_per_cent_with_a_word_where_it_is_too_low() -> None:
    assert coverage_sentences([Held(0.8, 0.75, 12), Held(0.95, 0.8499, 12)], "new rows") == [
        "forecast intervals of 80 % held 75.0 % of new rows (12 forecasts)",
        "forecast intervals of 95 % held 85.0 % of new rows (12 forecasts): too few, these rows are unlike the held-out ones",
    ]
    assert not Held(0.8, 0.71, 5).too_few
    assert Held(0.8, 0.69, 5).too_few
    assert not Held(0.8, 1.0, 5).too_few
    assert Held(0.8, 0.91, 5).too_wide
    assert not Held(0.8, 0.89, 5).too_wide


def test_of_a_free_run_only_the_tests_with_inputs_are_told() -> None:
    wave = [0.0, 1.0, 0.5, -1.0] * 9
    tests = ResidualTests(
        {"y": autocorrelation(wave, 3)}, {("u", "y"): cross_correlation(wave, wave, 3)}, ("itself", "the input"), False
    )
    assert residual_sentences({NEAR: tests, FREE: tests}) == [
        "one step, itself",
        "one step, the input",
        "free run, the input",
    ]


def test_the_table_shows_rivals_beside_each_other_and_says_what_exploded(capsys: Any) -> None:
    network, linear = of(None, 0.25, ("test",)), of(0.5, 0.125, ("test",))
    linear[FREE]["test"]["y"]["fit_percent"] = 43.21
    last = {NEAR: of(0.0, 0.75, ("test",))[NEAR]}
    empty = of(None, None, ("test",), rows=0)
    show(Judgement(network, {"linear": linear, "last value": last, "mean": empty}), "a title")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["a", "title"],
        ["RMSE,", "fit", "output", "free", "run", "one", "step"],
        ["test", "y", "network", "exploded", "0.25"],
        ["linear", "0.5", "43.2", "%", "0.125"],
        ["last", "value", "-", "0.75"],
        ["mean", "-", "-"],
    ]


def made() -> Judgement:
    return judgement(of(0.1, None), of(0.2, 0.3), of(1.0, 1.0), coverage=(Held(0.8, 0.75, 12),), residuals=("white",))


def test_advice_leaves_out_what_was_done_and_what_no_advice_helps() -> None:
    assert remedy({}).endswith("other sizes (throughtime choose), --folds 4 or --network gru")
    assert remedy({"network": "gru", "folds": 4}).endswith("other sizes (throughtime choose)")
    lost = Errors(0.2, 0.2), Errors(0.1, 0.1), Errors(1.0, 1.0)
    assert "take the linear model" in Verdict("test", "y", *lost).sentence()
    assert "take the linear model" not in Verdict("test", "y", *lost).sentence(remedy({"network": "linear"}))
    still = Verdict("test", "y", *[Errors(0.0, 0.0)] * 3).sentence()
    assert still == "y, test: it does not vary there, so there is nothing to compare"


def test_json_gives_the_same_judgement_back() -> None:
    text = json.dumps(made().to_dict(), allow_nan=False)
    assert Judgement.from_dict(json.loads(text)) == made()
    assert replace(made(), coverage=()) != made()
    assert replace(made(), residuals=()) != made()


def test_metrics_json_is_the_judgement_and_what_was_fitted() -> None:
    metrics = json.loads((fitted() / "out/metrics.json").read_text())
    read = tt.Judgement.from_dict(metrics)
    plain = json.loads(json.dumps(read.to_dict(REMEDY)))
    assert {key: metrics[key] for key in plain} == plain
    assert list(plain) == ["network", "baselines", "verdict", "coverage", "residuals"]
    assert list(metrics) == ["settings", "data", "weights", "rows", "members", *plain, "seconds"]
    assert list(metrics["network"]) == [FREE, NEAR]
    assert list(metrics["network"][FREE]) == ["training", "validation", "test"]
    assert list(metrics["network"][FREE]["test"]["y"]) == ["rmse", "fit_percent", "relative_variance", "rows"]
    assert list(metrics["baselines"]) == ["linear", "mean", "last value"]
    assert [list(held) for held in metrics["coverage"]] == [["level", "measured", "forecasts"]] * 2
    assert read.evidence is None


def test_python_judges_as_the_command_line_does() -> None:
    """The model from its file, the table from pandas, the parts by their masks: the same numbers and sentences."""
    metrics = json.loads((fitted() / "out/metrics.json").read_text())
    table = pd.read_csv(fitted() / "hours.csv", index_col="hour", parse_dates=True)
    model = tt.DynamicModel.from_model(tt.load(fitted() / "out/model.safetensors"))
    measured, end = Measured.of(table[["u"]], table["y"]), 192
    held = held_out([Record(measured.u[:end], measured.y[:end])], 1, 0, 0.2)[0]
    found = judge(model, measured, Parts(1, end, held))
    wanted = Judgement.from_dict(metrics)
    for who, judged in {"network": found.network, **found.baselines}.items():
        known = wanted.network if who == "network" else wanted.baselines[who]
        for mode, of_parts in judged.items():
            for part, outputs in of_parts.items():
                assert outputs["y"] == pytest.approx(known[mode][part]["y"], rel=1e-6), (who, mode, part)
    assert [v.sentence(REMEDY) for v in found.verdicts] == metrics["verdict"]
    assert (found.residuals, found.coverage) == (wanted.residuals, wanted.coverage)


@pytest.mark.parametrize(
    "change",
    [
        lambda plain: plain.pop("network"),
        lambda plain: plain.pop("baselines"),
        lambda plain: plain.update(network=[1, 2]),
        lambda plain: plain["baselines"].update(linear=3),
        lambda plain: plain["network"][FREE]["test"].update(y=0.5),
        lambda plain: plain["network"][FREE]["test"]["y"].pop("rmse"),
        lambda plain: plain["network"][FREE]["test"]["y"].update(rmse="small"),
        lambda plain: plain["network"][FREE]["test"]["y"].update(rows=-1),
        lambda plain: plain.update(coverage=[{"level": 0.8}]),
        lambda plain: plain.update(coverage=[{"level": 0.8, "measured": "most", "forecasts": 3}]),
    ],
)
def test_what_is_no_judgement_is_refused_in_one_line(change: Any) -> None:
    plain = json.loads(json.dumps(made().to_dict()))
    change(plain)
    with pytest.raises(ValueError, match="judgement") as error:
        Judgement.from_dict(plain)
    assert "\n" not in str(error.value)


def test_it_knows_no_command_line() -> None:
    for file in Path(tt.__file__).parent.joinpath("reports").glob("*.py"):
        for word in ("throughtime.cli", "typer", "Problem"):
            assert word not in file.read_text(), file


def test_a_judgement_shows_its_errors_in_one_line() -> None:
    shown = repr(judgement(of(0.1, 0.01), of(0.2, 0.02), of(0.3, 0.3)))
    assert shown == "<Judgement: y, test: 0.1 in free run, 0.01 one step ahead (linear model 0.2, 0.02)>"
    assert repr(Judgement(of(0.1, 0.01), {})).isprintable()
