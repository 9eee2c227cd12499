"""Sequences with their targets, checked as a whole."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from throughtime.network import Network
from throughtime.sequences.inputs import Inputs, before_of, inputs_of, steps_of
from throughtime.sequences.numbers import Values
from throughtime.sequences.targets import target_of


class Example(NamedTuple):
    """A checked sequence: inputs, target, and what went before."""

    x: Inputs
    target: Values
    before: Inputs


def examples_of(
    network: Network, sequences: Sequence[tuple[Any, ...]], loss: Any, members: int | None = None
) -> list[Example]:
    """The sequences, checked against the network and the loss; the first thing wrong is named in a ValueError."""
    made: list[Example] = []
    if not isinstance(sequences, Iterable):
        raise ValueError(f"sequences must be a list of pairs [(x, target), ...], not {sequences!r}")
    for number, given in enumerate(sequences):
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise ValueError(
                f"sequence {number} must be a pair (x, target) or a triple (x, target, before), not "
                f"{type(given).__name__}; give a list of them, [(x, target), ...]"
            )
        x = inputs_of(network, given[0], number)
        before = before_of(network, given[2], number) if len(given) == 3 else {}
        made.append(Example(x, target_of(network, given[1], steps_of(x), loss, number), before))
    if not made:
        raise ValueError("there are no sequences; give at least one pair (x, target)")
    for number, example in enumerate(made):
        if set(example.before) != set(made[0].before):
            raise ValueError(f"sequence {number} has a history of other sources than sequence 0; give all the same")
        axis = example.target.shape[:-2]
        if axis not in ((), (members,)) or axis != made[0].target.shape[:-2]:
            raise ValueError(
                f"target of sequence {number} has shape {example.target.shape}; a leading axis is for the members "
                f"({members}), and all sequences must have it or none"
            )
    return made


def refuse_short(network: Network, examples: Sequence[Example]) -> None:
    """Raise an error if no sequence is as long as a delay of the network: that delay's weights could not be learned."""
    longest, given = max(steps_of(e.x) for e in examples), examples[0].before
    for layer in network.layers:
        for connection in layer.connections:
            if max(connection.delays) > longest and connection.source not in given:
                raise ValueError(
                    f"the longest sequence has {longest} steps, but layer {layer.name!r} hears {connection.source!r} "
                    f"{max(connection.delays)} steps back; give longer sequences or smaller delays"
                )
