"""Dead time: a delay of the inputs that is known beforehand, and taken off before a network hears them."""

from dataclasses import replace
from functools import reduce

from throughtime.dynamics.wrong import Wrong
from throughtime.models.hearing import driven
from throughtime.network import Network, whole_number
from throughtime.network.value import rewire


def with_dead_time(network: Network, steps: int) -> Network:
    """The same network on u(t - steps): every connection from an input hears so much further back; the weights stay.

    It is part of the wiring, so that whatever runs the network has it: a free run, a forecast, a stream, an export. The first
    steps of a record, as many as it, fill the delays.

    network  in closed loop

    raises   ValueError for a network that hears no inputs, or in which a layer runs backward, where it would be the future

    >>> from throughtime import gru
    >>> [c.delays for c in with_dead_time(gru(1, 3, 1), 4).by_name["hidden"].connections if c.source == "input"]
    [(4,)]
    """
    if whole_number(steps, "a dead time", 0) == 0:
        return network
    names = [name for name, _ in driven(network)]
    if not names:
        raise Wrong("{dead_time} needs {inputs}: a series is predicted from its own past")
    backward = [layer.name for layer in network.layers if layer.backward]
    if backward:
        raise Wrong(f"{{dead_time}}: layer {backward[0]!r} runs backward from the end, where it would be the future")
    moved = (reduce(lambda m, n: rewire(m, n, n, steps), names, layer) for layer in network.layers)
    return replace(network, layers=tuple(moved))
