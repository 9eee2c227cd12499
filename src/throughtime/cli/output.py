"""What the program says: lines, tables, and the progress bar while one waits."""

import os
from collections.abc import Generator, Iterable
from contextlib import suppress
from inspect import GEN_CLOSED, getgeneratorstate
from pathlib import Path
from typing import TypeVar

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from throughtime.cli.errors import Problem
from throughtime.texts import printable
from throughtime.work.looks import Look


def free_folder(name: str) -> Path:
    """The first of NAME, NAME-2, NAME-3 ... that is not there yet."""
    number = 1
    while (path := Path(name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return path


def file(path: Path, overwrite: bool) -> None:
    """Refuse a file that is there already or whose folder cannot be written."""
    if path.is_dir():
        raise Problem(f"--out {path} is a folder; name a file")
    if path.exists() and not path.is_file():
        raise Problem(f"--out {path} is no ordinary file; choose another name")
    if path.exists() and not overwrite:
        raise Problem(f"--out {path} exists; choose another name, or --overwrite")
    if not path.parent.is_dir():
        raise Problem(f"--out {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise Problem(f"--out {path}: the folder {path.parent} cannot be written")


def say(text: object = "", err: bool = False) -> None:
    """Print one line, as all commands do: control characters of names and files do not reach the terminal."""
    typer.echo(printable(text), err=err)


def notes(lines: Iterable[str], quiet: bool) -> None:
    """Say on standard error what the user should know of, unless told to be quiet."""
    for line in () if quiet else lines:
        say(line, err=True)


Shown = TypeVar("Shown", bound=Look)


class ProgressBar:
    """A progress bar on standard error with a remark and the time left; silent if told so or not on a terminal."""

    def __init__(self, what: str, quiet: bool) -> None:
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[remark]}", markup=False),
            TimeRemainingColumn(),
            TextColumn("[dim]left"),
        )
        self._progress = Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
        self._task: TaskID = self._progress.add_task(printable(what), total=1.0, remark="compiling")

    def __enter__(self) -> "ProgressBar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # the terminal may be gone: what was learned is to be kept all the same
            self._progress.stop()

    def __call__(self, part: float, remark: str = "") -> None:
        """Set how much is done, 0 to 1, and a remark."""
        self._progress.update(self._task, completed=part, remark=printable(remark))

    def show(self, look: Look) -> None:
        """Where a long work stands: its part, phase and remark."""
        self(look.part, f"{look.phase}, {look.remark}" if look.remark else look.phase)

    def follow(self, looks: Generator[Shown, None, None]) -> Shown:
        """Show every look of a long work, and give the last; an interrupt that falls in between is one of the work."""
        last: Shown | None = None
        while True:
            try:
                for look in looks:
                    last = look
                    self.show(look)
                assert last is not None
                return last
            except KeyboardInterrupt:
                if getgeneratorstate(looks) == GEN_CLOSED:
                    raise
                with suppress(StopIteration):
                    last = looks.throw(KeyboardInterrupt)


def table(title: str, columns: list[str], rows: list[list[str]], texts: int = 1) -> None:
    """Print a table: the first columns, `texts` of them, are text, the others numbers. No cell is ever cut."""
    console = Console()
    console.print(_text(title), style="bold", soft_wrap=True)
    made = Table(box=None, pad_edge=False, header_style="dim")
    for index, column in enumerate(columns):
        text = index < texts
        cells = [row[index] for row in rows] + ([column] if text else [])
        least = max((cell_len(line) for cell in cells for line in _lines(cell)), default=0)
        made.add_column(_text(column), justify="left" if text else "right", no_wrap=text, min_width=least)
    for row in rows:
        made.add_row(*map(_text, row))
    if not console.is_terminal:  # a file or another program has lines of any length
        console.width = _widths(console, made).maximum
    if _widths(console, made).minimum > console.width:
        made.padding = (0, 1, 0, 0)
    console.width = max(console.width, _widths(console, made).minimum)
    console.print(made)


def _widths(console: Console, made: Table) -> Measurement:
    """The width below which cells would be cut, and that in which headers need not break."""
    return Measurement.get(console, console.options.update(max_width=10_000), made)


def _text(cell: str) -> Text:
    """A cell as it is, in which nothing is markup; lines of one's own stay apart."""
    return Text("\n".join(_lines(cell)))


def _lines(cell: str) -> list[str]:
    return list(map(printable, cell.split("\n")))
