"""Model files changed in every way: each is refused in one line, or is sound: it loads, and is shown, run and exported.

    python tests/fuzz_models.py --mutants 20000
    python tests/fuzz_models.py --mutants 1 --seed 7:123      one of them again

Ends with an error, and the files that it finds in the folder `unsound`, if any is neither.
"""

import argparse
import contextlib
import json
import random
import signal
import tempfile
import time
import warnings
import wave
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import conftest  # noqa: F401  JAX's settings, before JAX

# isort: split
import jax
import numpy as np
import pandas as pd

import throughtime as tt
from command_line import run
from throughtime.dynamics.intervals import Conformal
from throughtime.dynamics.linear import Linear
from throughtime.engine.programs import forget
from throughtime.features import Prior, SpeechFeatures
from throughtime.features.pen import PenFeatures
from throughtime.io.container import FileContentError
from throughtime.io.files import fingerprint
from throughtime.models.columns import Column
from throughtime.models.model import Model
from throughtime.models.saving import load, save

ZEROS = "0" * 64  # where a checksum belongs
LONGEST = 1000 + len("error: ")
SECONDS = 20  # that a file may take in all
FORGET = 400  # files; then compiled programs are forgotten
LETTERS = ("", " ", "a", "b")
HOSTILE: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 7, 0.5, -0.5, 1.5, 1e-320, 1e30, 1e308, -1e308, 10**9, 2**31, 2**63, 10**30, 10**400,
    float("nan"), float("inf"), -float("inf"), "", "x", "input", "y", "tanh", "ntm-9", "ntm-99999999", "mfcc", "\ud800", "a" * 3000,
    "\x1b[31m\n\r", "[/bold]", [], {}, [[]], [None], [0], [1, 1], ["y"], {"y": 1}, [[[[[[[1]]]]]]], list(range(300)),
    {"maximum": 10**12, "minimum": 1, "temperature": 1.0}, {"maximum": 2, "minimum": 1, "temperature": 1.0},
]  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A file that is changed, and the commands that use such a model: FILE stands for it."""

    data: bytes
    uses: tuple[tuple[str, ...], ...]

    @property
    def header(self) -> dict[str, Any]:
        """What the header says."""
        return json.loads(self.data[8 : self.begin])

    @property
    def begin(self) -> int:
        """Where the arrays begin."""
        return 8 + int.from_bytes(self.data[:8], "little")


def stacked(network: tt.Network) -> Any:
    """Weights of two members."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *(tt.init(network, seed, np.float32) for seed in range(2)))


def system(folder: Path) -> Model:
    """What `fit` leaves: two members, a linear model beside them, intervals, the table that it learned from."""
    network, random = tt.narx({"u": 1, "v": 1}, 2, 1, (0, 1), (1, 2)), np.random.default_rng(0)
    linear = Linear((0, 1), (1,), 0.1 * random.normal(size=(6, 1)), np.array([3.0]))
    about = {
        "single_output": True,
        "members": [{"fold": 0, "seed": k, "error": 0.1, "epoch": 2} for k in range(2)],
        "intervals": Conformal.fit(random.normal(size=(40, 3, 1))).to_dict(),
        "linear": linear.to_dict(),
        "sha256": fingerprint(folder / "table.csv"),
        "time": "time",
        "validation": 0.2,
        "test": 0.2,
        "folds": 0,
        "washout": 2,
        "network": "narx",
    }
    columns = Column("u", 0.1, 2.0), Column("v", 0.0, 1.0)
    return Model(network, stacked(network), columns, (Column("y", 3.0, 1.5, 0.0, None),), (), 1, about, members=2)


def opened(_: Path) -> Model:
    """An open loop with learned delays."""
    network = tt.narx({"u": 1, "v": 1}, 2, 1, tt.LearnedDelays(2, 0), (1, 3)).open_loop()
    return Model(network, tt.init(network, 0, np.float32), (Column("u"), Column("v")), (Column("y"),))


def series(_: Path) -> Model:
    """A series that hears only itself."""
    network = tt.narx(0, 2, 1, output_delays=(1, 3))
    return Model(
        network, tt.init(network, 0, np.float32), (), (Column("y", 0.1, 2.0),), settings={"single_output": True}
    )


def classes(_: Path) -> Model:
    """What a classifier leaves."""
    network = tt.lstm(2, 2, 3, start="learned", bidirectional=True)
    columns = tuple(tuple(Column(name) for name in names) for names in ("uv", "abc"))
    about = {"per_step": True, "single_output": False}
    return Model(network, tt.init(network, 0, np.float32), *columns, ("a", "b", 3), settings=about)


