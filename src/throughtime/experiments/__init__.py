"""Reproducible experiments, each a file that reads top to bottom.

An experiment is a module with a function

    run(quick, seeds, out, progress) -> {"experiment", "quick", "seconds", "results": [...], "baselines": [...]}

    quick     a small version, to see that it works
    seeds     how many; None: its own number
    out       a folder that exists, for its table and pictures
    progress  is called with the part done, 0 to 1, and a remark

where each result is {"network", "split", "metric", "values"}, with one value per seed.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

Progress = Callable[[float, str], None]
Run = Callable[[bool, int | None, Path, Progress], dict[str, Any]]

EXPERIMENTS = {
    "sunspots": "throughtime.experiments.sunspots",
    "temporal-generalization": "throughtime.experiments.temporal_generalization",
    "turing": "throughtime.experiments.turing",
}


def load(name: str) -> Run:
    """The `run` function of the experiment of that name."""
    found: Run = import_module(EXPERIMENTS[name]).run
    return found
