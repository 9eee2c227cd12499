"""What is done where nobody says: networks that begin as the linear model, blocks of time held out in turn, and how many of each.

A NARX network with the delays of `suggest_delays` and a direct connection past its hidden units is the linear model before
training (see `throughtime.dynamics.beginning`). Of the networks that share a held-out block only the best in free run there is
kept, the linear one among them, so over what is held out the model is never worse than linear. They differ in their first
weights and in how much their weights decay at least: the evidence takes the errors of a free run, which are alike from step to
step, for more than they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from throughtime.checks import quoted
from throughtime.dynamics.delays import suggest_delays
from throughtime.dynamics.wirings import Wiring
from throughtime.dynamics.wrong import Wrong
from throughtime.rounding import unvarying

RESTARTS, VALIDATION = 5, 0.2  # where some of it is said
LAGS = 30
DECAYS = (0.0, 1e-3, 3e-2)  # the least weight decay of the networks of a block, in turn: what is held out chooses


class Counts(NamedTuple):
    """How many networks, and what is held out from them, as `DynamicModel` has it."""

    restarts: int
    folds: int
    validation: float
    keep: int | None


@dataclass(frozen=True)
class Effort:
    """How much is done where neither networks nor what is held out are counted.

    folds     blocks of time, each held out in turn
    restarts  networks of each, of which the best is kept
    epochs    at most, in each loop; None: as usual
    """

    folds: int
    restarts: int
    epochs: int | None = None

    @property
    def decays(self) -> tuple[float, ...]:
        """As many of `DECAYS` as every block has networks."""
        return DECAYS[: self.restarts]

    def counts(
        self, restarts: int | None, folds: int | None, validation: float | None, keep: int | None, alike: bool = False
    ) -> Counts:
        """As they are given; those of this effort if none is. alike: all restarts would be the same network."""
        if restarts is folds is validation is keep is None:
            return Counts(1 if alike else self.restarts, self.folds, VALIDATION, 1)
        usual = 1 if alike else RESTARTS
        share = VALIDATION if validation is None else validation
        return Counts(usual if restarts is None else restarts, folds or 0, share, keep)


EFFORTS = {"quick": Effort(3, 2, 20), "usual": Effort(4, 5), "thorough": Effort(8, 12)}


def effort_of(name: Any) -> Effort:
    """The effort of that name."""
    if not isinstance(name, str) or name not in EFFORTS:
        raise Wrong(f"{{effort}} {quoted(name)} is not known; choose {', '.join(EFFORTS)}")
    return EFFORTS[name]


def proposal(u: Any, y: Any, hidden: tuple[int, ...] = (10,), options: Mapping[str, Any] | None = None) -> Wiring:
    """The NARX network that begins as the linear model, with the delays that are found where none are given.

    u, y     as `suggest_delays` takes them
    options  of `tt.narx`, in the place of what is found; where nothing is (too few rows, nothing that changes), delays are as
             usual
    """
    given = dict(options or {})
    asked = {"output_delays"} | (set() if u is None else {"input_delays"})
    found = {} if asked <= given.keys() else _found(u, y)
    return Wiring("narx", hidden, {"skip": True} | {key: found[key] for key in asked & found.keys()} | given)


def _found(u: Any, y: Any) -> dict[str, tuple[int, ...]]:
    try:
        delays = suggest_delays(_changing(u), _changing(y))
    except ValueError:
        return {}
    made = {"input_delays": delays.inputs, "output_delays": delays.outputs or (1,)}
    return {key: value for key, value in made.items() if value}


def _changing(signals: Any) -> Any:
    """The columns of a table or of an array that change: what stands still has no delays. Lists of records stay as they are."""
    if getattr(signals, "ndim", None) != 2:
        return signals
    moving = ~unvarying(np.asarray(signals, float))
    if not moving.any():
        return signals
    return signals.loc[:, moving] if hasattr(signals, "loc") else signals[:, moving]
