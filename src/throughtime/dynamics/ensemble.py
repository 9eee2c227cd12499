"""Networks of one wiring side by side, and the scaling of what goes in and comes out: the part of a model that runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from throughtime.dynamics.holding import Mask
from throughtime.dynamics.records import Record
from throughtime.engine import History, Weights
from throughtime.losses import SquaredError
from throughtime.models import running
from throughtime.models.columns import Column, limits, restore, standardise
from throughtime.network import Network

Values = NDArray[np.float64]
ORIGINS = 100  # forecasts are made from about so many places of what was held out


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Networks of one wiring whose mean is the answer.

    network          in closed loop
    weights          with a leading axis of members (K)
    inputs, outputs  the columns, in the units of the data
    """

    network: Network
    weights: Weights
    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]

    def seen(self, record: Record) -> Record:
        """The record as the networks see it: standardised.

        raises  ValueError if it has other numbers of inputs and outputs
        """
        found, wanted = (record.u.shape[1], record.y.shape[1]), (len(self.inputs), len(self.outputs))
        if found != wanted:
            raise ValueError(
                f"the record has {found[0]} inputs and {found[1]} outputs; the model {wanted[0]} and {wanted[1]}"
            )
        u = standardise(record.u, self.inputs) if self.inputs else record.u
        return Record(u, standardise(record.y, self.outputs), record.index)

    def drive(self, u: Values) -> Record:
        """Inputs (T, I) as the networks see them, with outputs nowhere measured."""
        return self.seen(Record(u, np.full((len(u), len(self.outputs)), np.nan)))

    def loss(self) -> SquaredError:
        """The squared error between standardised outputs, with the limits of the sensors."""
        if all(c.low is None and c.high is None for c in self.outputs):
            return SquaredError()
        mean, scale = (np.array([getattr(c, part) for c in self.outputs]) for part in ("mean", "scale"))
        low, high = (tuple((edge - mean) / scale) for edge in limits(self.outputs))
        return SquaredError(low, high)

    def members(self, chosen: Any) -> "Ensemble":
        """Some of the networks."""
        index = np.asarray(chosen, int)
        return replace(self, weights=jax.tree.map(lambda leaf: leaf[index], self.weights))

    def mean(self, ys: Any) -> Values:
        """The answer of all, within the limits: standardised outputs (K, ...) in the units of the data (...)."""
        return np.asarray(restore(np.asarray(ys, float), self.outputs).mean(axis=0))

    def run(self, seen: Record, history: History | None = None, advance: running.Advance | None = None) -> Values:
        """(T, O), led where outputs were measured, free where not; the networks' own outputs are never all in memory."""
        run = running.follow(self.network, self.weights, seen.u, seen.y, history, advance, self.mean)
        return run.outputs

    def each(self, seen: Record) -> Values:
        """(K, T, O): what `run` gives the mean of."""
        ys = running.follow(self.network, self.weights, seen.u, seen.y).outputs
        return restore(np.asarray(ys, float), self.outputs)

    def after(self, seen: Record) -> History:
        """The histories after a measured record."""
        return running.follow(self.network, self.weights, seen.u, seen.y, reduce=_nothing).history

    def misses(self, record: Record, masks: Mask, groups: Sequence[Sequence[int]], most: int) -> list[Values]:
        """Errors (n, H, O) of forecasts along a record, for each group of members where its mask is True; NaN at gaps.

        masks   (F, T)
        groups  for each mask the networks whose mean forecasts there
        most    steps ahead, at most; no more than half of what the longest mask holds
        """
        longest = int(masks.sum(axis=1).max())
        horizon, stride = min(most, longest // 2), max(1, longest // ORIGINS)
        backward = any(layer.backward for layer in self.network.layers)
        if horizon < 1 or len(record) <= horizon + stride or backward:
            return []
        starts = stride * (1 + np.arange((len(record) - horizon) // stride))
        ys, found = np.concatenate(list(self._forecasts(self.seen(record), starts, horizon)), axis=1), []
        truth = record.y[starts[:, None] + np.arange(horizon)]
        for own, held in zip(groups, masks, strict=True):
            inside = held[starts] & held[starts + horizon - 1] & ~np.isnan(truth).all(axis=(1, 2))
            if len(own) and inside.any():
                found.append((truth - self.mean(ys[list(own)]))[inside])
        return found

    def ahead(self, seen: Record, steps: int, advance: running.Advance | None = None) -> Values:
        """(T, O): every output as predicted from what was measured up to `steps` before it, or from the start where nothing was."""
        if self.network.feedback is None or any(layer.backward for layer in self.network.layers):
            return self.run(seen, advance=advance)
        made = [self.run(Record(seen.u[:steps], np.full_like(seen.y[:steps], np.nan)))]
        done = len(made[0])
        for ys in self._forecasts(seen, range(1, len(seen) - steps + 1), steps):
            made.append(self.mean(ys[:, :, -1]))
            done += len(made[-1])
            if advance:
                advance(done / len(seen))
        return np.concatenate(made)

    def _forecasts(self, seen: Record, places: Any, horizon: int) -> Iterator[Values]:
        """(K, n, horizon, O) from places of a record, standardised; n of them at a time."""
        return running.forecasts(self.network, self.weights, seen.u, seen.y, places, horizon)


def _nothing(ys: Values) -> Values:
    """No step of outputs (K, t, O): where only the histories are wanted."""
    return ys[:, :0]
