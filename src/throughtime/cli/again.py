"""A study from a file, done again or gone on with: its table is found and must be the same."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from throughtime.cli import data as columns
from throughtime.cli.command import in_options
from throughtime.cli.data import Data
from throughtime.cli.errors import Problem
from throughtime.dynamics import search
from throughtime.dynamics.search import Search
from throughtime.dynamics.standing import load_study
from throughtime.dynamics.study import Study
from throughtime.io import readers
from throughtime.io.files import fingerprint
from throughtime.io.tables import Table
from throughtime.reports.folders import PROGRESS, STUDY
from throughtime.reports.run_folder import RunFolder

Named = tuple[Any, Any, str | None]


@dataclass(frozen=True, eq=False)
class Job:
    """What one call of `fit` does.

    overwrite  the folder may hold other files
    begun      the study was begun there, and is gone on with
    """

    study: Study
    data: Data
    folder: RunFolder
    overwrite: bool = False
    begun: bool = False


OTHER = '; to fit the same to this table, take the entry "table" out of a copy of the study'


def beside(context: typer.Context, chosen: str, *allowed: str) -> None:
    """Refuse options beside --study or --resume, but those allowed: the study has said them already."""
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE" and name not in (chosen, *allowed):
            raise Problem(f"{parameter.opts[0]} beside --{chosen}: the study says it already; leave it out")


def again(file: Path, table: Path | None, named: Named, out: Path, overwrite: bool) -> Job:
    """The study in a file, to be done again; named: inputs, outputs and time, where they are to be others."""
    study = load_study(file)
    if any(named):
        known = study.columns
        with in_options():
            others = replace(
                known, inputs=named[0] or known.inputs, outputs=named[1] or known.outputs, time=named[2] or known.time
            )
            study = replace(study, columns=others)
    data = measured(study, table, file)
    return Job(_named(study, data), data, RunFolder(out), overwrite)


def go_on(folder: Path, table: Path | None) -> Job:
    """The study that was begun in a folder, as it stands."""
    place = RunFolder(folder)
    with in_options():
        study = place.standing().study
    file = next(file for name in (PROGRESS, STUDY) if (file := folder / name).exists())
    return Job(study, measured(study, table, file), place, begun=True)


def measured(study: Study, table: Path | None, file: Path) -> Data:
    """The columns of the study's table."""
    return columns.named(readers.read(table_of(study, table, file), Table), study.columns)


def table_of(study: Study, table: Path | None, file: Path, command: str = "fit") -> Path:
    """The table of the study in that file: the one that is named, or found here or beside the study."""
    found = table or _found(study, file, command)
    if study.table is not None and fingerprint(found) != study.table.sha256:
        raise Problem(
            f"{found} is not the table of {file}: its SHA-256 is {fingerprint(found)[:12]}..., there it is "
            f"{study.table.sha256[:12]}...; give {study.table.name} as it was" + (OTHER if command == "fit" else "")
        )
    return found


def search_in(file: Path) -> Search:
    """The search in a file of results."""
    if not file.is_file():
        raise Problem(f"--resume {file}: there is no such file; begin with --out {file}")
    found = search.search_in(file)
    if found is None:
        raise Problem(f"--resume {file}: it does not say what is searched for; give the same command again")
    return found


def _found(study: Study, file: Path, command: str) -> Path:
    if study.table is None:
        raise Problem(f"{file} names no table; give one: throughtime {command} TABLE ...")
    name = Path(study.table.name).name
    for folder in (Path(), file.parent, file.parent.parent):
        if (folder / name).is_file():
            return folder / name
    raise Problem(
        f"the table {name!r} of {file} is neither here nor beside it; give it: throughtime {command} TABLE ..."
    )


def _named(study: Study, data: Data) -> Study:
    """The study, of that file if it was of none."""
    if study.table is not None:
        return study
    return study.of_table(data.source.name, fingerprint(data.source))
