"""What `fit` leaves and prints of a model: its files, a table of errors, and the words that name options."""

import json
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from throughtime.cli import output
from throughtime.drawing import draw
from throughtime.dynamics.fitted import FREE
from throughtime.dynamics.measured import Measured
from throughtime.dynamics.model import DynamicModel
from throughtime.io import files
from throughtime.reports.course import plot_course
from throughtime.reports.judgement import Evidence, Judgement
from throughtime.reports.shown import response
from throughtime.texts import printable

FILES = ("model.safetensors", "metrics.json", "wiring.png", "training.png", "prediction.png")
REMEDY = "try other delays (throughtime delays), other sizes (throughtime choose), --folds 4 or --network gru"


def describe(
    out: Path, model: DynamicModel, metrics: Mapping[str, Any], measured: Measured, evidence: Evidence
) -> None:
    """Write all files but the model; each appears only when it is complete."""
    files.write(out / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    draw(model.network_, out / "wiring.png")
    files.write_whole(out / "training.png", plot_course(model))
    files.write_whole(out / "prediction.png", response(measured, evidence))


def headline(metrics: Mapping[str, Any]) -> str:
    """What was trained, in one line."""
    settings, members = metrics["settings"], metrics["members"]
    networks = "1 network" if len(members) == 1 else f"mean of {len(members)} networks"
    return (
        f"{settings['network']}, {networks} of {metrics['weights']} weights, {settings['optimizer']}, "
        f"{settings['loop']} loop: {settings['epochs_done']} epochs, {metrics['seconds']:.1f} s"
    )


def verdicts(judgement: Judgement) -> list[str]:
    """A sentence on every output, with what to do on the command line."""
    return [verdict.sentence(REMEDY) for verdict in judgement.verdicts]


def show(judgement: Judgement, title: str) -> None:
    """Print the scores: rivals beside each other, part by part."""
    modes = list(judgement.network)
    heads = ["RMSE, fit", "output", "", *chain(*((mode, "") for mode in modes))]
    output.table(title, heads, list(_rows(judgement, modes)), texts=3)


def _rows(judgement: Judgement, modes: list[str]) -> Iterable[list[str]]:
    judged = {"network": judgement.network, **judgement.baselines}
    for part, outputs in judgement.network[FREE].items():
        for name in outputs:
            for who, own in judged.items():
                found = (_figures(own.get(mode, {}).get(part, {}).get(name)) for mode in modes)
                yield [*((part, printable(name)) if who == "network" else ("", "")), who, *chain(*found)]


def _figures(score: Mapping[str, Any] | None) -> tuple[str, str]:
    if score is None or not score["rows"]:
        return "-", ""
    if score["rmse"] is None:
        return "exploded", ""
    fit = score["fit_percent"]  # a constant output has none
    return f"{score['rmse']:.4g}", "" if fit is None else f"{fit:z.1f} %"
