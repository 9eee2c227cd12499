"""Of the table of a study: its columns, the limits of what their sensors show, and its file."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from throughtime.checks import quoted
from throughtime.dynamics.wrong import Wrong
from throughtime.io.written import refuse_form
from throughtime.models.columns import refuse_limits


@dataclass(frozen=True)
class Columns:
    """What is heard and what is predicted, by the names of columns.

    time         the column with the time of each row
    time_format  how dates are written there, as strptime has it: %d.%m.%Y; None: found out
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    time: str | None = None
    time_format: str | None = None

    def __post_init__(self) -> None:
        for name in ("inputs", "outputs"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        named = [*self.inputs, *self.outputs]
        if not self.outputs:
            raise Wrong("{outputs} names no column")
        for name in named:
            if not isinstance(name, str) or not name:
                raise Wrong(f"{{inputs}} and {{outputs}} must be names of columns, not {quoted(name)}")
            if named.count(name) > 1:
                raise Wrong(f"column {name!r} is named twice in {{inputs}} and {{outputs}}")
        if self.time is not None and (not isinstance(self.time, str) or self.time in self.outputs):
            raise Wrong(f"column {self.time!r} cannot be both the time of the rows and an output; name another column")
        if self.time_format is not None:
            self._check_form()

    def _check_form(self) -> None:
        """Refuse a form of dates that says none, or of no column."""
        if self.time is None:
            raise Wrong("{time_format} says how times are written: name their column, {time}")
        try:
            refuse_form(self.time_format)
        except ValueError as error:
            raise Wrong(f"{{time_format}} {error}") from None


@dataclass(frozen=True)
class Limits:
    """What the sensor of each output can show; None: no such limit; (): none at all."""

    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            edges = tuple(None if edge is None else _edge(name, edge) for edge in getattr(self, name))
            object.__setattr__(self, name, edges if any(edge is not None for edge in edges) else ())

    def arrays(self, outputs: tuple[str, ...]) -> tuple[Any, Any]:
        """As `DynamicModel` takes them: a number for each output, NaN where there is no limit; None for none at all."""
        made = []
        for name in ("low", "high"):
            edges = getattr(self, name)
            if edges and len(edges) != len(outputs):
                raise Wrong(f"{{{name}}} has {len(edges)} numbers for {len(outputs)} outputs ({', '.join(outputs)})")
            made.append(np.array([np.nan if edge is None else edge for edge in edges]) if edges else None)
        none = np.full(len(outputs), np.nan)
        try:
            low, high = (none if edges is None else edges for edges in made)
            refuse_limits(outputs, low, high, ("{low}", "{high}"))
        except ValueError as crossed:
            raise Wrong(str(crossed)) from None
        return made[0], made[1]


def _edge(name: str, edge: Any) -> float:
    if not isinstance(edge, (int, float)) or isinstance(edge, bool) or edge != edge:
        raise Wrong(f"{{{name}}} must be a number for each output, or none, not {quoted(edge)}")
    return float(edge)


@dataclass(frozen=True)
class TableFile:
    """The file that holds what was measured.

    name    of the file, without its folder
    sha256  its fingerprint: another number means other data
    """

    name: str
    sha256: str

    def __post_init__(self) -> None:
        for name in ("name", "sha256"):
            if not isinstance(getattr(self, name), str):
                raise Wrong(f"{{table}} {name} must be text, not {quoted(getattr(self, name))}")
