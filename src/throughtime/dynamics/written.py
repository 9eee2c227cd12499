"""A study as JSON has it, and back; every error is one line that names the field.

{"format": "throughtime study", "version": 1,
 "table": {"name": "tanks.csv", "sha256": "..."}, "columns": {"inputs": ["u"], "outputs": ["y"], "time": null, "time_format": null},
 "wiring": {"name": "narx", "hidden": [10], "options": {"output_delays": [1, 2]}},      or {"network": a network's own JSON}
 "stages": [{"loop": "open", "epochs": 100, "optimizer": "br", "learner": "bptt", ...}, ...],
 "parts": {"validation": 0.2, "folds": 0, "test": 0.0, "washout": null},
 "restarts": 5, "keep": null, "limits": {"low": [], "high": [null, 3.5]}, "seed": 0, "dead_time": 0}
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from throughtime.checks import one_line, quoted
from throughtime.dynamics.shares import Shares
from throughtime.dynamics.stages import stage_from_dict, stage_to_dict
from throughtime.dynamics.table import Columns, Limits, TableFile
from throughtime.dynamics.teaching import Teaching
from throughtime.dynamics.wirings import Wiring
from throughtime.network import Network, from_json

FORMAT, VERSION = "throughtime study", 1
MOST_STAGES = 100
WHAT = {Columns: "columns", Limits: "limits", Shares: "parts", TableFile: "a table", Wiring: "a wiring"}


def study_to_dict(study: Mapping[str, Any]) -> dict[str, Any]:
    """What JSON can hold of the fields of a study.

    raises  ValueError if a stage has an optimizer or a learner that has no word, or a unit no name
    """
    said = {key: WRITERS[key](study[key]) if key in WRITERS else study[key] for key in ORDER}
    return {"format": FORMAT, "version": VERSION} | said


def study_from_dict(said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a study, each read and checked."""
    if not isinstance(said, Mapping) or said.get("format") != FORMAT:
        raise ValueError(f"this is no study: its format is not {FORMAT!r}")
    if said.get("version") != VERSION:
        raise ValueError(
            f"the study has version {quoted(said.get('version'))}, this library reads version {VERSION}: install a newer one"
        )
    given = {key: value for key, value in said.items() if key not in ("format", "version")}
    _known(given, {*ORDER}, "a study")
    for key in ("columns", "wiring", "stages"):
        if key not in given:
            raise ValueError(f"study: {key} is missing")
    return {key: _placed(key, READERS[key], value) if key in READERS else value for key, value in given.items()}


def _wiring_to_dict(wiring: Wiring | Network) -> dict[str, Any]:
    if isinstance(wiring, Wiring):
        return _listed(asdict(wiring))
    text = wiring.to_json()
    if from_json(text) != wiring:
        raise ValueError("study: wiring: the network has units of its own, which a file cannot hold")
    return {"network": json.loads(text)}


def _stages_to_list(stages: Sequence[Teaching]) -> list[dict[str, Any]]:
    return [_placed(f"stages[{n}]", stage_to_dict, stage) for n, stage in enumerate(stages)]


def _wiring(said: Any) -> Any:
    if isinstance(said, Mapping) and "network" in said:
        _known(said, {"network"}, "a wiring that is a network")
        return from_json(json.dumps(said["network"]))
    return _value(Wiring, said)


def _stages(said: Any) -> tuple[Teaching, ...]:
    if not isinstance(said, list) or not 0 < len(said) <= MOST_STAGES:
        raise ValueError(f"must be a list of 1 to {MOST_STAGES} stages, not {quoted(said)}")
    return tuple(_numbered(n, stage) for n, stage in enumerate(said))


def _numbered(number: int, said: Any) -> Teaching:
    try:
        _known(said, {f.name for f in fields(Teaching)}, "a stage")
        return stage_from_dict(said)
    except ValueError as error:
        raise ValueError(f"[{number}]: {error}") from None


def _value(kind: Any, said: Any) -> Any:
    """A value of that kind from {field: value}, whose lists are its tuples."""
    _known(said, {f.name for f in fields(kind)}, WHAT[kind])
    if kind is Wiring and not isinstance(said.get("options", {}), Mapping):
        raise ValueError(f"options must be names with values, not {quoted(said['options'])}")
    for key, value in said.items():
        if key in ("hidden", "inputs", "outputs", "low", "high") and not isinstance(value, list):
            raise ValueError(f"{key} must be a list, not {quoted(value)}")
    try:
        return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in said.items()})
    except TypeError as missing:
        raise ValueError(one_line(str(missing).partition("() ")[2] or str(missing))) from None


def _known(said: Any, known: set[str], what: str) -> None:
    if not isinstance(said, Mapping):
        raise ValueError(f"must be {what}, not {quoted(said)}")
    for key in said:
        if key not in known:
            raise ValueError(f"{quoted(key)} is no field of {what}, which has {', '.join(sorted(known))}")


def _placed(where: str, function: Callable[[Any], Any], value: Any) -> Any:
    """`function` of the value; its errors say where in the study it stands."""
    try:
        return function(value)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        joint = "" if str(error).startswith("[") else ": "
        raise ValueError(one_line(f"study: {where}{joint}{error}")) from None


def _listed(value: Any) -> Any:
    """The value with lists in the place of tuples, as JSON has it."""
    if isinstance(value, Mapping):
        return {key: _listed(own) for key, own in value.items()}
    return [_listed(own) for own in value] if isinstance(value, (list, tuple)) else value


def _table(said: Any) -> TableFile | None:
    return None if said is None else _value(TableFile, said)


ORDER = ("table", "columns", "wiring", "stages", "parts", "restarts", "keep", "limits", "seed", "dead_time")
WRITERS: dict[str, Callable[[Any], Any]] = {
    "table": lambda table: table and asdict(table),
    "columns": lambda columns: _listed(asdict(columns)),
    "wiring": _wiring_to_dict,
    "stages": _stages_to_list,
    "parts": asdict,
    "limits": lambda limits: _listed(asdict(limits)),
}
READERS: dict[str, Callable[[Any], Any]] = {
    "table": _table,
    "columns": lambda said: _value(Columns, said),
    "wiring": _wiring,
    "stages": _stages,
    "parts": lambda said: _value(Shares, said),
    "limits": lambda said: _value(Limits, said),
}
