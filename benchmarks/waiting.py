"""What one waits for: CPU seconds of whole processes, user and system, all threads, each process fresh."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import gate
from benchmarks.table import Row, Table, barred

BEFORE, NOTHING = "before", (lambda _: None)
JAX = "import jax"
PATIENCE = 120  # seconds


@dataclass(frozen=True)
class Waiting:
    """A process that is waited for.

    name         what the table calls it
    words        what is given to Python
    bar          CPU seconds that it may take, beyond those of the process `beyond`; None: only reported
    share        of what it took before, that it may take; None: only reported
    ends         its exit code
    prepare      called with its folder before each round, not timed
    environment  variables beside those of this process; None takes one away
    until        (file in its folder, text): waited for is the text in the file, and the process goes no further
    """

    name: str
    words: tuple[str, ...]
    bar: float | None = None
    beyond: str = ""
    share: float | None = None
    ends: int = 0
    prepare: Callable[[Path], None] = NOTHING
    environment: Mapping[str, str | None] = field(default_factory=dict)
    until: tuple[str, str] | None = None


def _program(*words: str) -> tuple[str, ...]:
    return ("-m", "throughtime", *words)


def _code(line: str) -> tuple[str, ...]:
    return ("-c", line)


FIT = (
    *(
        "fit",
        "tank.csv",
        "--time",
        "time",
        "--inputs",
        "pump",
        "--outputs",
        "level",
        "--network",
        "narx",
        "--input-delays",
    ),
    *("2:3", "--output-delays", "1:2", "--test", "0.2", "--quiet", "--out", "fitted", "--hidden"),
)
HERE, NOWHERE = {"THROUGHTIME_CACHE": "kept"}, {"THROUGHTIME_CACHE": "off"}
LOOK = ("fitted/events.jsonl", '"epoch"')
CLASSIFIER = """
import numpy as np, throughtime as tt
draw = np.random.default_rng(0)
x = [draw.normal(size=(steps, 3)) for steps in draw.integers(29, 362, 50)]
tt.SequenceClassifier(network="gru", epochs=100).fit(x, draw.integers(0, 3, 50))
"""


def _tank(folder: Path) -> None:
    """The table of docs/from-a-table-to-a-forecast.md."""
    draw, rows = np.random.default_rng(0), 800
    pump, level = np.repeat(draw.uniform(0, 1, rows // 8), 8), np.zeros(rows)
    for t in range(2, rows):
        level[t] = max(0.0, level[t - 1] + 0.2 * pump[t - 2] - 0.2 * np.sqrt(level[t - 1]))
    level += 0.002 * draw.normal(size=rows)
    times = (f"2026-03-{1 + t // 144:02} {t % 144 // 6:02}:{t % 6}0:00" for t in range(rows - 60))
    lines = (f"{time},{u!r},{y!r}" for time, u, y in zip(times, pump.tolist(), level.tolist(), strict=False))
    (folder / "tank.csv").write_text("\n".join(("time,pump,level", *lines)) + "\n")


def _known(hidden: int) -> Callable[[Path], None]:
    """The table, and what a fit with so many units has kept."""

    def prepare(folder: Path) -> None:
        _tank(folder)
        command = [sys.executable, *_program(*FIT), str(hidden)]
        subprocess.run(command, cwd=folder, env=os.environ | HERE, check=True, capture_output=True)
        (folder / "fitted").rename(folder / "before")

    return prepare


WAITING = (
    Waiting(JAX, _code(JAX)),
    Waiting("--help", _program("--help"), 0.3),
    Waiting("fit --help", _program("fit", "--help"), 0.3),
    Waiting("a usage error", _program("fit", "--none-such"), 0.3, ends=2),
    Waiting("--version", _program("--version"), 0.3),
    Waiting("import throughtime", _code("import throughtime"), 0.2, JAX),
    Waiting("tt.train, tt.lstm, tt.BPTT", _code("import throughtime as t; t.train, t.lstm, t.BPTT"), 0.2, JAX),
    Waiting("fit, a cold machine", _program(*FIT, "4"), share=0.35, prepare=_tank, environment=HERE),
    Waiting("fit, one more unit", _program(*FIT, "5"), share=0.35, prepare=_known(4), environment=HERE),
    Waiting("fit, the same again", _program(*FIT, "4"), share=0.2, prepare=_known(4), environment=HERE),
    Waiting("first look, a cold machine", _program(*FIT, "4"), 3, prepare=_tank, environment=HERE, until=LOOK),
    Waiting("first look, again", _program(*FIT, "4"), 3, prepare=_known(4), environment=HERE, until=LOOK),
    Waiting("a GRU's first fit", _code(CLASSIFIER), share=0.35, environment=NOWHERE),
    Waiting("tt.DynamicModel", _code("import throughtime as t; t.DynamicModel"), 0.4, JAX),
)

Seconds = dict[str, list[float]]


def waiting(quick: bool, before: str | None = None) -> Table:
    """CPU seconds of each; before: the Python of another environment, with the build that these are compared with."""
    rounds = 2 if quick else 7
    found = _interleaved(WAITING, rounds, before)
    rows = [_row(one, found, before is not None) for one in WAITING]
    return Table("waiting", f"waiting: CPU seconds of a process, median of {rounds}, one core", rows)


def _interleaved(all_of: Sequence[Waiting], rounds: int, before: str | None) -> Seconds:
    """{name: seconds of each round}; those of the build before under `before NAME`."""
    found: Seconds = {}
    for _ in range(rounds):
        for one in all_of:
            found.setdefault(one.name, []).append(_seconds(one, sys.executable))
            if before is not None:
                environment = {**one.environment, "PYTHONPATH": None}
                found.setdefault(f"{BEFORE} {one.name}", []).append(_seconds(one, before, environment))
    return found


def _seconds(one: Waiting, python: str, changed: Mapping[str, str | None] | None = None) -> float:
    """User and system time of the process, and of those that it waited for."""
    changed = one.environment if changed is None else changed
    kept = {name: value for name, value in os.environ.items() if name not in changed}
    environment = kept | {name: value for name, value in changed.items() if value is not None}
    with tempfile.TemporaryDirectory() as folder:
        one.prepare(Path(folder))
        process = subprocess.Popen(
            [python, *one.words], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        ends = one.ends if one.until is None else _stopped(process, Path(folder) / one.until[0], one.until[1])
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != ends:
        raise gate.Red(f"{one.name} ended with {process.returncode}, not {one.ends}")
    return used.ru_utime + used.ru_stime


def _stopped(process: subprocess.Popen[bytes], file: Path, text: str) -> int:
    """Kill the process when the text is in the file; the exit code that it then has."""
    until = time.monotonic() + PATIENCE
    while not (file.exists() and text in file.read_text()):
        if time.monotonic() > until:
            process.kill()
            raise gate.Red(f"{file.name} did not say {text} within {PATIENCE} s")
        time.sleep(0.005)
    process.kill()
    return -signal.SIGKILL


def _row(one: Waiting, found: Seconds, compared: bool) -> Row:
    own = median(found[one.name])
    bars = []
    values = {"case": one.name, "CPU s": own, "beyond": ""}
    if one.bar is not None:
        beyond = (
            median(now - then for now, then in zip(found[one.name], found[one.beyond], strict=True))
            if one.beyond
            else own
        )
        values["beyond"] = f"{one.beyond} {beyond:+.2f}" if one.beyond else ""
        words = f"<= {one.beyond} + {one.bar:g} s" if one.beyond else f"<= {one.bar:g} s"
        bars.append((words, beyond <= one.bar))
    if compared:
        theirs = found[f"{BEFORE} {one.name}"]
        share = median(now / then for now, then in zip(found[one.name], theirs, strict=True))
        values |= {"before": median(theirs), "share": share}
        if one.share is not None:
            bars.append((f"<= {one.share:g} of before", share <= one.share))
    return barred(values, bars)
