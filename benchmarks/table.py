"""A table of figures, each with its bar and whether it is met."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.timing import Times, ratio


@dataclass(frozen=True)
class Row:
    """One figure: its columns, the bar in words, whether it is met (None: no bar, only reported), and which is not."""

    values: dict[str, Any]
    bar: str = ""
    met: bool | None = None
    missed: str = ""

    @property
    def verdict(self) -> str:
        """What the last column says."""
        return {True: "ok", False: f"SHORT {self.missed}".strip(), None: ""}[self.met]


@dataclass(frozen=True)
class Table:
    """Rows with the same columns, and what they mean."""

    name: str
    title: str
    rows: Sequence[Row]

    @property
    def met(self) -> bool:
        """True if no bar is missed."""
        return all(row.met is not False for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        """Plain lists and dicts."""
        return {"name": self.name, "title": self.title, "met": self.met, "rows": [asdict(row) for row in self.rows]}

    @classmethod
    def from_json(cls, made: dict[str, Any]) -> "Table":
        """Back from `as_json`."""
        return cls(made["name"], made["title"], [Row(**row) for row in made["rows"]])


def against(case: str, times: Times, ours: str, peer: str, unit: str, bar: float | None) -> Row:
    """A row for two contestants: medians, and how many times faster ours is; bar: how many times it must be."""
    scale = {"ms": 1e3, "us": 1e6}[unit]
    faster = ratio(times, ours, peer)
    values = {
        "case": case,
        "ours": ours,
        f"ours {unit}": median(times[ours]) * scale,
        "peer": peer,
        f"peer {unit}": median(times[peer]) * scale,
        "times faster": faster,
    }
    return Row(values, f">= {bar:g}", faster >= bar) if bar is not None else Row(values)


def barred(values: dict[str, Any], bars: Sequence[tuple[str, bool]]) -> Row:
    """A row with several bars, each in words and whether it is met."""
    if not bars:
        return Row(values)
    missed = ", ".join(words for words, met in bars if not met) if len(bars) > 1 else ""
    return Row(values, ", ".join(words for words, _ in bars), all(met for _, met in bars), missed)


def show(table: Table) -> None:
    """Print it; readable in a terminal and in a log file."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=220)
    drawn = RichTable(title=table.title, title_justify="left")
    columns = list(table.rows[0].values)
    for name in columns:
        number = isinstance(table.rows[0].values[name], float | int)
        drawn.add_column(name, justify="right" if number else "left")
    drawn.add_column("bar")
    drawn.add_column("met")
    for row in table.rows:
        colour = {True: "green", False: "red", None: None}[row.met]
        drawn.add_row(*(_shown(row.values[name]) for name in columns), row.bar, row.verdict, style=colour)
    console.print(drawn)


def _shown(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
