"""Networks written as equations: one line per unit, made into an ordinary wiring with its weights.

A unit is known by a label, a tuple that begins with the name of its layer. Its equation says what its net input is:
{label of a source unit: weight, BIAS: bias}. Layers hear each other one step later, inputs and the output layer's
sources at once:

    net(t) = bias + sum of weight * a_source(t - 1)        a(t) = min(1, max(0, net(t)))
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import jax.numpy as jnp
import numpy as np

from throughtime.engine import Weights
from throughtime.network import Connection, Layer, Network
from throughtime.units import saturated_linear

Label = tuple[Hashable, ...]
Terms = Mapping[Label, float]
BIAS: Label = ("bias",)
OFF: Terms = {BIAS: -1.0}  # added to a net input of at most 1, it silences the unit unless a 1 outweighs it


@dataclass(frozen=True)
class Wired:
    """A network, its weights, and the labels of the units of every input and layer, in their order."""

    network: Network
    weights: Weights = field(repr=False)
    units: dict[str, tuple[Label, ...]] = field(repr=False)


class Compiled:
    """What a machine became: everything else about it is read from `wired`."""

    wired: Wired

    @property
    def network(self) -> Network:
        """The wiring."""
        return self.wired.network

    @property
    def weights(self) -> Weights:
        """Its weights, binary fractions."""
        return self.wired.weights


def total(*parts: tuple[float, Terms]) -> dict[Label, float]:
    """The sum of factor * terms over all parts."""
    made: dict[Label, float] = {}
    for factor, terms in parts:
        for label, weight in terms.items():
            made[label] = made.get(label, 0.0) + factor * weight
    return made


def wire(
    equations: Mapping[Label, Terms], output: str, inputs: Iterable[Label] = (), first: Iterable[Label] = ()
) -> Wired:
    """The network of these equations; `first`: units that are 1 before the first step, their layers' learned a(0)."""
    given, units = _grouped(inputs), _grouped(equations)
    begun, made, weights = set(first), [], {}
    for name, labels in units.items():
        heard = {source: _matrix(equations, labels, own) for source, own in (given | units).items()}
        heard = {source: matrix for source, matrix in heard.items() if matrix.any()}
        values = {source: jnp.asarray(matrix[None, :, None, :]) for source, matrix in heard.items()}
        values["bias"] = jnp.asarray(_matrix(equations, labels, (BIAS,)))
        learned = any(label in begun for label in labels)
        if learned:
            values["start"] = {"activity": jnp.asarray([[float(label in begun) for label in labels]])}  # type: ignore[assignment]
        at_once = {source: int(source not in given and name != output) for source in heard}
        connections = tuple(Connection(source, (delay,)) for source, delay in at_once.items())
        start: Literal["zero", "learned"] = "learned" if learned else "zero"
        made.append(Layer(name, len(labels), saturated_linear, connections, start=start))
        weights[name] = values
    sizes = tuple((name, len(labels)) for name, labels in given.items())
    return Wired(Network(sizes or 0, tuple(made), output), weights, given | units)


def _grouped(labels: Iterable[Label]) -> dict[str, tuple[Label, ...]]:
    """The labels by their layers."""
    made: dict[str, tuple[Label, ...]] = {}
    for label in labels:
        name = str(label[0])
        made[name] = (*made.get(name, ()), label)
    return made


def _matrix(equations: Mapping[Label, Terms], labels: tuple[Label, ...], sources: tuple[Label, ...]) -> np.ndarray:
    """(S, N): the weights from those sources to those units."""
    place = {source: index for index, source in enumerate(sources)}
    made = np.zeros((len(sources), len(labels)))
    for column, label in enumerate(labels):
        for source, weight in equations[label].items():
            if source in place:
                made[place[source], column] = weight
    return made
