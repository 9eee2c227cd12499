"""Delays that are tried: cheap models of more and of fewer of them run free over blocks of time that they have not heard.

    y^(t) = c + W^T x(t) + V^T tanh(b + R^T x(t)),      x(t) = (u(t-d), ...; y^(t-d), ...), from what was measured before a block

V = 0 is the linear model. W, c and V are those of least squares on all other rows; b and R are drawn at random and stay, so that
a pair of delays costs one solution of linear equations. A pair is judged by the better of the two: what is nearly linear needs
no hidden units, and what is not may need delays of which the linear model makes nothing.

Source of hidden units that stay as they are drawn: G.-B. Huang, Q.-Y. Zhu, C.-K. Siew, Neurocomputing 70, 2006.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from throughtime.dynamics.holding import held_out
from throughtime.dynamics.linear import delayed
from throughtime.dynamics.preparing import filled
from throughtime.dynamics.records import Record

Values = NDArray[np.float64]
Pair = tuple[tuple[int, ...], tuple[int, ...]]
FOLDS = 4
STEPS = 1000  # of a block that are run over, at most
UNITS, RIDGE, SEEDS = 20, 1e-4, (0, 1, 2)  # of the random units
WORSE = 1.05  # times the least error: so good are fewer delays
MOST = 10  # of each side, that are proposed
BLIND = 0.3  # deviations: a small model that misses by more says nothing of what a network needs
SIZES = (1, 2, 3, 4, 6, 8, 10)  # how many delays are tried; then half as many again from one to the next


class Units(NamedTuple):
    """Hidden units: weights (width, units) and biases."""

    weights: Values
    biases: Values


class Tried(NamedTuple):
    """A pair of delays, and the error in free run over blocks held out in turn, in deviations of the outputs."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    error: float

    @property
    def size(self) -> int:
        """How many delays there are."""
        return len(self.inputs) + len(self.outputs)


class DelaySearch(NamedTuple):
    """What was tried, the best first; which of it is proposed; what the criterion would take of all up to `looked`."""

    tried: tuple[Tried, ...]
    chosen: Tried
    wanted: Pair
    looked: int


