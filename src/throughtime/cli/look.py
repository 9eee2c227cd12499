"""`throughtime look` and `throughtime convert`: what is in a file, and the same in another format."""

from pathlib import Path
from typing import Annotated

import typer

from throughtime.cli import options
from throughtime.cli.importing import importing

AnyFile = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A table (CSV, Parquet, .xlsx, .mat, .dat), sound, marks, or a drawing."),
]


def look(file: AnyFile, json_: options.Json = False) -> None:
    """Show what is in a file: columns, gaps, times; of a sound its length; of marks their tiers.

    Example: throughtime look tank.mat
    """
    with importing():
        from throughtime.cli.looking import show

    show(file, json_)


def convert(
    file: AnyFile,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A table: .csv or .parquet; a sound: .wav or .flac.")],
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Write what is in a file in another format; marks and drawings become tables.

    Example: throughtime convert tank.mat tank.csv
    """
    with importing():
        from throughtime.cli.looking import rewrite

    rewrite(file, out, overwrite, quiet)
