"""Records: measured inputs and outputs of a system, row by row in time.

    u   (T, inputs), or (T,) for one; None for a series without inputs
    y   (T, outputs), or (T,) for one; NaN where nothing was measured

Both may be pandas tables, whose names and index are kept, and lists of several records of unequal length: of arrays, of
tables, or of lists of rows. A list of lists of numbers is one record, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from throughtime.later import LaterModule
from throughtime.sequences import TOO_LARGE, numbers_of, refuse_first, too_large
from throughtime.times import refuse

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = LaterModule("pandas")


Values = NDArray[np.float64]


@dataclass(frozen=True)
class Record:
    """One record: u (T, I), y (T, O), and the index its rows came with."""

    u: Values
    y: Values
    index: pd.Index | None = None

    def __len__(self) -> int:
        return len(self.y)


def many(values: Any) -> bool:
    """True for a list of records, False for one; a list of lists of numbers is one table.

    >>> many([[1.0], [2.0]]), many([[[1.0], [2.0]], [[3.0]]]), many([np.zeros(2), np.zeros(3)])
    (False, True, True)
    """
    return isinstance(values, (list, tuple)) and any(getattr(v, "ndim", 0) > 0 or _has_rows(v) for v in values)


def _has_rows(values: Any) -> bool:
    """True for a list of rows."""
    return isinstance(values, (list, tuple)) and len(values) > 0 and isinstance(values[0], (list, tuple, np.ndarray))


def names_of(values: Any, letter: str, count: int) -> list[str]:
    """The names of the columns: those of a table, else u1, u2, ..."""
    first = values[0] if many(values) else values
    if isinstance(first, pd.DataFrame):
        names = [str(name) for name in first.columns]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two columns of the table are called {name!r}; rename one")
        return names
    if isinstance(first, pd.Series) and first.name is not None:
        return [str(first.name)]
    return [letter] if count == 1 else [f"{letter}{n + 1}" for n in range(count)]


def index_of(*given: Any) -> pd.Index | None:
    """The index of the first table among them."""
    for values in given:
        if isinstance(values, (pd.Series, pd.DataFrame)):
            return values.index
    return None


def in_order(values: Any, names: Sequence[str], where: str) -> Any:
    """A table's columns of these names, in this order; what is no table, or has none of the names, as it is.

    raises  ValueError if it has some of the names only
    """
    if many(values):
        return [in_order(one, names, where) for one in values]
    if not isinstance(values, pd.DataFrame):
        return values
    found = {str(name): name for name in values.columns}
    missing = [name for name in names if name not in found]
    if missing and len(missing) < len(names):
        raise ValueError(f"{where}: there is no column {missing[0]!r}; the model knows {', '.join(names)}")
    return values if missing else values[[found[name] for name in names]]


def columns(values: Any, where: str, gaps: bool) -> Values:
    """(T, columns) as numbers, checked."""
    if _has_rows(values) and len(sizes := sorted({len(row) for row in values if np.ndim(row)})) > 1:
        raise ValueError(
            f"{where}: a list of lists is one table, but its rows have {sizes[0]} to {sizes[-1]} numbers; for several records "
            "give a list of arrays"
        )
    made = np.asarray(numbers_of(where, values), dtype=np.float64)
    if made.ndim not in (1, 2) or not len(made):
        raise ValueError(f"{where} has shape {made.shape}; wanted (steps,) or (steps, columns), at least one step")
    made = made.reshape(len(made), -1)
    refuse_first(where, made, np.isinf(made), "give a number" + (", or NaN where nothing was measured" if gaps else ""))
    if not gaps:
        refuse_first(where, made, np.isnan(made), "fill the gap, or cut the record there")
    refuse_first(where, made, too_large(made), TOO_LARGE)
    return made


def records_of(u: Any, y: Any) -> list[Record]:
    """The records, checked; the first thing wrong is named in a ValueError."""
    if y is None:
        raise ValueError("y is None; give the measured outputs")
    ys: Sequence[Any] = y if many(y) else [y]
    us: Sequence[Any] = [None] * len(ys) if u is None else u if many(u) else [u]
    if len(us) != len(ys):
        raise ValueError(f"there are {len(us)} records of inputs, but {len(ys)} of outputs: give one u for each y")
    made = [_record(us[n], ys[n], f"record {n}" if len(ys) > 1 else "") for n in range(len(ys))]
    for number, record in enumerate(made):
        widths, wanted = (record.u.shape[1], record.y.shape[1]), (made[0].u.shape[1], made[0].y.shape[1])
        if widths != wanted:
            raise ValueError(f"record {number} has {widths} inputs and outputs, but record 0 has {wanted}")
    return made


def _record(u: Any, y: Any, where: str) -> Record:
    prefix = f"{where}, " if where else ""
    outputs = columns(y, f"{prefix}outputs y", gaps=True)
    inputs = np.zeros((len(outputs), 0)) if u is None else columns(u, f"{prefix}inputs u", gaps=False)
    if len(inputs) != len(outputs):
        raise ValueError(
            f"{prefix}inputs have {len(inputs)} steps, but outputs {len(outputs)}: give both of the same steps"
        )
    index = index_of(y, u)
    refuse(index, f"{prefix}outputs y" if index_of(y) is not None else f"{prefix}inputs u")
    if isinstance(u, (pd.Series, pd.DataFrame)) and index is not None and not u.index.equals(index):
        raise ValueError(f"{prefix}u and y have different indices; align them first, as with y = y.reindex(u.index)")
    return Record(inputs, outputs, index)


def table(values: Values, names: Sequence[str], index: pd.Index | None, single: bool) -> Any:
    """Values (T, columns) in the form in which y was given: (T,) for a single column, a table where it had an index."""
    if index is None:
        return values[:, 0] if single else values
    made = pd.DataFrame(values, index=index, columns=pd.Index(names))
    return made[names[0]] if single else made
