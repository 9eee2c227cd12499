"""Which variables of a file are columns of one table, and which of its cells are records."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from throughtime.io.tables import Table

RECORD = "record"
READABLY = {
    "table": "s = table2struct(T, 'ToScalar', true); save -v7 FILE.mat s",
    "timetable": "s = table2struct(timetable2table(T), 'ToScalar', true); save -v7 FILE.mat s",
    "iddata": "u = data.InputData; y = data.OutputData; save -v7 FILE.mat u y",
    "string": "s = char(s); save -v7 FILE.mat s",
    "datetime": "t = posixtime(t); save -v7 FILE.mat t",
    "timeseries": "u = ts.Data; t = ts.Time; save -v7 FILE.mat t u",
}


class Other(NamedTuple):
    """What is no number; of an object, its class."""

    kind: str


Numbers = NDArray[np.float64]
Tree = Any  # Numbers (R, C), Other, a list of trees (cells), or trees by the names of fields


class Variable(NamedTuple):
    """A variable: its records, of which there is one where it is no cell, each (R, C)."""

    name: str
    records: Sequence[Numbers]


def table_of(path: Path, tree: Mapping[str, Tree]) -> Table:
    """The columns that have as many rows as most variables have, record by record.

    raises  ValueError if nothing holds numbers; it says what there is, and how to save it
    """
    leaves = list(_leaves(tree))
    if len({name.partition(".")[0] for name, _ in leaves}) == 1 and all("." in name for name, _ in leaves):
        leaves = [(name.partition(".")[2], value) for name, value in leaves]  # a struct that is the table
    variables = [Variable(name, records) for name, value in leaves if (records := _records(value))]
    others = {name: value.kind for name, value in leaves if isinstance(value, Other)}
    if not variables:
        raise ValueError(f"{path} holds no columns of numbers{_objects(others)}")
    several = max(len(v.records) for v in variables)
    kept = [v for v in variables if len(v.records) == several]
    lengths = [_most(v.records[k] for v in kept) for k in range(several)]
    columns, found = dict[str, Numbers](), list[str]()
    left = [v.name for v in variables if len(v.records) != several]
    for one in kept:
        rows = [_standing(record, length) for record, length in zip(one.records, lengths, strict=True)]
        if any(row is None for row in rows) or len({row.shape[1] for row in rows if row is not None}) > 1:
            left.append(one.name)
            continue
        whole = np.concatenate([row for row in rows if row is not None])
        names = [one.name] if whole.shape[1] == 1 else [f"{one.name}{k + 1}" for k in range(whole.shape[1])]
        columns |= dict(zip(names, whole.T, strict=True))
    if several > 1:
        name = RECORD if RECORD not in columns else f"{RECORD}.number"
        columns = {name: np.repeat(np.arange(1.0, several + 1), lengths), **columns}
        found.append(f"{several} records stand one below the other, numbered in the column {name!r}")
    if left:
        found.append(f"left out, of other lengths: {', '.join(left)}")
    alone = [
        f"{name} = {value.item():g}" for name, value in leaves if isinstance(value, np.ndarray) and value.size == 1
    ]
    if alone:
        found.append(f"no column: {', '.join(alone)}")
    if objects := {name: kind for name, kind in others.items() if kind in READABLY}:
        found.append(f"left out{_objects(objects)}")
    return Table(path, pd.DataFrame(columns), found=found)


def _leaves(tree: Mapping[str, Tree], before: str = "") -> Iterator[tuple[str, Tree]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{before}{name}.")
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            fields = [f for f in value[0] if all(f in one for one in value)]
            yield from _leaves({f: [one[f] for one in value] for f in fields}, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _records(value: Tree) -> list[Numbers]:
    """The arrays of a variable, or of its cells; none where it is a number alone, or something else."""
    cells = value if isinstance(value, list) else [value]
    if not cells or not all(isinstance(cell, np.ndarray) and cell.ndim == 2 and cell.size > 1 for cell in cells):
        return []
    return cells


def _most(records: Iterator[Numbers]) -> int:
    counts = Counter(max(record.shape) for record in records)
    return max(counts, key=lambda length: (counts[length], length))


def _standing(record: Numbers, length: int) -> Numbers | None:
    """The record with so many rows, turned where its columns are as many; None: neither are."""
    if record.shape[0] == length:
        return record
    return record.T if record.shape[1] == length else None


def _objects(others: Mapping[str, str]) -> str:
    """What else there is, and the line of MATLAB that saves it readably."""
    if not others:
        return ""
    told = ", ".join(f"{name} ({kind})" if name != "None" else f"an object ({kind})" for name, kind in others.items())
    line = next((READABLY[kind] for kind in others.values() if kind in READABLY), None)
    return f", but {told}" + (f"; in MATLAB: {line}" if line else "")
