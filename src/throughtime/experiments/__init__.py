"""Reproducible experiments, each a file that reads top to bottom.

An experiment is a module with a function

    run(quick, seeds, out, progress) -> {"experiment", "quick", "seconds", "results": [...], "baselines": [...]}

    quick     a small version, to see that it works
    seeds     how many; None: its own number
    out       a folder that exists, for its table and pictures
    progress  is called with the part done, 0 to 1, and a remark

where each result is {"network", "split", "metric", "values"}, with one value per seed. It may also say

    "bars"   [{"network", "split", "at_most", "about"}], what the values of that network were meant to reach
    "notes"  [text], what else must be known to read the table
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

Progress = Callable[[float, str], None]
Run = Callable[[bool, int | None, Path, Progress], dict[str, Any]]

EXPERIMENTS = {
    "cascaded-tanks": "throughtime.experiments.cascaded_tanks",
    "counting": "throughtime.experiments.counting",
    "handwriting": "throughtime.experiments.handwriting",
    "handwriting-words": "throughtime.experiments.handwriting_words",
    "learned-delays": "throughtime.experiments.learned_delays",
    "learning-to-learn": "throughtime.experiments.learning_to_learn",
    "mackey-glass": "throughtime.experiments.mackey_glass",
    "narma10": "throughtime.experiments.narma10",
    "ntm": "throughtime.experiments.ntm",
    "phonemes-bdg": "throughtime.experiments.phonemes_bdg",
    "phonemes-framewise": "throughtime.experiments.phonemes_framewise",
    "speech": "throughtime.experiments.speech",
    "sunspots": "throughtime.experiments.sunspots",
    "temporal-generalization": "throughtime.experiments.temporal_generalization",
    "turing": "throughtime.experiments.turing",
    "words": "throughtime.experiments.words",
}


def load(name: str) -> Run:
    """The `run` function of the experiment of that name."""
    found: Run = import_module(EXPERIMENTS[name]).run
    return found


def entry(network: str, split: str, metric: str, values: Any) -> dict[str, Any]:
    """A result: one value per seed."""
    return {"network": network, "split": split, "metric": metric, "values": [float(value) for value in values]}


def rows_of(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results as rows of a table, one per seed."""
    return [
        {key: made[key] for key in ("network", "split", "metric")} | {"seed": seed, "value": value}
        for made in entries
        for seed, value in enumerate(made["values"])
    ]


def part_of(progress: Progress, part: int, parts: int, what: str = "") -> Progress:
    """For the part-th of so many parts, counted from 0: what it tells as told of the whole, after the words `what`."""
    return lambda done, remark: progress((part + done) / parts, what + remark)
