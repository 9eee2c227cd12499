"""The linear model that a network must beat: ARX, by least squares; FIR without output delays."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from throughtime.checks import is_whole
from throughtime.models.columns import columns_of, standardise
from throughtime.network import Network
from throughtime.rounding import unvarying

Values = NDArray[np.float64]
ORDER = 4
MOST_DELAYS = 1_000_000  # of the command line, and of a linear model in a file
Pair = tuple[Values, Values]  # u (T, I), y (T, O) of one record


@dataclass(frozen=True)
class Linear:
    """y(t) = c + sum of coefficients times u(t-d) and y(t-d).

    coefficients  (inputs times input delays + outputs times output delays + 1, outputs)
    mean          (outputs,) of y where it was fitted: stands before the first step
    """

    input_delays: tuple[int, ...]
    output_delays: tuple[int, ...]
    coefficients: Values
    mean: Values

    @classmethod
    def fit(cls, records: Sequence[Pair], input_delays: tuple[int, ...], output_delays: tuple[int, ...]) -> Self:
        """Least squares over all steps with a full past and without gaps, of all records; ValueError if there are none."""
        rows, wanted, past = [], [], max((*input_delays, *output_delays, 0))
        for u, y in records:
            made = _rows(u, y, input_delays, output_delays)
            usable = np.isfinite(made).all(axis=1) & np.isfinite(y).all(axis=1) & (np.arange(len(y)) >= past)
            rows.append(made[usable])
            wanted.append(y[usable])
        if not sum(map(len, wanted)):
            raise ValueError(
                f"no step has its whole past of {past} steps measured, so a linear model with these delays cannot be "
                "fitted; take smaller output delays"
            )
        mean = np.array(
            [c.mean for c in columns_of(np.concatenate([y for _, y in records]), range(wanted[0].shape[1]))]
        )
        return cls(input_delays, output_delays, least_squares(np.concatenate(rows), np.concatenate(wanted)), mean)

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold, as for `Model.settings`."""
        return {name: np.asarray(value).tolist() for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, plain: Any, inputs: int, outputs: int) -> Self:
        """What `to_dict` wrote, of a model with so many inputs and outputs; ValueError for what it cannot have written."""
        made = cls._read(plain) if isinstance(plain, Mapping) else None
        if made is None or not made._fits(inputs, outputs):
            raise ValueError("the linear model in the settings of this model does not fit it; fit it again")
        return made

    @classmethod
    def _read(cls, plain: Mapping[str, Any]) -> Self | None:
        try:
            heard, fed = (tuple(plain[side]) for side in ("input_delays", "output_delays"))
            return cls(heard, fed, np.array(plain["coefficients"], float), np.array(plain["mean"], float))
        except (LookupError, TypeError, ValueError, OverflowError):
            return None

    def _fits(self, inputs: int, outputs: int) -> bool:
        heard, fed = self.input_delays, self.output_delays
        rows = len(heard) * inputs + len(fed) * outputs + 1
        known = all(is_whole(d, 0, MOST_DELAYS) for d in heard) and all(is_whole(d, 1, MOST_DELAYS) for d in fed)
        shaped = self.mean.shape == (outputs,) and self.coefficients.shape == (rows, outputs)
        return known and shaped and bool(np.isfinite(self.mean).all() and np.isfinite(self.coefficients).all())

    def one_step(self, u: Values, y: Values) -> Values:
        """Predictions (T, O) with measured outputs in the past (NaN where one is missing)."""
        return np.asarray(_rows(u, y, self.input_delays, self.output_delays) @ self.coefficients)

    def free_run(self, u: Values, y: Values | None = None) -> Values:
        """Predictions (T, O) with its own outputs in the past, but where `y` (T, O) is a number: that takes their place."""
        depth, outputs = max((*self.output_delays, 0)), self.coefficients.shape[1]
        past = np.tile(self.mean, (depth + len(u), 1))
        given = _rows(u, np.zeros((len(u), 0)), self.input_delays, ())[:, :-1]
        made = np.zeros((len(u), outputs))
        with np.errstate(all="ignore"):  # an unstable model may explode
            for t, row in enumerate(given):
                own = [past[depth + t - d] for d in self.output_delays]
                made[t] = np.concatenate([row, *own, [1.0]]) @ self.coefficients
                past[depth + t] = made[t] if y is None else np.where(np.isnan(y[t]), made[t], y[t])
        return made

    def ahead(self, u: Values, y: Values, steps: int) -> Values:
        """Predictions (T, O) from outputs measured up to `steps` before each row; its own where one is missing, as in `free_run`.

        P_j(t), j steps ahead, hears P_(j-d)(t-d) for its delays d below j and what was measured for the others.
        """
        heard = np.where(np.isnan(y), self.free_run(u, y), y) if np.isnan(y).any() else y
        given = _rows(u, np.zeros((len(u), 0)), self.input_delays, ())[:, :-1]
        made = deque[Values](maxlen=max((*self.output_delays, 1)))
        with np.errstate(all="ignore"):
            for j in range(1, min(steps, len(u)) + 1):
                past = [(made[-d] if d < j else heard, d) for d in self.output_delays]
                own = [np.concatenate([np.tile(self.mean, (d, 1)), values])[: len(u)] for values, d in past]
                made.append(np.concatenate([given, *own, np.ones((len(u), 1))], axis=1) @ self.coefficients)
        return made[-1]

    @property
    def pole(self) -> float:
        """The size of its largest pole: below 1 a free run settles, above it grows without end; 0 without output delays."""
        outputs, depth = self.coefficients.shape[1], max((*self.output_delays, 0))
        if not depth:
            return 0.0
        companion = np.eye(outputs * depth, k=-outputs)
        first = len(self.coefficients) - 1 - outputs * len(self.output_delays)
        for place, delay in enumerate(self.output_delays):
            rows = slice(first + place * outputs, first + (place + 1) * outputs)
            companion[:outputs, (delay - 1) * outputs : delay * outputs] = self.coefficients[rows].T
        return float(np.abs(np.linalg.eigvals(companion)).max())

    def equations(self, inputs: Sequence[str], outputs: Sequence[str]) -> list[str]:
        """An equation for each output, in the units of the columns.

        >>> Linear((0,), (1,), np.array([[0.5], [0.25], [-3.0]]), np.zeros(1)).equations(["u"], ["y"])
        ['y(t) = -3 + 0.5 u(t) + 0.25 y(t-1)']
        """
        heard = [(name, d) for d in self.input_delays for name in inputs]
        heard += [(name, d) for d in self.output_delays for name in outputs]
        terms = [f"{name}(t{-d if d else ''})" for name, d in heard]
        made = []
        for name, (*own, constant) in zip(outputs, self.coefficients.T.tolist(), strict=True):
            rest = (f" {'-' if c < 0 else '+'} {abs(c):.4g} {term}" for c, term in zip(own, terms, strict=True))
            made.append(f"{name}(t) = {constant:.4g}{''.join(rest)}")
        return made


