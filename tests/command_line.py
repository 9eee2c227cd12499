"""What the tests of the command line share: a plant, its table, a model fitted to it once, and how programs are run."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from typer.testing import CliRunner, Result

from throughtime.cli import program

APP = program()
FILES = {"model.safetensors", "metrics.json", "wiring.png", "training.png", "prediction.png"}
FILES |= {"study.json", "events.jsonl"}
TINY = ["--network", "narx", "--hidden", "2", "--epochs", "2", "--look", "1", "--every", "40", "--restarts", "2"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(APP, [str(a) for a in arguments], prog_name="throughtime")


def plant(rows: int = 60) -> pd.DataFrame:
    """y(t) = 0.8 y(t-1) + 0.5 u(t-1)."""
    u, y = np.sin(np.arange(rows) * 0.7), np.zeros(rows)
    for t in range(1, rows):
        y[t] = 0.8 * y[t - 1] + 0.5 * u[t - 1]
    return pd.DataFrame({"u": u, "v": np.cos(u), "y": 3 + 2 * y, "z": y**2})


def dated(rows: int = 240) -> pd.DataFrame:
    """A plant that is shaken by an irregular input, and measured every hour with noise."""
    random = np.random.default_rng(0)
    u, y = np.repeat(random.normal(size=rows // 4), 4), np.zeros(rows)
    for t in range(1, rows):
        y[t] = 0.7 * y[t - 1] + np.tanh(u[t - 1])
    hours = pd.date_range("2026-01-01", periods=rows, freq="h")
    return pd.DataFrame({"hour": hours, "u": u, "y": 3 + y + 0.02 * random.normal(size=rows)})


def fit_plant(out: str = "out", *more: object) -> Result:
    result = run("fit", "plant.csv", "--inputs", "u", "--outputs", "y", *TINY, "--out", out, *more)
    assert result.exit_code == 0, result.stderr
    return result


@cache
def fitted() -> Path:
    """A folder with hours.csv, whose last rows are a test, and the model of it in out/; made once."""
    folder = Path(tempfile.mkdtemp())
    dated().to_csv(folder / "hours.csv", index=False)
    given = ["--inputs", "u", "--outputs", "y", "--time", "hour", "--test", "0.2", "--hidden", "3", "--restarts", "2"]
    given += ["--network", "narx", "--epochs", "20", "--output-delays", "1", "--input-delays", "1"]
    result = run("fit", folder / "hours.csv", *given, "--out", folder / "out", "--quiet")
    assert result.exit_code == 0, result.stderr
    return folder


def refused(result: Result, *parts: str, code: int = 2) -> None:
    """One line on standard error that says all this, and nothing else."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    lines = result.stderr.strip().split("\n")
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]
