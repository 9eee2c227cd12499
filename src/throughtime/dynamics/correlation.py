"""Auto-, cross- and partial correlations over records with gaps, with the bounds that chance sets.

    r_xy(k) = sum_t x(t) y(t + k) / sqrt(sum_t x(t)^2  sum_t y(t + k)^2),      -1 <= r_xy(k) <= 1

x and y have lost their means, taken over all records; the sums go over the n_k pairs of steps whose two numbers are
both known, so gaps (NaN) and the ends of records cost their own pairs and nothing else. Textbooks that divide all lags
by the same n get values smaller by (n - k)/n.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from throughtime.dynamics.signals import Records, Values, centred, same_lengths

NOTHING = 1e-12  # of a signal's power: less is rounding
DIRECT = 1000  # lags up to which sums are quicker than Fourier transforms
ROWS = 10_000  # of a regression held in memory at once


@dataclass(frozen=True, eq=False)
class Correlations:
    """Correlations at some lags, and how large chance alone makes them.

    lags    (L,) time steps
    values  (L,) between -1 and 1; NaN where no pair of steps is known
    bound   (L,) what unrelated signals exceed, up or down, with probability 1 - level, at each lag by itself
    level   of the bound
    """

    lags: NDArray[np.int64]
    values: Values
    bound: Values
    level: float = 0.95

    @property
    def outside(self) -> tuple[int, ...]:
        """The lags whose correlation is outside the bound."""
        return tuple(self.lags[np.abs(self.values) > self.bound].tolist())

    def at(self, level: float) -> "Correlations":
        """The same correlations, with the bound of another level."""
        return replace(self, bound=self.bound * (_deviations(level) / _deviations(self.level)), level=level)

    @property
    def jointly(self) -> "Correlations":
        """The same correlations, with a bound that all lags together respect with probability `level` (Sidak's)."""
        return self.at(self.level ** (1 / len(self.lags)))


def autocorrelation(values: Records, lags: int | Sequence[int], level: float = 0.95) -> Correlations:
    """How a signal goes with its own past: r_xx(k), with the bound of white noise.

    bound(k) = z / sqrt(n_k), z = 1.96 for 95 %: a white signal is outside at about 5 % of all lags.

    values   (T,), or a list of records, which are pooled; NaN where nothing was measured
    lags     the largest lag, or the lags, each at least 1: at lag 0 it is 1
    level    of the bound

    returns  `Correlations`
    raises   ValueError if the signal never changes, or has more than one column
    cost     time O(T log T)

    >>> from throughtime.dynamics.correlation import autocorrelation
    >>> wave = [0.0, 1.0, 0.0, -1.0] * 10
    >>> autocorrelation(wave, 4).values.round(2).tolist()
    [0.0, -1.0, 0.0, 1.0]

    Source: G. E. P. Box, G. M. Jenkins, Time Series Analysis, 1970.
    """
    chosen = _lags(lags, least=1)
    if (chosen < 1).any():
        raise ValueError(f"autocorrelation: lags must be at least 1, not {chosen.min()}: at lag 0 it is always 1")
    x = centred(values, "autocorrelation")
    found, pairs = _pooled(x, x, chosen)
    return Correlations(chosen, found, _bound(level, 1.0, pairs), level)


def cross_correlation(x: Records, y: Records, lags: int | Sequence[int], level: float = 0.95) -> Correlations:
    """How x goes with what y is k steps later: r_xy(k), with Bartlett's bound for two unrelated signals.

    bound(k) = z sqrt(f / n_k),   f = max(1, 1 + 2 sum_j r_xx(j) r_yy(j))

    Two slow signals are easily alike by chance; f is the factor by which. Its sum goes over the lags j up to a quarter
    of the longest record at which both autocorrelations are outside their own bounds, so that it adds up no noise.
    If one of them is white, f is 1.

    x, y     (T,) each, or lists of as many records of the same lengths; NaN where nothing was measured
    lags     the largest lag, for -lags..lags, or the lags; k > 0: y is later than x
    level    of the bound

    returns  `Correlations`
    raises   ValueError if a signal never changes, or if records do not fit
    cost     time O(T log T)

    >>> from throughtime.dynamics.correlation import cross_correlation
    >>> x = [0.0, 3.0, 1.0, -2.0, 0.0, 1.0, -3.0, 0.0]
    >>> y = [9.0, *x[:-1]]
    >>> r = cross_correlation(x, y, 2)
    >>> int(r.lags[r.values.argmax()])
    1

    Source: M. S. Bartlett, Supplement to the Journal of the Royal Statistical Society 8, 1946; G. E. P. Box,
    G. M. Jenkins, Time Series Analysis, 1970.
    """
    chosen = _lags(lags, least=-lags if isinstance(lags, int) else 0)
    first, second = centred(x, "cross_correlation: x"), centred(y, "cross_correlation: y")
    same_lengths("cross_correlation: x and y", first, second)
    found, pairs = _pooled(first, second, chosen)
    return Correlations(chosen, found, _bound(level, _bartlett(first, second, level), pairs), level)


def partial_autocorrelation(values: Records, lags: int, level: float = 0.95) -> Correlations:
    """How x(t) goes with x(t - k) once the steps between them are accounted for, by least squares.

    An autoregression of order p is outside the bound z / sqrt(n) up to lag p, and within it beyond: so many output
    delays describe the signal.

    values   (T,), or a list of records, which are pooled; steps with a gap in the `lags` before are left out
    lags     the largest lag
    level    of the bound

    returns  `Correlations` at 1..lags
    raises   ValueError if the signal never changes, or if no record is long enough
    cost     time O(T lags^2), memory O(lags^2)

    >>> import numpy as np
    >>> from throughtime.dynamics.correlation import partial_autocorrelation
    >>> halving = np.random.default_rng(0).normal(size=500)
    >>> for t in range(1, 500):
    ...     halving[t] += 0.5 * halving[t - 1]
    >>> partial_autocorrelation(halving, 5).outside
    (1,)
    """
    triangle, rows = regression(centred(values, "partial_autocorrelation"), lags)
    last, left = triangle[:, -1], unexplained(triangle)
    some = left[:-1] > NOTHING * left[0]
    found = np.sign(np.diag(triangle))[:-1] * last[:-1] / np.sqrt(np.where(some, left[:-1], 1.0))
    pairs = np.full(lags, float(rows))
    return Correlations(np.arange(1, lags + 1), np.where(some, found, 0.0), _bound(level, 1.0, pairs), level)


def _deviations(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level}")
    from scipy.special import ndtri  # the normal distribution's quantiles; here, as scipy takes long to import

    return float(ndtri((1 + level) / 2))


def _bound(level: float, factor: float, pairs: Values) -> Values:
    return np.asarray(_deviations(level) * np.sqrt(factor / np.where(pairs > 0, pairs, np.nan)))


def _lags(lags: int | Sequence[int], least: int) -> NDArray[np.int64]:
    """The lags asked for; a number n means least..n."""
    chosen = np.arange(least, lags + 1) if isinstance(lags, int) else np.asarray(lags, dtype=np.int64)
    if chosen.ndim != 1 or not chosen.size:
        raise ValueError(f"lags must be a number of at least 1, or some numbers, not {lags!r}")
    return chosen


def _pooled(first: Sequence[Values], second: Sequence[Values], lags: NDArray[np.int64]) -> tuple[Values, Values]:
    """The correlations at these lags over all records, and the number of pairs behind each."""
    sums = np.zeros((4, len(lags)))
    for x, y in zip(first, second, strict=True):
        a, b, c, d = np.nan_to_num(x), np.nan_to_num(y), 1.0 - np.isnan(x), 1.0 - np.isnan(y)
        within = np.abs(lags) < len(x)
        places = lags[within] + len(x) - 1
        for total, (later, earlier) in zip(sums, ((b, a), (d, a**2), (b**2, c), (d, c)), strict=True):
            total[within] += _correlate(later, earlier)[places]
    pairs = np.round(sums[3])
    some = (pairs > 0) & (sums[1:3] > NOTHING * sums[1:3].max(axis=1, keepdims=True)).all(axis=0)
    power = np.where(some, sums[1] * sums[2], 1.0)
    return np.where(some, sums[0] / np.sqrt(power), np.nan), pairs


def _correlate(later: Values, earlier: Values) -> Values:
    """sum over t of later(t + lag) earlier(t), the lowest lag first; scipy.signal, which has it, takes long to import."""
    lags = len(later) + len(earlier) - 1
    if lags <= DIRECT:
        return np.correlate(later, earlier, "full")
    size = 1 << (lags - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(later, size) * np.fft.rfft(earlier[::-1], size), size)[:lags]


def _bartlett(first: Sequence[Values], second: Sequence[Values], level: float) -> float:
    """The factor by which the variance of a cross-correlation exceeds that of white signals."""
    lags = np.arange(1, max(1, max(map(len, first)) // 4) + 1)
    product = np.ones(len(lags))
    for signal in (first, second):
        found, pairs = _pooled(signal, signal, lags)
        product *= np.where(np.abs(found) > _bound(level, 1.0, pairs), found, 0.0)
    return float(max(1.0, 1.0 + 2.0 * product.sum()))


def regression(records: Sequence[Values], order: int) -> tuple[Values, int]:
    """The triangle R of QR = [x(t-1), ..., x(t-order), x(t)] over all t where these are known, and their number."""
    triangle: Values = np.zeros((0, order + 1))
    rows = 0
    past_first = [*range(order - 1, -1, -1), order]
    for record in records:
        if len(record) > order:
            windows = np.lib.stride_tricks.sliding_window_view(record, order + 1)
            for begin in range(0, len(windows), ROWS):
                block = windows[begin : begin + ROWS]
                block = block[np.isfinite(block).all(axis=1)][:, past_first]
                triangle = np.asarray(np.linalg.qr(np.vstack([triangle, block]), mode="r"))
                rows += len(block)
    if rows <= order + 1:
        raise ValueError(
            f"only {rows} steps have {order} known steps before them; look at fewer lags than {order}, or at more data"
        )
    return triangle, rows


def unexplained(triangle: Values) -> Values:
    """(order + 1,): the sum of squares that an autoregression of order 0, 1, ... leaves."""
    return np.asarray(np.cumsum(triangle[::-1, -1] ** 2)[::-1])