def speech(_: Path) -> Model:
    """Strings of letters in sound."""
    heard = SpeechFeatures(1, "mean", 2, prior=Prior((0.0,) * 6, 5.0)).settings(coefficients=3, rate=8000, filters=8)
    network = tt.gru(12, 2, len(LETTERS))
    decoder = {"order": 2, "weight": 0.5, "bonus": 0.0, "width": 4, "sentences": ["a b", "ab"]}
    about = {"features": heard, "answer": "ctc", "blank": 0, "vocabulary": ["ab", "b"], "decoder": decoder}
    return Model(network, tt.init(network, 0, np.float32), classes=LETTERS, settings=about)


def writing(_: Path) -> Model:
    """A letter in pen points."""
    network = tt.ntm(3, 2, 2, slots=3, width=2)
    about = {"features": PenFeatures(points=6, columns=("x", "y", "size")).settings, "answer": "mean over time"}
    columns = tuple(Column(name) for name in ("x", "y", "size"))
    return Model(network, tt.init(network, 0, np.float32), columns, classes=("o", "l"), settings=about)


FILE, OUT = "FILE", "OUT"
EXPORTS = (
    ("export", FILE, "--out", f"{OUT}.c", "--overwrite"),
    ("export", FILE, "--out", f"{OUT}.onnx", "--overwrite"),
)
TABLE = (
    ("simulate", FILE, "table.csv", "--quiet"),
    ("predict", FILE, "table.csv", "--quiet"),
    ("evaluate", FILE, "table.csv", "--quiet"),
    ("forecast", FILE, "table.csv", "--future", "later.csv", "--level", "0.8", "--quiet", "--horizon", "3"),
)
HEARING = tuple(("recognise", FILE, "sound.wav", "--decoder", d) for d in ("greedy", "beam", "vocabulary", "sentences"))
KINDS: dict[str, tuple[Callable[[Path], Model], tuple[tuple[str, ...], ...]]] = {
    "system": (system, (*TABLE, *EXPORTS)),
    "open loop": (opened, (*TABLE[:3], *EXPORTS)),
    "series": (series, (*TABLE[:3], ("forecast", FILE, "table.csv", "--horizon", "3"), EXPORTS[0])),
    "classes": (classes, (("class",), ("numbers",), *TABLE[:2])),
    "speech": (speech, (*HEARING, EXPORTS[0])),
    "writing": (writing, (("recognise", FILE, "letter.json"), ("recognise", FILE, "letter.json", "--height", "2"))),
}


