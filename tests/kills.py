"""Runs killed at random moments: every file is whole or as it was, nothing is left lying about, no process lives on; and what goes
on ends with the numbers of a run that nobody killed.

    python tests/kills.py --kills 40
    python tests/kills.py --kills 10 --seed 7      the same moments again, as shares of a whole run
    python tests/kills.py --signals SIGINT         by Ctrl-C only
    python tests/kills.py --kinds "fit --resume"   of that kind only

`fit` in a new folder, `fit --overwrite`, `fit --resume`, `choose` with two processes, `choose --resume`, a course and an
experiment of pieces are killed in turn, by SIGKILL, SIGTERM and Ctrl-C to the whole group, after some share of their usual time
or while they write. What was killed is then run to its end in the same place. Ends with an error if anything was wrong.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import conftest  # noqa: F401  JAX's settings, before JAX, and for the processes

# isort: split
from command_line import FILES, plant
from throughtime import cli, experiments
from throughtime.dynamics import choosing
from throughtime.dynamics.standing import load_standing
from throughtime.io import container, files
from throughtime.models.saving import load

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
KINDS = ("fit", "fit --overwrite", "fit --resume", "choose", "choose --resume", "course", "pieces")
TOLD_APART = FILES - {"wiring.png", "events.jsonl"}  # those of another seed are other bytes
ON_THE_WAY = {"events.jsonl", "progress.safetensors"}
PROGRAM = "from throughtime.cli import main; main()"
EXPERIMENT = "import sys; from kills import follow; follow(*sys.argv[1:])"
COLUMNS = [
    "--inputs",
    "u",
    "--outputs",
    "y",
    "--input-delays",
    "1",
    "--output-delays",
    "1",
    "--quiet",
    "--restarts",
    "2",
]
FIT = ["--network", "narx", "--hidden", "2", "--epochs", "40", "--look", "5", "--patience", "100"]
CHOOSE = ["--hidden", "1", "--hidden", "2", "--hidden", "3", "--folds", "2", "--epochs", "5", "--workers", "2"]


class Place(NamedTuple):
    """Where runs of a kind write, and what was there before them."""

    kind: str
    folder: Path
    before: dict[str, bytes]

    @property
    def command(self) -> list[str]:
        """The run, as words of a command."""
        table = str(self.folder.parent / "plant.csv")
        if self.kind in ("course", "pieces"):
            return ["-c", EXPERIMENT, str(self.folder), self.kind]
        if self.kind == "choose --resume" and (self.folder / "search.jsonl").exists():
            words = ["choose", table, "--resume", str(self.folder / "search.jsonl"), "--workers", "2", "--quiet"]
            return ["-c", PROGRAM, *words]
        if self.kind == "fit --resume" and self.begun:
            return ["-c", PROGRAM, "fit", table, "--resume", str(self.folder), "--quiet"]
        if self.kind.startswith("choose"):
            return ["-c", PROGRAM, "choose", table, *COLUMNS, *CHOOSE, "--out", str(self.folder / "search.jsonl")]
        return ["-c", PROGRAM, "fit", table, *COLUMNS, *FIT, "--out", str(self.folder), "--overwrite"]

    @property
    def begun(self) -> bool:
        """Whether there is something to go on with."""
        return any((self.folder / name).exists() for name in ("study.json", "progress.safetensors"))

    @property
    def numbers(self) -> str:
        """What came of it, without times and the names of folders."""
        if self.kind.startswith("choose"):
            found = choosing.done_in(self.folder / "search.jsonl")
            told = [vars(judged) | {"seconds": 0} for judged in found.values()]
            return json.dumps(sorted(told, key=lambda judged: judged["name"]))
        if self.kind in ("course", "pieces"):
            return json.dumps(json.loads((self.folder / "results.json").read_text())["results"])
        said = json.loads((self.folder / "metrics.json").read_text()) | {"seconds": 0}
        said["settings"]["command"] = ""
        with (self.folder / "model.safetensors").open("rb") as file:
            arrays = container.read(file, "model").arrays
        return json.dumps([said, {name: array.tobytes().hex() for name, array in arrays.items()}])


def follow(folder: str, kind: str) -> None:
    """An experiment of a few seconds that is a course, or made of pieces."""
    from test_courses import TRAIN, VALIDATION, course
    from test_ledger import pieces

    def run(_: bool, __: int | None, out: Path, progress: experiments.Progress) -> experiments.Results:
        done = course(epochs=6).follow(TRAIN, VALIDATION, 0, out / "seed-0.progress", progress)
        return experiments.Results([experiments.Result("course", "training", "loss", done.curve[:, 1].tolist())])

    experiments.run_function = lambda _: run if kind == "course" else pieces
    sys.argv[1:] = ["experiment", "words", "--out", folder, "--overwrite", "--quiet"]
    cli.main()


def start(place: Place, *more: str) -> "subprocess.Popen[bytes]":
    """The run in a session of its own, by which all its processes are found; what it says is in a file `said`."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a job in the background, which hands that on
        signal.signal(signal.SIGINT, signal.default_int_handler)
    here = str(Path(__file__).parent)
    path = os.pathsep.join([str(Path(files.__file__).parents[2]), here, os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path}
    with _said(place).open("wb") as said:
        words = [sys.executable, *place.command, *more]
        return subprocess.Popen(words, stdout=said, stderr=said, env=environment, start_new_session=True)


def _said(place: Place) -> Path:
    return place.folder.with_suffix(".said")


def end(run: "subprocess.Popen[bytes]", moment: float | Path, number: signal.Signals) -> None:
    """Kill it at a moment, or while it writes into a folder, or once there is a file, unless it has ended."""
    with suppress(subprocess.TimeoutExpired):
        if isinstance(moment, Path):
            while run.poll() is None and not _come(moment):
                time.sleep(0.001)
        run.wait(0.01 if isinstance(moment, Path) else moment)
        return
    if number == signal.SIGINT:
        os.killpg(run.pid, number)
    else:
        run.send_signal(number)
    run.wait(120)


def _come(moment: Path) -> bool:
    if not moment.is_dir():
        return moment.exists()
    return any(files.temporary(p) or p.name == "search.jsonl" for p in moment.rglob("*"))


def orphans(session: int, seconds: float = 5.0) -> list[int]:
    """Processes of a session that are still there after so long."""
    until = time.monotonic() + seconds
    while (found := _of(session)) and time.monotonic() < until:
        time.sleep(0.1)
    return found


def _of(session: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, its = stat.read_text().rsplit(")", 1)[1].split()[:4]
            if int(its) == session and state != "Z":
                found.append(int(stat.parent.name))
    return found


def broken(place: Place) -> list[str]:
    """Files that are not whole, or do not belong together, after what killed processes left has been swept."""
    for folder in (place.folder, place.folder / experiments.KEPT):
        files.sweep(folder)
    found = _files(place.folder)
    wrong = [f"{name} is left" for name in found if files.temporary(name)]
    wrong += [f"{name} is not whole" for name, data in found.items() if not _whole(place.folder / name, data)]
    old = {name for name in TOLD_APART & found.keys() if found[name] == place.before.get(name)}
    if old and (found.keys() | ON_THE_WAY != place.before.keys() | ON_THE_WAY or old != TOLD_APART):
        wrong.append(f"of {', '.join(sorted(found))} these are old: {', '.join(sorted(old))}")
    return wrong


def _files(folder: Path) -> dict[str, bytes]:
    """What is in the files of a folder, and of those in it."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _whole(path: Path, data: bytes) -> bool:
    try:
        if path.name == "progress.safetensors":
            load_standing(path)
        elif path.suffix == ".safetensors":
            load(path)
        elif path.suffix == ".json":
            json.loads(data)
        elif path.name.endswith("events.jsonl"):
            for line in filter(None, data.split(b"\n")):
                json.loads(line)
        elif path.suffix == ".jsonl":
            choosing.done_in(path)
        elif path.suffix == ".progress":
            with path.open("rb") as file:
                container.read(file, path, container.KINDS)
        return path.suffix != ".png" or (data.startswith(b"\x89PNG") and data.endswith(b"IEND\xaeB`\x82"))
    except (ValueError, OSError):
        return False


def said_too_much(said: str, number: signal.Signals) -> list[str]:
    """A killed run says one line at most; one that is still importing cannot know better than Python."""
    lines = said.splitlines()
    importing = number == signal.SIGINT and "KeyboardInterrupt" in lines[-1:] and "<module>" in said
    return [] if len(lines) < 2 or importing else [f"it said {len(lines)} lines, the last: {lines[-1]}"]


def new_place(kind: str, within: Path, old: Path | None = None) -> Place:
    """A fresh folder for runs of that kind; `old`: the files of a fit of another seed, to be overwritten."""
    folder = Path(tempfile.mkdtemp(dir=within))
    plant(300).to_csv(within / "plant.csv", index=False)
    if kind == "fit --overwrite" and old is not None:
        shutil.copytree(old, folder, dirs_exist_ok=True)
    return Place(kind, folder, _files(folder))


def kill(place: Place, moment: float | Path, number: signal.Signals) -> tuple[list[str], bool]:
    """What was wrong after a kill at that moment, or while it writes there, and whether the run had ended before."""
    run = start(place)
    end(run, moment, number)
    wrong = [f"{len(left)} processes live on" for left in [orphans(run.pid)] if left]
    return [*wrong, *broken(place), *said_too_much(_said(place).read_text(), number)], run.returncode == 0


def finished_in(place: Place) -> bool:
    """Whether a fit that would be gone on with has ended there."""
    done = (place.folder / "metrics.json").exists() and not (place.folder / "progress.safetensors").exists()
    return place.kind == "fit --resume" and done


def differing(place: Place, numbers: dict[str, str]) -> list[str]:
    """What is wrong with the numbers of a run that has ended."""
    known = numbers[place.kind.split()[0]]
    return ["its numbers are not those of a run that nobody killed"] if known and place.numbers != known else []


def whole_run(place: Place, *more: str) -> tuple[float, list[str]]:
    """A run that nobody kills: its seconds, and what was wrong."""
    began, run = time.monotonic(), start(place, *more)
    run.wait(600)
    wrong = [f"it ended with {run.returncode}: {_said(place).read_text()}"] if run.returncode else []
    return time.monotonic() - began, [*wrong, *broken(place)]


def main() -> None:
    """Kill so many runs, then run each kind to its end where it was killed."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--kills", type=int, default=40)
    words.add_argument("--signals", nargs="+", default=SIGNALS, type=lambda name: signal.Signals[name])
    words.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    words.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = words.parse_args()
    chance, count, faults = random.Random(given.seed), Counter[str](), 0
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        within = Path(scratch)
        other, seconds, numbers = new_place("fit", within), dict[str, float](), dict[str, str]()
        whole_run(other, "--seed", "9")
        for family in sorted({kind.split()[0] for kind in given.kinds}):
            whole = new_place(family, within)
            seconds[family] = whole_run(whole)[0]
            numbers[family] = whole.numbers
        places = {kind: new_place(kind, within, other.folder) for kind in given.kinds}
        for n in range(given.kills):
            kind = given.kinds[n % len(given.kinds)]
            number = given.signals[n // len(given.kinds) % len(given.signals)]
            place, moment = places[kind], chance.uniform(0, 1.05) * seconds[kind.split()[0]]
            writing = not kind.startswith("choose") and chance.random() < 0.5
            later = writing and kind in ("fit", "fit --overwrite") and chance.random() < 0.5
            watched = place.folder / "progress.safetensors" if later else place.folder
            wrong, finished = kill(place, watched if writing else moment, number)
            finished = finished or finished_in(place)
            wrong += differing(place, numbers) if finished else []
            faults += bool(wrong)
            count[f"{kind}, {'finished before' if finished else number.name}"] += 1
            told = "; ".join(wrong) or ("finished before" if finished else "clean")
            print(
                f"{n + 1:3} {kind}, {number.name} {'while it writes' if writing else f'after {moment:.1f} s'}: {told}",
                flush=True,
            )
            again = finished or kind in ("fit", "fit --overwrite")
            if again and n + len(given.kinds) < given.kills:
                places[kind] = new_place(kind, within, other.folder)
        for kind, place in places.items():
            took, wrong = (0.0, []) if finished_in(place) else whole_run(place)
            wrong += [] if wrong else differing(place, numbers)
            faults += bool(wrong)
            print(f"    {kind} to its end where it was killed, {took:.1f} s: {'; '.join(wrong) or 'clean'}", flush=True)
    print(f"{given.kills} kills, {faults} faults: " + ", ".join(f"{n} x {what}" for what, n in sorted(count.items())))
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