def taps_of(network: Network) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The delays with which a linear rival of a network hears inputs and outputs: those of the network.

    A network that does not hear its outputs remembers otherwise; its rival hears the last `ORDER` outputs and inputs too.
    """
    inputs, outputs = set[int](), set[int]()
    for layer in network.layers:
        for c in layer.connections:
            if c.source == network.feedback:
                outputs |= set(c.delays)
            elif c.source in dict(network.inputs):
                inputs |= set(c.delays)
    if not outputs:
        inputs, outputs = inputs | set(range(ORDER + 1)), set(range(1, ORDER + 1))
    return tuple(sorted(inputs)), tuple(sorted(outputs))


def least_squares(heard: Values, wanted: Values) -> Values:
    """The coefficients, those of the constant last; what is heard and wanted is scaled, so that no unit drowns another."""
    (x, x_mean, x_scale), (y, y_mean, y_scale) = _scaled(heard[:, :-1]), _scaled(wanted)
    found = np.linalg.lstsq(x, y, rcond=None)[0] * y_scale / x_scale[:, None]
    return np.vstack([found, y_mean - x_mean @ found])


def _scaled(values: Values) -> tuple[Values, Values, Values]:
    """With mean 0 and deviation 1, and these two; what does not vary becomes 0."""
    columns = columns_of(values, range(values.shape[1]))
    made = np.where(unvarying(values), 0.0, standardise(values, columns))
    return made, np.array([c.mean for c in columns]), np.array([c.scale for c in columns])


def _rows(u: Values, y: Values, input_delays: tuple[int, ...], output_delays: tuple[int, ...]) -> Values:
    columns = [delayed(u, d) for d in input_delays] + [delayed(y, d) for d in output_delays]
    return np.concatenate([*columns, np.ones((len(u), 1))], axis=1)


def delayed(values: Values, delay: int) -> Values:
    shown = values[: max(len(values) - delay, 0)]
    before = np.repeat(values[:1], len(values) - len(shown), axis=0)  # before the record stands its first row
    return np.concatenate([before, shown])
