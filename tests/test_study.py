"""A study is what one fit is asked to do: through JSON, through the command line and through a run it stays the same."""

import json
import shlex
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jax
import numpy as np
import optax
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import throughtime as tt
from command_line import FILES, fit_plant, plant, refused, run
from throughtime.cli import fitting
from throughtime.cli.command import command, words
from throughtime.cli.importing import importing
from throughtime.dynamics.measured import Measured
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.shares import Shares
from throughtime.dynamics.stages import Asked, stages_of
from throughtime.dynamics.study import Study
from throughtime.dynamics.table import Columns, Limits, TableFile
from throughtime.dynamics.teaching import Teaching, _optimizer
from throughtime.dynamics.wirings import ALONE, Wiring
from throughtime.io import files
from throughtime.models.saving import load
from throughtime.training.recipes import Recipe

TAPS = st.lists(st.integers(1, 5), min_size=1, max_size=3, unique=True).map(tuple)
START = {"start": "learned"}
OPTIONS: dict[str, Any] = {
    "narx": st.fixed_dictionaries(
        {},
        optional={
            "input_delays": TAPS,
            "output_delays": TAPS,
            "f": st.sampled_from(["tanh", "relu"]),
            "increments": st.booleans(),
            "skip": st.booleans(),
            "start": st.sampled_from(["zero", "learned"]),
        },
    ),
    "jordan": st.sampled_from([{}, {"f": "logistic"}]),
    "elman": st.sampled_from([{}, START, {"bidirectional": True}]),
    "gru": st.sampled_from([{}, START, {"bidirectional": True}]),
    "window": st.sampled_from([{"width": 3}]),
    "tdnn": st.lists(TAPS, min_size=2, max_size=2).map(lambda taps: {"delays": taps}),
    "ntm": st.sampled_from([{}, {"slots": 4, "width": 3, "controller": "tanh"}]),
}
ASKED = st.builds(
    Asked,
    optimizer=st.sampled_from([None, "adam", "lm", "br"]),
    learner=st.sampled_from([None, "bptt", "bptt:3", "rtrl", "rtrl:2", "focused"]),
    horizon=st.sampled_from([None, 4, 20]),
    epochs=st.sampled_from([None, 1, 60, 100, 500]),
    rate=st.sampled_from([None, 0.01, 1e-3]),
    every=st.sampled_from([None, 7, 100]),
    decay=st.sampled_from([None, 0.0, 1e-4]),
    patience=st.sampled_from([None, 5, 100]),
    look=st.sampled_from([None, 1, 10]),
    clip=st.sampled_from([None, 0.0, 1.0, 2.5]),
)
SHARES = st.builds(
    Shares,
    validation=st.sampled_from([0.2, 0.0, 0.25]),
    folds=st.sampled_from([0, 2, 4]),
    test=st.sampled_from([0.0, 0.1]),
    washout=st.sampled_from([None, 0, 7]),
)
EDGES = st.sampled_from([(), (None, -1.5), (-2.0, None), (-3.0, -3.0)])


def table() -> Any:
    return plant().assign(when=np.arange(60))


@st.composite
def studies(draw: Any) -> Study:
    """What options can ask for."""
    name = draw(st.sampled_from(sorted(OPTIONS)))
    inputs = draw(st.sampled_from([("u",), ("v", "u"), *([()] if name in ALONE else [])]))
    outputs, low = draw(st.sampled_from([(("y",), ()), (("z", "y"), draw(EDGES))]))
    high = tuple(None if edge is None else edge + 5 for edge in low)
    try:
        wiring = Wiring(name, draw(st.sampled_from([(10,), (2,)])), draw(OPTIONS[name]))
        network = wiring.build(len(inputs), len(outputs))
        parts = draw(SHARES)
        measured = Measured.of(table()[list(inputs)] if inputs else None, table()[list(outputs)])
        rows = parts.of(measured, network).training
        loop = draw(st.sampled_from([None, "open", "closed", "open-closed"]))
        stages = stages_of(network, name, rows, loop, draw(ASKED))
        assert all(isinstance(stage, Teaching) for stage in stages)
        made = Study(
            wiring,
            Columns(inputs, outputs, *draw(st.sampled_from([(), ("when",), ("when", "%y")]))),
            stages,
            parts,
            draw(st.sampled_from([5, 1, 3])),
            draw(st.sampled_from([None, 1])),
            Limits(low, high),
            draw(st.sampled_from([0, 9])),
            TableFile("plant.csv", files.fingerprint("plant.csv")),
            draw(st.sampled_from([0, 3])) if inputs and not network.backward else 0,
        )
        made.rows(measured)
    except ValueError:
        assume(False)
    return made


