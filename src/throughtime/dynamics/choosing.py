"""Choosing a model: candidates compared by time-ordered cross-validation, next to the linear model of the same delays.

Every candidate is trained on what lies before each of several blocks of the record, with its last part held out to tell
when to stop, and then runs free over the block. All folds and restarts are trained side by side. Candidates run in
processes of their own, one per core; what is done is in a file, line by line, so that a search can be stopped and goes on.
"""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import partial
from hashlib import sha256
from itertools import product
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from throughtime.dynamics.fitted import leading_only
from throughtime.dynamics.holding import forward_chain
from throughtime.dynamics.linear import Linear, taps_of
from throughtime.dynamics.model import DynamicModel
from throughtime.dynamics.preparing import used_by
from throughtime.dynamics.records import Record, records_of
from throughtime.dynamics.scores import relative_variances, scores
from throughtime.dynamics.teaching import Teaching
from throughtime.io import files
from throughtime.network import Network
from throughtime.work.processes import side_by_side

Values = NDArray[np.float64]
BEGINS, SEARCH = '{"key": "', '{"search": '  # lines of the file of a search: a result, what is searched for


@dataclass(frozen=True)
class Candidate:
    """A wiring and a way to teach it, under a name that tells them apart."""

    name: str
    network: Network
    teaching: tuple[Teaching, ...]


@dataclass(frozen=True)
class Judged:
    """What cross-validation says of a candidate; each list has a value per fold, relative variances (mean over outputs).

    free, one_step                of the mean of the restarts
    linear_free, linear_one_step  of the linear model with the same delays, by least squares on all rows before the block; of
                                  those the networks hold out the last, to tell when to stop
    """

    name: str
    free: list[float]
    one_step: list[float]
    linear_free: list[float]
    linear_one_step: list[float]
    seconds: float = field(default=0.0, compare=False)

    @property
    def error(self) -> float:
        """The free-run error by which candidates are compared: the mean over the folds."""
        return float(np.mean(self.free))

    @property
    def verdict(self) -> str:
        """Whether the network is better than the linear model, in the free run."""
        linear = float(np.mean(self.linear_free))
        if self.error < linear:
            return f"better than the linear model ({self.error:.4g} against {linear:.4g})"
        return f"NOT better than the linear model ({self.error:.4g} against {linear:.4g}): take that one"


def grid(make: Any, teaching: Sequence[Teaching], **options: Sequence[Any]) -> list[Candidate]:
    """All combinations: a wiring `make(**chosen)` for each, taught by `teaching`.

    >>> import throughtime as tt
    >>> from functools import partial
    >>> made = grid(partial(tt.narx, 1, outputs=1), [Teaching()], hidden=[2, 4], output_delays=[(1,), (1, 2)])
    >>> [candidate.name for candidate in made][:2]
    ['hidden=2 output_delays=1', 'hidden=2 output_delays=1,2']
    """
    made = []
    for values in product(*options.values()):
        chosen = dict(zip(options, values, strict=True))
        name = " ".join(f"{key}={_told(value)}" for key, value in chosen.items())
        made.append(Candidate(name, make(**chosen), tuple(teaching)))
    return made


def _told(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (tuple, list, range)) else str(value)


def judge(candidate: Candidate, u: Any, y: Any, folds: int = 4, restarts: int = 3, seed: int = 0) -> Judged:
    """Cross-validate one candidate on one record; u and y as for `DynamicModel.fit`.

    No network hears anything of its block: mean and deviation, which all share, are those of the rows before the first one.

    raises  ValueError if the record is too short, or more than one
    """
    began, (record, *more) = time.monotonic(), records_of(u, y)
    if more:
        raise ValueError("candidates are compared on one record; give one")
    model = DynamicModel(candidate.network, candidate.teaching, restarts, validation=0.0, horizon=0, random_state=seed)
    parts, blocks = forward_chain(len(record), used_by(candidate.network), folds, share=0.2)
    for _ in model.lessons(u, y, [parts], scaled=[np.arange(len(record)) < blocks[0].start]):
        pass
    found = [_of_fold(model, record, fold, block) for fold, block in enumerate(blocks)]
    free, one_step, linear_free, linear_one_step = (list(column) for column in zip(*found, strict=True))
    return Judged(candidate.name, free, one_step, linear_free, linear_one_step, time.monotonic() - began)


def _of_fold(model: DynamicModel, record: Record, fold: int, block: slice) -> tuple[float, float, float, float]:
    """Relative variances on a block: the networks of its fold, free and one step ahead, and the linear model's."""
    u, y, first = record.u[: block.stop], record.y[: block.stop], block.start
    own, leads = model.of_fold(fold), (leading_only(y, first), y)
    free, one = (_relative(y[block], own.follow(u, led)[block]) for led in leads)
    try:
        rival = Linear.fit([(u[:first], y[:first])], *taps_of(model.network_))
    except ValueError:  # gaps leave no step to fit it to
        return free, one, np.inf, np.inf
    linear_free, linear_one = (_relative(y[block], rival.free_run(u, led)[block]) for led in leads)
    return free, one, linear_free, linear_one


