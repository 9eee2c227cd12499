"""`throughtime show`: the wiring of a model or of an architecture."""

from pathlib import Path
from typing import Annotated

import typer

from throughtime.cli import options
from throughtime.cli.choices import NETWORKS
from throughtime.cli.errors import Problem
from throughtime.cli.importing import importing


def show(
    what: Annotated[
        str, typer.Argument(metavar="MODEL|NETWORK", help=f"A model file, or one of {', '.join(NETWORKS)}.")
    ],
    inputs: Annotated[int, typer.Option(min=0, help="Number of inputs.", rich_help_panel=options.WIRING)] = 1,
    outputs: Annotated[int, typer.Option(min=1, help="Number of outputs.", rich_help_panel=options.WIRING)] = 1,
    hidden: options.Hidden = "10",
    input_delays: options.InputDelays = None,
    output_delays: options.OutputDelays = None,
    delays: options.Delays = None,
    width: options.Width = None,
    slots: options.Slots = None,
    activation: options.Activation = None,
    bidirectional: options.Bidirectional = False,
    learned_start: options.LearnedStart = False,
    increments: options.Increments = False,
    skip: options.Skip = False,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it into a PNG, SVG or PDF file.")] = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Show how a network is wired: its layers, what each listens to and with which delays, and its weights."""
    with importing():
        from throughtime.cli import output, wiring
        from throughtime.cli.command import in_options
        from throughtime.cli.equations import equations
        from throughtime.drawing import show as text_of
        from throughtime.drawing.picture import draw
        from throughtime.models.saving import load

    heard: list[str] = []
    told: list[str] = []
    lines: list[str] = []
    if what.replace("_", "-") in NETWORKS:
        with in_options():
            network = wiring.wired(
                what,
                hidden,
                input_delays=input_delays,
                output_delays=output_delays,
                taps=delays,
                width=width,
                slots=slots,
                activation=activation,
                bidirectional=bidirectional,
                learned_start=learned_start,
                increments=increments,
                skip=skip,
            ).build(inputs, outputs)
    elif not Path(what).exists():
        raise Problem(f"{what!r} is neither a file nor a network; networks: {', '.join(NETWORKS)}")
    else:
        made = load(what)
        network, lines = made.network, equations(made)
        heard, told = ([column.name for column in side] for side in (made.inputs, made.outputs))
    if png is not None:
        if png.suffix.lower() not in (".png", ".svg", ".pdf"):
            raise Problem(f"--png {png}: the name must end in .png, .svg or .pdf")
        output.file(png, overwrite)
        draw(network, png, heard, told)
    for line in [*text_of(network, heard, told).split("\n"), *lines]:
        output.say(line)
