"""Two ways to follow a network from a given start: in rational numbers, and in floating point that knows its limits.

Both read the same wiring and the same weights. Floating point is the library's own engine. Rational numbers are
Python's fractions, with only the units that are not silent at work: a step costs as many operations as there are
weights out of active units.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import jax
import numpy as np

from throughtime.engine import Weights, start, step
from throughtime.engine.schedule import depths, present_order
from throughtime.network import Layer, Network
from throughtime.turing.equations import Label, Wired
from throughtime.units import saturated_linear

try:
    from jax import enable_x64
except ImportError:  # JAX before 0.8
    from jax.experimental import enable_x64  # type: ignore[attr-defined, no-redef]

Number = int | Fraction
Sparse = dict[int, Number]  # the activities that are not 0, by unit
Moment = dict[str, Sparse]  # those of every source at one time step
MANTISSA = 53  # bits of a float64


class PrecisionUsedUp(ValueError):
    """Floating point has no bits left for the next step."""


@dataclass(frozen=True)
class _Sums:
    """The net inputs of one layer.

    bias   of each unit
    rest   the activities of the units that nothing reaches, where they are not 0
    heard  for each (source, delay) the weights (target, weight) out of every source unit
    """

    name: str
    bias: list[Number]
    rest: Sparse
    heard: list[tuple[str, int, list[list[tuple[int, Number]]]]]

    def activities(self, moments: list[Moment]) -> Sparse:
        """a = min(1, max(0, net)), from the activities of this step (first) and of the steps before."""
        net: Sparse = {}
        for source, delay, rows in self.heard:
            for unit, activity in moments[delay][source].items():
                for target, weight in rows[unit]:
                    net[target] = net.get(target, self.bias[target]) + weight * activity
        return {unit: value for unit, value in self.rest.items() if unit not in net} | _saturated(net)


def _saturated(net: Sparse) -> Sparse:
    return {unit: value if value < 1 else 1 for unit, value in net.items() if value > 0}


def rational(network: Network, weights: Weights, past: Moment, xs: Iterable[Moment] | None = None) -> Iterator[Moment]:
    """The activities of every input and layer, step after step, in rational numbers: exact, and of any length.

    network  layers of saturated-linear units with dense connections
    weights  its weights; every floating-point number is a binary fraction and is taken as such
    past     the activities before the first step, for all steps before it; what is not named is 0
    xs       the inputs of each step; None: none, for ever
    """
    sums = [_sums(layer, weights) for layer in present_order(network)]
    silent: Moment = {name: {} for name in network.sizes}
    moments = [silent | past] * max(depths(network).values())
    for x in iter(lambda: silent, None) if xs is None else xs:
        moments.insert(0, silent | x)
        for layer in sums:
            moments[0][layer.name] = layer.activities(moments)
        yield moments[0]
        moments.pop()


def _sums(layer: Layer, weights: Weights) -> _Sums:
    if layer.unit != saturated_linear or any(c.weight != "dense" for c in layer.connections):
        raise ValueError(f"layer {layer.name!r} is not one of saturated-linear units with dense connections")
    own, heard = weights[layer.name], []
    for connection in layer.connections:
        values = np.asarray(own[connection.key], float)[:, :, 0, :]
        for delay, matrix in zip(connection.delays, values, strict=True):
            rows = [[(int(n), _number(row[n])) for n in np.flatnonzero(row)] for row in matrix]
            heard.append((connection.source, delay, rows))
    bias = [_number(value) for value in np.asarray(own["bias"], float)[0]]
    return _Sums(layer.name, bias, _saturated(dict(enumerate(bias))), heard)


def _number(value: float) -> Number:
    return int(value) if float(value).is_integer() else Fraction(float(value))


def follow(wired: Wired, first: Mapping[Label, Fraction], exact: bool, grain: int) -> Iterator[dict[Label, Number]]:
    """The activities that are not 0, by their labels, step after step from the activities `first`.

    exact   True: rational numbers, of all units; False: float64, of the output layer
    grain   bits behind the binary point up to which float64 computes the next step without rounding
    raises  PrecisionUsedUp at the first step after which float64 could round; up to there it is exact
    """
    if exact:
        past = {name: _sparse(own, first) for name, own in wired.units.items()}
        for moment in rational(wired.network, wired.weights, past):
            yield {own[unit]: moment[name][unit] for name, own in wired.units.items() for unit in moment[name]}
        return
    labels = wired.units[wired.network.output]
    _check(0, first, grain)
    for count, row in enumerate(_rounded(wired, first), 1):
        seen = {label: _number(value) for label, value in zip(labels, row, strict=True) if value}
        _check(count, seen, grain)
        yield seen


def _sparse(labels: tuple[Label, ...], values: Mapping[Label, Fraction]) -> Sparse:
    return {unit: values[label] for unit, label in enumerate(labels) if values.get(label)}


def _rounded(wired: Wired, first: Mapping[Label, Fraction]) -> Iterator[Any]:
    weights = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), wired.weights)
    quiet: Any = {name: np.zeros((1, size)) for name, size in wired.network.inputs}
    with enable_x64(True):
        past = history(wired, first, weights)
    while True:
        with enable_x64(True):
            y, past = step(wired.network, weights, past, quiet)
        yield np.asarray(y)[0]


def history(wired: Wired, first: Mapping[Label, Fraction], weights: Weights | None = None) -> Any:
    """The history that holds the activities `first`, for `throughtime.run` and `step`, in the weights' type.

    raises  PrecisionUsedUp if that type cannot hold them
    """
    made = start(wired.network, wired.weights if weights is None else weights, 1)
    rows = {}
    for name, before in made["a"].items():
        values = [first.get(label, Fraction(0)) for label in wired.units[name]]
        row = np.asarray([float(value) for value in values], before.dtype)
        if any(Fraction(float(held)) != value for held, value in zip(row, values, strict=True)):
            raise PrecisionUsedUp(
                f"{before.dtype} cannot hold this start in layer {name!r}; use exact=True, or float64"
            )
        rows[name] = before.at[:, 0].set(row)
    return {**made, "a": rows}


def _check(count: int, seen: Mapping[Label, Number], grain: int) -> None:
    for label, value in seen.items():
        bits = Fraction(value).denominator.bit_length() - 1
        if bits > grain:
            raise PrecisionUsedUp(
                f"step {count}: unit {' '.join(map(str, label))} needs {bits} bits; float64 computes exactly up to "
                f"{grain}; run with exact=True, which has no limit"
            )
