"""Which rows of a record are for training, validation and test, by shares; and what must be known in each of them."""

from dataclasses import dataclass

import numpy as np

from throughtime.checks import is_number, is_whole, quoted
from throughtime.dynamics.holding import Parts, held_out
from throughtime.dynamics.measured import Measured
from throughtime.dynamics.preparing import used_by
from throughtime.dynamics.records import Record
from throughtime.dynamics.wrong import Wrong, refuse_size
from throughtime.network import Network

MOST = 10**30


@dataclass(frozen=True)
class Shares:
    """Which rows are for what.

    validation  share of the rows before the test, the last of them, held out: training ends by the free run over it
    folds       in its place: so many blocks of time, each held out in turn; 0: none
    test        share of all rows, the last of them, used for nothing
    washout     first rows in which nothing is asked; None: those that fill the delays
    """

    validation: float = 0.2
    folds: int = 0
    test: float = 0.0
    washout: int | None = None

    def __post_init__(self) -> None:
        for name in ("validation", "test"):
            share = getattr(self, name)
            if not is_number(share) or not 0 <= share < 1:
                raise Wrong(f"{{{name}}} must be at least 0 and below 1, not {quoted(share)}")
        if not is_whole(self.folds, 0, MOST) or self.folds == 1:
            raise Wrong("{folds} must be 0 (the last rows are held out) or at least 2")
        if self.washout is not None and not is_whole(self.washout, 0, MOST):
            raise Wrong(f"{{washout}} must be a number of rows, not {quoted(self.washout)}")

    def of(self, measured: Measured, network: Network) -> Parts:
        """The rows for training, validation and test, of what was measured; with none for one of them a `Wrong`."""
        used, end = used_by(network), len(measured) - round(self.test * len(measured))
        first = max(used, self.washout or 0)
        if end <= first + max(1, 2 * self.folds):
            raise Wrong(_short(measured, end, used, first))
        refuse_size(self.folds * end, f"telling {self.folds} {{folds}} of {end} rows apart", "use fewer")
        held = held_out([Record(measured.u[:end], measured.y[:end])], used, self.folds, self.validation)[0]
        made = Parts(first, end, held)
        if made.training <= first + 1:
            raise Wrong(_short(measured, made.training, used, first))
        if 0 < len(measured) - end < 2:
            raise Wrong(f"{{test}} {self.test} of {len(measured)} rows is only one row; take a larger share")
        _check_known(measured, made)
        return made


def _short(measured: Measured, rows: int, used: int, first: int) -> str:
    return (
        f"{measured.source} has {len(measured)} rows, {rows} of them for training, which is too short for delays up to {used} "
        f"and a washout of {first}; use more rows, smaller delays or less {{validation}} and {{test}}"
    )


def _check_known(measured: Measured, parts: Parts) -> None:
    after, held = np.arange(parts.end) >= parts.first, parts.held.any(axis=0)
    test = np.arange(len(measured)) >= parts.end
    rows = {"training": after & ~parts.held.all(axis=0), "validation": after & held}
    masks = {part: np.pad(mask, (0, len(measured) - parts.end)) for part, mask in rows.items()} | {"test": test}
    for part, mask in masks.items():
        for place, name in enumerate(measured.outputs):
            if mask.any() and np.isnan(measured.y[mask, place]).all():
                raise Wrong(
                    f"{measured.source}: column {name!r} is empty in all rows for {part}: nothing to learn from"
                )