def searched(records: Sequence[Record], firsts: Sequence[int], lags: int) -> DelaySearch | None:
    """Pairs of delays up to `lags`, fewer where rows are few, the inputs' from one of the firsts on; None if rows are too few.

    As many as the linear model needs one step ahead by the Bayesian information criterion, n log det(S) + p log n, S the
    covariance of n residuals, p the number of coefficients; at most `MOST` of each. Of fewer the fewest that miss in free run by
    about as little as the best, unless all of these miss by so much that they cannot tell.
    """
    blocks = Blocks(records, lags)
    while blocks.few and blocks.most > 1:
        blocks = Blocks(records, blocks.most // 2)
    if blocks.few:
        return None
    judged = {pair: blocks.criterion(*pair) for pair in _pairs(firsts, blocks.most)}
    within = [pair for pair in judged if max(len(side) for side in pair) <= MOST]
    wanted, bound = min(judged, key=judged.__getitem__), min(within, key=judged.__getitem__)
    fewer = [pair for pair in judged if all(set(own) <= set(side) for own, side in zip(pair, bound, strict=True))]
    tried = sorted((blocks.tried(*pair) for pair in fewer), key=lambda one: (one.error, one.size))
    known = tried[0].error <= BLIND
    chosen = fewest(tried) if known else next(one for one in tried if (one.inputs, one.outputs) == bound)
    return DelaySearch(tuple(tried), chosen, wanted, blocks.most)


def _pairs(firsts: Sequence[int], most: int) -> Iterator[Pair]:
    for first, count, back in product(firsts, _sizes(most), (0, *_sizes(most))):
        if first + count <= most + 1:
            yield tuple(range(first, first + count)), tuple(range(1, back + 1))


def fewest(tried: Sequence[Tried]) -> Tried:
    """The fewest delays whose error is about that of the best, which comes first."""
    return min((t for t in tried if t.error <= WORSE * tried[0].error), key=lambda t: (t.size, t.error))


def _sizes(most: int) -> list[int]:
    made = list(SIZES)
    while made[-1] < most:
        made.append(made[-1] * 3 // 2)
    return [*(size for size in made if size < most), most]


@dataclass(frozen=True, eq=False)
class Blocks:
    """Records of signals of mean 0 and deviation 1, in blocks that are held out in turn; most: the largest delay of all."""

    records: Sequence[Record]
    most: int

    def tried(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Tried:
        """A pair of delays, judged."""
        bent = np.median([self.error(inputs, outputs, seed) for seed in SEEDS])
        return Tried(inputs, outputs, min(self.error(inputs, outputs), float(bent)))

    def error(self, inputs: tuple[int, ...], outputs: tuple[int, ...], seed: int | None = None) -> float:
        """Of the linear model, or of the one with random units of that seed."""
        chosen = self._chosen(inputs, outputs)
        units = None if seed is None else random_units(len(chosen), seed)
        known, squares = 0, 0.0
        free = self._free(chosen, inputs, outputs, units)
        for (number, _, rows), ys in zip(self._spans, free, strict=True):
            left = ys[: rows.stop - rows.start] - self.records[number].y[rows]
            known += int((~np.isnan(self.records[number].y[rows])).sum())
            squares += float(np.nansum(left**2)) if np.isfinite(ys).all() else np.inf
        return float(np.sqrt(squares / known))

    def criterion(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> float:
        """The Bayesian information criterion of the linear model, one step ahead over all rows."""
        places, count = [*self._chosen(inputs, outputs), -self.records[0].y.shape[1] - 1], self.records[0].y.shape[1]
        rows, triangle = self._whole
        left = triangle[:, -count:]
        left = left - triangle[:, places] @ np.linalg.lstsq(triangle[:, places], left, rcond=None)[0]
        _, size = np.linalg.slogdet(left.T @ left / rows + 1e-300 * np.eye(count))
        return float(rows * size + len(places) * count * np.log(rows))

    @cached_property
    def _whole(self) -> tuple[int, Values]:
        """How many rows are known with all that they hear, and R of them."""
        rows = np.concatenate(
            [table[self.most :][np.isfinite(table[self.most :]).all(axis=1)] for table in self._tables]
        )
        return len(rows), _triangle(rows)

    def _chosen(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> list[int]:
        """The columns of the table that these delays are."""
        width, count = self.records[0].u.shape[1], self.records[0].y.shape[1]
        heard = [d * width + i for d in inputs for i in range(width)]
        return heard + [(self.most + 1) * width + (d - 1) * count + o for d in outputs for o in range(count)]

    @cached_property
    def _masks(self) -> list[NDArray[np.bool_]]:
        return held_out(self.records, self.most, FOLDS, 0.0)

    @cached_property
    def _spans(self) -> list[tuple[int, int, slice]]:
        """(record, fold, rows) of each block."""
        made = []
        for number, masks in enumerate(self._masks):
            for fold, mask in enumerate(masks):
                rows = np.flatnonzero(mask)
                if len(rows):
                    made.append((number, fold, slice(int(rows[0]), min(int(rows[-1]) + 1, int(rows[0]) + STEPS))))
        return made

    @cached_property
    def _tables(self) -> list[Values]:
        """Of each record (T, columns): the inputs with delays 0 to most, the outputs with 1 to most, a constant, the outputs."""
        made = []
        for record in self.records:
            heard = [delayed(record.u, d) for d in range(self.most + 1)]
            fed = [delayed(record.y, d) for d in range(1, self.most + 1)]
            made.append(np.concatenate([*heard, *fed, np.ones((len(record), 1)), record.y], axis=1))
        return made

    @property
    def few(self) -> bool:
        """True if some fold leaves too few rows, of which all is measured, to learn so many delays from."""
        if sum(max(len(record) - self.most, 0) for record in self.records) < 2 * FOLDS:
            return True
        return any(len(rows) < 2 * rows.shape[1] for rows in self._heard)

    @cached_property
    def _heard(self) -> list[Values]:
        """The rows that each fold does not hold out, nor what they hear, where all of it is measured."""
        made = []
        for fold in range(FOLDS):
            rows = [
                table[np.isfinite(table).all(axis=1) & ~_reached(masks[fold], self.most)]
                for table, masks in zip(self._tables, self._masks, strict=True)
            ]
            made.append(np.concatenate(rows))
        return made

    @cached_property
    def _triangles(self) -> list[Values]:
        return [_triangle(rows) for rows in self._heard]

    def _found(self, chosen: list[int], units: Units | None) -> list[Values]:
        """Of each fold what turns features into outputs."""
        count = self.records[0].y.shape[1]
        if units is None:
            places = [*chosen, -count - 1]  # of the constant
            return [np.asarray(np.linalg.lstsq(r[:, places], r[:, -count:], rcond=None)[0]) for r in self._triangles]
        made: list[Values] = []
        for rows in self._heard:
            heard = features(rows[:, chosen], units)
            ridge = len(rows) * np.repeat([1e-9, RIDGE], [len(chosen) + 1, UNITS])
            made.append(
                np.asarray(np.linalg.solve(heard.T @ heard + np.diag(ridge), heard.T @ rows[:, -count:]), float)
            )
        return made

    def _free(
        self, chosen: list[int], inputs: tuple[int, ...], outputs: tuple[int, ...], units: Units | None
    ) -> Values:
        """(spans, steps, O): the free run over every block, padded to the longest."""
        found, count = self._found(chosen, units), self.records[0].y.shape[1]
        heard = len(inputs) * self.records[0].u.shape[1]
        steps, deep = max(rows.stop - rows.start for *_, rows in self._spans), max(outputs, default=0)
        given, past = np.zeros((len(self._spans), steps, heard)), np.zeros((len(self._spans), deep + steps, count))
        for place, (number, _, rows) in enumerate(self._spans):
            given[place, : rows.stop - rows.start] = self._tables[number][rows][:, chosen[:heard]]
            past[place, :deep] = filled(self.records[number].y[: rows.start])[rows.start - deep :]
        turned = np.stack([found[fold] for _, fold, _ in self._spans])
        with np.errstate(all="ignore"):  # an unstable model may explode
            for t in range(steps):
                own = past[:, [deep + t - d for d in outputs]].reshape(len(past), -1)
                x = features(np.concatenate([given[:, t], own], axis=1), units)
                past[:, deep + t] = (x[:, None] @ turned)[:, 0]
        return past[:, deep:]


def _triangle(rows: Values) -> Values:
    """R of their QR decomposition."""
    return np.asarray(np.linalg.qr(rows, mode="r"))


def random_units(width: int, seed: int) -> Units:
    """What hidden units make of so many numbers: weights and biases that are drawn, and stay."""
    random = np.random.default_rng(seed)
    limit = (3 / max(width, 1)) ** 0.5
    return Units(random.uniform(-limit, limit, (width, UNITS)), random.uniform(-1, 1, UNITS))


def features(x: Values, units: Units | None) -> Values:
    """(..., width) with a one and what the units make of it."""
    hidden = [] if units is None else [np.tanh(x @ units.weights + units.biases)]
    return np.concatenate([x, np.ones((*x.shape[:-1], 1)), *hidden], axis=-1)


def _reached(mask: NDArray[np.bool_], most: int) -> NDArray[np.bool_]:
    """The steps that hear what is held out, or what was before the record."""
    recent = np.cumsum(np.concatenate([np.ones(most, bool), mask]))
    return recent[most:] > np.concatenate([np.zeros(1, int), recent])[: len(mask)]
