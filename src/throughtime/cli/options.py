"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from throughtime.cli.choices import ELEMENTWISE

WIRING, TRAINING, LEAVING = "The network", "Training", "What is written and said"


def _wiring(text: str, metavar: str | None = None) -> Any:
    return typer.Option(help=text, metavar=metavar, rich_help_panel=WIRING)


Hidden = Annotated[str, _wiring("Units in the hidden layer; 10,5 makes two layers.", metavar="N[,N]")]
InputDelays = Annotated[
    str | None, _wiring("narx: delays of the inputs; 0:2 is 0, 1, 2; 0,2,5 also works.", metavar="D")
]
OutputDelays = Annotated[str | None, _wiring("narx: delays of the outputs fed back.", metavar="D")]
Delays = Annotated[
    str | None, _wiring("tdnn: a set of delays for each layer, output included, as in 0:2/0,2,4.", metavar="D/D")
]
Width = Annotated[
    int | None, typer.Option(help="window: steps it sees; ntm: columns of its memory.", min=1, rich_help_panel=WIRING)
]
Slots = Annotated[int | None, typer.Option(help="ntm: rows of its memory.", min=3, rich_help_panel=WIRING)]
Activation = Annotated[str | None, _wiring(f"Activation function of the hidden units: {', '.join(ELEMENTWISE)}.")]
Bidirectional = Annotated[
    bool, typer.Option("--bidirectional", help="Add layers that run backward in time.", rich_help_panel=WIRING)
]
LearnedStart = Annotated[
    bool,
    typer.Option("--learned-start", help="Learn the activities a(0) before the first step.", rich_help_panel=WIRING),
]
Increments = Annotated[
    bool, typer.Option("--increments", help="narx: compute the change since the last output.", rich_help_panel=WIRING)
]
Skip = Annotated[
    bool,
    typer.Option(
        "--skip", help="narx: a linear path beside the hidden units, which then only bend it.", rich_help_panel=WIRING
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.", rich_help_panel=LEAVING)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for scripts.", rich_help_panel=LEAVING)]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace files of the same name; others stay.", rich_help_panel=LEAVING),
]
TablePath = Annotated[
    Path, typer.Argument(metavar="TABLE", help="CSV, Parquet, Excel or MATLAB file, one row per time step.")
]
RowTime = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Column with the time of each row, dates or numbers, to be shown.")
]
TimeFormat = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="How dates are written there, as %d.%m.%Y or '%Y-%m-%d %H:%M'. Default: that of the model's fit, or found out.",
    ),
]
Time = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="Column with the time of each row, dates or numbers. Default: that of the model's fit."
    ),
]
StartRows = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="First rows in which measured outputs lead. Default: those that fill the delays, and the washout.",
        metavar="ROWS",
    ),
]
OutFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="CSV or Parquet file for the outputs; default: CSV to standard output."),
]
ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="The model.safetensors that fit wrote.")]
