"""What is in a file, in lines; and the same written in another format."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer

from throughtime.cli import output
from throughtime.cli.delivery import check_out, write
from throughtime.cli.errors import Problem
from throughtime.io import files, readers
from throughtime.io.dates import times_of
from throughtime.io.frames import Frames
from throughtime.io.marks import Marks
from throughtime.io.pen import COLUMNS, Drawing, LabelledDrawings
from throughtime.io.series import Series
from throughtime.io.sound import Sound
from throughtime.io.tables import Table
from throughtime.texts import quantity
from throughtime.times import told_uneven, uneven
from throughtime.times.steps import told_step, usual_step

SOUNDS = (".wav", ".flac")
MOST = 20  # labels that are told one by one


def show(path: Path, as_json: bool) -> None:
    """Print what is in a file."""
    thing = readers.any_of(path)
    found = facts(thing)
    if as_json:
        typer.echo(json.dumps({"file": str(path), **found}))
        return
    for name, value in found.items():
        if name != "columns":
            output.say(f"{name}: {'; '.join(map(str, value)) if isinstance(value, list) else value}")
    if "columns" in found:
        keys = ["column", "holds", "empty", "least", "mean", "largest"]
        output.table("", keys, [[_cell(one[key]) for key in keys] for one in found["columns"]], texts=2)


def rewrite(path: Path, out: Path, overwrite: bool, quiet: bool) -> None:
    """Write what is in a file in another format."""
    thing = readers.any_of(path)
    if isinstance(thing, Sound):
        _write_sound(thing, out, overwrite)
    else:
        check_out(out, overwrite, path)
        frame = frame_of(thing)
        output.notes(getattr(thing, "notes", []), quiet)
        write(frame, out, quiet)
    if not quiet:
        output.say(f"written to {out}", err=True)


def facts(thing: Any) -> dict[str, Any]:
    """What there is to know of what a file holds."""
    if isinstance(thing, Sound):
        seconds = len(thing.samples) / thing.rate
        loudest = float(np.abs(thing.samples).max(initial=0))
        return {"holds": "sound", "seconds": seconds, "samples per second": thing.rate, "loudest": loudest}
    if isinstance(thing, Marks):
        tiers = [f"{name!r} with {quantity(len(marks), 'mark')}" for name, marks in thing.tiers.items()]
        return {"holds": "marks", "tiers": tiers, **_noted(thing.found)}
    if isinstance(thing, Drawing):
        return {"holds": "a drawing", "strokes": int(thing.points[:, 2].sum()), "points": len(thing.points)}
    if isinstance(thing, Frames):
        shapes = [f"{name!r} {len(matrix)} x {matrix.shape[1]}" for name, matrix in thing.matrices.items()]
        told = shapes if len(shapes) <= MOST else f"{len(shapes)} recordings"
        period = {} if thing.period is None else {"seconds from frame to frame": thing.period}
        return {"holds": "frames", "matrices": told, **period, **_noted(thing.found)}
    if isinstance(thing, LabelledDrawings):
        labels = sorted({label for label in thing.labels if label is not None})
        told = labels or "none" if len(labels) <= MOST else f"{len(labels)} different ones"
        return {"holds": "labelled drawings", "drawings": len(thing.drawings), "labels": told, **_noted(thing.found)}
    if isinstance(thing, Series):
        return _series(thing)
    assert isinstance(thing, Table)
    columns = [_column(thing, name) for name in thing.columns]
    return {"holds": "a table", "rows": len(thing), **_noted(thing.found), **_times(thing, columns), "columns": columns}


def _series(thing: Series) -> dict[str, Any]:
    steps = [len(case) for case in thing.cases]
    counts = Counter(map(str, () if thing.labels is None else thing.labels))
    told = [f"{label!r} {count} times" for label, count in counts.items()]
    return {
        "holds": "labelled series",
        "cases": len(thing),
        "channels": thing.cases[0].shape[1],
        "steps": f"{min(steps)} to {max(steps)}",
        "missing": int(sum(np.isnan(case).sum() for case in thing.cases)),
        "labels": "none" if not told else told if len(told) <= MOST else f"{len(told)} different ones",
        **_noted(thing.found),
    }


def frame_of(thing: Any) -> pd.DataFrame:
    """Marks, drawings, series and tables as a table."""
    if isinstance(thing, Series):
        names = thing.channels or [f"c{k + 1}" for k in range(thing.cases[0].shape[1])]
        numbers = np.repeat(np.arange(1, len(thing) + 1), [len(case) for case in thing.cases])
        made = pd.DataFrame(np.concatenate(thing.cases), columns=pd.Index(names))
        made.insert(0, "record", numbers)
        return made if thing.labels is None else made.assign(label=np.asarray(thing.labels)[numbers - 1])
    if isinstance(thing, Marks):
        rows = [(tier, *mark) for tier, marks in thing.tiers.items() for mark in marks]
        return pd.DataFrame(rows, columns=pd.Index(["tier", "start", "end", "label"]))
    if isinstance(thing, Drawing):
        return pd.DataFrame(thing.points, columns=pd.Index(COLUMNS))
    if isinstance(thing, Frames):
        return pd.concat([pd.DataFrame(one).assign(record=name) for name, one in thing.matrices.items()]).rename(
            columns=str
        )
    if isinstance(thing, LabelledDrawings):
        numbers = np.repeat(np.arange(len(thing.drawings)), [len(one.points) for one in thing.drawings])
        made = pd.DataFrame(np.concatenate([one.points for one in thing.drawings]), columns=pd.Index(COLUMNS))
        made.insert(0, "record", numbers + 1)
        return made.assign(label=np.array(thing.labels, object)[numbers])
    frame: pd.DataFrame = thing.frame
    return frame


def _noted(found: list[str]) -> dict[str, Any]:
    return {"note": list(found)} if found else {}


def _column(table: Table, name: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "column": name,
        "holds": "numbers",
        "empty": 0,
        "least": None,
        "mean": None,
        "largest": None,
    }
    try:
        values = table.numbers([name], gaps=True)[:, 0]
    except ValueError:
        cells = table.frame[name]
        empty = int((cells.isna() | (cells.astype(str).str.strip() == "")).sum())
        return {**made, "holds": "times" if _index(table, name) is not None else "text", "empty": empty}
    known = values[~np.isnan(values)]
    made["empty"] = len(values) - len(known)
    if len(known):
        made |= {"least": float(known.min()), "mean": float(known.mean()), "largest": float(known.max())}
        made["holds"] = "numbers" if known.min() < known.max() else "one number"
    return made


def _index(table: Table, name: str) -> pd.Index | None:
    try:
        return times_of(table, name)[0]
    except ValueError:
        return None


def _times(table: Table, columns: list[dict[str, Any]]) -> dict[str, Any]:
    """From when to when the rows reach, by the first column that holds times, and where they leave gaps."""
    for one in columns:
        index = _index(table, one["column"]) if one["holds"] == "times" else None
        if index is not None and len(index) > 1:
            told = f"{index[0]} to {index[-1]}, every {told_step(usual_step(index))} (column {one['column']!r})"
            rough = uneven(index)
            return {"times": told} | ({} if rough is None else {"gaps": told_uneven(index, rough)})
    return {}


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)


def _write_sound(sound: Sound, out: Path, overwrite: bool) -> None:
    if out.suffix.lower() not in SOUNDS:
        raise Problem(f"{out} must end in {' or '.join(SOUNDS)}: a sound is written as such")
    output.file(out, overwrite)
    import soundfile

    with files.whole(out) as file:
        soundfile.write(file, np.clip(sound.samples, -1, 1), sound.rate, format=out.suffix[1:].upper())
