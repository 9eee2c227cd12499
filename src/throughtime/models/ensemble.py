"""Networks of one wiring side by side, and the scaling of what goes in and comes out: the one way in which a model runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from throughtime.checks import counted, quoted
from throughtime.engine import History, Weights
from throughtime.engine.door import own_order, placed
from throughtime.models.columns import Column, restore, standardise
from throughtime.models.each import run_members
from throughtime.models.forecasts import forecasts
from throughtime.models.hearing import driven, named_inputs
from throughtime.models.members import one_member
from throughtime.models.model import Model
from throughtime.models.rollout import Advance, follow
from throughtime.network import Network
from throughtime.sequences import inputs_of, refuse_first

Values = NDArray[np.float64]


class Seen(NamedTuple):
    """A record as networks see it, standardised: u (T, I) and y (T, O), NaN where nothing was measured."""

    u: Values
    y: Values


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Networks of one wiring whose mean is the answer.

    What is measured leads, and where nothing is they run free: u (T, I) and y (T, O) are in the units of the data, y NaN where
    nothing was measured, None where nothing is. So are the answers (T, O), within the limits of the columns; what a network
    feeds back of its own is not cut off.

    network          in closed loop, or open: then what was measured stands among its inputs. With a lead the answer of step t
                     stands for step t + lead
    weights          with a leading axis of members (K)
    inputs, outputs  the columns, in the units of the data
    """

    network: Network
    weights: Weights
    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]

    @classmethod
    def of(cls, model: Any) -> "Ensemble":
        """What a model runs as, one network or several, whatever its wiring; columns that it does not name are as they are.

        model  a `Model`, or what has `to_model()`; an ensemble is one
        """
        if isinstance(model, cls):
            return model
        model = model.to_model() if hasattr(model, "to_model") else model
        if not isinstance(model, Model):
            raise ValueError(f"what runs is a Model, as load reads it from a file, not {quoted(model)}")
        weights = own_order(model.weights) if model.members else one_member(own_order(model.weights))
        return cls(model.network, weights, input_columns(model), output_columns(model))

    def closed(self) -> "Ensemble":
        """The same in closed loop and without a lead: the answer of step t stands for step t, and hears its own past."""
        network, inputs = self.network, self.inputs
        if network.is_open:
            names = [name for name, size in driven(network) for _ in range(size)]
            inputs = tuple(c for name, c in zip(names, inputs, strict=True) if name != network.measured)
            network = network.close_loop()
        return replace(self, network=network.add_delay(network.lead) if network.lead else network, inputs=inputs)

    def given(self, u: Any, y: Any) -> tuple[Values, Values | None]:
        """A record as (T, I) and (T, O): u (T, I), (T,) or None without inputs, y (T, O), (T,) or None; neither: T is 0.

        raises  ValueError if they do not fit the model or each other, or if an input is missing somewhere
        """
        if u is None and y is None:
            return np.zeros((0, len(self.inputs))), None
        if u is None and self.inputs:
            raise ValueError(f"the network has inputs ({', '.join(c.name for c in self.inputs)}); give u")
        rows = None if u is None else _table("u", u, self.inputs)
        known = None if y is None else _table("y", y, self.outputs)
        if rows is None:
            rows = np.zeros((len(y), 0))
        if known is not None and len(rows) != len(known):
            raise ValueError(f"u has {len(rows)} steps and y has {len(known)}; they are one record")
        refuse_first("u", rows, ~np.isfinite(rows), "fill the gap, or begin after it")
        return rows, known

    def seen(self, u: Values, y: Values | None = None) -> Seen:
        """A record as the networks see it.

        raises  ValueError if it has other numbers of inputs and outputs
        """
        y = np.full((len(u), len(self.outputs)), np.nan) if y is None else y
        found, wanted = (u.shape[1], y.shape[1]), (len(self.inputs), len(self.outputs))
        if found != wanted:
            raise ValueError(
                f"the record has {counted(*found)}; the model {wanted[0]} and {wanted[1]}: give its own columns"
            )
        return Seen(standardise(u, self.inputs) if self.inputs else u, standardise(y, self.outputs))

    def members(self, chosen: Sequence[int]) -> "Ensemble":
        """Some of the networks."""
        index = np.asarray(chosen, int)
        return replace(self, weights=jax.tree.map(lambda leaf: placed(np.asarray(leaf)[index]), self.weights))

    def shown(self, ys: Any) -> Values:
        """Standardised outputs (..., O) in the units of the data, within the limits."""
        return restore(np.asarray(ys, float), self.outputs)

    def mean(self, ys: Any) -> Values:
        """The answer of all: standardised outputs (K, ..., O) of the members in the units of the data (..., O)."""
        return np.asarray(self.shown(ys).mean(axis=0))

    def run(
        self, u: Values, y: Values | None = None, history: History | None = None, advance: Advance | None = None
    ) -> Values:
        """(T, O), from the start or a history; the members' own outputs are never all in memory.

        advance  is told how far the work has come, 0 to 1
        """
        seen = self.seen(u, y)
        return follow(self.network, self.weights, seen.u, seen.y, history, advance, self.mean).outputs

    def each(self, u: Values, y: Values | None = None) -> Values:
        """(K, T, O): what `run` gives the mean of."""
        seen = self.seen(u, y)
        return self.shown(follow(self.network, self.weights, seen.u, seen.y).outputs)

    def after(self, u: Values, y: Values | None = None) -> History:
        """The members' histories after a record, with which `run` goes on."""
        seen = self.seen(u, y)
        return follow(self.network, self.weights, seen.u, seen.y, reduce=_nothing).history

    def sequences(self, us: Sequence[Values]) -> list[Values]:
        """What every network says of every sequence u (T, I), from the start: standardised (K, T, O), side by side."""
        seen = [named_inputs(self.network, standardise(u, self.inputs)) for u in us]
        return run_members(self.network, self.weights, [inputs_of(self.network, x, n) for n, x in enumerate(seen)])

    def forecasts(self, u: Values, y: Values, places: Any, horizon: int) -> Iterator[Values]:
        """Every member's forecasts from places of a record, (K, n, horizon, O), for n places at a time, as `forecasts` has it."""
        seen = self.seen(u, y)
        for ys in forecasts(self.network, self.weights, seen.u, seen.y, places, horizon):
            yield self.shown(ys)

    def ahead(self, u: Values, y: Values, steps: int, advance: Advance | None = None) -> Values:
        """(T, O): every output as predicted from what was measured up to `steps` before it, or from the start where nothing was."""
        if steps == 1 or self.network.feedback is None or self.network.backward:
            return self.run(u, y, advance=advance)
        made = [self.run(u[:steps])]
        done = len(made[0])
        for ys in self.forecasts(u, y, range(1, len(u) - steps + 1), steps):
            made.append(ys[:, :, -1].mean(axis=0))
            done += len(made[-1])
            if advance:
                advance(done / len(u))
        return np.concatenate(made)


