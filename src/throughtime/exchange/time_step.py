"""What every export starts from: the layers in the order of one time step, the numbers that act, and what is remembered.

heard(t) = the activities a connection carries, now (delay 0) and from the history
net, a   = layer by layer, as in `network`
history  = its oldest row dropped, a(t) put in as the newest
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import jax
import numpy as np
from numpy.typing import NDArray

from throughtime.engine import start
from throughtime.engine.door import own_order
from throughtime.engine.effective import effective
from throughtime.engine.first import check
from throughtime.engine.forward import kind
from throughtime.engine.schedule import depths, present_order
from throughtime.models.columns import Column, limits
from throughtime.models.ensemble import input_columns, output_columns
from throughtime.models.hearing import driven
from throughtime.models.model import Model
from throughtime.network import Connection, Layer, Network
from throughtime.units import UNITS

Values = NDArray[Any]


@dataclass(frozen=True, eq=False)
class HistoryPart:
    """One part of the history: the last activities of a source, or the memory of a layer.

    name    stable and fit for a program: "history_output", "memory_hidden"
    kind    "a" or "memory", its place in the engine's history
    source  the input or layer
    start   before the first step: activities (D, S), the oldest row first; memories (N,); with members (K, ...)
    """

    name: str
    kind: Literal["a", "memory"]
    source: str
    start: Values


@dataclass(frozen=True, eq=False)
class TimeStep:
    """One time step of a model.

    network    the wiring
    members    K networks, every array below has a leading axis of them; 0: one network, no such axis
    dtype      numpy's float64 or float32
    layers     in the order in which they are computed
    acting     {layer: {connection: effective weight, "bias": (nets, N)}}
    parts      the history
    inputs     (name, size) of the inputs that are heard, in the order of the columns of u
    u, y       the columns of what goes in and comes out
    """

    network: Network
    members: int
    dtype: Any
    layers: tuple[Layer, ...]
    acting: Mapping[str, Mapping[str, Values]]
    parts: tuple[HistoryPart, ...]
    inputs: tuple[tuple[str, int], ...]
    u: tuple[Column, ...]
    y: tuple[Column, ...]

    def depth(self, source: str) -> int:
        """The largest delay with which a source is heard."""
        return depths(self.network)[source]

    def bias(self, layer: Layer) -> Values | None:
        """(nets, N), or None."""
        return self.acting[layer.name].get("bias")

    def weight(self, layer: Layer, connection: Connection) -> Values | None:
        """Dense (D, S, nets, N) or diagonal (D, nets, N); None for an identity connection."""
        return self.acting[layer.name].get(connection.key)


def time_step_of(model: Model, dtype: Any = None) -> TimeStep:
    """One time step of a model, in that type or that of the weights; a ValueError says why a model cannot be exported."""
    model = replace(model, weights=own_order(model.weights))
    network, dtype = model.network, _type(model, dtype)
    _refuse(network)
    _check_weights(model, dtype)
    for c in (*model.inputs, *model.outputs):
        _check_column(c, dtype)
    acting = _over_members(partial(effective, network), model)(model.weights)
    return TimeStep(
        network,
        model.members,
        dtype,
        present_order(network),
        jax.tree.map(np.asarray, acting),
        _parts(model),
        driven(network),
        input_columns(model),
        output_columns(model),
    )


def _over_members(function: Callable[..., Any], model: Model) -> Callable[..., Any]:
    """The function of one network's weights, for all members of the model at once."""
    return jax.vmap(function, axis_size=model.members) if model.members else function


def _refuse(network: Network) -> None:
    for layer in network.layers:
        if layer.backward:
            raise ValueError(
                f"layer {layer.name!r} runs backward from the end of the sequence, so there is no single time step to "
                "export; use a network without backward layers"
            )
        if UNITS.get(layer.unit.name) != layer.unit:
            raise ValueError(
                f"layer {layer.name!r} has the unit {layer.unit.name!r}, which export cannot write in another language; "
                f"use another network, of the units it knows: {', '.join(UNITS)}"
            )


def _type(model: Model, dtype: Any) -> Any:
    """numpy's float32 or float64, as asked; else that of the weights, of which a network may have none."""
    asked = np.dtype(kind(model.weights) if dtype is None else dtype)
    if dtype is not None and asked not in (np.float32, np.float64):
        raise ValueError(f"dtype={dtype!r}: a network is exported in float32 or float64")
    return np.float64 if asked == np.float64 else np.float32


def _check_column(column: Column, dtype: Any) -> None:
    """Refuse what would be written as infinity, or as nothing to divide by."""
    with np.errstate(over="ignore", under="ignore"):
        mean, scale = dtype(column.mean), dtype(column.scale)
    if not (np.isfinite([mean, scale]).all() and scale):
        wanted = f"a finite mean and a finite scale that is not 0, in {np.dtype(dtype)}"
        raise ValueError(
            f"column {column.name!r} has mean {column.mean} and scale {column.scale}; export needs {wanted}: scale the data"
        )
    low, high = limits([column])
    if not (low <= high and low < np.inf and high > -np.inf):
        raise ValueError(
            f"column {column.name!r} has the limits {column.low} and {column.high}; low must be below high"
        )


def _check_weights(model: Model, dtype: Any) -> None:
    leaves = jax.tree.leaves(model.weights)
    if model.members and any(np.shape(leaf)[:1] != (model.members,) for leaf in leaves):
        raise ValueError(
            f"the model has {model.members} members, but not every weight has a leading axis of that length"
        )
    check(model.network, jax.tree.map(lambda leaf: leaf[0], model.weights) if model.members else model.weights)
    with np.errstate(over="ignore"):
        finite = all(np.isfinite(np.asarray(leaf, dtype)).all() for leaf in leaves)
    if not finite:
        raise ValueError(
            f"the weights are not finite in {np.dtype(dtype)}, so the network says nothing; train it again, more slowly"
        )


def _parts(model: Model) -> tuple[HistoryPart, ...]:
    network, named = model.network, Names()
    history = _over_members(partial(start, network, batch=1), model)(model.weights)
    heard, batch = depths(network), -2
    past = {source: np.asarray(history["a"][source]).squeeze(batch) for source in network.sizes if heard[source]}
    memory = {m.name: np.asarray(history["memory"][m.name])[..., 0, 0, :] for m in network.layers if m.memory}
    return (
        *(HistoryPart(named(f"history_{source}"), "a", source, rows) for source, rows in past.items()),
        *(HistoryPart(named(f"memory_{name}"), "memory", name, values) for name, values in memory.items()),
    )


class Names:
    """Makes words out of names that programs can read, no two the same."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, name: str) -> str:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        made, count = plain, 1
        while made in self._taken:
            count += 1
            made = f"{plain}_{count}"
        self._taken.add(made)
        return made
