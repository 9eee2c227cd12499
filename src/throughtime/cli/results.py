"""What is said about a model: tables of errors, sentences, and the files of `fit`."""

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from throughtime.cli import output
from throughtime.cli.data import Data
from throughtime.cli.judging import Predicted, Span
from throughtime.cli.pictures import plot_course
from throughtime.drawing import draw
from throughtime.dynamics.fitted import FREE, ONE_STEP
from throughtime.dynamics.model import DynamicModel
from throughtime.io import files
from throughtime.reports.pictures import plot_response
from throughtime.texts import printable

FILES = ("model.safetensors", "metrics.json", "wiring.png", "training.png", "prediction.png")
SHORT = 0.1  # of the promised share: less is more than the chance of overlapping forecasts
HINT = "try other delays (throughtime delays), other sizes (throughtime choose), --folds 4 or --network gru"


def describe(
    out: Path, model: DynamicModel, said: Mapping[str, Any], data: Data, spans: Sequence[Span], own: Predicted
) -> None:
    """Write all files but the model; each appears only when it is complete."""
    files.write(out / "metrics.json", json.dumps(said, indent=2) + "\n")
    draw(model.network_, out / "wiring.png")
    files.write_whole(out / "training.png", plot_course(model))
    files.write_whole(out / "prediction.png", response(data, spans, own))


def response(data: Data, spans: Sequence[Span], own: Predicted) -> Figure:
    """Free run and one-step prediction beside the measurement, part after part; what was held out is shaded."""
    made = {mode: np.full(data.y.shape, np.nan) for mode in (FREE, ONE_STEP)}
    shaded: dict[str, tuple[int, int]] = {}
    for part, rows, fold, _ in spans:
        for mode, values in made.items():
            values[rows] = own[part][mode][rows]
        if fold is not None or part != "training":
            shaded[part] = (min(rows.start, shaded.get(part, (rows.start,))[0]), rows.stop)
    return plot_response(
        data.y, made[FREE], made[ONE_STEP], data.outputs, shaded, time=data.times, time_name=data.time or "row"
    )


def headline(said: Mapping[str, Any]) -> str:
    """What was trained, in one line."""
    settings, members = said["settings"], said["members"]
    networks = "1 network" if len(members) == 1 else f"mean of {len(members)} networks"
    return (
        f"{settings['network']}, {networks} of {said['weights']} weights, {settings['optimizer']}, {settings['loop']} loop: "
        f"{settings['epochs_done']} epochs, {said['seconds']:.1f} s"
    )


def told_coverage(found: Sequence[Mapping[str, Any]], where: str = "the test rows") -> list[str]:
    """A sentence on each level of the forecast intervals."""
    return [
        f"forecast intervals of {100 * c['level']:g} % held {100 * c['measured']:.1f} % of {where} ({c['forecasts']} forecasts)"
        + ("" if c["measured"] > c["level"] - SHORT else ": too few, these rows are unlike the held-out ones")
        for c in found
    ]


def show(said: Mapping[str, Any], title: str) -> None:
    """Print the scores of a `judge` object: rivals beside each other, part by part."""
    judged, modes = {"network": said["network"], **said["baselines"]}, list(said["network"])
    rows = []
    for part, of_outputs in said["network"][FREE].items():
        for name in of_outputs:
            shown = printable(name)
            for who, own in judged.items():
                found = (_figures(own.get(mode, {}).get(part, {}).get(name)) for mode in modes)
                rows.append([*((part, shown) if who == "network" else ("", "")), who, *chain(*found)])
    output.table(title, ["RMSE, fit", "output", "", *chain(*((mode, "") for mode in modes))], rows, texts=3)


def _figures(score: Mapping[str, Any] | None) -> tuple[str, str]:
    if score is None or not score["rows"]:
        return "-", ""
    if score["rmse"] is None:
        return "exploded", ""
    fit = score["fit_percent"]  # a constant output has none
    return f"{score['rmse']:.4g}", "" if fit is None else f"{fit:z.1f} %"


def verdicts(said: Mapping[str, Any]) -> list[str]:
    """For every output a sentence on whether the network beats the linear model: on the test, else on what was held out."""
    parts = list(said["network"][FREE])
    part = next((p for p in ("test", "held out", "validation") if p in parts), parts[-1])
    return [_verdict(said, part, name) for name in said["network"][FREE][part] if "linear" in said["baselines"]]


def _verdict(said: Mapping[str, Any], part: str, name: str) -> str:
    def error(who: Mapping[str, Any], mode: str) -> float:
        found = who[mode][part][name]["rmse"]
        return float("inf") if found is None else found

    own, linear, mean = said["network"], said["baselines"]["linear"], said["baselines"]["mean"]
    told, lost = [], []
    for mode, where in ((FREE, "in free run"), (ONE_STEP, "one step ahead")):
        ours, theirs = error(own, mode), error(linear, mode)
        lost += [where] if ours >= theirs else []
        told.append(f"{'better' if ours < theirs else 'NOT better'} {where} ({ours:.4g} against {theirs:.4g})")
    text = f"{name}, {part}, beside the linear model: {', '.join(told)}"
    if error(own, FREE) >= error(mean, FREE):
        text += f"; in free run NOT better than the mean ({error(mean, FREE):.4g})"
    if "in free run" in lost:
        return f"{text}; {HINT}, or take the linear model"
    return f"{text}; for one step ahead alone, take the linear model" if lost else text
