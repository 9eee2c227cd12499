"""`throughtime learn`: a labeller from recordings of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from throughtime.cli import options
from throughtime.cli.importing import importing

Data = Annotated[
    Path,
    typer.Argument(metavar="DATA", help="Folder with a sub-folder for each class; .ts file; or table with --label."),
]
Network = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="gru or lstm, in both directions; elman, jordan, ...", rich_help_panel=options.WIRING
    ),
]


def _taught(text: str) -> typer.models.OptionInfo:
    made: typer.models.OptionInfo = typer.Option(min=1, metavar="N", help=text, rich_help_panel=options.TRAINING)
    return made


def learn(
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the model, results and pictures.")],
    test: Annotated[
        Path | None, typer.Option(metavar="DATA", help="Recordings to judge by, instead of some of DATA.")
    ] = None,
    held_out: Annotated[
        float, typer.Option(metavar="SHARE", help="Of each class, or of the makers, kept to judge by.")
    ] = 0.2,
    held_out_by: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX", help="Its group in a recording's name is the maker, who is held out whole: '_(.*)_'."
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of a table: the class of the row's record.")
    ] = None,
    record: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of a table: what tells its records apart.")
    ] = None,
    deltas: Annotated[
        int, typer.Option(min=0, max=3, metavar="N", help="Orders of differences heard beside what was measured.")
    ] = 1,
    frames: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Steps heard as one. Default: so many that recordings have about 40."),
    ] = None,
    network: Network = "gru",
    hidden: Annotated[int, _taught("Units of the hidden layer.")] = 48,
    members: Annotated[int, _taught("Networks, whose mean answers.")] = 5,
    epochs: Annotated[int, _taught("Visits of each recording, those of its varied copies counted.")] = 120,
    copies: Annotated[int, _taught("Of each recording, varied in speed, size and noise; 1: as it is.")] = 6,
    seed: Annotated[int, typer.Option(metavar="N", help="Of first weights, order, copies and what is held out.")] = 0,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Learn to label recordings: sound, series of measurements, or drawings by pen, each with one class.

    DATA is a folder with a sub-folder for each class and the recordings in it (sounds, tables, or drawings), a .ts file of the
    UEA and UCR archives, or a table with a column of classes. Leaves model.safetensors, which `recognise` takes,
    results.json, confusion.png and training.png, and tells how a simple baseline does on the same recordings.

    Example: throughtime learn words --held-out-by '_(.*)_' --out learned
    """
    with importing():
        from throughtime.cli.command import in_options
        from throughtime.cli.learning import carry_out
        from throughtime.labelling.labelled import LabelColumns
        from throughtime.labelling.teaching import LabelTeaching

    with in_options():
        teaching = LabelTeaching(network, hidden, members, epochs, copies, seed=seed)
    asked = LabelColumns(label, record, deltas, frames)
    carry_out(data, test, asked, (held_out, held_out_by), teaching, out, overwrite, json_, quiet)
