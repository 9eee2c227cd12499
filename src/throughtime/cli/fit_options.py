"""The options of `fit`: what each is called, and what its help says."""

from pathlib import Path
from typing import Annotated, Any

import typer

from throughtime.cli.choices import EFFORTS, LEARNERS, LOOPS, NETWORKS, OPTIMIZERS
from throughtime.cli.errors import Problem
from throughtime.cli.options import LEAVING, TRAINING, WIRING, RowTime
from throughtime.cli.options import TimeFormat as RowTimeFormat

ROWS = "Which rows are for what"


def _training(text: str, metavar: str | None = None, least: int | None = None) -> Any:
    return typer.Option(help=text, metavar=metavar, min=least, rich_help_panel=TRAINING)


def _rows(text: str, metavar: str | None = None, least: int | None = None) -> Any:
    return typer.Option(help=text, metavar=metavar, min=least, rich_help_panel=ROWS)


Table = Annotated[
    Path | None,
    typer.Argument(metavar="TABLE", help="CSV or Parquet file, one row per time step.", show_default=False),
]
Outputs = Annotated[
    str, typer.Option(metavar="y[,y]", help="Columns to predict; empty cells are gaps.", show_default=False)
]
Inputs = Annotated[
    str,
    typer.Option(
        metavar="u[,u]", help="Columns it hears. None: narx, jordan and linear predict a series from its past."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder for the results.", rich_help_panel=LEAVING, show_default=False),
]
Again = Annotated[
    Path | None,
    typer.Option(
        "--study",
        metavar="FILE",
        help="In place of all other options but --out: the study.json of a fit, which is done again.",
        show_default=False,
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Go on with the fit in that folder, which was interrupted or killed.", show_default=False
    ),
]
Time = RowTime
TimeFormat = RowTimeFormat
Low = Annotated[
    str | None,
    typer.Option(metavar="y[,y]", help="Least value that each output's sensor can show; none for no such limit."),
]
High = Annotated[
    str | None,
    typer.Option(
        metavar="y[,y]",
        help="Largest value. Where a measurement stands at a limit, a prediction beyond it is no error.",
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        help=f"One of {', '.join(NETWORKS)}. linear: least squares (ARX: --loop open), then for the free run (OE). Default: narx "
        "--skip, which begins as the linear model, with delays that are found.",
        show_default=False,
        rich_help_panel=WIRING,
    ),
]

DeadTime = Annotated[
    int,
    typer.Option(
        metavar="STEPS",
        min=0,
        help="Steps that inputs take to have any effect, known beforehand: the network hears them so much later, and delays are "
        "counted from there. With --network; delays that are found hold it.",
        rich_help_panel=WIRING,
    ),
]
EffortName = Annotated[
    str,
    _rows(
        "Where neither --folds, --validation, --restarts nor --keep is given, how many blocks of time are held out in turn, and "
        "how many networks are trained for each; the best of each is kept. If one is given: 5 restarts, a validation of 0.2.",
        "|".join(EFFORTS),
    ),
]
Validation = Annotated[
    float | None,
    _rows("Last part of the rows, held out: training ends, and networks are chosen, by the free run over it."),
]
Folds = Annotated[
    int | None,
    _rows(
        "In place of --validation: so many blocks of time, each held out from --restarts networks in turn; the model is "
        "the mean of all, and all rows are learned from.",
        least=0,
    ),
]
Test = Annotated[
    float, _rows("Last part of the table, used neither in training nor in choosing, only scored at the end.")
]
Washout = Annotated[
    int | None, _rows("First rows in which nothing is asked. Default: those that fill the delays.", least=0)
]

Loop = Annotated[
    str | None,
    _training(
        "narx, jordan: train on measured past outputs (open), on their own (closed), or first so, then so. Trained in "
        "open loop alone, a network may fail when it runs free. Default: open-closed; linear: closed.",
        "|".join(LOOPS),
    ),
]
Horizon = Annotated[
    int | None,
    _training(
        "Closed loop: train runs of so many steps, each from its measured past. Default: whole records; for a series with adam 20.",
        "STEPS",
        1,
    ),
]
Optimizer = Annotated[
    str | None,
    _training(
        "lm: Levenberg-Marquardt; br: lm with Bayesian regularisation, which picks its own --decay. Default: br; adam for "
        "networks of more than a thousand weights, or with --learner, --every, --learning-rate or --clip.",
        "|".join(OPTIMIZERS),
    ),
]
Learner = Annotated[
    str | None,
    _training(f"adam: how gradients are found, by {', '.join(LEARNERS)}. Default: bptt."),
]
Restarts = Annotated[int | None, _training("Networks trained side by side; the model is their mean.", least=1)]
Keep = Annotated[int | None, _training("Keep only so many of them, the best on held-out rows (of each fold).", least=1)]
Epochs = Annotated[
    int | None, _training("At most so many in each loop. Default: 100, then 60 in closed loop; adam: 500.", least=1)
]
LearningRate = Annotated[float | None, _training("adam: first step size; it falls to zero. Default: 0.01.")]
Every = Annotated[
    int | None,
    _training("adam: steps between two updates. Default: a tenth of the rows, at least 100.", least=1),
]
Decay = Annotated[
    str | None,
    _training(
        "Weight decay; br: the least of it. lm, br: several, as 0,0.001,0.03, are those of the networks in turn. Default: 0; br "
        "by --effort: these, in quick the first two.",
        "NUMBER[,NUMBER]",
    ),
]
Patience = Annotated[
    int | None,
    _training(
        "End a loop after so many epochs without a better free run over held-out rows. Default: never; adam: 100.",
        least=1,
    ),
]
Look = Annotated[
    int | None,
    _training("Epochs from one free run over held-out rows to the next. Default: 10.", least=1),
]
Clip = Annotated[float | None, _training("adam: largest norm of the gradient; 0: any. Default: 1.")]
Seed = Annotated[int, _training("Of the first weights.", least=0)]


def given(command: str, value: Any, name: str) -> Any:
    """An option or argument that only a study can stand for."""
    if value is None or value == "":
        raise Problem(
            f"Missing {'argument' if name.isupper() else 'option'} '{name}' (see throughtime {command} --help)"
        )
    return value
