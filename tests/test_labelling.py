"""Labels of whole recordings: read with their classes, held out by maker, taught, judged beside a baseline, recognised."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import throughtime as tt
from command_line import refused, run
from throughtime.labelling import baseline, teaching
from throughtime.labelling.copies import varied
from throughtime.labelling.held_out import split
from throughtime.labelling.judged import judged
from throughtime.labelling.labelled import LabelColumns, Labelled, read

FAST = ("--members", "2", "--epochs", "24", "--copies", "2", "--hidden", "6")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def series(label: str, number: int) -> np.ndarray:
    """Slow or fast swings, of any length and phase."""
    random = np.random.default_rng(number)
    t = np.arange(20 + number % 5)
    return np.sin((0.3 if label == "slow" else 1.0) * t + random.uniform(0, 6))[:, None] + random.normal(
        0, 0.05, (len(t), 1)
    )


def archive(name: str, numbers: range) -> Path:
    lines = ["@classLabel true slow fast", "@data"]
    for number in numbers:
        label = ("slow", "fast")[number % 2]
        lines.append(",".join(f"{v:.4f}" for v in series(label, number)[:, 0]) + f":{label}")
    Path(name).write_text("\n".join(lines))
    return Path(name)


def folder(tables: bool = True) -> Path:
    for label in ("slow", "fast"):
        Path("data", label).mkdir(parents=True)
        for maker in "abcd":
            for take in range(3):
                values = series(label, ord(maker) * 10 + take + 7 * (label == "fast"))
                text = "t,v\n" + "\n".join(f"{k},{v[0]:.4f}" for k, v in enumerate(values))
                Path("data", label, f"{maker}_{take}.csv" if tables else f"{maker}_{take}.txt").write_text(text)
    return Path("data")


def test_an_archive_is_learned_judged_and_recognised() -> None:
    archive("train.ts", range(24)), archive("new.ts", range(100, 112))
    said = run("learn", "train.ts", "--test", "new.ts", "--out", "learned", *FAST)
    assert said.exit_code == 0, said.stderr
    results = json.loads(Path("learned/results.json").read_text())
    assert {p.name for p in Path("learned").iterdir()} == {
        "model.safetensors",
        "results.json",
        "confusion.png",
        "training.png",
    }
    assert results["accuracy"] >= 0.9
    assert np.trace(results["confusion"]) == round(results["accuracy"] * 12)
    assert f"({results['accuracy']:.1%})" in said.stdout
    rows = json.loads(run("recognise", "learned/model.safetensors", "new.ts", "--json").stdout)["answers"]
    wanted = [("slow", "fast")[number % 2] for number in range(100, 112)]
    assert np.mean([row["answer"] == label for row, label in zip(rows, wanted, strict=True)]) == results["accuracy"]
    assert rows[2]["file"] == "new.ts case 3"
    (best,) = tt.recognise(tt.load("learned/model.safetensors"), series("slow", 100))
    assert best == (
        rows[0]["answer"],
        pytest.approx(rows[0]["probability"], abs=1e-3),
    )  # it is written with four digits
    refused(run("learn", "train.ts", "--out", "learned"), "learned is not empty")
    Path("t.csv").write_text("v\n1\n2\n")
    refused(run("evaluate", "learned/model.safetensors", "t.csv"), "use `throughtime recognise`")


def test_an_interrupt_keeps_the_networks_that_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    archive("train.ts", range(12))
    taught = teaching._taught

    def interrupted(*given: Any) -> Any:
        if given[-1] == at:
            raise KeyboardInterrupt
        return taught(*given)

    monkeypatch.setattr(teaching, "_taught", interrupted)
    at = 1
    said = run("learn", "train.ts", "--out", "learned", *FAST)
    assert said.exit_code == 130
    assert "interrupted after 1 of 2 networks, which are saved" in said.stderr
    assert json.loads(Path("learned/results.json").read_text())["teaching"]["members"] == 1
    assert tt.load("learned/model.safetensors").members == 0
    at = 0
    assert run("learn", "train.ts", "--out", "none", *FAST).exit_code == 130
    assert not Path("none").exists()


def test_a_folder_holds_a_class_in_each_sub_folder_and_makers_are_held_out_whole() -> None:
    labelled = read(folder(), LabelColumns())
    assert labelled.names[0] == "fast/a_0.csv"
    assert labelled.features["columns"] == ["v"]  # t only counts
    known, new = split(labelled, 0.25, r"/(\w)_", 0)
    makers = [{name.split("/")[1][0] for name in part.names} for part in (known, new)]
    assert makers[0] | makers[1] == set("abcd")
    assert not makers[0] & makers[1]
    assert len(new) == 6
    by_class = split(labelled, 0.25, None, 0)[1]
    assert sorted(by_class.labels) == ["fast"] * 3 + ["slow"] * 3
    refused(
        run("learn", "data", "--out", "o", "--held-out-by", "x(.)"),
        "--held-out-by 'x(.)' finds nothing in fast/a_0.csv",
    )
    refused(run("learn", "data", "--out", "o", "--held-out", "2"), "--held-out must lie between 0 and 1, not 2")
    assert not Path("o").exists()


def test_a_table_has_its_classes_in_a_column() -> None:
    rows = [f"{n},{label},{v[0]}" for n, label in enumerate(["slow", "fast"] * 2) for v in series(label, n)]
    Path("t.csv").write_text("who,kind,v\n" + "\n".join(rows))
    labelled = read(Path("t.csv"), LabelColumns("kind", "who", deltas=0))
    assert labelled.labels == ["slow", "fast", "slow", "fast"]
    np.testing.assert_allclose(labelled.xs[2], series("slow", 2), rtol=1e-6)
    assert read(Path("t.csv"), LabelColumns("kind", deltas=0)).labels == labelled.labels
    refused(
        run("learn", "t.csv", "--out", "o"), "t.csv is a table: name the column with the classes, --label; it has who"
    )
    both = [(k, n, label, v[0]) for n, label in enumerate(["slow", "fast"]) for k, v in enumerate(series(label, n))]
    rows = [",".join(map(str, row)) for row in sorted(both)]
    Path("mixed.csv").write_text("t,who,kind,v\n" + "\n".join(rows))
    mixed = read(Path("mixed.csv"), LabelColumns("kind", "who", deltas=0))
    assert [len(x) for x in mixed.xs] == [20, 21]
    assert mixed.features["columns"] == ["v"]
    Path("two.csv").write_text("who,kind,v\n1,a,1\n1,b,2\n2,a,3\n")
    refused(
        run("learn", "two.csv", "--out", "o", "--label", "kind", "--record", "who"),
        "row 2 (line 3): a record has two classes",
    )


def test_sound_is_heard_at_the_lowest_rate() -> None:
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("kaldi_native_fbank")
    for label, tone in (("low", 300), ("high", 900)):
        Path("data", label).mkdir(parents=True)
        for k, rate in enumerate((8000, 11025)):
            soundfile.write(f"data/{label}/{k}.wav", 0.5 * np.sin(2 * np.pi * tone * np.arange(rate // 2) / rate), rate)
    labelled = read(Path("data"), LabelColumns())
    assert labelled.features["rate"] == 8000
    assert {x.shape[1] for x in labelled.xs} == {52}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Path("d").mkdir(), "d has 0 sub-folders; give one for each class"),
        (
            lambda: [Path("d", c).mkdir(parents=True) for c in "ab"],
            "d/a is empty; put the recordings of class 'a' in it",
        ),
        (lambda: Path("d").write_text("x"), "d: no format is known by this ending"),
    ],
)
def test_what_cannot_be_learned_from(make, said: str) -> None:
    make()
    refused(run("learn", "d", "--out", "o"), said)


def test_copies_stay_near_and_the_summary_tells_lengths() -> None:
    random, x = np.random.default_rng(0), series("slow", 3)
    lengths = {len(varied(x, random)) for _ in range(50)}
    assert min(lengths) >= 0.8 * len(x)
    assert max(lengths) <= 1.25 * len(x)
    assert len(lengths) > 3
    assert np.std(varied(x, random)) == pytest.approx(np.std(x), rel=0.4)
    assert baseline.summary(x)[-1] == len(x)
    assert np.isfinite(baseline.summary(x[:1])).all()


def test_the_baseline_is_said_to_be_better_where_it_is() -> None:
    new = Labelled([np.zeros((1, 1))] * 3, ["a", "b", "b"], ["x", "y", "z"], {})
    chances = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    made = judged(chances, ["a", "b"], new, ["a", "b", "b"])
    assert made.confusion.tolist() == [[1, 0], [1, 1]]
    assert [(m.name, m.answer, m.probability) for m in made.mistakes] == [("y", "a", 0.8)]
    assert "the baseline is better" in made.sentence()
    assert "baseline" not in judged(chances, ["a", "b"], new, ["b", "a", "a"]).sentence()
