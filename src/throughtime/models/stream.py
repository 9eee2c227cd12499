"""A model one time step at a time, in the units of the data: what an exported C file does, here."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from throughtime.engine import History
from throughtime.engine.forward import kind
from throughtime.models.columns import Column, limits, too_far
from throughtime.models.ensemble import Ensemble
from throughtime.models.hearing import fed_row, tick, with_measured
from throughtime.sequences import refuse_first

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stream:
    """A model that runs step by step: the state goes in and comes out, and nothing is kept between two calls.

        state = stream.start()                          before the first step, or after a measured record
        y, state = stream.step(state, u)                one step: the model hears its own output
        y, state = stream.feed(state, u, measured)      one step: it hears what was measured

    u (I,) and y (O,) are in the units of the data, y the mean of the members within the limits of the columns (what is fed
    back is not cut off). y(t) is computed before measured(t) is looked at, so it is a prediction, and folding `step` over a record
    is `DynamicModel.simulate`, folding `feed` is `DynamicModel.predict`. With a lead, y stands for so many steps after u, and
    measured(t), of the time of u, is heard in the place of what the model said of it then. An open loop is left open: what was
    measured stands among its u, and `feed` is `step`; `Network.close_loop` closes it.

    A state is a value, {"a": {source: (K, D, 1, S)}, "memory": {layer: (K, 1, M, N)}, "dropout": {}}, standardised, of K
    members. It is never changed: keep it, copy it, pickle it, go on from it twice, with other inputs.

    model  a `Model`, or what has `to_model()`, such as a fitted `DynamicModel`

    raises  ValueError for a network with backward layers, which hear the end of a record first, and for columns that are not
            those of the network
    cost    of a step: one multiplication per weight and member, and JAX's dispatch, tens of microseconds; `export_c` is there
            for less. `start` with a record: time O(T weights)

    >>> import numpy as np, throughtime as tt
    >>> network = tt.narx(1, 3, 1, input_delays=(0, 1), output_delays=(1, 2))
    >>> columns = (tt.Column("voltage", 2.0, 0.5),), (tt.Column("level", 5.0, 2.0, low=0.0),)
    >>> stream = tt.Stream(tt.Model(network, tt.init(network, 0), *columns))
    >>> state = stream.start((np.full(10, 2.5), np.full(10, 6.0)))
    >>> level, state = stream.feed(state, 2.5, 6.1)
    >>> more, less = (stream.step(state, voltage)[0] for voltage in (3.0, 2.0))  # what if
    >>> level.shape, bool(more[0] != less[0])
    ((1,), True)
    """

    model: Any

    def __post_init__(self) -> None:
        for layer in self._together.network.layers:
            if layer.backward:
                raise ValueError(
                    f"layer {layer.name!r} runs backward from the end of the sequence, so there is no single step to stream: "
                    "run the model over the whole record"
                )

    @cached_property
    def _together(self) -> Ensemble:
        return Ensemble.of(self.model).placed()

    @cached_property
    def _seen(self) -> tuple["_Scaling", "_Scaling"]:
        dtype = kind(self._together.weights)
        return _Scaling("u", self._together.inputs, dtype), _Scaling("measured", self._together.outputs, dtype)

    @cached_property
    def _limits(self) -> tuple[Values, Values] | None:
        low, high = limits(self._together.outputs)
        return (low, high) if np.isfinite([low, high]).any() else None

    def start(self, history: Any = None) -> History:
        """The state before the first step, or after a measured record.

        history  (u, y): u (T, I), (T,) or None, y (T, O), (T,) or None, NaN where nothing was measured

        raises  ValueError for a record that does not fit
        """
        u, y = (None, None) if history is None else history
        return self._together.after(*self._together.given(u, y))

    def step(self, state: History, u: Any = None) -> tuple[Values, History]:
        """One time step, heard by the model's own output: y (O,), and the state after it.

        u  (I,), a number for one input, or None without inputs

        raises  ValueError if it does not fit, or is not finite, or if the state is None
        """
        return self._advance(state, u, None)

    def feed(self, state: History, u: Any, measured: Any) -> tuple[Values, History]:
        """One time step, in which what was measured at the time of u takes the place of the model's own output.

        measured  (O,), or a number for one output; NaN: not measured, the model hears its own

        raises  ValueError if u or measured does not fit, or if u is not finite
        """
        return self._advance(state, u, self._seen[1](measured, gaps=True))

    def with_measured(self, state: History, measured: Any) -> History:
        """The state when what was measured comes late: after the step of its time, with a lead before it.

        `feed` is `step`, and then this; with a lead this, and then `step`.
        """
        together = self._together
        if fed_row(together.network) is None:
            return state
        return with_measured(together.network, state, self._seen[1](measured, gaps=True))

    def _advance(self, state: History, u: Any, measured: Any) -> tuple[Values, History]:
        if state is None:
            raise ValueError("the state is None; begin with state = stream.start(), also after a record")
        seen, together = self._seen[0](u), self._together
        ys, state = tick(together.network, together.weights, state, seen, measured)
        scaling = self._seen[1]
        shown = np.asarray(ys) * scaling.scale + scaling.mean
        if self._limits is not None:
            shown = np.minimum(np.maximum(shown, self._limits[0]), self._limits[1])
        return shown[0] if len(shown) == 1 else shown.mean(axis=0), state


class _Scaling:
    """One row of data as networks see it; the arrays that `standardise` makes of columns are made once."""

    def __init__(self, name: str, columns: tuple[Column, ...], dtype: Any) -> None:
        self.name, self.columns, self.dtype = name, columns, dtype
        self.mean, self.scale = (np.array([getattr(c, part) for c in columns]) for part in ("mean", "scale"))
        self._most = np.finfo(dtype).max

    def __call__(self, given: Any, gaps: bool = False) -> Values:
        row = np.asarray(() if given is None else given, np.float64).reshape(-1)
        if len(row) != len(self.columns):
            names = ", ".join(c.name for c in self.columns) or "none"
            raise ValueError(f"{self.name} has {len(row)} numbers, where the model has {len(self.columns)}: {names}")
        seen = (row - self.mean) / self.scale
        inside = np.abs(seen) <= self._most
        if not inside.all():
            self._refuse(row, ~inside, gaps)
        return seen.astype(self.dtype)

    def _refuse(self, row: Values, outside: NDArray[np.bool_], gaps: bool) -> None:
        """Say what is wrong with what the network would not see as a number, unless it stands for a gap."""
        wrong = np.isinf(row) if gaps else ~np.isfinite(row)
        refuse_first(self.name, row[None], wrong[None], "give a number" + (", or NaN" if gaps else ""))
        for place in np.flatnonzero(outside & ~np.isnan(row)):
            raise ValueError(too_far(self.columns[place], row[place]))
