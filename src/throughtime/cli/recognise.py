"""`throughtime recognise`: a trained recogniser on recordings of one's own."""

import json
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from throughtime.cli import options, output, recordings
from throughtime.cli.delivery import check_out, write
from throughtime.cli.errors import Problem
from throughtime.models.saving import load
from throughtime.recognition import Answer, Recogniser
from throughtime.texts import printable


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
    check_out(out, overwrite)
    ready = _opened(model, decoder, () if words is None else recordings.words(words), height)
    try:
        rows, refused = _asked(ready, files, best, quiet)
    except ImportError as missing:
        raise Problem(str(missing)) from None
    if not rows:
        raise Problem("; ".join(refused))
    if out is not None:
        write(pd.DataFrame(rows), out, quiet)
    if json_:
        typer.echo(json.dumps({"model": str(model), "written": out and str(out), "answers": rows}))
    elif not quiet:
        _show(rows)
    if refused:
        raise Problem("; ".join(refused))


def _opened(model: Path, decoder: str | None, words: tuple[str, ...], height: float | None) -> Recogniser:
    made = load(model)
    try:
        return Recogniser(made, decoder, words, height)
    except ValueError as error:
        raise Problem(f"{model}: {error}") from None


def _asked(ready: Recogniser, files: list[Path], best: int, quiet: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of all answers, and of each file that cannot be used what is wrong."""
    rows: list[dict[str, Any]] = []
    refused: list[str] = []
    with output.ProgressBar(f"{len(files)} recordings", quiet) as bar:
        for number, file in enumerate(files):
            try:
                rows += _rows(ready, file, best)
            except (ValueError, FileNotFoundError) as problem:
                refused.append(str(problem))
            bar((number + 1) / len(files), file.name)
    return rows, refused


def _rows(ready: Recogniser, file: Path, best: int) -> list[dict[str, Any]]:
    """A row for each answer; if the decoder left none, one of nothing."""
    answers = _answers(ready, file, recordings.read(file, ready.hears), best)
    return [
        {"file": str(file), "rank": place + 1, "answer": answer.text, "probability": answer.probability}
        for place, answer in enumerate(answers or [Answer("", 0.0)])
    ]


def _answers(ready: Recogniser, file: Path, recording: Any, best: int) -> list[Answer]:
    try:
        return ready(recording, best)
    except ValueError as error:
        raise Problem(f"{file}: {error}") from None


def _show(rows: list[dict[str, Any]]) -> None:
    """A line for each answer, which is the last thing on it and as long as it is."""
    width = max(len(printable(row["file"])) for row in rows)
    output.say(f"{'file':<{width}}  probability  answer")
    for row in rows:
        output.say(f"{printable(row['file']):<{width}}  {_figure(row['probability']):>11}  {row['answer']}")


def _figure(probability: float) -> str:
    return f"{probability:.4f}" if probability >= 0.001 else f"{probability:.1e}"
