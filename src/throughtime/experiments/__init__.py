"""Reproducible experiments, each a file that reads top to bottom.

An experiment is a module with a function

    run(quick, seeds, out, progress) -> Results

    quick     a small version, to see that it works
    seeds     how many; None: its own number
    out       a folder that exists, for its table and pictures
    progress  is called with the part done, 0 to 1, and a remark

`conduct` calls it, and says what a file holds of it. What was tried, and how choices were made, is told in `docs/`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Result:
    """What one network reached on one split: a value per seed."""

    network: str
    split: str
    metric: str
    values: Sequence[float]

    def to_dict(self) -> dict[str, Any]:
        """As a file holds it."""
        return asdict(self) | {"values": [float(value) for value in self.values]}


@dataclass(frozen=True)
class Bar:
    """What the values of a network were meant to reach, and of whom: "mean of the seeds", "every seed", "most seeds"."""

    network: str
    split: str
    at_most: float
    about: str


@dataclass(frozen=True)
class Results:
    """What an experiment brought.

    results    of the networks
    baselines  of simpler rivals, and published figures
    bars       what was meant to be reached
    notes      what else must be known to read the table
    """

    results: Sequence[Result]
    baselines: Sequence[Result] = ()
    bars: Sequence[Bar] = ()
    notes: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """As a file holds it."""
        made: dict[str, Any] = {part: [r.to_dict() for r in getattr(self, part)] for part in ("results", "baselines")}
        return made | {"bars": [asdict(bar) for bar in self.bars], "notes": list(self.notes)}


KEPT = "training"  # the folder, in that of an experiment, of what is done

Run = Callable[[bool, int | None, Path, Progress], Results]

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


def run_function(name: str) -> Run:
    """The `run` function of the experiment of that name."""
    found: Run = import_module(EXPERIMENTS[name]).run
    return found


def conduct(name: str, quick: bool, seeds: int | None, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the experiment of that name, from where it was interrupted; what its `results.json` holds."""
    from throughtime.io import files  # here, as the names of experiments are asked for by help, too

    began = time.perf_counter()
    files.sweep(out / KEPT)
    found = run_function(name)(quick, seeds, out, progress)
    return {"experiment": name, "quick": quick, "seconds": time.perf_counter() - began} | found.to_dict()


def result_rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The results as rows of a table, one per seed."""
    return [
        {"network": made.network, "split": made.split, "metric": made.metric, "seed": seed, "value": float(value)}
        for made in results
        for seed, value in enumerate(made.values)
    ]


def part_of(progress: Progress, part: int, parts: int, what: str = "") -> Progress:
    """For the part-th of so many parts, counted from 0: what it tells as told of the whole, after the words `what`."""
    return lambda done, remark: progress((part + done) / parts, what + remark)
