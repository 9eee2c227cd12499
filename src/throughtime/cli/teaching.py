"""The middle of `fit`: what the table means for the training, and the training itself."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optax
from numpy.typing import NDArray

from throughtime.cli import output, tables, wiring
from throughtime.cli.errors import Problem
from throughtime.engine import init
from throughtime.losses import SquaredError
from throughtime.network import Network
from throughtime.storage import Column, columns_of, standardise
from throughtime.training import Diverged, Report, train

Values = NDArray[np.float64]
LOOPS = ("closed", "open", "open-closed")


@dataclass(frozen=True)
class Data:
    """The table as the training sees it: all rows, the first `cut` of them for training."""

    x: Values
    y: Values
    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    cut: int
    washout: int


@dataclass(frozen=True)
class Plan:
    """What one training run does."""

    learner: Any
    loops: tuple[str, ...]
    epochs: int
    learning_rate: float
    every: int | None
    batch_seed: int
    patience: int | None
    clip: float | None


@dataclass
class History:
    """What has happened so far: losses after each epoch, and the best weights."""

    losses: list[float] = field(default_factory=list)
    validations: list[float] = field(default_factory=list)
    weights: Any = None
    best_epoch: int = 0
    ended: str = "finished"
    trouble: str = ""


def loops_of(loop: str | None, network: Network, name: str) -> tuple[str, ...]:
    if loop is not None and loop not in LOOPS:
        raise Problem(f"--loop {loop!r} is not known; choose {', '.join(LOOPS)}")
    if wiring.feedback(network) is None:
        if loop is not None:
            raise Problem(f"--loop is for networks that hear past outputs, which {name} does not; leave it out")
        return ("closed",)
    if wiring.is_series(network):
        if loop not in (None, "open"):
            raise Problem(f"--loop {loop} needs --inputs: a series is learned from its measured past (--loop open)")
        return ("open",)
    return tuple((loop or "closed").split("-"))


def data_of(
    table: tables.Table,
    heard: list[str],
    asked: list[str],
    network: Network,
    loops: tuple[str, ...],
    validation: float,
    washout: int | None,
) -> Data:
    if not asked:
        raise Problem("--outputs names no column")
    for name in [*heard, *asked]:
        if [*heard, *asked].count(name) > 1:
            raise Problem(f"column {name!r} is named twice in --inputs and --outputs")
    table.require([*heard, *asked])
    if not 0 <= validation < 1:
        raise Problem(f"--validation must be at least 0 and below 1, not {validation}")
    x, y = table.numbers(heard), table.numbers(asked, gaps=True)
    if "open" in loops and np.isnan(y).any():
        row, column = np.argwhere(np.isnan(y))[0]
        raise Problem(
            f"{table.where(int(row), asked[column])} is empty, but --loop open feeds measured outputs to the network; "
            "fill the gap or train with --loop closed"
        )
    longest = wiring.longest_delay(network)
    skipped = longest if washout is None else washout
    cut = len(table) - round(validation * len(table))
    if cut <= max(longest, skipped) + 1:
        raise Problem(
            f"{table.path} has {len(table)} rows, {cut} of them for training, which is too short for delays up to "
            f"{longest} and a washout of {skipped}; use more rows, smaller delays or less --validation"
        )
    for part, rows in (("training", slice(skipped, cut)), ("validation", slice(cut, None))):
        for index, name in enumerate(asked):
            if len(y[rows]) and np.isnan(y[rows, index]).all():
                raise Problem(f"{table.path}: column {name!r} is empty in all rows for {part}: nothing to learn from")
    inputs, outputs = columns_of(x[:cut], heard), columns_of(y[:cut], asked)
    return Data(x, y, inputs or outputs, outputs, cut, skipped)


def _sequences(data: Data, opened: bool) -> tuple[list[Any], list[Any]]:
    """Training: the first rows. Validation: all rows, asked only in the held-out ones, so that it starts warm."""
    y = standardise(data.y, data.outputs)
    xs = {"input": standardise(data.x, data.inputs)} if data.x.shape[1] else {}
    if opened:
        xs[wiring.MEASURED] = y
    asked = np.where((np.arange(len(y)) >= data.washout)[:, None], y, np.nan)
    held_out = np.where((np.arange(len(y)) >= data.cut)[:, None], y, np.nan)
    learned = {name: values[: data.cut] for name, values in xs.items()}
    return [(learned, asked[: data.cut])], [(xs, held_out)] if data.cut < len(y) else []


def teach(network: Network, data: Data, plan: Plan, quiet: bool) -> History:
    history = History()
    weights = init(network, plan.batch_seed)
    try:
        with output.Bar("training", quiet) as bar:
            for index, loop in enumerate(plan.loops):
                opened = loop == "open" and wiring.feedback(network) is not None
                trained = network.open_loop() if opened and not wiring.is_open(network) else network
                training, held_out = _sequences(data, opened)
                if index:
                    weights, history = history.weights, History(weights=history.weights)
                for report in train(
                    trained,
                    weights,
                    plan.learner,
                    SquaredError(),
                    _optimizer(plan, data.cut),
                    training,
                    every=plan.every,
                    epochs=plan.epochs,
                    seed=plan.batch_seed,
                    validation=held_out or None,
                    patience=plan.patience if held_out else None,
                    clip=plan.clip,
                ):
                    _note(history, report)
                    part = (index + report.epoch / plan.epochs) / len(plan.loops)
                    shown = report.loss if report.validation is None else report.validation
                    bar(part, f"epoch {report.epoch}  loss {report.loss:.4g}  best {min(shown, report.best_loss):.4g}")
    except KeyboardInterrupt:
        history.ended = "interrupted"
    except Diverged as trouble:
        history.ended, history.trouble = "diverged", str(trouble)
    return history


def _optimizer(plan: Plan, rows: int) -> optax.GradientTransformation:
    """Adam with a step size that falls to zero by the last epoch, as a half cosine: the last are the fine ones."""
    updates = plan.epochs * (1 if plan.every is None else -(-rows // plan.every))
    return optax.adam(optax.cosine_decay_schedule(plan.learning_rate, updates))


def _note(history: History, report: Report) -> None:
    history.losses.append(report.loss)
    if report.validation is not None:
        history.validations.append(report.validation)
    history.weights, history.best_epoch = report.best, report.best_epoch
