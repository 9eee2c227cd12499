"""The results of an experiment, printed."""

from typing import Any

import numpy as np

from throughtime.cli import output


def show(said: dict[str, Any]) -> None:
    """Print the results of an experiment: a line per split, a column per network."""
    entries = [*said["results"], *said["baselines"]]
    found = {(entry["split"], entry["network"]): _spread(entry["values"]) for entry in entries}
    networks, splits = (list(dict.fromkeys(entry[key] for entry in entries)) for key in ("network", "split"))
    measures = ", ".join(dict.fromkeys(entry["metric"] for entry in entries))
    title = f"{said['experiment']}{', quick' if said['quick'] else ''}: {measures} ({said['seconds']:.1f} s)"
    rows = [[str(split), *(found.get((split, network), "") for network in networks)] for split in splits]
    output.table(title, ["", *networks], rows)
    for bar in said["bars"]:
        output.say(_reached(bar, entries))
    for note in said["notes"]:
        output.say(f"note: {note}")


def _reached(bar: dict[str, Any], entries: list[dict[str, Any]]) -> str:
    """How many seeds reach what they were meant to."""
    same = [e for e in entries if (e["network"], e["split"]) == (bar["network"], bar["split"])]
    values = [value for entry in same for value in entry["values"]]
    good = sum(value <= bar["at_most"] for value in values)
    return f"{bar['network']}, {bar['split']}: at most {_figure(bar['at_most'])} ({bar['about']}) in {good} of {len(values)}"


def _spread(values: list[float]) -> str:
    """The median, and below it the range over the seeds."""
    low, middle, high = (_figure(float(q)) for q in np.quantile(values, [0, 0.5, 1]))
    return middle if low == high else f"{middle}\n{low} to {high}"


def _figure(value: float) -> str:
    return f"{value:.3f}" if value >= 0.01 or value == 0 else f"{value:.1e}"