def _relative(truth: Values, predicted: Values) -> float:
    """The relative variance, mean over the outputs that vary; infinite for a run that is no number where there is one."""
    return float(np.mean(relative_variances(scores(truth, predicted, [str(n) for n in range(truth.shape[1])]))))


def choose(
    candidates: Sequence[Candidate],
    u: Any,
    y: Any,
    folds: int = 4,
    restarts: int = 3,
    seed: int = 0,
    file: str | os.PathLike[str] | None = None,
    workers: int | Executor | None = None,
) -> Iterator[Judged]:
    """Cross-validate all candidates, and yield each result as soon as it is there, in any order.

    file     JSON lines of what is done; an existing one is gone on with: what it holds for the same data, candidates and
             settings is yielded at once, not computed again
    workers  processes; None: one per core. 0: in this process. Or any `concurrent.futures.Executor`, as Dask has

    raises  ValueError for candidates of the same name, those that do not fit the record, or a file that is not of a search;
            `work.children.Lost` when all is done but what a process had that died, or none starts: the same search goes on

    Take the lowest `error`; if its `verdict` says that it is not better than the linear model, take that one.
    """
    names = [c.name for c in candidates]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two candidates are called {name!r}; give them different names")
    keys = {c.name: _key(c, u, y, folds, restarts, seed) for c in candidates}
    done = done_in(file)
    for candidate in candidates:
        if keys[candidate.name] in done:
            yield done[keys[candidate.name]]
    left = [c for c in candidates if keys[c.name] not in done]
    work = partial(judge, u=u, y=y, folds=folds, restarts=restarts, seed=seed)
    for made in map(work, left) if workers == 0 else side_by_side(work, {c.name: c for c in left}, workers):
        if file is not None:
            files.append(file, json.dumps({"key": keys[made.name]} | asdict(made)))
        yield made


def _key(candidate: Candidate, u: Any, y: Any, *settings: int) -> str:
    """A fingerprint of all that the result depends on."""
    parts = [candidate.name, candidate.network.to_json(), _said(candidate.teaching), repr(settings)]
    text = "\n".join(parts).encode()
    arrays = [np.ascontiguousarray(np.asarray(v, float)).tobytes() for v in (u, y) if v is not None]
    return sha256(b"\n".join([text, *arrays])).hexdigest()


def _said(value: Any) -> str:
    """All that a value is made of, the same in every process: of a function its code and what it was made with."""
    if isinstance(value, (tuple, list)):
        return f"({','.join(map(_said, value))})"
    if isinstance(value, (set, frozenset)):
        return _said(sorted(map(_said, value)))
    if isinstance(value, Mapping):
        return _said([(key, value[key]) for key in sorted(value)])
    if isinstance(value, CodeType):
        return _said((value.co_name, value.co_code.hex(), value.co_names, value.co_consts))
    if isinstance(value, FunctionType):
        made = [cell.cell_contents for cell in value.__closure__ or () if cell.cell_contents is not value]
        return _said((value.__module__, value.__code__, value.__defaults__, value.__kwdefaults__, made))
    if isinstance(value, partial):
        return _said((value.func, value.args, value.keywords))
    if is_dataclass(value) and not isinstance(value, type):
        return _said((type(value).__qualname__, [(f.name, getattr(value, f.name)) for f in fields(value)]))
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))  # what else prints where it lies in memory


def done_in(file: Any) -> dict[str, Judged]:
    """What an earlier search has left; a line cut short by a crash is left out, a file with any other line refused."""
    if file is None or not Path(file).exists():
        return {}
    try:
        lines = Path(file).read_text(encoding="utf-8").split("\n")
        found = [_result(line, number) for number, line in enumerate(lines, 1)]
    except ValueError as error:
        why = "it is no text" if isinstance(error, UnicodeDecodeError) else error
        raise ValueError(f"{file} is not of a search, so nothing is written to it ({why}); name another file") from None
    return dict(pair for pair in found if pair is not None)


def _result(line: str, number: int) -> tuple[str, Judged] | None:
    """The key and the result in a line; None for an empty one, the beginning of a result, or what is searched for."""
    if not line.strip() or line.startswith(SEARCH):
        return None
    try:
        said = json.loads(line)
    except ValueError:
        if line.startswith(BEGINS) or BEGINS.startswith(line) or SEARCH.startswith(line):
            return None
        said = None
    try:
        key, made = said.pop("key"), Judged(**said)
        lists = (made.free, made.one_step, made.linear_free, made.linear_one_step)
        if not isinstance(key, str) or not isinstance(made.name, str) or not all(map(_are_numbers, lists)):
            raise TypeError
    except (AttributeError, KeyError, TypeError):
        raise ValueError(f"line {number} is no result") from None
    return key, made


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(type(value) in (int, float) for value in values)
