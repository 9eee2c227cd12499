"""CSV as it is met: what is read and told, and what is refused with a line that helps."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import throughtime as tt
from command_line import TINY, refused, run
from throughtime import units
from throughtime.cli import data
from throughtime.io import readers
from throughtime.io.tables import Table

NAN = np.nan


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def table(content: str) -> Table:
    path = Path("t.csv")
    path.write_text(content, encoding="utf-8", newline="")
    return readers.read(path, Table)


@pytest.mark.parametrize(
    ("content", "columns", "told"),
    [
        ("u,y\n1,2\n3,\n", {"u": [1, 3], "y": [2, NAN]}, []),
        ("\r\nu;y\r\n1;2\r\n", {"u": [1], "y": [2]}, []),
        ("sep=;\nu;y\n1;2\n", {"u": [1], "y": [2]}, ["';' separates columns"]),
        ("# made by\n# a logger\nu,y\n1,2\n# pause\n3,4\n", {"u": [1, 3], "y": [2, 4]}, ["2 comment lines", "1 comm"]),
        ("# u,y\n1.0,2\n", {"u": [1], "y": [2]}, ["taken from the comment above the rows"]),
        ("#,u\n1,2\n", {"#": [1], "u": [2]}, ["taken from the comment above the rows"]),
        ("u,y,\n1,2,\n", {"u": [1], "y": [2]}, []),
        ("u,y\n1,2,\n", {"u": [1], "y": [2]}, []),
        ("u;y\n1,5;2\n2,25;3\n", {"u": [1.5, 2.25], "y": [2, 3]}, ["commas in column 'u' are read as decimal points"]),
        ("u;y\n20,125;1\n", {"u": [20.125], "y": [1]}, ["commas in column 'u'"]),
        ("y\n1,5\n2,5\n", {"y": [1.5, 2.5]}, ["commas in column 'y'"]),
        ('u,y\n1,"2,5"\n', {"u": [1], "y": [2.5]}, ["commas in column 'y'"]),
        ('"flow\n[m]",y\n1,2\n', {"flow\n[m]": [1], "y": [2]}, []),
    ],
)
def test_it_is_read_and_what_was_unusual_is_told(
    content: str, columns: dict[str, list[float]], told: list[str]
) -> None:
    read = table(content)
    assert read.columns == list(columns)
    np.testing.assert_array_equal(read.numbers(read.columns, gaps=True), np.transpose(list(columns.values())))
    assert len(read.notes) == bool(told)
    for part in told:
        assert part in read.notes[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "u,y\n1,5,2,5\n",
            "line 2 has 4 cells, but there are 2 names; if commas are decimal points, separate the columns by ;",
        ),
        ("# a\nu,y\n1,2\n3,4,5\n", "line 4 has 3 cells"),
        ('u,y\n1,"1,500"\n', "line 2.: '1,500' is not a number; write it with a decimal point, and without commas"),
        ("u;y\n1;1.500,25\n", "'1.500,25' is not a number; write it with a decimal point"),
        ("# a\nu,y\n# b\n1,x\n", "column 'y', row 1 .line 4.: 'x' is not a number"),
        ('"u\n[m]",y\n1,x\n', "column 'y', row 1 .line 3.: 'x' is not a number"),
        ("u,y\n1,-1e39\n", "column 'y', row 1 .line 2. is beyond 3.4e38, the largest number networks compute with"),
        ('u,y\n"1,2\n', "cannot be read as CSV"),
        ("u,y\n1,2\x00\n", r"'2.x00' is not a number"),
        ("sep=;\n", "no rows"),
        ('sep=\r\nu,"y\n1,2\n', "there is no column 'y'"),
    ],
)
def test_it_is_refused_with_a_line_that_helps(content: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        table(content).numbers(["y"])
    assert "\n" not in str(error.value)


def test_dates_and_spans_of_a_parquet_file_are_no_numbers() -> None:
    dates = pd.date_range("2026-01-01", periods=3)
    pd.DataFrame({"at": dates, "span": dates - dates[0]}).to_parquet("t.parquet")
    for name in ("at", "span"):
        with pytest.raises(ValueError, match=f"column '{name}' holds .*, not numbers; name another column"):
            readers.read(Path("t.parquet"), Table).numbers([name])


def test_columns_that_do_not_vary_or_are_empty_every_second_row_are_told() -> None:
    y = np.where(np.arange(60) % 2, NAN, np.sin(np.arange(60.0)))
    pd.DataFrame({"u": np.arange(60.0), "k": 3.0, "y": y}).to_csv("t.csv", index=False)
    read = data.read(readers.read(Path("t.csv"), Table), ["u", "k"], ["y"], None)
    assert data.constant(read) == ["note: column 'k' is 3 in all rows: nothing can be learned from it"]
    assert "one of 2 rows" in data.sparse(read)[0]
    still = data.read(readers.read(Path("t.csv"), Table), ["u"], ["k"], None)
    assert data.constant(still) == ["note: column 'k' is 3 in all rows: there is nothing to learn about it"]
    assert data.sparse(still) == []
    result = run("fit", "t.csv", "--inputs", "u", "--outputs", "y", *TINY, "--out", "out")
    assert result.exit_code == 2
    note, error = result.stderr.strip().split("\n")
    assert "--loop closed" in note
    assert error.startswith("error: in open loop nothing can be asked")


def test_a_value_far_from_all_others_is_told() -> None:
    values = np.linspace(-1.0, 1.0, 100)
    far = np.where(np.arange(100) == 41, 1e30, values)
    (told,) = data.far_away(data.Data(values[:, None], far[:, None], ["u"], ["y"], pd.RangeIndex(100)))
    assert told.startswith("note: column 'y' is 1e+30 in row 42, and within -0.9")
    empty = np.full((100, 1), np.nan)
    assert data.far_away(data.Data(np.ones((100, 1)), empty, ["u"], ["y"], pd.RangeIndex(100))) == []


def test_ends_of_intervals_take_no_other_columns_name() -> None:
    random = np.random.default_rng(0)
    u = random.normal(size=200)
    made = pd.DataFrame({"u": u, "y": np.r_[0, u[:-1]], "y low": 100 + u})
    made.to_csv("t.csv", index=False)
    made[["u"]][:2].to_csv("plan.csv", index=False)
    fit = run("fit", "t.csv", "--inputs", "u", "--outputs", "y,y low", *TINY, "--folds", "2", "--out", "out", "-q")
    assert fit.exit_code == 0, fit.stderr
    ask = ["forecast", "out/model.safetensors", "t.csv", "--future", "plan.csv", "--out"]
    assert run(*ask, "plain.csv").exit_code == 0
    result = run(*ask, "ends.csv", "--level", "0.8")
    assert "note: 'y low' is a column of t.csv, so that end of the interval is called 'y low 2'" in result.stderr
    plain, ends = pd.read_csv("plain.csv"), pd.read_csv("ends.csv")
    assert list(ends) == ["y", "y low", "y low 2", "y low low", "y high", "y low high"]
    pd.testing.assert_frame_equal(ends[["y", "y low"]], plain)
    assert (ends["y low 2"] < ends["y"]).all()


def test_a_network_that_runs_away_is_told_with_an_exit_code() -> None:
    network = tt.narx(1, 1, 1, 0, 1, f=units.linear)
    weights = jax.tree.map(lambda w: 1e30 * jnp.ones_like(w), tt.init(network, 0))
    tt.save("m.safetensors", tt.Model(network, weights, (tt.Column("u"),), (tt.Column("y"),)))
    pd.DataFrame({"u": np.ones(30), "y": 1.0}).to_csv("t.csv", index=False)
    for command in (["simulate"], ["forecast", "--future", "t.csv"]):
        result = run(*command, "m.safetensors", "t.csv", "--out", f"{command[0]}.csv", "--quiet")
        refused(result, "column 'y' is not finite from row", "ran away", code=1)
        assert Path(f"{command[0]}.csv").exists()


def test_too_little_memory_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path, wanted: type[Table]) -> Table:
        raise MemoryError(f"for {path}, a {wanted.__name__}")

    monkeypatch.setattr(readers, "read", read)
    refused(run("delays", "t.csv", "--outputs", "y"), "too little memory (for t.csv, a Table); use fewer", code=1)


def test_a_model_whose_columns_a_table_cannot_tell_apart_is_refused() -> None:
    network = tt.narx(1, 1, 1, 0, 1)
    tt.save("m.safetensors", tt.Model(network, tt.init(network, 0), (tt.Column("y"),), (tt.Column("y"),)))
    Path("t.csv").write_text("y\n1\n2\n")
    refused(run("simulate", "m.safetensors", "t.csv"), "2 columns of this model are called 'y'")
