"""Which delays to begin a search with, read from correlations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from throughtime.dynamics.correlation import (
    Correlations,
    cross_correlation,
    partial_autocorrelation,
    regression,
    unexplained,
)
from throughtime.dynamics.pruning import DelaySearch, searched
from throughtime.dynamics.records import Record
from throughtime.dynamics.signals import Records, Values, centred, named_signals, same_lengths

SMALL = 0.1  # of the largest correlation: what is less does not count, however sure it is
Signals = Mapping[str, Sequence[Values]]
PREDICTED = 1e-8  # of a signal's power left by an autoregression: beyond it, whitening would amplify rounding


@dataclass(frozen=True, eq=False)
class Delays:
    """Delays to begin a search with, and the correlations they were read from.

    inputs, outputs  delays of the inputs and of the outputs; empty where nothing was found
    partial          {output: partial autocorrelation}
    crossed          {(input, output): cross-correlation of the prewhitened signals}
    search           what was tried; None for a series
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    partial: Mapping[str, Correlations]
    crossed: Mapping[tuple[str, str], Correlations]
    search: DelaySearch | None = None

    @property
    def sentences(self) -> list[str]:
        """What was tried, how good it was, and whether more delays may be worth a try."""
        if self.search is None:
            return []
        tried, chosen, (inputs, outputs), looked = self.search
        best = tried[0]
        made = [
            f"{len(tried)} pairs of delays were tried in free run over blocks held out in turn: a small model misses by "
            f"{chosen.error:.3g} deviations with these {chosen.size}, by {best.error:.3g} with the best, {_told(best)}"
        ]
        if not set(inputs) <= set(self.inputs) or not set(outputs) <= set(self.outputs):
            made.append(
                f"of those up to {looked} the linear model, one step ahead, would take {_told((inputs, outputs))}"
            )
        if looked in (*inputs, *outputs):
            made.append(f"that is as far as was looked, {looked}: look further")
        return made


def _told(pair: Sequence[Any]) -> str:
    inputs, outputs = (_range(side) for side in pair[:2])
    return f"inputs {inputs} and outputs {outputs}"


def _range(delays: tuple[int, ...]) -> str:
    return f"{delays[0]} to {delays[-1]}" if len(delays) > 1 else str(delays[0]) if delays else "none"


def suggest_delays(
    u: Records | None,
    y: Records,
    lags: int = 30,
    level: float = 0.95,
    input_names: Sequence[str] = (),
    output_names: Sequence[str] = (),
) -> Delays:
    """Delays to begin with, from correlations and from the free runs of small models.

    A slow input is like itself at neighbouring lags, which blurs its cross-correlation with the output. So an
    autoregression is fitted to each input (its order up to `lags`, by Akaike's criterion), and input and output both
    pass through the filter that makes the input white; then r(k) is proportional to the impulse response at k. A lag
    counts if it is outside the joint bound of all lags and at least a tenth of the largest correlation.

    Input delays begin at the first lag that counts, or at 0. There are as many, and as many outputs are fed back, as the linear
    model (ARX) of up to `lags` of each needs one step ahead by the Bayesian information criterion, but at most ten of each. Then
    fewer are tried: small models (see `throughtime.dynamics.pruning`) run free over four blocks of time, each held out in turn,
    and the fewest delays are taken that miss by at most 5 % more than the best. What was tried is told.

    Without inputs, or where none of these models is better than the mean, output delays are 1 to the last that counts in the
    partial autocorrelation. It is a place where a search may begin: free runs of networks on validation data decide.

    u, y          (T, I) and (T, O), or lists of records of the same lengths; u may be None; NaN: not measured
    lags          the largest delay looked at
    level         of the bounds
    input_names   the inputs' names; without them those of a table, or u, or u1, u2, ...
    output_names  the outputs'; without them those of a table, or y, or y1, y2, ...

    returns  `Delays`
    raises   ValueError if a signal never changes, or if records do not fit or are too short
    cost     time O(T lags^2) for each pair of signals, and free runs of 1,000 steps for each pair of delays that is tried

    >>> import numpy as np
    >>> from throughtime.dynamics.delays import suggest_delays
    >>> random = np.random.default_rng(0)
    >>> u, noise = random.normal(size=(2, 500))
    >>> suggest_delays(u, np.roll(u, 4) + 0.1 * noise, lags=10).inputs
    (4,)

    Source: G. E. P. Box, G. M. Jenkins, Time Series Analysis, 1970.
    """
    effects, causes = (
        {name: _scaled(signal, name) for name, signal in named_signals(values, names, letter).items()}
        for values, names, letter in ((y, output_names, "y"), (u, input_names, "u"))
    )
    for signal in causes.values():
        same_lengths("y and u", next(iter(effects.values())), signal)
    partial = {name: partial_autocorrelation(signal, lags, level) for name, signal in effects.items()}
    crossed = {}
    for heard, cause in causes.items():
        whiten = _whitening(cause, lags)
        white = whiten(cause)
        for name, effect in effects.items():
            crossed[heard, name] = cross_correlation(white, whiten(effect), range(lags + 1), level)
    first = min((lag for found in crossed.values() for lag in _material(found)), default=0)
    search = searched(_records(causes, effects), sorted({0, first}), lags) if causes else None
    if search and search.chosen.error < 1:
        return Delays(search.chosen.inputs, search.chosen.outputs, partial, crossed, search)
    outputs = [lag for found in partial.values() for lag in _material(found)]
    return Delays((), tuple(range(1, max(outputs, default=0) + 1)), partial, crossed)


def _scaled(signal: Sequence[Values], name: str) -> list[Values]:
    """Without its mean, and with mean square 1: no unit drowns another in least squares."""
    records = centred(signal, f"suggest_delays: {name}")
    size = np.sqrt(np.nanmean(np.concatenate(records) ** 2))
    return [record / size for record in records]


def _records(causes: Signals, effects: Signals) -> list[Record]:
    sides = (list(zip(*signals.values(), strict=True)) for signals in (causes, effects))
    return [Record(np.stack(u, axis=1), np.stack(y, axis=1)) for u, y in zip(*sides, strict=True)]


def _material(found: Correlations) -> tuple[int, ...]:
    """The lags that count: jointly outside, and not small beside the largest."""
    sizes = np.nan_to_num(np.abs(found.values))
    large = found.lags[sizes >= SMALL * sizes.max()]
    return tuple(lag for lag in found.jointly.outside if lag in large)


def _whitening(signal: Sequence[Values], most: int) -> Callable[[Sequence[Values]], list[Values]]:
    """The filter 1 - sum_i a_i q^-i that makes this signal white."""
    from scipy.linalg import solve_triangular  # here, as it takes long to import

    triangle, rows = regression(signal, most)
    left = unexplained(triangle)
    orders = np.flatnonzero(left > PREDICTED * left[0])
    order = int(orders[np.argmin(rows * np.log(left[orders]) + 2 * orders)])
    past = solve_triangular(triangle[:order, :order], triangle[:order, -1])
    taps = np.concatenate([[1.0], -past])
    return lambda records: [np.convolve(record, taps, "valid") for record in records if len(record) > order]
