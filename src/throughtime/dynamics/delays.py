"""Which delays to begin a search with, read from correlations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from throughtime.dynamics.correlation import (
    Correlations,
    cross_correlation,
    partial_autocorrelation,
    regression,
    unexplained,
)
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
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    partial: Mapping[str, Correlations]
    crossed: Mapping[tuple[str, str], Correlations]


def suggest_delays(
    u: Records | None,
    y: Records,
    lags: int = 30,
    level: float = 0.95,
    input_names: Sequence[str] = (),
    output_names: Sequence[str] = (),
) -> Delays:
    """Delays to begin with, from correlations and from the linear models that hear so far.

    A slow input is like itself at neighbouring lags, which blurs its cross-correlation with the output. So an
    autoregression is fitted to each input (its order up to `lags`, by Akaike's criterion), and input and output both
    pass through the filter that makes the input white; then r(k) is proportional to the impulse response at k. A lag
    counts if it is outside the joint bound of all lags and at least a tenth of the largest correlation.

    The first input delay is the first lag that counts. How many input delays there are, and how many outputs are fed
    back, is that of the linear model (ARX, each up to a third of `lags`) with the lowest Bayesian information criterion,

        n log det(R^T R / n) + p log n        R the residuals of n steps, p the number of coefficients

    Without inputs, output delays are 1 to the last that counts in the partial autocorrelation. This is a linear view, a
    place where a search may begin: free runs on validation data decide.

    u, y          (T, I) and (T, O), or lists of records of the same lengths; u may be None; NaN: not measured
    lags          the largest delay looked at
    level         of the bounds
    input_names   the inputs' names; without them those of a table, or u, or u1, u2, ...
    output_names  the outputs'; without them those of a table, or y, or y1, y2, ...

    returns  `Delays`
    raises   ValueError if a signal never changes, or if records do not fit or are too short
    cost     time O(T lags^2) for each pair of signals

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
    inputs = [lag for found in crossed.values() for lag in _material(found)]
    if inputs:
        return Delays(*_orders(causes, effects, min(inputs), max(1, lags // 3)), partial, crossed)
    outputs = [lag for found in partial.values() for lag in _material(found)]
    return Delays((), tuple(range(1, max(outputs, default=0) + 1)), partial, crossed)


def _scaled(signal: Sequence[Values], name: str) -> list[Values]:
    """Without its mean, and with mean square 1: no unit drowns another in least squares."""
    records = centred(signal, f"suggest_delays: {name}")
    size = np.sqrt(np.nanmean(np.concatenate(records) ** 2))
    return [record / size for record in records]


def _orders(causes: Signals, effects: Signals, first: int, most: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Input delays from `first` on and output delays from 1 on, at most `most` of each, by the criterion."""
    heard = [(name, d) for name in causes for d in range(first, first + most)]
    fed_back = [(name, d) for name in effects for d in range(1, most + 1)]
    signals, past = {**causes, **effects}, first + most
    rows = [
        _row(signals, columns=[*heard, *fed_back, *((name, 0) for name in effects)], past=past, record=r)
        for r in range(len(next(iter(effects.values()))))
    ]
    table = np.concatenate(rows)
    table = table[np.isfinite(table).all(axis=1)]
    made = {}
    for count in range(1, most + 1):
        for back in range(most + 1):
            chosen = [i for i, (_, d) in enumerate(heard) if d < first + count]
            chosen += [len(heard) + i for i, (_, d) in enumerate(fed_back) if d <= back]
            made[count, back] = _criterion(table[:, chosen], table[:, len(heard) + len(fed_back) :])
    count, back = min(made, key=lambda key: made[key])
    return tuple(range(first, first + count)), tuple(range(1, back + 1))


def _row(signals: Signals, columns: Sequence[tuple[str, int]], past: int, record: int) -> Values:
    """(T - past, columns): signals delayed, of one record."""
    steps = len(next(iter(signals.values()))[record])
    return np.stack([signals[name][record][past - d : max(steps, past) - d] for name, d in columns], axis=1)


def _criterion(heard: Values, wanted: Values) -> float:
    left = wanted - heard @ np.linalg.lstsq(heard, wanted, rcond=None)[0]
    _, size = np.linalg.slogdet(left.T @ left / len(left) + 1e-300 * np.eye(wanted.shape[1]))
    return float(len(left) * size + heard.shape[1] * wanted.shape[1] * np.log(len(left)))


def _material(found: Correlations) -> tuple[int, ...]:
    """The lags that count: jointly outside, and not small beside the largest."""
    sizes = np.nan_to_num(np.abs(found.values))
    large = found.lags[sizes >= SMALL * sizes.max()]
    return tuple(lag for lag in found.jointly.outside if lag in large)


def _whitening(signal: Sequence[Values], most: int) -> Callable[[Sequence[Values]], list[Values]]:
    """The filter 1 - sum_i a_i q^-i that makes this signal white."""
    triangle, rows = regression(signal, most)
    left = unexplained(triangle)
    orders = np.flatnonzero(left > PREDICTED * left[0])
    order = int(orders[np.argmin(rows * np.log(left[orders]) + 2 * orders)])
    past = solve_triangular(triangle[:order, :order], triangle[:order, -1])
    taps = np.concatenate([[1.0], -past])
    return lambda records: [np.convolve(record, taps, "valid") for record in records if len(record) > order]
