"""A study as the command that makes it, and the names that the command line has for its fields."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from throughtime.cli import wiring
from throughtime.cli.errors import Problem
from throughtime.dynamics.efforts import RESTARTS
from throughtime.dynamics.shares import Shares
from throughtime.dynamics.stages import asked_of
from throughtime.dynamics.study import Study
from throughtime.dynamics.table import Limits
from throughtime.dynamics.wirings import LINEAR, Wiring
from throughtime.dynamics.wrong import Wrong

OPTIONS = {
    "rate": "--learning-rate",
    "f": "--activation",
    "controller": "--activation",
    "start": "--learned-start",
    "folder": "--out",
}  # what a field of a study is called on the command line, where not by its name
ORDER = (
    *(
        "outputs",
        "out",
        "inputs",
        "time",
        "time_format",
        "low",
        "high",
        "network",
        "hidden",
        "input_delays",
        "output_delays",
        "delays",
        "dead_time",
    ),
    *(
        "width",
        "slots",
        "f",
        "controller",
        "bidirectional",
        "start",
        "increments",
        "skip",
        "validation",
        "folds",
        "test",
    ),
    *("washout", "loop", "horizon", "optimizer", "learner", "restarts", "keep", "epochs", "rate", "every", "decay"),
    *("patience", "look", "clip", "seed"),
)
USUAL = {"hidden": "10", "seed": "0"}


def option(field: str) -> str:
    """What a field is called on the command line."""
    return OPTIONS.get(field, f"--{field.replace('_', '-')}")


@contextmanager
def in_options() -> Iterator[None]:
    """What is wrong with a study is told in the options of the command line."""
    try:
        yield
    except Wrong as wrong:
        raise Problem(wrong.told(option)) from None


def command(study: Study, rows: int, out: Path) -> str:
    """The command that does the study again, with the names of files in place of their paths.

    rows  that are trained on, by which some options are as usual
    """
    table = [] if study.table is None else [study.table.name]
    said = words(study, rows)
    if said is None:
        return shlex.join(["throughtime", "fit", *table, "--study", "study.json", "--out", out.name or "."])
    listed = said | {"out": out.name or "."}
    made = ["throughtime", "fit", *table]
    for field in ORDER:
        if field in listed:
            value = listed[field]
            made += [option(field)] if value is True else [option(field), str(value)]
    return shlex.join(made)


def words(study: Study, rows: int) -> dict[str, str | bool] | None:
    """{field: text, or True for a switch}: what must be given for this study, and no more; None if options cannot say it."""
    taught = asked_of(study.stages, study.network, rows)
    columns = study.columns
    if taught is None or not isinstance(study.wiring, Wiring) or not _can_be_listed(*columns.inputs, *columns.outputs):
        return None
    loop, asked = taught
    made: dict[str, str | bool] = {"outputs": ",".join(columns.outputs), "inputs": ",".join(columns.inputs)}
    made |= {} if columns.time is None else {"time": columns.time}
    made |= {} if columns.time_format is None else {"time_format": columns.time_format}
    made |= _limits(study.limits) | wiring.words(study.wiring) | _shares(study.parts)
    if not columns.inputs:
        made.pop("input_delays", None)
    made |= {} if study.dead_time == 0 else {"dead_time": str(study.dead_time)}
    made |= {} if study.keep is None else {"keep": str(study.keep)}
    made |= {"seed": str(study.seed)} | _restarts(study, any(key in made for key in ("validation", "folds", "keep")))
    made |= {} if loop is None else {"loop": loop}
    made |= {field: _number(value) for field, value in asked.said.items()}
    made |= {} if asked.optimizer is None else {"optimizer": asked.optimizer}
    return {field: text for field, text in made.items() if text != USUAL.get(field, "")}


def _restarts(study: Study, counted: bool) -> dict[str, str]:
    """How many networks there are, unless it is as usual where something else says that they are counted at all."""
    usual = 1 if study.name == LINEAR else RESTARTS
    return {} if counted and study.restarts == usual else {"restarts": str(study.restarts)}


def _can_be_listed(*names: str) -> bool:
    return all(name == name.strip() and "," not in name and name for name in names)


def _limits(limits: Limits) -> dict[str, str]:
    edges = {"low": limits.low, "high": limits.high}
    return {
        side: ",".join("none" if edge is None else _number(edge) for edge in own) for side, own in edges.items() if own
    }


def _shares(parts: Shares) -> dict[str, str]:
    usual = Shares()
    made = {name: getattr(parts, name) for name in ("validation", "folds", "test", "washout")}
    return {name: _number(value) for name, value in made.items() if value != getattr(usual, name)}


def _number(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_number, value))
    return repr(value) if isinstance(value, float) else str(value)
