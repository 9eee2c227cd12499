"""What a model is worth on a table, and what is written about it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from throughtime import plots
from throughtime.cli import output, running, wiring
from throughtime.drawing import count, draw
from throughtime.dynamics.linear import Linear
from throughtime.dynamics.scores import Scores, scores
from throughtime.storage import Model, restore, standardise

Values = NDArray[np.float64]
FILES = ("model.safetensors", "metrics.json", "wiring.png", "training.png", "prediction.png")
FREE, ONE_STEP = "free run", "one step"


def modes(model: Model) -> list[str]:
    """How the model can be judged: running free, and one step ahead if it hears past outputs; the one meant first."""
    if wiring.feedback(model.network) is None:
        return [FREE]
    if wiring.is_series(model.network):
        return [ONE_STEP]
    return [ONE_STEP, FREE] if model.settings.get("loop") == "open" else [FREE, ONE_STEP]


def predict(model: Model, x: Values, y: Values | None, advance: running.Advance | None = None) -> Values:
    """Outputs (rows, outputs) in their own units; where `y` is a number it replaces the model's own past output."""
    seen = standardise(x, model.inputs) if x.shape[1] else x
    known = None if y is None else standardise(y, model.outputs)
    return restore(running.outputs(model.network, model.weights, seen, known, advance), model.outputs)


def of_mode(model: Model, mode: str, x: Values, y: Values) -> Values:
    """Predictions on a table that holds the measured outputs."""
    return predict(model, x, y if mode == ONE_STEP else None)


def metrics(model: Model, x: Values, y: Values, cut: int) -> dict[str, Any]:
    """Scores of the model and of simple baselines on the training and the validation part."""
    names = [column.name for column in model.outputs]
    parts = {"training": slice(model.washout, cut)} | ({"validation": slice(cut, None)} if cut < len(y) else {})

    def scored(predicted: Values, gaps: bool = False) -> dict[str, Scores]:
        silent = np.isnan(predicted) & gaps  # a baseline that hears a gap in the measured outputs says nothing there
        known = np.where(silent, np.nan, y)
        return {part: scores(known[rows], predicted[rows], names) for part, rows in parts.items()}

    return {
        "settings": dict(model.settings),
        "weights": count(model.network),
        "rows": {"training": cut, "validation": len(y) - cut, "washout": model.washout},
        "network": {mode: scored(of_mode(model, mode, x, y)) for mode in modes(model)},
        "baselines": {
            name: {mode: scored(predicted, mode == ONE_STEP) for mode, predicted in made.items()}
            for name, made in _baselines(model, x, y, cut).items()
        },
    }


def _baselines(model: Model, x: Values, y: Values, cut: int) -> dict[str, dict[str, Values]]:
    """The training mean, the last value, and the linear model that hears what the network hears, by least squares."""
    mean, wanted = np.nanmean(y[:cut], axis=0), modes(model)
    linear = Linear.fit([(x[:cut], y[:cut])], *_taps(model))
    predicted = {FREE: lambda: linear.free_run(x), ONE_STEP: lambda: linear.one_step(x, y)}
    made = {"mean": {FREE: np.broadcast_to(mean, y.shape)}, "linear": {mode: predicted[mode]() for mode in wanted}}
    if ONE_STEP in wanted:
        made["last value"] = {ONE_STEP: np.concatenate([mean[None], y[:-1]])}
    return made


def _taps(model: Model) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return wiring.taps(model.network, "input"), wiring.taps(model.network, wiring.feedback(model.network))


def evaluation(model: Model, x: Values, y: Values, start_rows: int, advance: running.Advance) -> dict[str, Any]:
    """Scores of the model on a whole table; the washout, and the first rows in which measured outputs lead, do not count."""
    names, wanted = [column.name for column in model.outputs], modes(model)
    rows, leading = slice(max(model.washout, start_rows), None), np.arange(len(y))[:, None] < start_rows
    made = {}
    for done, mode in enumerate(wanted):
        known = y if mode == ONE_STEP else np.where(leading, y, np.nan) if start_rows else None
        predicted = predict(model, x, known, lambda part, done=done: advance((done + part) / len(wanted)))  # type: ignore[misc]
        made[mode] = {"all": scores(y[rows], predicted[rows], names)}
    return made


def describe(
    out: Path,
    model: Model,
    said: dict[str, Any],
    losses: Sequence[float],
    validations: Sequence[float],
    xy: Any,
    cut: int,
) -> None:
    """Write all files but the model; each appears only when it is complete."""
    x, y = xy
    output.write_text(json.dumps(said, indent=2) + "\n", out / "metrics.json")
    output.write_figure(lambda path: draw(model.network, path), out / "wiring.png")
    best = model.settings["best_epoch"] or None
    output.write_figure(plots.plot_training(losses, validations or None, best).savefig, out / "training.png")
    mode = modes(model)[0]
    names = [column.name for column in model.outputs]
    picture = plots.plot_prediction(
        y, of_mode(model, mode, x, y), names, held_out=cut, title=f"Prediction and measurement, {mode}", time_name="row"
    )
    output.write_figure(picture.savefig, out / "prediction.png")


def show(said: dict[str, Any]) -> None:
    """Print the scores of a `metrics` object."""
    rows = [
        [who, mode, part, name, *_figures(score)]
        for who, judged in {"network": said["network"], **said["baselines"]}.items()
        for mode, of_parts in judged.items()
        for part, of_outputs in of_parts.items()
        for name, score in of_outputs.items()
    ]
    output.table(_headline(said), ["", "mode", "part", "output", "RMSE", "fit %", "relative variance"], rows)


def verdict(said: dict[str, Any]) -> str | None:
    """A sentence on networks that a simple baseline beats, on validation data where there are any."""
    mode, judged = next(iter(said["network"].items()))
    part = "validation" if "validation" in judged else "training"
    for who in ("mean", "linear"):
        for name, simple in said["baselines"][who].get(mode, {}).get(part, {}).items():
            own = judged[part][name]["rmse"]
            if simple["rmse"] is not None and (own is None or own > simple["rmse"]):
                error = "no finite error" if own is None else f"an error of {own:.4g}"
                return (
                    f"note: {name}, {mode}, {part}: the network has {error}, the baseline {who!r} {simple['rmse']:.4g}; "
                    "try more --epochs, a smaller --learning-rate, --loop open-closed, other --seed, or --network gru"
                )
    return None


def _headline(said: dict[str, Any]) -> str:
    settings = said["settings"]
    return (
        f"{settings['network']}, {said['weights']} weights, {settings['learner']}: kept epoch {settings['best_epoch']} "
        f"of {settings['epochs_done']}, {said['seconds']:.1f} s"
    )


def show_evaluation(said: dict[str, Any], title: str) -> None:
    """Print the scores of an `evaluation` object."""
    rows = [[mode, name, *_figures(s), str(s["rows"])] for mode, of in said.items() for name, s in of["all"].items()]
    output.table(title, ["mode", "output", "RMSE", "fit %", "relative variance", "rows"], rows)


def _figures(score: dict[str, Any]) -> list[str]:
    shown = {"rmse": ".4g", "fit_percent": ".1f", "relative_variance": ".4g"}
    missing = (
        "exploded" if score["rmse"] is None and score["rows"] else "-"
    )  # a constant output has no relative figures
    return [missing if score[key] is None else format(score[key], form) for key, form in shown.items()]
