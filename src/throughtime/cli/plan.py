"""From the options of `fit` to how a network is taught, and which rows are for what."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import optax

from throughtime.cli import wiring
from throughtime.cli.data import Data
from throughtime.cli.errors import Problem
from throughtime.drawing import count
from throughtime.dynamics.holding import Parts, held_out
from throughtime.dynamics.preparing import used_by
from throughtime.dynamics.records import Record
from throughtime.dynamics.teaching import Teaching
from throughtime.engine.schedule import depths
from throughtime.memory import refuse_size
from throughtime.network import CLOCK, Network
from throughtime.training.levenberg_marquardt import LevenbergMarquardt

LOOPS = ("closed", "open", "open-closed")
OPTIMIZERS: dict[str, Any] = {
    "adam": optax.adam,
    "lm": LevenbergMarquardt(),
    "br": LevenbergMarquardt(bayesian=True),
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "adam": {"epochs": 500, "patience": 100, "look": 10, "rate": 0.01, "clip": 1.0},
    "lm": {"epochs": 100, "look": 10},
    "br": {"epochs": 100, "look": 10},
}
AFTER_OPEN = 60  # epochs of Levenberg-Marquardt in closed loop, if it comes second
MANY = 1000  # weights, from which on Levenberg-Marquardt is slow
SERIES_HORIZON = 20  # of adam, for a series: a free run over the whole record has no inputs to hold it
OPTIONS = {"rate": "learning-rate"}  # what a field of `Teaching` is called on the command line, where not by its name
WHOLE_STEPS = ("learner", "rate", "every", "clip")  # not for Levenberg-Marquardt


def loops_of(loop: str | None, network: Network, name: str) -> tuple[str, ...]:
    """The stages of training, "open" or "closed"."""
    if loop is not None and loop not in LOOPS:
        raise Problem(f"--loop {loop!r} is not known; choose {', '.join(LOOPS)}")
    if network.feedback is None:
        if loop is not None:
            raise Problem(f"--loop is for networks that hear past outputs, which {name} does not; leave it out")
        return ("closed",)
    if network.by_name[network.output].start == "learned":
        if loop not in (None, "closed"):
            raise Problem(f"--loop {loop} is given the past, so --learned-start has nothing to learn; leave one out")
        return ("closed",)
    return tuple((loop or "open-closed").split("-"))


def optimizer_of(asked: str | None, network: Network, given: Mapping[str, Any]) -> str:
    """The optimizer that was asked for; else br, if the network is small and no option of adam is given."""
    if asked is not None and asked not in OPTIMIZERS:
        raise Problem(f"--optimizer {asked!r} is not known; choose {', '.join(OPTIMIZERS)}")
    if asked is not None:
        return asked
    stepwise = any(given[key] is not None for key in WHOLE_STEPS)
    return "adam" if stepwise or count(network) > MANY else "br"


def stages_of(
    network: Network, loops: tuple[str, ...], optimizer: str, rows: int, given: Mapping[str, Any]
) -> tuple[Teaching, ...]:
    """A `Teaching` for each loop; `given`: its fields as options, None where one was not given."""
    told = {key: value for key, value in given.items() if value is not None}
    if optimizer != "adam":
        for key in WHOLE_STEPS:
            if key in told:
                raise Problem(
                    f"--{OPTIONS.get(key, key)} is not for --optimizer {optimizer}, which takes whole steps on all rows at once"
                )
    _check(told)
    settings = DEFAULTS[optimizer] | told | {"optimizer": OPTIMIZERS[optimizer]}
    settings |= {"learner": wiring.learner(told.get("learner", "bptt")), "clip": settings.get("clip") or None}
    horizon = settings.pop("horizon", SERIES_HORIZON if network.inputs[0][0] == CLOCK and optimizer == "adam" else None)
    if "horizon" in told and "closed" not in loops:
        raise Problem("--horizon is for training in closed loop; --loop open predicts one step ahead")
    if "every" not in told:
        settings["every"] = _every(network, optimizer, rows)
    elif any(layer.backward for layer in network.layers):
        raise Problem("--every cuts the record, which backward layers need whole; leave it out")
    opened = Teaching(loop="open", **settings)
    closed = replace(opened, loop="closed", horizon=horizon, every=None if horizon else opened.every)
    if len(loops) > 1 and optimizer != "adam" and "epochs" not in told:
        closed = replace(closed, epochs=AFTER_OPEN)
    return tuple(closed if loop == "closed" else opened for loop in loops)


def _every(network: Network, optimizer: str, rows: int) -> int | None:
    """Ten updates an epoch, each over at least a hundred steps; whole epochs where the record cannot be cut."""
    cut = optimizer == "adam" and not any(layer.backward for layer in network.layers)
    return max(100, -(-rows // 10)) if cut else None


def _check(told: Mapping[str, Any]) -> None:
    for key, least in (("rate", 0.0), ("decay", -1e-300), ("clip", -1e-300)):
        if key in told and not least < told[key] < np.inf:
            raise Problem(
                f"--{OPTIONS.get(key, key)} must be {'above 0' if key == 'rate' else '0 or above'}, not {told[key]}"
            )


def refuse_large(network: Network, stages: Sequence[Teaching], members: int, rows: int) -> None:
    """Refuse what cannot be trained in the memory of this machine, with the least that it needs: 4 bytes a number.

    Of every weight of every network there are the value, its gradient, the next and the best one; of every step of a record
    what its units hold. Levenberg-Marquardt has a number for each pair of weights, twice.
    """
    members, known = min(members, 10**30), count(network)
    units = sum(layer.size * (1 + len(layer.nets) + layer.memory) for layer in network.layers)
    pairs = 2 * known**2 if any(isinstance(stage.optimizer, LevenbergMarquardt) for stage in stages) else 0
    steps = max(min(stage.every or rows, rows) for stage in stages)
    past = sum(depth * network.size_of(source) for source, depth in depths(network).items())
    refuse_size(
        4 * members * (4 * known + pairs + steps * units + past),
        f"training {members:.3g} x {known:.3g} weights",
        "use fewer units (--hidden, --slots), delays or --restarts",
    )


def parts_of(data: Data, network: Network, shares: tuple[float, float], folds: int, washout: int | None) -> Parts:
    """The rows for training, validation and test; shares: of validation and test."""
    validation, test = shares
    for name, share in (("validation", validation), ("test", test)):
        if not 0 <= share < 1:
            raise Problem(f"--{name} must be at least 0 and below 1, not {share}")
    if folds == 1:
        raise Problem("--folds must be 0 (the last rows are held out) or at least 2")
    used, end = used_by(network), len(data) - round(test * len(data))
    first = max(used, washout or 0)
    if end <= first + max(1, 2 * folds):
        raise Problem(_short(data, end, used, first))
    refuse_size(folds * end, f"telling {folds} --folds of {end} rows apart", "use fewer")
    held = held_out([Record(data.u[:end], data.y[:end])], used, folds, validation)[0]
    made = Parts(first, end, held)
    if made.training <= first + 1:
        raise Problem(_short(data, made.training, used, first))
    if 0 < len(data) - end < 2:
        raise Problem(f"--test {test} of {len(data)} rows is only one row; take a larger share")
    _check_known(data, made)
    return made


def _short(data: Data, rows: int, used: int, first: int) -> str:
    return (
        f"{data.source} has {len(data)} rows, {rows} of them for training, which is too short for delays up to {used} and a "
        f"washout of {first}; use more rows, smaller delays or less --validation and --test"
    )


def _check_known(data: Data, parts: Parts) -> None:
    after, held = np.arange(parts.end) >= parts.first, parts.held.any(axis=0)
    test = np.arange(len(data)) >= parts.end
    rows = {"training": after & ~parts.held.all(axis=0), "validation": after & held}
    masks = {part: np.pad(mask, (0, len(data) - parts.end)) for part, mask in rows.items()} | {"test": test}
    for part, mask in masks.items():
        for place, name in enumerate(data.outputs):
            if mask.any() and np.isnan(data.y[mask, place]).all():
                raise Problem(f"{data.source}: column {name!r} is empty in all rows for {part}: nothing to learn from")
