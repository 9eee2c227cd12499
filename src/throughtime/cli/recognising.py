"""What a recogniser makes of recordings, file by file."""

from pathlib import Path
from typing import Any

from throughtime.cli import output, recordings
from throughtime.cli.errors import Problem
from throughtime.models.saving import load
from throughtime.recognition import Answer, Recogniser
from throughtime.texts import printable


def opened(model: Path, decoder: str | None, words: tuple[str, ...], height: float | None) -> Recogniser:
    """The recogniser in a file."""
    made = load(model)
    try:
        return Recogniser(made, decoder, words, height)
    except ValueError as error:
        raise Problem(f"{model}: {error}") from None


def answers(ready: Recogniser, files: list[Path], best: int, quiet: bool) -> tuple[list[dict[str, Any]], list[str]]:
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
    """A row for each answer to each recording in a file; if the decoder left none, one of nothing."""
    heard = ready.model.settings["features"].get("columns", ())
    return [
        {"file": name, "rank": place + 1, "answer": answer.text, "probability": answer.probability}
        for name, recording in recordings.read(file, ready.hears, heard)
        for place, answer in enumerate(_answers(ready, name, recording, best) or [Answer("", 0.0)])
    ]


def _answers(ready: Recogniser, name: str, recording: Any, best: int) -> list[Answer]:
    try:
        return ready(recording, best)
    except ValueError as error:
        raise Problem(f"{name}: {error}") from None


def show(rows: list[dict[str, Any]]) -> None:
    """A line for each answer, which is the last thing on it and as long as it is."""
    width = max(len(printable(row["file"])) for row in rows)
    output.say(f"{'file':<{width}}  probability  answer")
    for row in rows:
        output.say(f"{printable(row['file']):<{width}}  {_figure(row['probability']):>11}  {row['answer']}")


def _figure(probability: float) -> str:
    return f"{probability:.4f}" if probability >= 0.001 else f"{probability:.1e}"
