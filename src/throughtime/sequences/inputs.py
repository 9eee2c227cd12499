"""What a network hears: the inputs of a sequence, and its true history, as they are given."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from throughtime.engine.schedule import depths
from throughtime.network import Network
from throughtime.sequences.numbers import TOO_LARGE, Values, numbers_of, refuse_first, too_large

Inputs = dict[str, Values]  # {input: (steps, size)}


def inputs_of(network: Network, x: Any, number: int = 0) -> Inputs:
    """The inputs of sequence `number` as {input: (steps, size)}, checked."""
    names = [name for name, _ in network.inputs]
    if not isinstance(x, Mapping):
        if len(names) > 1:
            raise ValueError(f"sequence {number}: the network has inputs {', '.join(names)}; give a dict of arrays")
        x = {names[0]: x}
    if set(x) != set(names):
        raise ValueError(f"sequence {number}: inputs are {', '.join(map(str, x))}; the network has {', '.join(names)}")
    checked = {name: _input(f"sequence {number}, input {name!r}", x[name], size) for name, size in network.inputs}
    steps = {name: len(values) for name, values in checked.items()}
    if len(set(steps.values())) > 1:
        raise ValueError(f"sequence {number}: its inputs have different numbers of steps: {steps}")
    return checked


def _input(where: str, given: Any, size: int) -> Values:
    values = numbers_of(where, given)
    if values.ndim != 2:
        raise ValueError(f"{where} has shape {values.shape}; wanted (steps, features), one feature is x[:, None]")
    if values.shape[1] != size:
        raise ValueError(f"{where} has {values.shape[1]} features, but the network takes {size}")
    if not len(values):
        raise ValueError(f"{where} is empty; leave the sequence out")
    refuse_first(where, values, ~np.isfinite(values), "fill the gap, or cut the sequence there")
    refuse_first(where, values, too_large(values), TOO_LARGE)
    return values


def before_of(network: Network, before: Any, number: int = 0) -> Inputs:
    """The true history of sequence `number` as {source: (D, size)}, D the largest delay of that source, checked."""
    deep = {source: depth for source, depth in depths(network).items() if depth}
    if not isinstance(before, Mapping):
        raise ValueError(f"history of sequence {number} must be {{source: (rows, size)}}, not {type(before).__name__}")
    made = {}
    for source, given in before.items():
        where = f"history of sequence {number}, source {source!r}"
        if source not in deep:
            raise ValueError(f"{where}: nothing hears its past; with a delay are heard {', '.join(deep) or 'none'}")
        values = numbers_of(where, given)
        if values.ndim != 2 or values.shape[1] != network.size_of(source) or len(values) < deep[source]:
            wanted = (deep[source], network.size_of(source))
            raise ValueError(f"{where} has shape {values.shape}; wanted {wanted}, or more rows: the last ones count")
        refuse_first(where, values, ~np.isfinite(values), "begin the sequence later, or fill the gap")
        refuse_first(where, values, too_large(values), TOO_LARGE)
        layer = network.by_name.get(source)
        if layer is not None and layer.start == "learned":
            raise ValueError(f"{where}: the layer has start='learned', which a given history leaves nothing to learn")
        made[source] = values[len(values) - deep[source] :]
    return made


def steps_of(x: Inputs) -> int:
    """The number of steps of checked inputs."""
    return len(next(iter(x.values())))
