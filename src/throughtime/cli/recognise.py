"""`throughtime recognise`: a trained recogniser on recordings of one's own."""

import json
from pathlib import Path
from typing import Annotated

import typer

from throughtime.cli import options
from throughtime.cli.errors import Problem
from throughtime.cli.importing import importing


def recognise(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A .safetensors file that an experiment wrote.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recordings.")],
    best: Annotated[int, typer.Option(min=1, metavar="N", help="Answers to show of each, the best first.")] = 1,
    decoder: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of strings: greedy, beam, vocabulary, sentences. Default: the last it has."),
    ] = None,
    words: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The vocabulary, in the place of its own: a word on each line.")
    ] = None,
    height: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER", help="Of letters: how high this writer's usually are, in the units of the points."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV or Parquet file for all answers.", rich_help_panel=options.LEAVING),
    ] = None,
    overwrite: options.Overwrite = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say what was spoken or written in recordings: the answer and the network's probability of it.

    A speech model hears sound (WAV, FLAC, OGG; needs the extra `audio`), at its own number of samples per second or a higher
    one. A handwriting model hears pen points: a table with the columns x, y (upwards) and end-of-stroke (1 at the last
    point of each stroke, else 0), or JSON, a list of strokes, each a list of [x, y]. Recordings that cannot be used are told
    at the end; the others are answered.
    """
    with importing():
        import pandas as pd

        from throughtime.cli import recordings
        from throughtime.cli.delivery import check_out, write
        from throughtime.cli.recognising import answers, opened, show

    check_out(out, overwrite)
    ready = opened(model, decoder, () if words is None else recordings.words(words), height)
    try:
        rows, refused = answers(ready, files, best, quiet)
    except ImportError as missing:
        raise Problem(str(missing)) from None
    if not rows:
        raise Problem("; ".join(refused))
    if out is not None:
        write(pd.DataFrame(rows), out, quiet)
    if json_:
        typer.echo(json.dumps({"model": str(model), "written": out and str(out), "answers": rows}))
    elif not quiet:
        show(rows)
    if refused:
        raise Problem("; ".join(refused))
