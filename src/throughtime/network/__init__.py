"""What a network is: layers joined by connections with delays.

    net_l(t) = b_l + sum over connections c into l, over delays d of c:  W_c,d^T a_source(c)(t - d)
    a_l(t)   = f_l(net_l(t))

Everything here is data: frozen, hashable, checked when it is made, and written to JSON and back.
"""

from throughtime.layers import Connection, Layer, LearnedDelays, whole_number
from throughtime.network.checking import CLOCK
from throughtime.network.layer_graph import sources_of
from throughtime.network.reading import from_json
from throughtime.network.value import Network, a_network

__all__ = [
    "CLOCK",
    "Connection",
    "Layer",
    "LearnedDelays",
    "Network",
    "a_network",
    "from_json",
    "sources_of",
    "whole_number",
]
