"""A trained network with all that is needed to use it on data, and what would make it of no use."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any
from urllib.parse import quote

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from throughtime.checks import is_number, is_text, is_whole
from throughtime.engine import Weights
from throughtime.engine.schedule import depths
from throughtime.models.columns import Column
from throughtime.network import Network, whole_number
from throughtime.network.shapes import shapes
from throughtime.texts import first_few, quantity

MOST_HELD = 20_000_000  # numbers that networks keep from step to step

Values = NDArray[Any]


@dataclass(frozen=True)
class Model:
    """A trained network, with all that is needed to use it on data.

    inputs    a column for each number the network takes, in the order of its inputs
    outputs   a column for each output
    classes   what the outputs stand for, if they are net inputs of a softmax
    washout   steps at the start in which the outputs mean nothing yet
    settings  how it was made; anything JSON can hold
    members   number of networks of this wiring whose mean is the answer: every weight has a leading axis of that length;
              0: one network, no such axis
    """

    network: Network
    weights: Weights
    inputs: tuple[Column, ...] = ()
    outputs: tuple[Column, ...] = ()
    classes: tuple[Any, ...] = ()
    washout: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    members: int = 0

    def __repr__(self) -> str:
        """In one line, without the weights."""
        heard, said = (first_few([column.name for column in own]) for own in (self.inputs, self.outputs))
        named = f"; {heard or 'nothing'} -> {said}" if said else ""
        classes = f"; {quantity(len(self.classes), 'class', 'classes')}" if self.classes else ""
        return f"<Model: {f'{self.members} members of ' * bool(self.members)}{self.network!r}{named}{classes}>"


def check(model: Model, arrays: Mapping[str, Values]) -> None:
    """Refuse, with a ValueError in one line, a model that could not be used.

    model   what a file says of it, its weights aside
    arrays  the weights by their names in a file
    """
    network = model.network
    whole_number(model.members, "the number of members", 0)
    if not is_whole(model.washout, 0):
        raise ValueError(f"the washout must be a number of steps, not {model.washout!r}")
    if not isinstance(model.settings, Mapping):
        raise ValueError(f"the settings must be names with what they are, not {type(model.settings).__name__}")
    _check_held(network, model.members)
    _check_arrays(network, model.members, arrays)
    taken, given = sum(size for _, size in network.inputs), network.size_of(network.output)
    _check_columns(model.inputs, "inputs", {0, taken, taken - given if network.is_open else taken})
    _check_columns(model.outputs, "outputs", {0, given})
    if len(model.classes) not in (0, given):
        raise ValueError(f"there are {len(model.classes)} classes, but the network has {given} outputs")
    for name in model.classes:
        if not isinstance(name, str | int | float):
            raise ValueError(f"a class must be a name or a number, not {name!r}")


def _check_held(network: Network, members: int) -> None:
    """Refuse what no machine could run, before anything is made of that size."""
    heard = {source: max(depths(network)[source], depths(network, True)[source]) for source in network.sizes}
    held = sum(size * (1 + heard[source] + network.lead) for source, size in network.sizes.items())
    held += sum(layer.size * layer.memory for layer in network.layers)
    if held * max(members, 1) > MOST_HELD:
        raise ValueError(
            f"the network keeps {held} numbers from step to step, times {members or 1} members, more than {MOST_HELD}; "
            "take shorter delays or fewer units"
        )


def _check_arrays(network: Network, members: int, arrays: Mapping[str, Values]) -> None:
    wanted = {name: (members, *shape) if members else shape for name, shape in named(shapes(network))}
    for name in sorted(wanted.keys() ^ arrays.keys()):
        what = "is missing" if name in wanted else "belongs to no part of the network"
        raise ValueError(f"the array {name!r} {what}; the file does not fit its own network")
    for name, array in arrays.items():
        if array.shape != wanted[name]:
            raise ValueError(f"the array {name!r} has shape {array.shape}, its network wants {wanted[name]}")
    if len({array.dtype for array in arrays.values()}) > 1:
        raise ValueError("the arrays are of several types of numbers, where a network computes in one")
    for name, array in arrays.items():
        with np.errstate(over="ignore"):
            acting = array.astype(jnp.result_type(array.dtype), copy=False)  # as JAX will hold it
        if not np.isfinite(acting).all():
            raise ValueError(
                f"the array {name!r} has numbers that are not finite: the network says nothing; train it again"
            )


def _check_columns(columns: tuple[Column, ...], what: str, possible: set[int]) -> None:
    if len(columns) not in possible:
        raise ValueError(
            f"there are {len(columns)} columns for the {what}, but the network has {max(possible)} of them"
        )
    for column in columns:
        if not is_text(column.name):
            raise ValueError(f"the name of a column must be text, not {column.name!r}")
        if not is_number(column.mean) or not is_number(column.scale) or not column.scale > 0:
            numbers = f"{column.mean!r} and {column.scale!r}"
            raise ValueError(f"column {column.name!r}: mean and scale must be finite, the scale above 0, not {numbers}")
        low, high = (-inf if column.low is None else column.low), (inf if column.high is None else column.high)
        if not (low == -inf or is_number(low)) or not (high == inf or is_number(high)) or not low < high:
            raise ValueError(f"column {column.name!r}: low must be a number below high, not {low!r} and {high!r}")


def named(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a tree, each with its path: "layer/connection", with "/" and "%" in names written as %2F and %25."""
    for key, part in tree.items():
        name = path + quote(str(key), safe=" ")
        yield from named(part, f"{name}/") if isinstance(part, Mapping) else [(name, part)]