@cache
def folder() -> Path:
    """A folder with a table, a sound and a letter; files are used there."""
    made, random = Path(tempfile.mkdtemp()), np.random.default_rng(0)
    hours = pd.date_range("2026-01-01", periods=30, freq="h")
    rows = pd.DataFrame({"time": hours} | {name: random.normal(size=30) for name in "uvyabc"})
    rows.to_csv(made / "table.csv", index=False)
    rows.assign(time=hours + pd.Timedelta(hours=30)).to_csv(made / "later.csv", index=False)
    with wave.open(str(made / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes((3000 * np.sin(np.arange(1600))).astype("<i2").tobytes())
    (made / "letter.json").write_text("[[[0, 0], [1, 5], [2, 0]], [[0, 2], [2, 2]]]")
    return made


@cache
def kinds() -> dict[str, Kind]:
    """The files as they are saved."""
    made = {}
    for name, (model, uses) in KINDS.items():
        save(folder() / "whole.safetensors", model(folder()))
        made[name] = Kind((folder() / "whole.safetensors").read_bytes(), uses)
    return made


def sealed(text: str, arrays: bytes) -> bytes:
    """A file of this header, whose zeros become the checksum that fits."""
    header = text.encode("utf-8", "surrogatepass")
    data = len(header).to_bytes(8, "little") + header + arrays
    return data.replace(ZEROS.encode(), sha256(data).hexdigest().encode(), 1)


def written(header: Any, draw: random.Random) -> str:
    """The header as text: with a checksum, or as it was written before there was one."""
    texts = header.get("__metadata__") if isinstance(header, dict) else None
    if isinstance(texts, dict) and "checksum" in texts:
        texts["checksum"] = ZEROS
        if draw.random() < 0.3:
            del texts["checksum"]
    return json.dumps(header, separators=(",", ":"))


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to all that can be changed."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, part in inner:
        yield (*path, key)
        yield from places(part, (*path, key))


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def changed(tree: Any, draw: random.Random) -> None:
    """One value becomes another, goes, comes twice, under another name, or in the place of another."""
    path = draw.choice(list(places(tree)))
    where, key = at(tree, path[:-1]), path[-1]
    match draw.choice(["hostile", "hostile", "hostile", "hostile", "near", "gone", "twice", "renamed", "moved"]):
        case "near" if isinstance(where[key], int | float):
            where[key] *= draw.choice([-1, 0, 0.5, 2, 1e300])
        case "gone":
            del where[key]
        case "twice":
            where.update({f"{key}2": where[key]}) if isinstance(where, dict) else where.append(where[key])
        case "renamed" if isinstance(where, dict):
            where[draw.choice([str(key)[:-1], f"{key}x", "", "bias", "checksum"])] = where.pop(key)
        case "moved":
            where[key] = json.loads(
                json.dumps(at(tree, draw.choice(list(places(tree)))))
            )  # a copy: no tree holds itself
        case _:
            where[key] = deepcopy(draw.choice(HOSTILE))


def bits(kind: Kind, draw: random.Random) -> bytes:
    """A few bits differ."""
    data = bytearray(kind.data)
    end = draw.choice([len(data), kind.begin, 16])
    for place in draw.sample(range(8 * end), draw.choice([1, 1, 2, 5])):
        data[place // 8] ^= 1 << place % 8
    return bytes(data)


def cut(kind: Kind, draw: random.Random) -> bytes:
    """Something is missing, or there is something more, or a stretch is of zeros."""
    data, a, b = kind.data, *sorted(draw.sample(range(len(kind.data)), 2))
    match draw.randrange(5):
        case 0:
            return data[:a]
        case 1:
            return data[:a] + data[b:]
        case 2:
            return data[:b] + data[a:]
        case 3:
            return data[:a] + bytes(b - a) + data[b:]
        case _:
            return data + draw.randbytes(draw.choice([1, 8, 1000]))


def head(kind: Kind, draw: random.Random) -> bytes:
    """The header says something else."""
    header = kind.header
    for _ in range(draw.choice([1, 1, 2])):
        changed(header, draw)
    return sealed(written(header, draw), kind.data[kind.begin :])


def described(part: str) -> Callable[[Kind, random.Random], bytes]:
    """What is said of the model, or of its wiring, is changed."""

    def change(kind: Kind, draw: random.Random) -> bytes:
        header = kind.header
        tree = json.loads(header["__metadata__"][part])
        for _ in range(draw.choice([1, 1, 1, 2, 3])):
            changed(tree, draw)
        header["__metadata__"][part] = json.dumps(tree)
        return sealed(written(header, draw), kind.data[kind.begin :])

    return change


def text(kind: Kind, draw: random.Random) -> bytes:
    """The text itself: no JSON, or JSON of a kind that nobody writes."""
    header, part = kind.header, draw.choice(["network", "model"])
    old = header["__metadata__"][part]
    place = draw.choice([n for n, c in enumerate(old) if c in ':,[{}]"'])
    depth, digits = draw.choice([50, 900, 100_000]), draw.choice([20, 400, 4000, 5000])
    nests = "[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth
    others = "1" + "0" * digits, old[place : place + 40]
    piece = draw.choice([*PIECES, *nests, *others])
    cut_out = draw.choice([0, 0, 1, 2, 5])
    made = old[: place + 1] + piece + old[place + 1 + cut_out :]
    header["__metadata__"][part] = f"[{made}]" if draw.random() < 0.02 else made
    return sealed(written(header, draw), kind.data[kind.begin :])


def numbers(kind: Kind, draw: random.Random) -> bytes:
    """Arrays of other numbers, shapes or names."""
    header, data = kind.header, kind.data[kind.begin :]
    names = [name for name in header if name != "__metadata__"]
    held = {n: np.frombuffer(data[slice(*header[n]["data_offsets"])], "<f4").reshape(header[n]["shape"]) for n in names}
    name = draw.choice(names)
    array = held.pop(name).copy()
    match draw.randrange(6):
        case 0:
            array.flat[draw.randrange(array.size)] = draw.choice([np.nan, np.inf, -np.inf, 3e38, 1e-45, 0])
        case 1:
            array = array.reshape(draw.choice([(-1,), (1, *array.shape), array.shape[::-1], (*array.shape, 1)]))
        case 2:
            array = array.astype(draw.choice(["<f8", "<f2", "<i4", "<i8", "u1", "?"]))
        case 3:
            array = np.repeat(array, 2, axis=draw.randrange(array.ndim))
        case 4:
            name = draw.choice([name + "x", name.replace("/", "%2F"), "", draw.choice(names)])
        case _:
            array = array[:0]
    if draw.random() < 0.95:
        held[name] = array
    return packed(header["__metadata__"], held, draw)


PIECES = (
    *("", "NaN", "-Infinity", "1e999", '"size":7,', '"x":{"x":1},', '"\\ud800"', "[[],[]],", '"delays":[0],', "\x00"),
    *("}", "]", "[]", ",", "null"),
)
WORDS = {"f8": "F64", "f4": "F32", "f2": "F16", "i4": "I32", "i8": "I64", "u1": "U8", "b1": "BOOL"}


def packed(texts: Any, held: dict[str, Any], draw: random.Random) -> bytes:
    """A file of these arrays, in any order."""
    header, end = {"__metadata__": texts}, 0
    order = draw.sample(sorted(held), len(held))
    for name in order:
        array = held[name]
        entry = {"dtype": WORDS[array.dtype.str[1:]], "shape": array.shape, "data_offsets": [end, end + array.nbytes]}
        header[name], end = entry, end + array.nbytes
    return sealed(written(header, draw), b"".join(held[name].tobytes() for name in order))


CHANGES: dict[str, Callable[[Kind, random.Random], bytes]] = {
    "bits": bits,
    "cut": cut,
    "header": head,
    "wiring": described("network"),
    "description": described("model"),
    "text": text,
    "numbers": numbers,
}
DRAWN = ("bits", "cut", "header", "wiring", "wiring", "description", "description", "description", "text", "numbers")


class Unsound(AssertionError):
    """A file that is neither refused nor sound."""


def mutant(seed: int, number: int) -> tuple[str, str, bytes, random.Random]:
    """A file, always the same one: its kind, how it was changed, and what draws how it is used."""
    draw = random.Random(f"{seed}:{number}")
    name, change = draw.choice(list(kinds())), draw.choice(DRAWN)
    return name, change, CHANGES[change](kinds()[name], draw), draw


def verdict(name: str, change: str, data: bytes, draw: random.Random) -> str:
    """ "refused" or "sound", or `Unsound`."""
    path = folder() / "mutant.safetensors"
    path.write_bytes(data)
    try:
        model = load(path)
    except FileContentError as error:
        _one_line(str(error), "load")
        return "refused"
    except Exception as error:
        raise Unsound(f"load: {error!r}"[:300]) from error
    if change in ("bits", "cut") and data != kinds()[name].data:
        raise Unsound("load: what differs by bits was read")
    _use(("show", FILE), model, path)
    _use(draw.choice(kinds()[name].uses), model, path)
    return "sound"


def _use(words: tuple[str, ...], model: Model, path: Path) -> None:
    if words[0] in ("class", "numbers"):
        return _predict(tt.SequenceClassifier if words[0] == "class" else tt.SequenceRegressor, model)
    places = {FILE: path, f"{OUT}.c": folder() / "out.c", f"{OUT}.onnx": folder() / "out.onnx"}
    files = {w: folder() / w for w in words if (folder() / w).is_file()}
    result = run(*((places | files).get(word, word) for word in words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise Unsound(f"{words[0]}: {result.exception!r}"[:300]) from result.exception
    if result.exit_code:
        _one_line(result.stderr.removesuffix("\n"), words[0])
    return None


def _predict(estimator: Any, model: Model) -> None:
    try:
        estimator.from_model(model).predict(np.zeros((1, 6, 2)))
    except ValueError as error:
        _one_line(str(error), estimator.__name__)
    except Exception as error:
        raise Unsound(f"{estimator.__name__}: {error!r}"[:300]) from error


def _one_line(said: str, where: str) -> None:
    if not said or "\n" in said or len(said) > LONGEST:
        raise Unsound(f"{where}: {len(said)} characters: {said[:300]!r}")


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """No file may take longer than `SECONDS`."""

    def late(*_: Any) -> None:
        raise TimeoutError(f"takes more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def search(seed: int, numbers: range, unsound: Callable[[int, bytes, Exception], None]) -> Counter[str]:
    """How many of these files were refused, were sound, and were neither."""
    found: Counter[str] = Counter()
    for number in numbers:
        name, change, data, draw = mutant(seed, number)
        try:
            with limited(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                said = verdict(name, change, data, draw)
        except (Unsound, TimeoutError) as error:
            said = "unsound"
            unsound(number, data, error)
        found[said] += 1
        found[f"{change}: {said}"] += 1
        if number % FORGET == FORGET - 1:
            forget()
    return found


def main() -> None:
    """Change so many files."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--mutants", type=int, default=20000)
    words.add_argument("--seed", default="0", help="of all, with :NUMBER of the first one")
    given = words.parse_args()
    seed, _, first = given.seed.partition(":")
    begin = time.process_time()

    def keep(number: int, data: bytes, error: Exception) -> None:
        Path("unsound").mkdir(exist_ok=True)
        Path(f"unsound/{seed}-{number}.safetensors").write_bytes(data)
        print(f"--seed {seed}:{number}, {' '.join(mutant(int(seed), number)[:2])}: {error}", flush=True)

    found = search(int(seed), range(int(first or 0), int(first or 0) + given.mutants), keep)
    for said, count in sorted(found.items()):
        print(f"{count:6d} {said}")
    print(f"{time.process_time() - begin:.0f} s")
    raise SystemExit(bool(found["unsound"]))


if __name__ == "__main__":
    main()