def input_columns(model: Model) -> tuple[Column, ...]:
    """A column for each number that the network hears; measured outputs of an open loop look like the outputs unless named."""
    sizes = driven(model.network)
    given, wanted = model.inputs if sizes else (), sum(size for _, size in sizes)
    if given and model.network.is_open and len(given) + len(model.outputs) == wanted:
        given = (*given, *model.outputs)
    return _columns(given, sizes, "inputs")


def output_columns(model: Model) -> tuple[Column, ...]:
    """A column for each output."""
    output = model.network.output
    return _columns(model.outputs, ((output, model.network.size_of(output)),), "outputs")


def _table(name: str, given: Any, columns: Sequence[Column]) -> Values:
    values, width = np.asarray(given, float), len(columns)
    rows = values[:, None] if values.ndim == 1 and width == 1 else values
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"{name} has shape {values.shape}; the model wants (steps, {width})")
    return rows


def _columns(given: tuple[Column, ...], sizes: Sequence[tuple[str, int]], what: str) -> tuple[Column, ...]:
    names = [name if size == 1 else f"{name} {i}" for name, size in sizes for i in range(size)]
    if given and len(given) != len(names):
        raise ValueError(f"the model has {len(given)} columns for its {what}, but its network takes {len(names)}")
    return given or tuple(Column(name) for name in names)


def _nothing(ys: Values) -> Values:
    """No step of outputs (K, t, O): where only the histories are wanted."""
    return ys[:, :0]
