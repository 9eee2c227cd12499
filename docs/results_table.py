"""Print the page of results: every network and seed, as the files in `docs/results/` have them. `--write` makes docs/results.md.

The JSON files are the `results.json` that `throughtime experiment NAME` leaves of a full run, under the experiment's name.
`tests/test_results.py` checks that the page is what this makes of them.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
FOLDER, PAGE = DOCS / "results", DOCS / "results.md"

HEAD = """# Results

Every experiment that was run in full, every network and every seed. Generated from the files in `docs/results/`, each the
`results.json` of `throughtime experiment NAME`, by `docs/results_table.py --write`. Baselines and published figures are in italics,
below the networks they are to be compared with; what was tried, and how choices were made, is told on the other pages.
"""
COLUMNS = ("network", "split", "metric", "mean", "every seed", "bar", "")


def load(path: Path) -> dict[str, Any]:
    """What a file holds.

    raises  ValueError if it is of a quick run, or bears another name than its experiment
    """
    said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if said["quick"] or said["experiment"] != path.stem:
        raise ValueError(
            f"{path.name} must hold a full run of {path.stem!r}: it has {said['experiment']}, quick {said['quick']}"
        )
    return said


def figure(value: float) -> str:
    """Three digits, without an exponent where that is short.

    >>> figure(10.66), figure(0.29585), figure(404.2), figure(0.0), figure(1.5e-5)
    ('10.7', '0.296', '404', '0', '1.5e-05')
    """
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def met(values: Iterable[float], bar: dict[str, Any]) -> bool:
    """True if the mean of the seeds reaches the bar, or as many of them as it says."""
    good = [value <= bar["at_most"] for value in values]
    if bar["about"] == "every seed":
        return all(good)
    if bar["about"] == "most seeds":
        return 2 * sum(good) > len(good)
    return mean(values) <= bar["at_most"]


def mean(values: Iterable[float]) -> float:
    """The mean of the seeds."""
    found = list(values)
    return sum(found) / len(found)


def grouped(said: dict[str, Any]) -> list[tuple[dict[str, Any], bool]]:
    """Results and baselines with True for baselines: those of one split and metric together, in the order of their first."""
    entries = [(e, False) for e in said["results"]] + [(e, True) for e in said["baselines"]]
    groups: dict[tuple[str, str], list[tuple[dict[str, Any], bool]]] = {}
    for entry, known in entries:
        groups.setdefault((entry["split"], entry["metric"]), []).append((entry, known))
    return [pair for group in groups.values() for pair in group]


def bars_of(said: dict[str, Any], entry: dict[str, Any]) -> list[dict[str, Any]]:
    """What an entry was meant to reach."""
    return [b for b in said.get("bars", []) if (b["network"], b["split"]) == (entry["network"], entry["split"])]


def row(said: dict[str, Any], entry: dict[str, Any], known: bool) -> list[str]:
    """The cells of an entry."""
    values, bars = entry["values"], [] if known else bars_of(said, entry)
    seeds = ", ".join(map(figure, values)) if len(values) > 1 else ""
    wanted = ", ".join(f"{figure(bar['at_most'])} ({bar['about']})" for bar in bars)
    fate = ", ".join("met" if met(values, bar) else "**SHORT**" for bar in bars)
    name = f"*{entry['network']}*" if known else entry["network"]
    return [name, entry["split"], entry["metric"], figure(mean(values)), seeds, wanted, fate]


def lines(rows: Iterable[Iterable[str]], head: Iterable[str]) -> str:
    """A table in Markdown."""
    whole = [list(head), ["---"] * len(list(head)), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in whole)


def section(said: dict[str, Any]) -> str:
    """An experiment: its table and its notes.

    raises  ValueError if a bar is for what is not among the results
    """
    results = {(entry["network"], entry["split"]) for entry in said["results"]}
    for bar in said.get("bars", []):
        if (bar["network"], bar["split"]) not in results:
            raise ValueError(
                f"{said['experiment']}: no result of {bar['network']!r} on {bar['split']!r}, for which there is a bar"
            )
    table = lines((row(said, entry, known) for entry, known in grouped(said)), COLUMNS)
    notes = "".join(f"- {note}\n" for note in said.get("notes") or [])
    return f"\n## {said['experiment']}\n\n{table}\n" + (f"\n{notes}" if notes else "")


def summary(every: Iterable[dict[str, Any]]) -> str:
    """All bars, and which are met."""
    rows = [
        [said["experiment"], *row(said, entry, False)]
        for said in every
        for entry in said["results"]
        if bars_of(said, entry)
    ]
    short = sum("SHORT" in cells[-1] for cells in rows)
    told = f"Of {len(rows)} results that were to reach a bar, {len(rows) - short} reach it. A bar is an upper limit."
    return f"\n## What was to be reached\n\n{told}\n\n{lines(rows, ('experiment', *COLUMNS))}\n"


def page(folder: Path = FOLDER) -> str:
    """The page on all files in a folder."""
    every = [load(path) for path in sorted(folder.glob("*.json"))]
    return HEAD + summary(every) + "".join(map(section, every))


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page())
