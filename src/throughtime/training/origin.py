"""Of which training a report is: what a training is made of, in words, so that none goes on from a report of another."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import partial
from hashlib import sha256
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from throughtime.checks import one_line, quoted
from throughtime.network import Network
from throughtime.sequences import Example
from throughtime.training.method import Task

DEEP = 20  # calls within calls, in words
NUMBER = r"(?<![\w.])(\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?!\w)"
OPTAX = "an optimizer of optax"
SHORT = 80  # characters of a value that is told whole
USERS = {"method": "optimizer"}  # what a part is called where `train` is


@dataclass(frozen=True)
class Origin:
    """What the numbers of a training come from, but for the weights it began with.

    network     as `to_json` has it
    learner, loss, method  in words, with all their numbers
    settings    every, clip, batch, members and padding
    seed        in digits
    data        SHA-256 of the sequences
    validation  that of the sequences that are only measured, and of the network they are run in; "" without them
    """

    network: str
    learner: str
    loss: str
    method: str
    settings: str
    seed: str
    data: str
    validation: str

    @staticmethod
    def of(task: Task, method: Any, padding: Any, data: Sequence[Example], validation: str = "") -> "Origin":
        """That of a training."""
        settings = {"every": task.every, "clip": task.clip, "batch": task.batch, "members": task.members}
        words = ", ".join(f"{name}={value}" for name, value in (settings | {"padding": padding}).items())
        learner, loss, used = (in_words(part) for part in (task.learner, task.loss, method))
        return Origin(
            task.network.to_json(), learner, loss, used, words, str(task.seed), sequences_digest(data), validation
        )

    def refuse_other(self, other: "Origin") -> None:
        """A ValueError in one line, if a report of `other` is none of this training."""
        for name, own in asdict(self).items():
            found = getattr(other, name)
            if found != own:
                raise ValueError(
                    one_line(
                        f"the report to go on from is of another training, by its {USERS.get(name, name)}: "
                        f"{_differing(name, found, own)}; give the same as there, or leave after=None to begin anew"
                    )
                )


def examined(network: Network, data: Sequence[Example]) -> str:
    """What is said of validation."""
    return sha256((network.to_json() + sequences_digest(data)).encode()).hexdigest()


def sequences_digest(data: Sequence[Example]) -> str:
    """The SHA-256 of all sequences: names, shapes, types and numbers."""
    made = sha256()
    for x, target, before in data:
        for name, values in [*sorted(x.items()), ("target", target), *sorted(before.items())]:
            kind = values.dtype.newbyteorder("=")
            made.update(f"{name!r} {values.shape} {kind} ".encode())
            made.update(np.ascontiguousarray(values, kind).data)
    return made.hexdigest()


def in_words(value: Any, deep: int = DEEP) -> str:
    """A value with all that it is made of, the same in every process: functions by name, and by what they hold.

    >>> import optax
    >>> in_words(optax.sgd(0.1)) == in_words(optax.sgd(0.1)), in_words(optax.sgd(0.1)) == in_words(optax.sgd(0.2))
    (True, False)
    """
    if not deep:
        return "..."
    words = partial(in_words, deep=deep - 1)
    if isinstance(value, FunctionType):
        return _function(value, words)
    if isinstance(value, MethodType):
        return f"{words(value.__self__)}.{value.__func__.__qualname__}"
    if isinstance(value, partial):
        held = [words(value.func), *map(words, value.args), *(f"{k}={words(v)}" for k, v in value.keywords.items())]
        return f"partial({', '.join(held)})"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, Network):
        return value.to_json()
    if is_dataclass(value):
        return _called(type(value).__qualname__, {f.name: getattr(value, f.name) for f in fields(value)}, words)
    if isinstance(value, Mapping):
        return _called("", {str(key): own for key, own in value.items()}, words)
    if hasattr(value, "_asdict"):
        return _called(type(value).__qualname__, value._asdict(), words)
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(words, value))})"
    if hasattr(value, "dtype") and np.ndim(value):
        return f"array({np.shape(value)}, {sha256(np.asarray(value).tobytes()).hexdigest()})"
    if type(value) is float and value.is_integer():
        return repr(int(value))  # a schedule of optax makes floats of its whole numbers when it is first called
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def _function(function: FunctionType, words: Any) -> str:
    """Its name, the numbers and texts in it but for its docstring, what it closes over, and its defaults."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    held = {name: cell.cell_contents for name, cell in cells if _filled(cell)}
    held |= {f"default {n}": v for n, v in enumerate(function.__defaults__ or ())}
    held |= {f"default {k}": v for k, v in (function.__kwdefaults__ or {}).items()}
    constants = [v for v in function.__code__.co_consts if isinstance(v, int | float | str) and v != function.__doc__]
    held |= {f"constant {n}": v for n, v in enumerate(constants)}
    held = {name: own for name, own in held.items() if own is not function}
    return _called(f"{function.__module__}.{function.__qualname__}".replace(".<locals>", ""), held, words)


def _filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _called(name: str, held: Mapping[str, Any], words: Any) -> str:
    return f"{name}({', '.join(f'{key}={words(own)}' for key, own in held.items())})"


def _differing(name: str, there: str, here: str) -> str:
    """How they differ: both values where they are short, else the first number or name that does."""
    if name in ("data", "validation"):
        how = "with" if there else "without"
        return "the numbers differ" if there and here else f"there it was {how} it, here it is not"
    if name == "network":
        return _first(json.loads(there), json.loads(here), "network")
    heads = [OPTAX if text.startswith("Gradient(") else text.partition("(")[0] for text in (there, here)]
    if heads[0] != heads[1]:
        there, here = (h if h == OPTAX or len(t) > SHORT else t for h, t in zip(heads, (there, here), strict=True))
        return f"there {there}, here {here}"
    if max(len(there), len(here)) <= SHORT and heads[0] != OPTAX:
        return f"there {there}, here {here}"
    return _numbers(there, here) or f"both are {heads[0]}, of other parts"


def _first(there: Any, here: Any, where: str) -> str:
    """Where two values of JSON first differ, and both."""
    if isinstance(there, dict) and isinstance(here, dict) and there.keys() == here.keys():
        return next(_first(there[k], here[k], f"{where}.{k}") for k in there if there[k] != here[k])
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        return next(_first(a, b, f"{where}[{n}]") for n, (a, b) in enumerate(zip(there, here, strict=True)) if a != b)
    return f"{where} is there {quoted(there)}, here {quoted(here)}"


def _numbers(there: str, here: str) -> str:
    """The first number that differs, if nothing else does."""
    one, other = (re.split(NUMBER, text) for text in (there, here))
    if one[::2] != other[::2]:
        return ""
    a, b = next((a, b) for a, b in zip(one[1::2], other[1::2], strict=True) if a != b)
    return f"there {a}, here {b}"
