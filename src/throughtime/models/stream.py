"""A model one time step at a time, in the units of the data: what an exported C file does, here."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
from numpy import asarray
from numpy.typing import NDArray

from throughtime.models.columns import too_far
from throughtime.models.ensemble import Ensemble
from throughtime.models.states import States
from throughtime.models.stepping import Steps, states_of, steps_of
from throughtime.sequences import refuse_first

Values = NDArray[np.float64]
DOUBLE = np.dtype(np.float64)


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

    A state is a value, and plain `bytes`: keep it, write it to a file, send it to another process, go on from it twice, with
    other inputs. It fits every stream of the same wiring, scaling, number of members and type of weights.

    model  a `Model`, or what has `to_model()`, such as a fitted `DynamicModel`

    raises  ValueError for a network with backward layers, which hear the end of a record first, and for columns that are not
            those of the network
    cost    of a step: one multiplication per weight and member, and about a microsecond for the way there and back; where XLA
            computes, as it does for units of one's own, tens of them. The engine is that in use at the first call. Any number
            of threads may step one stream. `start` with a record: time O(T weights)

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

    def __reduce__(self) -> tuple[Any, ...]:
        return Stream, (self.model,)  # the rest is made where it is used

    @cached_property
    def _together(self) -> Ensemble:
        return Ensemble.of(self.model)

    @cached_property
    def _states(self) -> States:
        return states_of(self._together)

    @cached_property
    def _steps(self) -> Steps:
        return steps_of(self._together, self._states)

    def start(self, history: Any = None) -> bytes:
        """The state before the first step, or after a measured record.

        history  (u, y): u (T, I), (T,) or None, y (T, O), (T,) or None, NaN where nothing was measured

        raises  ValueError for a record that does not fit
        """
        u, y = (None, None) if history is None else history
        return self._states.after(self._together.after(*self._together.given(u, y)))

    def step(self, state: bytes, u: Any = None) -> tuple[Values, bytes]:
        """One time step, heard by the model's own output: y (O,), and the state after it.

        u  (I,), a number for one input, or None without inputs

        raises  ValueError if it does not fit, or is not finite, or if the state is none of such a stream
        """
        steps = self._steps
        if type(state) is bytes and len(state) == steps.size:  # the library asks no more: it reads so many bytes
            made = steps.step(state, b"" if u is None else asarray(u, DOUBLE).tobytes())
            if made is not None:
                return made
        self._refuse(state, "u", u)

    def feed(self, state: bytes, u: Any, measured: Any) -> tuple[Values, bytes]:
        """One time step, in which what was measured at the time of u takes the place of the model's own output.

        measured  (O,), or a number for one output; NaN: not measured, the model hears its own

        raises  ValueError if u or measured does not fit, or if u is not finite
        """
        if self._together.network.lead:
            return self.step(self.with_measured(state, measured), u)
        y, after = self.step(state, u)
        return y, self.with_measured(after, measured)

    def with_measured(self, state: bytes, measured: Any) -> bytes:
        """The state when what was measured comes late: after the step of its time, with a lead before it.

        `feed` is `step`, and then this; with a lead this, and then `step`.
        """
        steps = self._steps
        if type(state) is bytes and len(state) == steps.size:
            after = steps.hear(state, b"" if measured is None else asarray(measured, DOUBLE).tobytes())
            if after is not None:
                return after
        self._refuse(state, "measured", measured)

    def _refuse(self, state: Any, name: str, given: Any) -> NoReturn:
        """Say what is wrong with a state or a row."""
        self._states.check(state)
        columns = self._together.inputs if name == "u" else self._together.outputs
        row = np.asarray(() if given is None else given, np.float64).reshape(-1)
        if len(row) != len(columns):
            told = ", ".join(c.name for c in columns) or "none"
            raise ValueError(f"{name} has {len(row)} numbers, where the model has {len(columns)}: {told}")
        gaps = name == "measured"
        wrong = np.isinf(row) if gaps else ~np.isfinite(row)
        refuse_first(name, row[None], wrong[None], "give a number" + (", or NaN" if gaps else ""))
        mean, scale = np.array([(c.mean, c.scale) for c in columns]).T
        with np.errstate(over="ignore"):
            place = int(np.nanargmax(np.abs((row - mean) / scale)))
        raise ValueError(too_far(columns[place], row[place]))