@pytest.fixture(autouse=True, scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        table().to_csv("plant.csv", index=False)
        yield folder


def asked_by(line: str) -> Study:
    """The study that a command line asks for."""
    seen: list[Study] = []
    with patch.object(fitting, "carry_out", lambda job, *_: seen.append(job.study)):
        said = run(*shlex.split(line)[1:])
    assert said.exit_code == 0, said.stderr
    return seen[0]


@settings(max_examples=30, deadline=None)
@given(studies())
def test_a_study_comes_back_from_the_command_line_that_it_is_made_into(study: Study) -> None:
    rows = study.rows(measured_of(study)).training
    line = command(study, rows, Path("deep/out"))
    assert "--study" not in line
    assert asked_by(line) == study
    said = words(study, rows)
    assert said is not None
    assert command(asked_by(line), rows, Path("out")) == line


@settings(max_examples=30, deadline=None)
@given(studies())
def test_a_study_comes_back_from_json(study: Study) -> None:
    assert Study.from_json(study.to_json()) == study
    assert Study.from_json(study.to_json()).to_json() == study.to_json()


@settings(max_examples=25, deadline=None)
@given(studies(), st.data())
def test_no_word_of_the_command_is_idle(study: Study, data: st.DataObject) -> None:
    """The control: without one of its options, it is the command of another study. How far back it hears is said always."""
    parts = [p for p in command(study, study.rows(measured_of(study)).training, Path("out")).split(" --") if p]
    chosen = data.draw(st.sampled_from([p for p in parts[1:] if p.split()[0] not in SAID] or [None]))
    assume(chosen is not None)
    try:
        other = asked_by(" --".join(p for p in parts if p != chosen))
    except AssertionError:
        return  # it is no command any more
    assert other != study


def measured_of(study: Study) -> Measured:
    u, y = study.columns.inputs, study.columns.outputs
    return Measured.of(table()[list(u)] if u else None, table()[list(y)])


SAID = ("outputs", "out", "input-delays", "output-delays", "delays", "width")  # whatever they are


SMALL = Study(
    Wiring("narx", (2,), {"input_delays": [1], "output_delays": [1]}),
    Columns(("u",), ("y",)),
    (Teaching("open", epochs=3, look=1), Teaching(epochs=2, look=1)),
    restarts=2,
    seed=3,
)


def test_a_study_of_a_network_or_of_code_is_what_options_cannot_say() -> None:
    network = tt.narx(1, 2, 1, 1, 1)
    study = replace(SMALL, wiring=network)
    assert Study.from_json(study.to_json()) == study
    assert words(study, 48) is None
    assert command(study, 48, Path("out")) == "throughtime fit --study study.json --out out"
    for optimizer in (lambda rate: optax.sgd(rate), optax.sgd(0.1), partial(optax.sgd, momentum=0.9)):
        own = replace(SMALL, stages=(Teaching(), Teaching(optimizer=optimizer)))
        assert words(own, 48) is None
        with pytest.raises(
            ValueError, match=r"^study: stages\[1\]: optimizer [^\n]* is code, .*; give a Recipe [^\n]*$"
        ):
            own.to_json()


@pytest.mark.parametrize("optimizer", [Recipe("sgd", momentum=0.9, nesterov=True), Recipe("adamw"), optax.rmsprop])
def test_an_optimizer_by_name_and_numbers_comes_back_from_json_and_compiles_no_second_time(optimizer: Any) -> None:
    study = replace(SMALL, stages=(Teaching(epochs=1, look=1, optimizer=optimizer),))
    again = Study.from_json(study.to_json())
    made = [_optimizer(replace(one.stages[0], learner=None), 3) for one in (study, again)]
    assert made[0] is made[1]
    assert again == study
    assert words(study, 48) is None
    *_, last = again.run((table()[["u"]], table()[["y"]]))
    *_, other = study.run((table()[["u"]], table()[["y"]]))
    jax.tree.map(np.testing.assert_array_equal, last.model.weights_, other.model.weights_)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "this is no study: its format is not 'throughtime study'"),
        ({"version": 2}, "the study has version 2, this library reads version 1"),
        ({"colour": "red"}, "'colour' is no field of a study"),
        ({"seed": -1}, "seed must be a whole number of at least 0, not -1"),
        ({"restarts": 1.5}, "restarts must be a whole number of at least 1, not 1.5"),
        ({"keep": 0}, "keep must be"),
        ({"columns": {"inputs": ["u"]}}, "study: columns: missing 1 required positional argument: 'outputs'"),
        ({"columns": {"inputs": ["y"], "outputs": ["y"]}}, "study: columns: column 'y' is named twice"),
        ({"columns": {"inputs": "u", "outputs": ["y"]}}, "study: columns: inputs must be a list, not 'u'"),
        ({"parts": {"validation": 1}}, "study: parts: validation must be at least 0 and below 1, not 1"),
        ({"parts": {"folds": 1}}, "study: parts: folds must be 0"),
        ({"limits": {"low": ["a"]}}, "study: limits: low must be a number for each output, or none, not 'a'"),
        ({"limits": {"low": [1, 2]}}, "low has 2 numbers for 1 outputs (y)"),
        ({"wiring": {"name": "rnn"}}, "study: wiring: network 'rnn' is not known; choose "),
        ({"wiring": {"name": "gru", "options": {"skip": True}}}, "study: wiring: skip is not for network gru"),
        ({"wiring": {"name": "tdnn"}}, "study: wiring: network tdnn needs delays"),
        ({"wiring": {"network": {}}}, "study: wiring: "),
        ({"wiring": []}, "study: wiring: must be a wiring, not []"),
        ({"stages": []}, "study: stages: must be a list of 1 to 100 stages, not []"),
        ({"stages": [{}, {"rate": -1}]}, "study: stages[1]: rate must be above 0, not -1"),
        ({"stages": [{"every": 0}]}, "study: stages[0]: every must be a whole number of at least 1, not 0"),
        (
            {"stages": [{"optimizer": "magic"}]},
            "study: stages[0]: optimizer 'magic' is not known; choose adam, lm, br, ",
        ),
        (
            {"stages": [{"optimizer": {"name": "magic"}}]},
            "study: stages[0]: optimizer 'magic' is no optimizer with a recipe",
        ),
        (
            {"stages": [{"optimizer": {"name": "sgd", "b1": 1}}]},
            "study: stages[0]: optimizer sgd has no 'b1'; it has momentum",
        ),
        (
            {"stages": [{"optimizer": {"name": "sgd", "momentum": "x"}}]},
            "study: stages[0]: optimizer sgd: momentum must be",
        ),
        ({"stages": [{"optimizer": []}]}, "study: stages[0]: optimizer [] is not known"),
        ({"stages": [{"learner": "magic"}]}, "study: stages[0]: learner 'magic' is not known"),
        ({"stages": [{"loop": "ajar"}]}, "study: stages[0]: loop must be 'open' or 'closed', not 'ajar'"),
        ({"table": {"name": 1, "sha256": "x"}}, "study: table: table name must be text, not 1"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_study_is_one_line_that_names_the_field(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as found:  # noqa: PT011  the text is looked at below
        Study.from_dict(SMALL.to_dict() | change)
    assert str(found.value).startswith(said)
    assert "\n" not in str(found.value)
    Path("bad.json").write_text(json.dumps(SMALL.to_dict() | change))
    refused(run("fit", "plant.csv", "--study", "bad.json", "--out", "none"), "bad.json: ", said[:40])


def test_what_is_no_json_is_no_study() -> None:
    for text in ("", "[", "[]", "1", '"x"', "{" * 10_000):
        with pytest.raises(ValueError, match=r"^this is no study: [^\n]*$"):
            Study.from_json(text)


def test_a_run_is_the_fit_of_its_model_look_by_look() -> None:
    u, y = table()[["u"]], table()[["y"]]
    looks = list(SMALL.run((u, y)))
    model = DynamicModel(tt.narx(1, 2, 1, 1, 1), SMALL.stages, restarts=2, random_state=3).fit(u, y)
    last = looks[-1].model
    assert last is not None
    jax.tree.map(np.testing.assert_array_equal, last.weights_, model.weights_)
    assert [look.phase for look in looks] == [
        "preparing",
        "compiling open loop",
        *["training open loop"] * 3,
        "compiling closed loop",
        *["training closed loop"] * 2,
        "fitted",
    ]
    parts = [look.part for look in looks]
    assert parts == sorted(parts)
    assert (parts[0], parts[-1]) == (0.0, 1.0)
    assert [look.figures.get("epoch") for look in looks if look.at] == [1, 2, 3, 4, 5]


def test_one_step_beside_the_free_run_is_that_of_the_best_network_on_the_held_out_rows() -> None:
    u, y = table()[["u"]].to_numpy(), table()[["y"]].to_numpy()
    *_, look, last = SMALL.run((u, y))
    model = last.model
    assert model is not None
    best = int(np.argmin([member["error"] for member in model.members_]))
    held = slice(60 - round(0.2 * 59), 60)
    near = np.sqrt(np.mean((model.each(u, y)[best] - y)[held] ** 2))
    free = np.sqrt(np.mean((model.each(u, np.full_like(y, np.nan))[best] - y)[held] ** 2))
    assert look.figures["one step"] == pytest.approx(near, rel=1e-5)
    assert look.figures["free run"] == pytest.approx(
        free, rel=0.3
    )  # begun from zeros here, there from what was measured
    assert look.figures["one step"] != pytest.approx(look.figures["free run"], rel=1e-3)


def test_what_does_not_fit_the_study_is_told_in_its_words() -> None:
    with pytest.raises(ValueError, match="the table has 0 inputs and 1 outputs, the study asks for 1 and 1"):
        SMALL.run((None, np.zeros(50)))
    short = replace(SMALL, parts=Shares(washout=90))
    with pytest.raises(ValueError, match="washout of 90; use more rows, smaller delays or less validation and test"):
        short.run((np.zeros(60), np.zeros(60)))


def test_a_fit_is_done_again_from_its_study_to_the_same_tensors() -> None:
    fit_plant("a", "--skip", "--seed", "3")
    said = run("fit", "--study", "a/study.json", "--out", "b", "--quiet")
    assert said.exit_code == 0, said.stderr
    assert {p.name for p in Path("b").iterdir()} == FILES
    a, b = (load(f"{folder}/model.safetensors") for folder in "ab")
    jax.tree.map(np.testing.assert_array_equal, a.weights, b.weights)
    drop = {"command": "", "seconds": ""}
    assert dict(a.settings) | drop == dict(b.settings) | drop
    assert a.settings["command"].replace("--out a", "--out b") == b.settings["command"]
    assert Path("a/study.json").read_bytes() == Path("b/study.json").read_bytes()
    assert Path("a/training.png").read_bytes() == Path("b/training.png").read_bytes()


def test_a_study_is_of_its_table_alone_and_says_all_that_options_could() -> None:
    Path("study.json").write_text(SMALL.of_table("plant.csv", files.fingerprint("plant.csv")).to_json())
    plant(61).to_csv("other.csv", index=False)
    again = ["--study", "study.json", "--out", "none"]
    refused(
        run("fit", "other.csv", *again),
        "other.csv is not the table of study.json: its SHA-256 is ",
        "plant.csv",
        'the entry "table" out',
    )
    refused(run("fit", *again, "--seed", "3"), "--seed beside --study: the study says it already; leave it out")
    refused(run("fit", *again, "--outputs", "u"), "column 'u' is named twice")
    others = run("fit", *again[:-1], "others", "--outputs", "z", "--inputs", "v", "--json")
    assert others.exit_code == 0, others.stderr
    assert list(json.loads(others.stdout)["network"]["free run"]["training"]) == ["z"]
    refused(run("fit", "--study", "study.json"), "Missing option '--out'")
    refused(run("fit", "--study", "gone.json", "--out", "none"), "gone.json")
    refused(run("fit", "--outputs", "y", "--out", "none"), "Missing argument 'TABLE'")
    refused(run("fit", "plant.csv", "--out", "none"), "Missing option '--outputs'")
    Path("far").mkdir()
    Path("far/study.json").write_text(SMALL.of_table("gone.csv", files.fingerprint("plant.csv")).to_json())
    refused(
        run("fit", "--study", "far/study.json", "--out", "none"), "the table 'gone.csv' of", "neither here nor beside"
    )
    Path("bare.json").write_text(SMALL.to_json())
    refused(run("fit", "--study", "bare.json", "--out", "none"), "names no table")
    assert not Path("none").exists()


def test_events_tell_of_every_phase() -> None:
    fit_plant("events", "--look", "1")
    lines = [json.loads(line) for line in Path("events/events.jsonl").read_text().split("\n") if line]
    phases = list(dict.fromkeys(line["phase"] for line in lines))
    assert phases == [
        "importing",
        "reading",
        "preparing",
        "compiling open loop",
        "training open loop",
        "compiling closed loop",
        "training closed loop",
        "fitted",
        "judging",
        "drawing",
        "finished",
    ]
    for name in ("part", "seconds"):
        values = [line[name] for line in lines[:-3] if line["phase"] != "fitted"]
        assert values == sorted(values)
    assert {"epoch", "free run", "one step"} <= next(line for line in lines if "epoch" in line).keys()


@pytest.mark.parametrize(
    ("terminal", "words", "said"),
    [(True, [], "importing ...\r             \r"), (True, ["fit", "-q"], ""), (False, [], "")],
    ids=str,
)
def test_importing_is_said_while_it_lasts_on_a_terminal_that_wants_to_hear(
    terminal: bool, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = StringIO()
    heard.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", heard)
    monkeypatch.setattr("sys.argv", ["throughtime", *words])
    with importing():
        assert heard.getvalue() == said[:14]
    assert heard.getvalue() == said


def test_columns_of_tables_are_found_by_their_names() -> None:
    t = np.arange(60.0)
    tables = pd.DataFrame({"b": np.cos(t), "a": np.sin(t)}), pd.DataFrame({"y": np.sin(t)})
    study = Study(Wiring("narx", (2,)), Columns(("a", "b"), ("y",)), (Teaching(epochs=1),), restarts=1)
    (*_, last) = study.run(tables)
    assert [column.name for column in last.model.inputs_] == ["a", "b"]
    with pytest.raises(ValueError, match="u has no column 'b', which the study asks for; it has a, c"):
        study.run((tables[0].rename(columns={"b": "c"})[["a", "c"]], tables[1]))


def test_a_study_says_how_far_back_it_hears_though_nobody_asked() -> None:
    wiring = Wiring("narx", (2,))
    assert wiring.options == {"input_delays": (0, 1, 2), "output_delays": (1, 2)}
    assert Wiring("narx", (2,), wiring.options) == wiring
    series = asked_by("throughtime fit plant.csv --outputs y --out out")
    said = command(series, series.rows(measured_of(series)).training, Path("out"))
    assert "--input-delays" not in said
    assert "--output-delays 1:2" in said
